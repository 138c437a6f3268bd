"""The bridge behind a CDN, where the CDN is all that the censor lets through; at the distance of another continent."""
import socket
import statistics
import time

from .block_scenarios import loads
from .capture import Capture
from .cdn import FRONTS, HOST
from .links import by_transport
from .network import BRIDGE, DEAD4, DEAD6, RESOLVER4, RESOLVER6, SITES4, SITES6
from .processes import wait_until
from .sites import address4
from .speed_scenarios import FRESH, first_bytes
from .surang import SOCKS, Client
from .table import expect, scenario
from .transport_scenarios import ALWAYS, back_on_https, carrying, visit

ONE_WAY_MS = 40
ROUND_TRIP = 2 * ONE_WAY_MS / 1000
FIRST_PAGE = 3.0
FIRST, SECOND = FRONTS
RESTS = [f"ip-drop {BRIDGE.host4}", f"ip-drop {BRIDGE.host6}"]  # the bridge itself, whatever the port
ALL_BUT_THE_CDN = RESTS + [f"ip-drop {one}" for one in (SITES4, SITES6, DEAD4, DEAD6, RESOLVER4, RESOLVER6, "94.140.0.0/16",
                                                        "2a00:94::/32")]


def far(lab, rules=()):
    lab.a.delay(ONE_WAY_MS)
    for rule in rules:
        lab.a.add(rule)


def by_fronts(lab):
    return by_transport(lab.bridge.link_with_fronts, "fronted")


def cold_start(lab, rules, tries=3, url="https://open.example/"):
    """Seconds from the program's start to the page, the middle of fresh clients."""
    times = []
    for _ in range(tries):
        began = time.monotonic()
        with Client(lab, link=lab.bridge.link_with_fronts, rules=rules):
            loads(lab.visitor.curl(url, proxy=SOCKS), "the first page")
            times.append(time.monotonic() - began)
    taken = statistics.median(times)
    expect(taken < FIRST_PAGE, f"the first page was there after {taken:.2f} s: {[f'{one:.2f}' for one in times]}")
    return f"the page {taken:.2f} s after the program's start (limit {FIRST_PAGE:.0f})"


@scenario("network: the CDN answers by each front's name, when all else is blocked")
def cdn_answers(lab):
    far(lab, ALL_BUT_THE_CDN)
    for front, addresses in FRONTS.items():
        for address in addresses:
            found = lab.visitor.curl(f"https://{front}/", "--connect-to", f"::[{address}]:443" if ":" in address else
                                     f"::{address}:443")
            expect(found.exit == 0 and found.status == 200, f"{front} at {address}: {found}")
            taken = found.connect - found.lookup
            expect(ROUND_TRIP - 0.001 <= taken <= ROUND_TRIP + 0.02, f"connect took {taken:.4f} s")
    blocked = lab.visitor.curl(f"https://{FIRST}/", "--connect-to", f"::{address4('open.example')}:443", limit=2)
    expect(blocked.exit == 28, f"a site was reached: {blocked}")


@scenario("fronted: everything but the CDN is blocked, names too: first page from a cold start", "surang", alone=True)
def all_but_the_cdn(lab):
    far(lab, ALL_BUT_THE_CDN)
    return cold_start(lab, ALWAYS)


@scenario("fronted: everything but the CDN is blocked, and no rule names the site", "surang", alone=True)
def nothing_said(lab):
    far(lab, ALL_BUT_THE_CDN)
    return cold_start(lab, [])


@scenario("fronted: https and obfs4 are blocked in mid life, the CDN within 3 s, and back on https when it works",
          "surang", first=True)
def and_back(lab):
    far(lab)
    with Client(lab, link=lab.bridge.link_with_fronts, rules=ALWAYS) as client:
        loads(visit(lab), "before the block")
        usual = loads(visit(lab), "by a session that is there")
        expect(carrying(client) == "https", f"{carrying(client)} is preferred")
        numbers = [lab.a.add(rule) for rule in RESTS]
        began = time.monotonic()
        first = loads(visit(lab), "just after the block")
        expect(first < FIRST_PAGE, f"the first visit took {first:.2f} s, usual {usual:.2f} s")
        wait_until(lambda: (carrying(client) or "").startswith("fronted"), 3 - (time.monotonic() - began), "a front carries")
        moved = time.monotonic() - began
        later = max(loads(visit(lab), "by a front") for _ in range(3))
        expect(later < usual + 0.15, f"a later visit took {later:.2f} s, usual {usual:.2f} s")
        for number in numbers:
            lab.a.remove(number)
        back_after = back_on_https(lab, client)
    return f"first visit {first * 1000:.0f} ms, on a front after {moved:.1f} s, back after {back_after:.0f} s"


