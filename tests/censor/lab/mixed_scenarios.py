"""Several kinds of block at once: on one site, on two sites of one session, one after another, on and off."""
import time

from .block_scenarios import RESET, SILENCE, Kind, add_rules, both, first_visit, loads, second_visit, unblocked
from .later_scenarios import WITHIN, goes_by_tunnel, until_whole
from .network import SITES4, SITES6
from .processes import wait_until
from .surang import SOCKS, Client, Traffic
from .table import expect, scenario

# All that one site meets at once; {name} and the rest as in block_scenarios. Where random-looking flows and UDP are
# dropped beside, obfs4 and QUIC do not pass: the tunnel has to be the one like TLS.
MIXED = [
    Kind("DNS lie of a private address, SNI reset, and the true addresses dropped", "https",
         ["sni-reset {name} records", "dns-poison {name} {private}", "ip-drop {each}"], SILENCE),
    Kind("DNS lie of another web server, SNI drop, random-looking flows and UDP dropped", "https",
         ["dns-poison {name} {other}", "sni-drop {name} records", "entropy-block", "udp-drop 443"], SILENCE),
    Kind("SNI drop and a throttle", "https", ["sni-drop {name} records", "throttle {each} 100k"], SILENCE),
    Kind("reset on IPv4 and drop on IPv6, random-looking flows and UDP dropped", "https",
         [f"sni-reset {{name}} records at={SITES4}", f"sni-drop {{name}} records at={SITES6}", "entropy-block",
          "udp-drop 443"], SILENCE),
    Kind("drop on IPv4 and reset on IPv6", "https",
         [f"sni-drop {{name}} records at={SITES4}", f"sni-reset {{name}} records at={SITES6}"], SILENCE),
    Kind("IPv4 dropped, IPv6 refused by the router", "https", ["ip-drop {four}", "icmp-unreachable {six}"], SILENCE),
]
NAME = "mixed.example"

for entry in MIXED:
    def mixed(lab, kind=entry):
        usual = unblocked(lab, NAME, f"https://{NAME}/", SOCKS)
        add_rules(lab, kind, [NAME])
        with Client(lab) as client:
            first = first_visit(lab, kind, NAME, client, usual)
            wait_until(client.convictions, 8, "convicted")
        again = second_visit(lab, kind, NAME, client.state, usual)
        return f"+{first:.0f} ms (limit {kind.limit * 1000:.0f}), second visit {again:.0f} ms"

    scenario(f"mixed: {entry.what}", "surang")(mixed)


@scenario("mixed: a block page on port 80 and an SNI reset on 443", "surang")
def page_and_reset(lab):
    usual = {scheme: unblocked(lab, "both.example", f"{scheme}://both.example/", SOCKS) for scheme in ("http", "https")}
    lab.a.add("http-block-page both.example redirect=http://blocked.isp.example/")
    lab.a.add("sni-reset both.example records")
    told = []
    for order in (("http", "https"), ("https", "http")):
        with Client(lab) as client:
            for scheme in order:  # a browser that is sent on from the one to the other
                extra = loads(lab.visitor.curl(f"{scheme}://both.example/", proxy=SOCKS), f"by {scheme}") - usual[scheme]
                expect(extra < RESET, f"by {scheme}: {extra * 1000:.0f} ms more than the usual; {RESET * 1000:.0f} allowed")
                told.append(f"{scheme} {extra * 1000:+.0f} ms")
            wait_until(client.convictions, 8, "convicted")
            traffic = Traffic(lab)
            for scheme in order:
                loads(lab.visitor.curl(f"{scheme}://both.example/", proxy=SOCKS), f"by {scheme} again")
            expect(not traffic.direct("both.example"), "still dialled directly")
    return ", ".join(told)


@scenario("mixed: one ISP resets one site and drops another, visited in turn in one session", "surang")
def two_kinds(lab):
    sites = {"reset.example": ("sni-reset reset.example records", RESET), "drop.example": ("sni-drop drop.example records", SILENCE),
             "ipdrop.example": (None, SILENCE), "open.example": (None, 0.1)}
    usual = {name: unblocked(lab, name, f"https://{name}/", SOCKS) for name in sites}
    for rule in [rule for rule, _ in sites.values() if rule] + both("ip-drop", "ipdrop.example"):
        lab.a.add(rule)
    with Client(lab) as client:
        firsts = {}
        for turn in range(4):
            for name, (_, limit) in sites.items():
                extra = loads(lab.visitor.curl(f"https://{name}/", proxy=SOCKS), f"visit {turn + 1} to {name}") - usual[name]
                expect(extra < limit, f"visit {turn + 1} to {name} took {extra * 1000:.0f} ms more than usual")
                firsts.setdefault(name, extra)
        blocked = {"reset.example", "drop.example", "ipdrop.example"}
        wait_until(lambda: {c["subject"] for c in client.convictions() if c["scope"] == "host"} >= blocked, 10, "all convicted")
        traffic = Traffic(lab)
        for name in sites:
            loads(lab.visitor.curl(f"https://{name}/", proxy=SOCKS), f"the last visit to {name}")
        expect(all(traffic.tunnel(name) and not traffic.direct(name) for name in blocked), "a blocked site was dialled directly")
        expect(traffic.direct("open.example") and not traffic.tunnel("open.example"), "the open site is not direct")
    return ", ".join(f"{name.split('.')[0]} {extra * 1000:+.0f} ms" for name, extra in firsts.items())


