"""The quic transport when the network is no friend of UDP, and when the client's address changes under it."""
import hashlib
import os
import threading
import time

from .block_scenarios import loads
from .links import by_transport
from .network import A, B, BRIDGE
from .processes import wait_until
from .surang import SOCKS, Client
from .table import expect, scenario
from .transport_scenarios import ALWAYS, carrying

SLOWEST = 3.0  # of a visit while the pool finds another transport
OBJECT, RATE = "50m", "6M"  # so that a download takes nine seconds
STANDSTILL = 3.0  # the longest that a change of address may cost


def visit(lab, path="", *options, **named):
    return lab.visitor.curl(f"https://open.example/{path}", *options, proxy=SOCKS, **named)


def on_quic(lab, client):
    """Until quic carries, whatever the pool would rather have; seconds of a visit then."""
    loads(visit(lab), "the first time")
    if carrying(client) != "quic":
        number = lab.a.add(f"ip-rst {BRIDGE.host4}")  # touches TCP alone

        def quic_carries():
            loads(visit(lab), "with TCP to the bridge blocked")
            return carrying(client) == "quic"
        wait_until(quic_carries, 20, "quic carries when TCP to the bridge is blocked")
        lab.a.remove(number)
    return loads(visit(lab), "by quic")


def with_all(lab):
    """A client that knows every transport of the bridge; an error if quic is none of them."""
    by_transport(lab.bridge.full_link, "quic")
    return Client(lab, link=lab.bridge.full_link, rules=ALWAYS)


def with_quic_alone(lab):
    return Client(lab, link=by_transport(lab.bridge.full_link, "quic"), rules=ALWAYS)


@scenario("quic: UDP is dropped from the start, pages come by another transport", "surang")
def dropped(lab):
    lab.a.add("udp-drop")
    with with_all(lab) as client:
        times = [loads(visit(lab), f"visit {n + 1}") for n in range(8)]
        expect(max(times) < SLOWEST, f"a visit took {max(times):.1f} s")
        by = carrying(client)
        expect(by not in ("quic", None), f"{by} carries")
    return f"slowest of 8 visits {max(times) * 1000:.0f} ms, by {by}"


@scenario("quic: all UDP is blocked after 10 s, no page fails", "surang", first=True)
def blocked_later(lab):
    with with_all(lab) as client:
        usual = on_quic(lab, client)
        until, before = time.monotonic() + 10, []
        while time.monotonic() < until:
            before.append(loads(visit(lab), "before the block"))
            time.sleep(0.3)
        expect(carrying(client) == "quic", f"{carrying(client)} carries before the block")
        lab.a.add("udp-drop")
        after = []
        until = time.monotonic() + 8
        while time.monotonic() < until:
            after.append(loads(visit(lab), f"visit {len(after) + 1} after the block"))
        expect(max(after) < usual + SLOWEST, f"a visit took {max(after):.1f} s")
        expect(carrying(client) != "quic", "quic is still held for what carries")
    return f"{len(before)} pages before, {len(after)} after, slowest {max(after) * 1000:.0f} ms, usual {usual * 1000:.0f} ms"


@scenario("quic: UDP is limited to 1 Mbit/s, pages go on and by another transport soon", "surang", first=True)
def crawling(lab):
    with with_all(lab) as client:
        on_quic(lab, client)
        fast = loads(visit(lab, "1m"), "a megabyte before the limit")
        number = lab.a.add("throttle * 1m udp")
        began, slowest = time.monotonic(), 0

        def moved():
            nonlocal slowest
            slowest = max(slowest, loads(visit(lab, "1m", limit=30), "a megabyte under the limit"))
            return carrying(client) != "quic"
        wait_until(moved, 30, "another transport carries")
        after = time.monotonic() - began
        expect(lab.a.rule(number)["packets"] > 0, "the limit met no datagram")
        again = loads(visit(lab, "1m"), "a megabyte by another transport")
        expect(again < fast + 1.5, f"a megabyte still takes {again:.1f} s, before the limit {fast:.1f} s")
    return f"moved after {after:.1f} s, slowest megabyte {slowest:.1f} s, then {again:.1f} s, before {fast:.1f} s"


class Download:
    """Of a large object through the tunnel, in the background."""

    def __init__(self, lab):
        self.lab, self.copy = lab, os.path.join(lab.directory, "copy-by-quic")
        self.found = None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        self.found = visit(self.lab, OBJECT, "--limit-rate", RATE, output=self.copy, limit=30)

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.size() > 1 << 20, 10, "a megabyte has come")
        return self

    def __exit__(self, *_):
        self.thread.join()
        if os.path.exists(self.copy):
            os.unlink(self.copy)

    def size(self):
        return os.path.getsize(self.copy) if os.path.exists(self.copy) else 0

    def goes_on(self, what):
        """Seconds until a megabyte more has come."""
        began, wanted = time.monotonic(), self.size() + (1 << 20)
        expect(self.thread.is_alive(), f"{what}: the download is over: {self.found}")
        wait_until(lambda: self.size() >= wanted or not self.thread.is_alive(), STANDSTILL, f"{what}, it goes on")
        expect(self.size() >= wanted, f"{what}: it ended: {self.found}")
        return time.monotonic() - began

    def is_whole(self):
        self.thread.join()
        expect(self.found and self.found.exit == 0, f"it ended: {self.found}")
        with open(self.copy, "rb") as got, open(self.lab.sites.object(OBJECT), "rb") as sent:
            expect(hashlib.sha256(got.read()).digest() == hashlib.sha256(sent.read()).digest(), "the bytes differ")


def clients_at(isp, mark):
    """Addresses from which datagrams went to the bridge since then."""
    return {event["client"].rpartition(":")[0] for event in isp.events(mark, "open", proto="udp", address=BRIDGE.host4)}


@scenario("quic: a download survives another address of the client, twice", "surang", first=True)
def other_address(lab):
    try:
        with with_quic_alone(lab), Download(lab) as download:
            stood = []
            for last in (11, 12):
                mark = lab.a.mark()
                lab.network.change_address(last)
                stood.append(download.goes_on(f"at {A.inside4}.{last}"))
                wait_until(lambda: clients_at(lab.a, mark), 2, "the middlebox tells of a datagram")
                seen = clients_at(lab.a, mark)
                expect(seen == {f"{A.inside4}.{last}"}, f"datagrams came from {seen}")
            download.is_whole()
    finally:
        lab.network.change_address(10)
    return "a megabyte more after " + " and ".join(f"{seconds:.2f}" for seconds in stood) + " s"


@scenario("quic: a download survives the way from one ISP to the other", "surang", first=True)
def other_isp(lab):
    with with_quic_alone(lab), Download(lab) as download:
        mark = lab.b.mark()
        lab.network.use_isp(B)
        stood = download.goes_on("on the other ISP")
        wait_until(lambda: clients_at(lab.b, mark), 2, "something goes by the other ISP")
        download.is_whole()
    return f"a megabyte more after {stood:.2f} s"
