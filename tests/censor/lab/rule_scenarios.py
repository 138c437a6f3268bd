"""Each rule of the censor has exactly the effect it claims, seen with plain curl and dig, without Surang."""
import os
import time

from .network import RESOLVER4, RESOLVER6
from .sites import IMPOSTORS, address4, address6
from .table import expect, scenario

REFUSED_BY_PEER, TIMED_OUT, TLS_FAILED, EMPTY_REPLY, RECEIVE_FAILED, CERTIFICATE_REFUSED = 7, 28, 35, 52, 56, 60
TRIES = 3  # where soon is asked for: the best of them, because a busy machine delays now and then, never hurries


def fails(fetched, code, soonest=0.0, latest=99.0):
    expect(fetched.exit == code, f"expected curl exit {code}: {fetched}")
    expect(soonest <= fetched.total <= latest, f"expected within {soonest}..{latest} s: {fetched}")
    return f"{fetched.total * 1000:.0f} ms"


def works(fetched, size=None):
    expect(fetched.exit == 0 and fetched.status == 200, f"expected the site: {fetched}")
    expect(size is None or fetched.size == size, f"expected {size} bytes: {fetched.size}")
    return f"{fetched.total * 1000:.0f} ms"


@scenario("network: both families, delay as set, no rule touches anything")
def plain(lab):
    curl = lab.visitor.curl
    for family in ("-4", "-6"):
        works(curl("https://open.example/", family))
        dials = []
        for _ in range(TRIES):
            found = curl("http://open.example/1m", family)
            works(found, 1 << 20)
            dials.append(found.connect - found.lookup)
        dialled = min(dials)
        expect(0.0395 <= dialled <= 0.060, f"connect took {dialled:.4f} s at 40 ms")
    for number in (4, 6):
        server = RESOLVER4 if number == 4 else RESOLVER6
        expect(lab.visitor.dig("open.example", "A", server)[1] == [address4("open.example")], "dig A")
        expect(lab.visitor.dig("open.example", "AAAA", server)[1] == [address6("open.example")], "dig AAAA")
    expect(lab.visitor.dig("nowhere.example")[0] == "NXDOMAIN", "NXDOMAIN of an unknown name")
    return f"connect {dialled * 1000:.1f} ms"


@scenario("network: at least 200 Mbit/s through the censor, bytes intact", alone=True)
def speed(lab):
    copy = os.path.join(lab.directory, "copy")
    rate = 0
    for _ in range(TRIES):
        found = lab.visitor.curl("https://open.example/50m", output=copy)
        works(found)
        with open(copy, "rb") as got, open(lab.sites.object("50m"), "rb") as sent:
            expect(got.read() == sent.read(), "the bytes differ")
        os.unlink(copy)
        rate = max(rate, found.size * 8 / (found.total - found.first_byte) / 1e6)
        if rate >= 200:
            break
    expect(rate >= 200, f"{rate:.0f} Mbit/s")
    return f"{rate:.0f} Mbit/s at 40 ms"


@scenario("network: two ISPs, rules of one do not touch the other's customers")
def isps(lab):
    lab.a.add("sni-drop open.example")
    fails(lab.visitor.curl("https://open.example/", limit=2), TIMED_OUT)
    from .network import B
    lab.network.use_isp(B)
    taken = works(lab.visitor.curl("https://open.example/"))
    works(lab.visitor.curl("https://open.example/", "-6"))
    return f"second ISP {taken}"


@scenario("network: a really down host refuses, a dead one is silent")
def down(lab):
    refused = fails(lab.visitor.curl("https://x.refused.example/"), REFUSED_BY_PEER, 0.07, 0.4)
    fails(lab.visitor.curl("https://x.silent.example/", limit=2), TIMED_OUT, 1.9)
    return f"refused after {refused}"


@scenario("network: a DoH server answers over HTTP/2")
def doh(lab):
    found = lab.visitor.curl("https://open.example/", "--doh-url", "https://doh1.example/dns-query", "--doh-insecure")
    return works(found)


@scenario("rule: ip-drop")
def ip_drop(lab):
    curl = lab.visitor.curl
    number = lab.a.add("ip-drop " + address4("ipdrop.example"))
    fails(curl("https://ipdrop.example/", "-4", limit=2), TIMED_OUT, 1.9)
    works(curl("https://ipdrop.example/", "-6"))
    works(curl("https://open.example/", "-4"))
    lab.a.add("ip-drop " + address6("ipdrop.example"))
    fails(curl("https://ipdrop.example/", "-6", limit=2), TIMED_OUT, 1.9)
    expect(lab.a.rule(number)["packets"] >= 2, "the rule's counter did not count")
    return f"{lab.a.rule(number)['packets']} SYNs dropped"