@scenario("mixed: a late DNS lie and a freeze", "surang")
def lie_and_freeze(lab):
    lab.a.add(f"dns-poison {NAME} 10.10.34.36,fd00::36 late")
    lab.a.add(f"freeze {NAME} 16k")
    url = f"https://{NAME}/100k"
    with Client(lab) as client:
        taken, connections = until_whole(lab, url, proxy=SOCKS)
        expect(taken < WITHIN, f"whole after {taken:.1f} s")
        wait_until(client.convictions, 15, "convicted")
        goes_by_tunnel(lab, url, NAME, SOCKS, "the visit after the conviction")
    return f"whole after {taken:.1f} s, connection {connections}"


@scenario("mixed: a throttle behind a hello that only pieces pass", "surang")
def pieces_and_throttle(lab):
    lab.a.add(f"sni-reset {NAME}")
    for rule in both("throttle", NAME):
        lab.a.add(rule + " 100k")
    url = f"https://{NAME}/100k"
    with Client(lab) as client:
        expect(lab.visitor.curl(f"https://{NAME}/1k", proxy=SOCKS).size == 1024, "a small object")
        wait_until(client.convictions, 8, "convicted")
        download = lab.visitor.begin(f"https://{NAME}/1m", SOCKS)
        try:
            time.sleep(WITHIN - 1)
            goes_by_tunnel(lab, url, NAME, SOCKS, "the second connection, after 5 s,")
        finally:
            download.stop()


# Each instead of the one before, once that is learnt; the person goes on visiting. The first is passed without the bridge
# each time, so that the verdict names a way that the second closes.
TURNS = [("sni-reset {name}", "sni-drop {name} records"), ("sni-reset {name}", "ip-drop {each}"),
         ("sni-reset {name}", "dns-poison {name} {dead}"), ("sni-fin {name}", "ip-rst {each}"),
         ("dns-poison {name} nxdomain", "sni-drop {name}"), ("dns-poison {name} nxdomain", "ip-drop {each}"),
         ("dns-poison {name} {private}", "sni-reset {name} records")]


@scenario("mixed: a block that changes its kind between visits", "surang")
def changing(lab):
    name, url = "both.example", "https://both.example/"
    usual = unblocked(lab, name, url, SOCKS)
    slowest = 0
    for before, after in TURNS:
        with Client(lab) as client:
            for turn in (before, after):
                lab.a.clear()
                add_rules(lab, Kind(turn, "https", [turn], SILENCE), [name])
                for visit in (1, 2, 3):
                    what = f"visit {visit} under '{turn}'" + (f" after '{before}'" if turn is after else "")
                    extra = loads(lab.visitor.curl(url, proxy=SOCKS), what) - usual
                    expect(extra < SILENCE, f"{what} took {extra * 1000:.0f} ms more than usual")
                    slowest = max(slowest, extra)
                wait_until(client.convictions, 8, "convicted")
    return f"{len(TURNS)} changes, the slowest visit +{slowest * 1000:.0f} ms"


# A tenth of an ISP's minute on and minute off, by a client whose verdicts last a tenth of their two minutes at first.
PHASE_S, CYCLES, EXPIRY_S = 6, 3, 12


@scenario("mixed: a block that is on for a while and off for a while", "surang", first=True)
def on_and_off(lab):
    name, url = "both.example", "https://both.example/"
    usual = unblocked(lab, name, url, SOCKS)
    ways, slowest = [], 0
    with Client(lab, first_expiry_s=EXPIRY_S) as client:
        for phase in range(2 * CYCLES):
            number = lab.a.add("sni-drop both.example records") if phase % 2 == 0 else None
            until = time.monotonic() + PHASE_S
            while time.monotonic() < until:
                traffic = Traffic(lab)
                extra = loads(lab.visitor.curl(url, proxy=SOCKS), f"a visit in phase {phase + 1}") - usual
                expect(extra < SILENCE, f"a visit in phase {phase + 1} took {extra * 1000:.0f} ms more than usual")
                slowest = max(slowest, extra)
                ways.append("tunnel" if traffic.tunnel(name) else "direct")
                time.sleep(0.7)
            if number:
                expect(ways[-1] == "tunnel", f"the last visit of a blocked phase went directly: {ways}")
                lab.a.remove(number)
    changes = sum(one != other for one, other in zip(ways, ways[1:]))
    # Each end of a block may bring it back to direct and each beginning to the tunnel, and nothing else may.
    expect(changes <= 2 * CYCLES, f"{changes} changes of way in {len(ways)} visits: {ways}")
    return f"{len(ways)} visits, the slowest +{slowest * 1000:.0f} ms, {changes} changes of way in {2 * CYCLES} phases"