def one_front_blocked(lab, rules):
    """The other one carries, and after a restart it is dialled first: (the first visit's seconds, the next's)."""
    far(lab, rules)

    def dialled(mark):
        """The fronts, as they were dialled one after the other."""
        whose = {address: front for front, pair in FRONTS.items() for address in pair}
        opened = [whose.get(e.get("address")) for e in lab.a.events(mark, "open", proto="tcp")]
        return list(dict.fromkeys(front for front in opened if front))

    mark = lab.a.mark()
    with Client(lab, link=by_fronts(lab), rules=ALWAYS) as client:
        first = loads(visit(lab), "with one front blocked")
        expect(first < FIRST_PAGE, f"the first visit took {first:.2f} s")
        expect(dialled(mark) == [FIRST, SECOND], f"dialled: {dialled(mark)}")
        time.sleep(1.5)  # what is learnt is on disk within a second
    mark = lab.a.mark()
    with Client(lab, state=client.state, link=by_fronts(lab), rules=ALWAYS):
        again = loads(visit(lab), "after a restart")
        expect(again < 9 * ROUND_TRIP, f"after the restart a visit took {again:.2f} s")
        expect(dialled(mark)[:1] == [SECOND], f"after the restart dialled: {dialled(mark)}")
    return f"first visit {first * 1000:.0f} ms, after a restart {again * 1000:.0f} ms"


@scenario("fronted: one of two fronts is reset for its SNI, the other carries and is remembered", "surang", alone=True)
def sni_of_one(lab):
    return one_front_blocked(lab, [f"sni-reset {FIRST} records"])


@scenario("fronted: one of two fronts is dropped by address, the other carries and is remembered", "surang", alone=True)
def address_of_one(lab):
    return one_front_blocked(lab, [f"ip-drop {address}" for address in FRONTS[FIRST]])


def named(captured, *names):
    """Those of the names that stand in it, in clear."""
    return [name for name in names if name.encode() in captured]


@scenario("fronted: the censor sees the front's name and never the bridge, the CDN neither site nor page", "surang")
def what_is_seen(lab):
    far(lab)
    mark, page = lab.a.mark(), "Hello from open.example"
    with Capture(lab, "cl", "wlan0") as line, Capture(lab, "cdn", "eth0") as behind, \
            Client(lab, link=by_fronts(lab), rules=ALWAYS, captive_probe=""):
        # In plain HTTP, so that nothing but our own encryption hides it.
        loads(lab.visitor.curl("http://open.example/", proxy=SOCKS), "the page")
        time.sleep(0.3)
    seen, handed_on = line.bytes(), behind.bytes()
    shown = {e["name"] for e in lab.a.events(mark, "name")}
    expect(FIRST in shown and shown <= set(FRONTS), f"the censor read {sorted(shown)}")
    expect(named(seen, FIRST), "the line was not captured")
    expect(not named(seen, HOST, "open.example", page), f"{named(seen, HOST, 'open.example', page)} in clear on the line")
    address = socket.inet_aton(BRIDGE.host4)
    expect(address not in seen, "the bridge's address is on the line")
    expect(named(handed_on, HOST) and address in handed_on, "what the CDN hands on was not captured")
    expect(not named(handed_on, "open.example", page), f"the CDN can read {named(handed_on, 'open.example', page)}")
    with open(lab.cdn.access) as file:
        logged = file.read()
    expect(logged and not named(logged.encode(), "open.example"), "the CDN's log names the site")
    return f"{len(seen)} bytes on the line with {FIRST}, {len(handed_on)} behind the CDN without a word of the page"


@scenario("fronted: a fresh site's first byte on a warm session after one round trip and the dial", "surang", alone=True)
def warm_session(lab):
    far(lab, RESTS)
    with Client(lab, link=by_fronts(lab), rules=[("always-tunnel", "example")]):
        loads(lab.visitor.curl("https://calm.example/", proxy=SOCKS), "the visit before")
        taken = statistics.median(first_bytes(lab, name) for name in FRESH)
    limit = 1.5 * ROUND_TRIP
    expect(taken < limit, f"the first byte took {taken * 1000:.0f} ms; one round trip of {ROUND_TRIP * 1000:.0f} is allowed")
    return f"{taken * 1000:.0f} ms, {taken / ROUND_TRIP:.1f} round trips"