@scenario("rule: ip-rst")
def ip_rst(lab):
    for family, address in (("-4", address4("iprst.example")), ("-6", address6("iprst.example"))):
        lab.a.add("ip-rst " + address)
        after = []
        for _ in range(TRIES):
            at = lab.visitor.curl("https://iprst.example/", family)
            taken = fails(at, REFUSED_BY_PEER)
            after.append(at.total - at.lookup)
        expect(min(after) < 0.030, f"the forged RST came late: {min(after) * 1000:.0f} ms")
    works(lab.visitor.curl("https://open.example/"))
    return taken


@scenario("rule: icmp-unreachable")
def icmp(lab):
    for family, address in (("-4", address4("icmp.example")), ("-6", address6("icmp.example"))):
        lab.a.add("icmp-unreachable " + address)
        taken = fails(lab.visitor.curl("https://icmp.example/", family, limit=5), REFUSED_BY_PEER, 0, 0.5)
    works(lab.visitor.curl("https://open.example/"))
    return taken


def reset_by(lab, rule, code=TLS_FAILED):
    lab.a.add(rule)
    for family in ("-4", "-6"):
        since = lab.sites.mark()
        after_connect = []
        for _ in range(TRIES):
            at = lab.visitor.curl("https://reset.example/", family)
            taken = fails(at, code)
            after_connect.append(at.total - at.lookup - 0.040)
        expect(min(after_connect) < 0.035, f"the forged packet took {min(after_connect) * 1000:.0f} ms")
        expect(not lab.sites.requests(since), "a request got through")
    works(lab.visitor.curl("https://open.example/"))
    works(lab.visitor.curl("http://reset.example/"))
    return taken


@scenario("rule: sni-reset")
def sni_reset(lab):
    taken = reset_by(lab, "sni-reset reset.example")
    works(lab.visitor.curl("https://www.reset.example/"))
    return taken


@scenario("rule: sni-reset of subdomains")
def sni_reset_below(lab):
    lab.a.add("sni-reset .reset.example")
    taken = fails(lab.visitor.curl("https://www.reset.example/"), TLS_FAILED)
    fails(lab.visitor.curl("https://reset.example/"), TLS_FAILED)
    works(lab.visitor.curl("https://fresh.example/"))
    return taken


@scenario("rule: sni-reset pass, only the client hears it")
def sni_reset_pass(lab):
    number = lab.a.add("sni-reset reset.example pass")
    mark = lab.a.mark()
    taken = fails(lab.visitor.curl("https://reset.example/"), TLS_FAILED)
    expect(lab.a.rule(number)["flows"] == 1, "one flow")
    flow = next(e for e in lab.a.events(mark, "close", settle=1.5) if e["name"] == "reset.example")
    # Without it there is the SYN-ACK alone; how much of the answer comes before curl's kernel resets it varies.
    expect(flow["down"] > 300, f"the real answer did not pass: {flow['down']} bytes")
    return f"{taken}, {flow['down']} real bytes behind it"


@scenario("rule: sni-drop, the hello and all that follows")
def sni_drop(lab):
    number = lab.a.add("sni-drop drop.example")
    for family in ("-4", "-6"):
        at = lab.visitor.curl("https://drop.example/", family, limit=2)
        fails(at, TIMED_OUT, 1.9)
    works(lab.visitor.curl("https://open.example/"))
    hellos = lab.a.events(kind="rule", id=number)
    expect(len(hellos) == 2, f"the hello went out after an open connection: {hellos}")
    return "silent for 2 s"


@scenario("rule: sni-fin")
def sni_fin(lab):
    lab.a.add("sni-fin fin.example")
    for family in ("-4", "-6"):
        taken = fails(lab.visitor.curl("https://fin.example/", family), TLS_FAILED, 0, 0.4)
    works(lab.visitor.curl("https://open.example/"))
    return taken


