"""The whole computer: programs that know of no proxy, beside a client that captures. And the way back: whatever ends the
capture, the network works afterwards. A household behind it is in household_scenarios."""
import contextlib
import os
import signal
import tempfile
import time

from . import table
from .block_scenarios import loads
from .datagram_scenarios import by_their_ways, quic_site, same_megabyte
from .network import A, RESOLVER4
from .processes import Daemon, sh, wait_until
from .sites import address4, address6
from .surang import Client, Traffic, is_site
from .table import expect, scenario
from .talks import CALL, ECHO, TALK

UNITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../packaging/systemd")


def rules_of(lab, part="cl"):
    return sh("ip", "netns", "exec", lab.network.ns[part], "nft", "list", "ruleset").stdout


def routes_of(lab, part="cl"):
    return "".join(sh("ip", "-n", lab.network.ns[part], family, "rule").stdout for family in ("-4", "-6"))


def on(client, *words):
    client.command("capture", "on", *words)
    expect(client.status()["capture"]["on"], "status does not say that it captures")


def convicted(lab, client, name):
    """The first visit, without any proxy, until the client knows that the site is blocked."""
    loads(lab.visitor.curl(f"https://{name}/"), f"the first visit to {name}")
    wait_until(client.convictions, 8, f"{name} convicted")
    settled(lab, name)


def settled(lab, name):
    """The client has done with what it tries of a site behind the program's back, such as the name in pieces."""
    def quiet():
        mark = lab.a.mark()
        return not [e for e in lab.a.events(mark, "open", settle=1.2) if is_site(e, name)]
    wait_until(quiet, 15, f"nothing more is tried of {name}")


@scenario("system: a blocked site opens in a program that knows of no proxy, an open one goes directly", "surang")
def captured(lab):
    lab.a.add("sni-reset reset.example records")
    with Client(lab, background_probes=False) as client:
        expect(lab.visitor.curl("https://reset.example/").exit != 0, "not blocked without the capture")
        on(client)
        client.daemon.process.send_signal(signal.SIGHUP)
        convicted(lab, client, "reset.example")
        expect(client.status()["capture"]["on"], "a reload ends what was turned on by hand")
        traffic, mark = Traffic(lab), lab.a.mark()
        for url in ("https://reset.example/", "http://reset.example/", "https://open.example/"):
            loads(lab.visitor.curl(url), url)
        expect(len(traffic.direct("open.example")) == 1 and not traffic.tunnel("open.example"), "the open site was not direct")
        expect(len(traffic.tunnel("reset.example")) == 2 and not traffic.direct("reset.example"),
               f"the blocked one was not by the bridge: {traffic.tunnel('reset.example')}, {traffic.direct('reset.example')}")
        named = [e["name"] for e in lab.a.events(mark, "name", settle=0.2)]
        expect("open.example" in named and "reset.example" not in named, f"the ISP saw the names {named}")
        lost = [(family, "rule", "del", "priority", "4710") for family in ("-4", "-6")]
        for words in lost:
            lab.network.ip("cl", *words)
        wait_until(lambda: routes_of(lab).count("0x74") == 2, 8, "lost routes are made again")
        with Client(lab, port=1081) as other:
            refused = other.command("capture", "on", check=False)
            expect(refused.returncode != 0 and "another Surang" in refused.stderr, f"a second capture: {refused.stderr}")
            other.command("capture", "off")
        left = other.command("capture", "off", check=False)
        expect(left.returncode != 0 and "another Surang" in left.stderr, f"off without a client: {left.stderr}")
        expect(routes_of(lab).count("0x74") == 2, "another client takes the routes away")
        loads(lab.visitor.curl("https://reset.example/"), "after another client")
        client.command("capture", "off")
        expect("surang" not in rules_of(lab) and "0x74" not in routes_of(lab), "off leaves something behind")
        expect(lab.visitor.curl("https://reset.example/").exit != 0, "still captured after off")
        loads(lab.visitor.curl("https://open.example/"), "directly, after off")


