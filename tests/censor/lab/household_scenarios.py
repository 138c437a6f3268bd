"""The whole computer as a router: a household and containers behind a client that captures, and strangers."""
import contextlib
import os
import tempfile

from .block_scenarios import loads
from .datagram_scenarios import flows, quic_site
from .network import A, HOUSEHOLD4
from .processes import Daemon, sh, wait_until
from .surang import Client
from .system_scenarios import asked, by_quic, on, resolver_at, settled
from .table import expect, scenario
from .talks import ECHO, STRANGER
from .visit import Visitor


@contextlib.contextmanager
def household(lab):
    """A visitor of the household."""
    lab.network.household()
    with tempfile.TemporaryDirectory(dir=lab.directory) as directory:
        try:
            yield Visitor(lab.network.ns["hm"], lab.authority, directory)
        finally:
            lab.network.no_household()


def reached_by_udp(lab, part, echo, visitor):
    """Whether an echo on the router's loopback hears what is sent to local.example there."""
    echo.wait_for("ready")
    heard = echo.text().count("from")
    fake = visitor.dig("local.example")[1][0]
    expect(fake.startswith(("198.18.", "198.19.")), f"local.example has no fake: {fake}")
    said = "import socket, time\nwith socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n for _ in range(8):\n" \
           f"  s.sendto(b'word', ('{fake}', 5000))\n  time.sleep(0.1)"
    sh("ip", "netns", "exec", lab.network.ns[part], "python3", "-c", said)
    return echo.text().count("from") > heard


@scenario("system: a household behind a router that captures", "surang")
def router(lab):
    lab.a.add("sni-reset reset.example records")
    lab.a.add("dns-poison local.example 127.0.0.1")
    with household(lab) as home, quic_site(lab, "reset.example"), Client(lab, background_probes=False) as client:
        loads(home.curl("https://open.example/"), "before the capture")
        expect(home.curl("https://reset.example/").exit != 0, "not blocked before the capture")
        on(client, "--lan", "lan0")
        loads(home.curl("https://reset.example/"), "the first visit")
        wait_until(client.convictions, 8, "convicted")
        settled(lab, "reset.example")
        mark = lab.a.mark()
        loads(home.curl("https://reset.example/", "-4"), "by IPv4")
        loads(home.curl("https://reset.example/", "-6"), "by IPv6")
        loads(home.curl("https://open.example/"), "the open site")
        by_quic(lab, "reset.example", home)
        inside = Daemon(["python3", "-m", "http.server", "--bind", "127.0.0.1", "80"], os.path.join(lab.directory, "inside.log"),
                        lab.network.ns["cl"])
        echo = Daemon(["python3", "-c", ECHO % "127.0.0.1"], os.path.join(lab.directory, "inside-echo.log"), lab.network.ns["cl"])
        try:
            wait_until(lambda: lab.visitor.run("curl", "-so", "/dev/null", "http://127.0.0.1/").returncode == 0, 5, "a server inside")
            for name in ("localhost", "printer", "local.example"):
                lie = home.run("curl", "-sS", "--max-time", "5", "-H", f"Host: {name}", "http://198.19.200.200/")
                expect(lie.returncode != 0 and "Directory" not in lie.stdout, f"a guest got to loopback by {name}: {lie.stdout}")
            by_name = home.run("curl", "-sS", "--max-time", "5", "http://local.example/")
            expect("Directory" not in by_name.stdout, f"a guest got to loopback by a name: {by_name.stdout}")
            here = lab.visitor.run("curl", "-sS", "--max-time", "5", "-H", "Host: local.example", "http://198.19.200.200/")
            expect("Directory" in here.stdout, f"the name does not lead there at all: {here.stdout} {here.stderr}")
            expect(not reached_by_udp(lab, "hm", echo, home), "a guest's datagrams got to loopback by a name")
            expect(reached_by_udp(lab, "cl", echo, lab.visitor), "the name does not lead datagrams there at all")
        finally:
            inside.stop()
            echo.stop()
        expect(not asked(lab, mark, "reset.example"), "the blocked site was on the line")
        expect(flows(lab.a, mark, "reset.example") == 0, "its datagrams were on the line")
        client.daemon.kill()
        loads(home.curl("https://open.example/"), "right after kill -9")
        expect(home.curl("https://reset.example/").exit != 0, "still captured after kill -9")


@scenario("system: a container that is named, whose names this computer's resolver finds", "surang")
def container(lab):
    lab.a.add("sni-reset reset.example records")
    with household(lab) as home, Client(lab, background_probes=False) as client:
        lab.network.name_server_of("hm", HOUSEHOLD4 + ".1")
        resolver = resolver_at(lab, HOUSEHOLD4 + ".1")
        try:
            wait_until(lambda: home.dig("open.example")[1], 5, "the resolver works")
            on(client, "--lan", "lan0")
            loads(home.curl("https://reset.example/"), "the first visit")
            loads(home.curl("https://open.example/"), "an open site")
        finally:
            resolver.stop()


def tries(lab, part, address):
    return sh("ip", "netns", "exec", lab.network.ns[part], "python3", "-c", STRANGER, address).stdout.split("\n")


@scenario("system: strangers get nothing from a fake: neither a neighbour, nor the provider", "surang")
def strangers(lab):
    network = lab.network
    routes = [("-4", "198.18.0.0/15", A.host4), ("-6", "2001:2::/48", A.host6)]
    with household(lab), Client(lab, background_probes=False) as client:
        for family, fakes, via in routes:
            network.ip(A.name, family, "route", "add", fakes, "via", via)
        try:
            on(client)
            fakes = [lab.visitor.dig("open.example", kind)[1][0] for kind in ("A", "AAAA")]
            opened = client.status()["connections"]["total"]
            for part in (A.name, "hm"):
                for fake in fakes:
                    said = [word for word in tries(lab, part, fake) if word]
                    expect(not said, f"{part} at {fake}: {said}")
            expect(client.status()["connections"]["total"] == opened, "a stranger's connection is captured")
            said = "".join(tries(lab, "cl", fakes[0]))
            expect("connected 443" in said, f"at {fakes[0]} from this computer: {said}")
            on(client, "--lan", "lan0")
            fake = lab.visitor.dig("open.example")[1][0]
            said = "".join(tries(lab, "hm", fake))
            expect("connected 443" in said and "answered 53" in said, f"{fake} from the household: {said}")
        finally:
            for family, fakes, _ in routes:
                network.ip(A.name, family, "route", "del", fakes)