@scenario("rule: sni rules meet segments and records as told")
def segments(lab):
    from .hello import split_hello
    results = {}
    for options in ("", "no-reassembly", "records", "no-reassembly whole-records", "records at=2a00:93::/32"):
        lab.a.clear()
        lab.a.add(f"sni-reset split.example {options}".strip())
        for how in ("whole", "segments", "records"):
            results[options, how] = split_hello(lab, "split.example", how)
    wanted = {("", "whole"): "reset", ("", "segments"): "reset", ("", "records"): "answer",
              ("no-reassembly", "whole"): "reset", ("no-reassembly", "segments"): "answer",
              ("no-reassembly", "records"): "answer",
              ("records", "whole"): "reset", ("records", "segments"): "reset", ("records", "records"): "reset",
              ("no-reassembly whole-records", "whole"): "reset", ("no-reassembly whole-records", "segments"): "answer",
              ("no-reassembly whole-records", "records"): "reset"}
    wanted.update({("records at=2a00:93::/32", how): "answer" for how in ("whole", "segments", "records")})
    wrong = {key: value for key, value in results.items() if value != wanted[key]}
    expect(not wrong, f"{wrong}")
    return f"{len(wanted)} combinations"


@scenario("rule: dns-poison with an address, NXDOMAIN, a late truth")
def dns_poison(lab):
    dig = lab.visitor.dig
    lab.a.add("dns-poison poison.example 10.10.34.35,2001:db8::1")
    expect(dig("poison.example")[1] == ["10.10.34.35"], "A is forged")
    expect(dig("poison.example", "AAAA")[1] == ["2001:db8::1"], "AAAA is forged")
    expect(dig("open.example")[1] == [address4("open.example")], "others are not")
    expect(dig("poison.example", "A", RESOLVER6)[1] == ["10.10.34.35"], "over IPv6 too")
    lab.a.add("dns-poison .bogus.example nxdomain")
    expect(dig("www.bogus.example")[0] == "NXDOMAIN" and dig("bogus.example")[0] == "NXDOMAIN", "nxdomain")
    lab.a.add("dns-poison late.example 10.10.34.36 late")
    since = lab.a.mark()
    began = time.monotonic()
    expect(dig("late.example")[1] == ["10.10.34.36"], "the forged answer is first")
    taken = time.monotonic() - began
    flow = next(e for e in lab.a.events(since, "open", proto="udp"))
    from .hello import dns_answers
    both = dns_answers(lab, "late.example")
    expect(len(both) == 2 and both[1][0] - both[0][0] > 0.025, f"the true answer follows: {both} {flow}")
    expect(both[0][1] != both[1][1], "the answers differ")
    return f"forged after {both[0][0] * 1000:.0f} ms, true after {both[1][0] * 1000:.0f} ms"


@scenario("rule: http-block-page, redirect and body")
def block_page(lab):
    page = os.path.join(lab.directory, "page")
    lab.a.add("http-block-page page.example redirect=http://blocked.isp.example/")
    for family in ("-4", "-6"):
        found = lab.visitor.curl("http://page.example/", family, output=page)
        expect(found.exit == 0 and found.status == 302, f"{found}")
    works(lab.visitor.curl("https://page.example/"))
    lab.a.clear()
    lab.a.add("http-block-page page.example")
    found = lab.visitor.curl("http://page.example/", output=page)
    with open(page) as file:
        expect("not accessible" in file.read(), "the page's body")
    works(lab.visitor.curl("http://open.example/"))
    return works(found)


@scenario("rule: throttle by address and by name")
def throttle(lab):
    lab.a.add(f"throttle {address4('slow.example')} 1m")
    at = lab.visitor.curl("https://slow.example/100k", "-4")
    works(at)
    rate = at.size * 8 / (at.total - at.tls) / 1e6
    expect(0.5 < rate < 1.1, f"{rate:.2f} Mbit/s at a limit of 1")
    works(lab.visitor.curl("https://slow.example/1m", "-6"))
    lab.a.clear()
    lab.a.add("throttle slow.example 2m")
    at = lab.visitor.curl("https://slow.example/100k", "-6")
    works(at)
    by_name = at.size * 8 / (at.total - at.tls) / 1e6
    expect(1.0 < by_name < 2.2, f"{by_name:.2f} Mbit/s at a limit of 2")
    return f"{rate:.2f} of 1 Mbit/s, {by_name:.2f} of 2 Mbit/s"


@scenario("rule: freeze after 20 kB")
def freeze(lab):
    lab.a.add("freeze freeze.example 20000")
    at = lab.visitor.curl("https://freeze.example/100k", limit=3)
    fails(at, TIMED_OUT, 2.9)
    expect(0 < at.size <= 20000, f"{at.size} bytes")
    works(lab.visitor.curl("https://freeze.example/1k"))
    works(lab.visitor.curl("https://open.example/100k"))
    return f"stood still after {at.size} bytes"