def by_unit(lab, client, unit, key):
    """The command of a unit file, with this client's program and configuration."""
    with open(os.path.join(UNITS, unit)) as file:
        line = next(line for line in file if line.startswith(key + "="))
    words = line.split("=", 1)[1].lstrip("-").split()
    expect(words[1] == "--config", f"{unit}: {words}")
    sh("ip", "netns", "exec", lab.network.ns["cl"], client.binary, "--config", client.config, *words[3:])


def works_directly(lab, what):
    loads(lab.visitor.curl("https://open.example/", limit=5), what)


@contextlib.contextmanager
def talk(lab):
    """How many answers a talk by UDP has had, that begins late enough to be captured from its beginning."""
    echo = Daemon(["python3", "-c", ECHO % address4("calm.example")], os.path.join(lab.directory, "talk-echo.log"), lab.network.ns["net"])
    begun = []

    def words():
        if not begun:
            begun.append(Daemon(["python3", "-c", TALK % address4("calm.example")], os.path.join(lab.directory, "talk.log"),
                                lab.network.ns["cl"]))
        return begun[0].text().count("word")
    try:
        echo.wait_for("ready")
        yield words
    finally:
        for daemon in begun + [echo]:
            daemon.stop()


@scenario("system: kill -9, a client that stands still, and its end: the network works after each", "surang")
def killed(lab):
    with Client(lab) as client:
        on(client)
        works_directly(lab, "captured")
        client.daemon.kill()
        works_directly(lab, "right after kill -9")
        expect("surang" not in rules_of(lab), "rules are left after kill -9")
    for unit, key in (("surang.service", "ExecStopPost"), ("surang-capture-off.service", "ExecStart")):
        with Client(lab) as client:
            on(client)
            expect("0x74" in routes_of(lab), "no route while it captures")
            client.daemon.kill()
            by_unit(lab, client, unit, key)
            expect("0x74" not in routes_of(lab), f"{unit} leaves routes behind")
            works_directly(lab, f"after {unit}")
            client.command("capture", "off")
            works_directly(lab, "after off without a client and without remains")
    with Client(lab) as client:
        on(client)
        client.daemon.kill()
        with open(client.config, "a") as file:
            file.write("mistaken = \n")
        refused = client.command("capture", "off", check=False)
        expect(refused.returncode != 0 and "client.toml" in refused.stderr, f"off by a wrong file: {refused.stderr}")
        expect("0x74" not in routes_of(lab), "off by a wrong file leaves routes behind")
    with Client(lab) as client, talk(lab) as words:
        on(client)
        wait_until(lambda: words() > 5, 5, "a talk that is captured")
        client.daemon.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(1)
            heard = words()
            wait_until(lambda: lab.visitor.curl("https://open.example/", limit=1).exit == 0, 20, "open beside a client that stands still")
            wait_until(lambda: words() > heard, 5, "the talk goes on beside a client that stands still")
        finally:
            client.daemon.process.send_signal(signal.SIGCONT)
        wait_until(lambda: client.status()["capture"]["on"], 5, "it goes on")
        works_directly(lab, "once it goes on")
    expect("surang" not in rules_of(lab) and "0x74" not in routes_of(lab), "a client that has ended leaves something behind")
    works_directly(lab, "after its end")


@scenario("system: what was there before the capture goes on, and so does what comes from outside", "surang")
def untouched(lab):
    lab.a.add("throttle open.example 20m")
    log = os.path.join(lab.directory, "untouched-")
    server = Daemon(["python3", "-m", "http.server", "--directory", os.path.dirname(lab.sites.object("1k")), "8000"],
                    log + "server", lab.network.ns["cl"])
    echo = Daemon(["python3", "-c", ECHO % address4("calm.example")], log + "echo", lab.network.ns["net"])
    try:
        echo.wait_for("ready")
        with Client(lab) as client:
            mark = lab.a.mark()
            before = lab.visitor.begin("https://open.example/10m")
            call = Daemon(["python3", "-c", CALL % address4("calm.example")], log + "call", lab.network.ns["cl"])
            wait_until(lambda: lab.a.events(mark, "name", name="open.example"), 5, "a download under way")
            on(client)
            got = sh("ip", "netns", "exec", lab.network.ns["net"], "curl", "-sS", "--max-time", "5", "-o", "/dev/null", "-w",
                     "%{size_download}", f"http://{A.host4}:8000/100k").stdout
            expect(got == "102400", f"from outside came {got} bytes")
            expect(call.process.wait(20) == 0 and "got 80" in call.text(), f"a call that had begun: {call.text()}")
            expect(len(set(echo.text().split("\n")[1:-1])) == 1, "a call that had begun was taken half way")
            later = Daemon(["python3", "-c", CALL % address4("calm.example")], log + "later", lab.network.ns["cl"])
            expect(later.process.wait(20) == 0 and "got 80" in later.text(), f"a call that is captured: {later.text()}")
            expect(before.process.wait(30) == 0, f"a download that had begun ended with {before.process.returncode}")
    finally:
        server.stop()
        echo.stop()


def asked(lab, mark, name):
    """Questions to name servers for the name that the ISP has seen, and hellos with it."""
    return [e for e in lab.a.events(mark, settle=0.3) if e["ev"] in ("dns", "name") and e.get("name") == name]


@scenario("system: names: fakes for sites, the name server's word for the rest; nothing of a blocked one is on the line", "surang")
def names(lab):
    lab.a.add("sni-reset reset.example records")
    with Client(lab, background_probes=False) as client:
        dig = lab.visitor.dig
        mark = lab.a.mark()
        lab.visitor.curl("https://reset.example/")
        expect({e["ev"] for e in asked(lab, mark, "reset.example")} == {"dns", "name"}, "the ISP does not see what it should")
        on(client)
        convicted(lab, client, "reset.example")
        mark = lab.a.mark()
        fakes = [dig("reset.example", "A"), dig("reset.example", "AAAA"), dig("ReSeT.example", "A")]
        expect([status for status, _ in fakes] == ["NOERROR"] * 3, f"answers for a blocked site: {fakes}")
        expect(fakes[0][1][0].startswith(("198.18.", "198.19.")) and fakes[1][1][0].startswith("2001:2:"), f"no fakes: {fakes}")
        for kind in ("HTTPS", "MX", "TXT"):
            status, _ = dig("reset.example", kind, timeout=5)
            expect(status == "NOERROR", f"{kind} of a blocked site: {status}")
        loads(lab.visitor.curl("https://reset.example/", "-4"), "by IPv4")
        loads(lab.visitor.curl("https://reset.example/", "-6"), "by IPv6")
        seen = asked(lab, mark, "reset.example")
        expect(not seen, f"on the line: {seen}")
        expect(dig("open.example")[1][0].startswith(("198.18.", "198.19.")), "an open site has no fake")
        # The kernel knows Surang's own question for a while, by the ports of both.
        own = [e["client"].rsplit(":", 1)[1] for e in lab.a.events(mark, "dns", name="open.example")]
        expect(own, "the ISP was asked nothing for an open site")
        words = ["dig", "+tries=1", "+short", "-b", f"{A.inside4}.10#{own[0]}", f"@{RESOLVER4}", "reset.example"]
        wait_until(lambda: lab.visitor.run(*words).stdout.split() == fakes[0][1], 10, "a fake at a port that was Surang's")
        expect(not asked(lab, mark, "reset.example"), "what is asked from a port that was Surang's is on the line")
        expect(dig("nowhere.example")[0] == "NXDOMAIN", "a name that nobody has exists")
        expect(dig("reset.example", server="80.1.1.53")[1] == fakes[0][1], "another answer where the server is named")
        tcp = lab.visitor.run("dig", "+tcp", "+short", "reset.example", "@80.1.1.53").stdout.split()
        expect(tcp == fakes[0][1], f"by TCP: {tcp}")
        expect(dig("connectivitycheck.gstatic.com")[0] != "timeout", "a name by which a network is tried is not asked for")
        client.command("rules", "add", "never", "calm.example")
        expect(dig("calm.example")[0] == "NXDOMAIN", "a name that a rule refuses exists")