@scenario("rule: udp-drop")
def udp_drop(lab):
    from .hello import dns_answers
    lab.a.add("udp-drop 5353")
    expect(lab.visitor.dig("open.example")[0] == "NOERROR", "another port passes")
    lab.a.clear()
    lab.a.add("udp-drop")
    expect(not dns_answers(lab, "open.example", 1.0), "UDP is dropped")
    works(lab.visitor.curl("https://open.example/", "--resolve", "open.example:443:" + address4("open.example")))
    return "no answer in 1 s"


@scenario("rule: entropy-block and its five exemptions")
def entropy(lab):
    from .hello import first_payload_passes
    lab.a.add("entropy-block")
    works(lab.visitor.curl("https://open.example/"))
    works(lab.visitor.curl("http://open.example/"))
    plain = bytes([0x8d, 0x5a, 0xe1, 0x17, 0x93, 0x6c, 0xb4, 0x2e] * 16)  # four bits a byte
    cases = {"random": (plain, False), "few bits": (bytes([1, 2, 4, 8]) * 32, True),
             "many bits": (bytes([0xfe, 0xfd, 0xfb, 0xf7]) * 32, True),
             "printable start": (b"SSH-2." + plain, True), "mostly printable": (plain[:40] + b"\x80k" * 3 + b"a" * 20 + b"\x80" + b"k" * 20 + b"\x80" + b"m" * 20, True),
             "printable run": (plain + b"abcdefghijklmnopqrstu", True), "TLS": (b"\x16\x03\x01" + plain, True)}
    wrong = [name for name, (payload, passes) in cases.items() if first_payload_passes(lab, payload) != passes]
    expect(not wrong, f"judged wrongly: {wrong}")
    return f"{len(cases)} payloads"


@scenario("rule: outage, everything is gone, and comes back")
def outage(lab):
    number = lab.a.add("outage")
    expect(lab.visitor.dig("open.example", timeout=1)[0] == "timeout", "no DNS")
    fails(lab.visitor.curl("https://open.example/", "--resolve", "open.example:443:" + address4("open.example"),
                           limit=1), TIMED_OUT)
    lab.a.remove(number)
    return works(lab.visitor.curl("https://open.example/"))


@scenario("rule: throttle policed")
def throttle_policed(lab):
    for family, address in (("-4", address4("slow.example")), ("-6", address6("slow.example"))):
        lab.a.add(f"throttle {address} 400k policed")
        found = lab.visitor.curl("http://slow.example/100k", family)
        works(found, 100 << 10)
        expect(1.8 <= found.total <= 15, f"100 KB at 400 kbit/s took {found.total:.1f} s")
    works(lab.visitor.curl("https://open.example/"))
    return f"{found.size * 8 / found.total / 1000:.0f} kbit/s"


@scenario("rule: throttle of UDP alone")
def throttle_udp(lab):
    from .hello import dns_answers
    expect(len(dns_answers(lab, "open.example", 1.0, 50)) > 45, "answers are missing without the rule")
    lab.a.add("throttle * 4k udp")
    answered = len(dns_answers(lab, "open.example", 2.0, 50))
    # Half a second holds 250 bytes, which are four questions.
    expect(1 <= answered <= 12, f"{answered} of 50 datagrams were answered")
    found = lab.visitor.curl("http://open.example/1m", "--resolve", "open.example:80:" + address4("open.example"))
    works(found, 1 << 20)
    expect(found.total < 3, f"TCP is throttled: {found}")
    return f"{answered} of 50 datagrams"


@scenario("rule: redirect")
def redirect(lab):
    for family, address, place in (("-4", address4("mitm.example"), IMPOSTORS["mitm.example"][0]),
                                   ("-6", address6("mitm.example"), IMPOSTORS["mitm.example"][1])):
        works(lab.visitor.curl("https://mitm.example/1k", family), 1 << 10)
        number = lab.a.add(f"redirect {address} {place}")
        fails(lab.visitor.curl("https://mitm.example/1k", family), CERTIFICATE_REFUSED)
        works(lab.visitor.curl("https://mitm.example/1k", family, "-k"), 1 << 10)
        works(lab.visitor.curl("https://open.example/", family))
        lab.a.remove(number)
        works(lab.visitor.curl("https://mitm.example/1k", family), 1 << 10)
    return ""