@scenario("system: Chromium, that knows of no proxy", "surang")
def chromium(lab):
    lab.a.add("sni-reset reset.example records")
    with Client(lab, background_probes=False) as client:
        on(client)
        convicted(lab, client, "reset.example")
        mark = lab.a.mark()
        for name in ("reset.example", "open.example"):
            page, _ = lab.visitor.chromium(f"https://{name}/")
            expect(f"Hello from {name}" in page, f"{name}: {page[:200]}")
        seen = asked(lab, mark, "reset.example")
        expect(not seen, f"on the line: {seen}")


@scenario("system: somebody browses for a while, and nothing of what is blocked is on the line", "surang", first=True)
def browsing(lab):
    # The last two are reached directly, once their addresses are known.
    blocked = {"reset.example": "sni-reset reset.example records", "ipdrop.example": f"ip-drop {address4('ipdrop.example')}",
               "poison.example": "dns-poison poison.example 10.10.34.34", "bogus.example": "dns-poison bogus.example nxdomain"}
    lab.a.add(f"ip-drop {address6('ipdrop.example')}")
    for rule in blocked.values():
        lab.a.add(rule)
    # No verdict ends meanwhile: then Surang looks again, and that is seen.
    with Client(lab, first_expiry_s=7200) as client:
        on(client)
        for name in blocked:
            loads(lab.visitor.curl(f"https://{name}/"), f"the first visit to {name}")
            wait_until(lambda: name in [c["subject"] for c in client.convictions()], 20, f"{name} convicted")
        for name in blocked:
            settled(lab, name)
        mark, end, rounds = lab.a.mark(), time.monotonic() + table.BROWSING_S, 0
        while time.monotonic() < end:
            for name in [*blocked, "open.example", "calm.example"]:
                loads(lab.visitor.curl(f"https://{name}/", "-6" if rounds % 2 else "-4"), name)
                loads(lab.visitor.curl(f"http://{name}/"), f"{name} by plain HTTP")
                lab.visitor.dig(name, ("A", "AAAA", "HTTPS", "TXT", "MX", "SRV")[rounds % 6])
            name = list(blocked)[rounds % len(blocked)]
            page, _ = lab.visitor.chromium(f"https://{name}/")
            expect(f"Hello from {name}" in page, f"{name} in Chromium: {page[:200]}")
            rounds += 1
        seen = [e for name in blocked for e in asked(lab, mark, name)
                if e["ev"] == "dns" or name in ("reset.example", "ipdrop.example")]
        expect(not seen, f"on the line: {seen[:5]}")
        expect(asked(lab, mark, "open.example"), "not even the open site was on the line")
        return f"{rounds} rounds in {table.BROWSING_S:g} s"


def resolver_at(lab, address):
    """On the client's computer, which asks the provider's."""
    return Daemon(["dnsmasq", "-k", "-h", "-R", "-u", "root", "-g", "root", "-C", "/dev/null", "-a", address, "-z", "-x",
                   os.path.join(lab.directory, "stub.pid"), "-S", RESOLVER4], os.path.join(lab.directory, "stub.log"),
                  lab.network.ns["cl"])


@scenario("system: a resolver on this computer, between the programs and the name server", "surang")
def stub(lab):
    resolver = resolver_at(lab, "127.0.0.1")
    try:
        lab.network.name_server_of("cl", "127.0.0.1")
        wait_until(lambda: lab.visitor.dig("open.example")[1], 5, "the resolver works")
        lab.a.add("sni-reset reset.example records")
        with Client(lab, background_probes=False) as client:
            on(client)
            convicted(lab, client, "reset.example")
            mark, traffic = lab.a.mark(), Traffic(lab)
            for name in ("reset.example", "open.example", "fresh.example"):
                loads(lab.visitor.curl(f"https://{name}/"), name)
            seen = asked(lab, mark, "reset.example")
            expect(not seen, f"on the line: {seen}")
            expect(traffic.direct("open.example") and traffic.direct("fresh.example"), "open sites were not direct")
            expect([c["subject"] for c in client.convictions()] == ["reset.example"], f"convicted: {client.convictions()}")
            client.daemon.kill()
        time.sleep(1.1)  # for which it keeps a fake
        works_directly(lab, "after kill -9")
    finally:
        resolver.stop()
        lab.network.set_resolver("cl")


@scenario("system: what is excepted, and a program that is not root's", "surang")
def excepted(lab):
    lab.a.add("sni-reset reset.example records")
    top = ["[capture]", "enabled = true", f'except = ["{address4("four.example")}"]', 'except_users = ["nobody"]']
    with Client(lab, bottom=top, background_probes=False) as client:
        wait_until(lambda: client.status()["capture"]["on"], 5, "captures from the start")
        convicted(lab, client, "reset.example")
        as_nobody = ["setpriv", "--reuid", "nobody", "--clear-groups", "curl", "-sS", "-o", "/dev/null", "--max-time", "5"]
        ca = ["--cacert", lab.authority.certificate]
        expect(lab.visitor.run(*as_nobody, *ca, "https://reset.example/").returncode != 0, "an excepted user's program is captured")
        expect(lab.visitor.run(*as_nobody, "http://open.example/").returncode == 0, "an excepted user has no network")
        fake = lab.visitor.dig("open.example")[1][0]
        expect(lab.visitor.run(*as_nobody, "--resolve", f"open.example:80:{fake}", "http://open.example/").returncode == 0,
               "a fake leads an excepted user nowhere")
        opened = client.status()["connections"]["total"]
        expect(lab.visitor.run("curl", "-sS", "-o", "/dev/null", f"http://{address4('four.example')}/").returncode == 0, "excepted")
        expect(client.status()["connections"]["total"] == opened, "an excepted address is captured")
        asked_by = lab.visitor.run("setpriv", "--reuid", "nobody", "--clear-groups", client.binary, "capture", "off")
        expect(asked_by.returncode == 77, f"nobody's `capture off`: {asked_by.returncode} {asked_by.stderr}")
        with open(client.config) as file:
            text = file.read()
        with open(client.config, "w") as file:
            file.write(text.replace("enabled = true", "enabled = false"))
        client.daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not client.status()["capture"]["on"], 5, "what is written holds once it is read again")
        expect(lab.visitor.curl("https://reset.example/").exit != 0, "captured though it is off")


@scenario("system: a client that may not capture says so", "surang")
def not_permitted(lab):
    with Client(lab, without=["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]) as client:
        refused = client.command("capture", "on", check=False)
        expect(refused.returncode == 77 and "CAP_NET_ADMIN" in refused.stderr, f"{refused.returncode}: {refused.stderr}")
        expect(not client.status()["capture"]["on"], "it says that it captures")
        works_directly(lab, "beside it")


@scenario("system: DNS that lies, to programs that know of no proxy", "surang")
def lies(lab):
    for name, lie in (("poison.example", "10.10.34.34"), ("bogus.example", "nxdomain")):
        lab.a.add(f"dns-poison {name} {lie}")
    with Client(lab, background_probes=False) as client:
        on(client)
        for name in ("poison.example", "bogus.example"):
            loads(lab.visitor.curl(f"https://{name}/"), name)


def by_quic(lab, name, namespace=None):
    visitor = namespace or lab.visitor
    with tempfile.TemporaryDirectory(dir=lab.directory) as directory:
        visitor.run("gtlsclient", "-q", "--exit-on-all-streams-close", f"--download={directory}", name, "443",
                    f"https://{name}/1m", timeout=20)
        same_megabyte(lab, directory, name)


@scenario("system: HTTP/3 of a blocked site goes by the bridge, that of others directly", "surang")
def http3(lab):
    with quic_site(lab, "reset.example"), quic_site(lab, "open.example"), Client(lab, background_probes=False) as client:
        lab.a.add("sni-reset reset.example records")
        on(client)
        convicted(lab, client, "reset.example")
        by_their_ways(lab, by_quic)
