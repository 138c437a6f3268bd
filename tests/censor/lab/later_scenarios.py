"""What is seen only after the first answer: connections that stand still, sites that crawl, false certificates."""
import threading
import time

from .block_scenarios import loads
from .calm_scenarios import costs_little
from .processes import wait_until
from .rule_scenarios import CERTIFICATE_REFUSED
from .sites import IMPOSTORS, SIZES, address4, address6
from .surang import HTTP, SOCKS, Client, Traffic
from .table import expect, scenario

WITHIN = 6.0


def whole(fetched, size=SIZES["100k"]):
    return fetched.exit == 0 and fetched.status == 200 and fetched.size == size


def until_whole(lab, url, *options, proxy, most=2):
    """Asks as a browser does that tries again when it is cut off. (seconds in all, how often)."""
    began = time.monotonic()
    for n in range(1, most + 1):
        found = lab.visitor.curl(url, *options, proxy=proxy, limit=15)
        if whole(found):
            return time.monotonic() - began, n
    raise AssertionError(f"not whole after {most} connections: {found}, {found.size} bytes")


def only(lab, name, family):
    """The site has addresses of one family, as far as this ISP's customers can reach it."""
    lab.a.add("ip-rst " + (address6(name) if family == 4 else address4(name)))


def goes_by_tunnel(lab, url, name, proxy, what):
    traffic = Traffic(lab)
    found = lab.visitor.curl(url, proxy=proxy, limit=15)
    expect(whole(found), f"{what}: {found}")
    expect(traffic.tunnel(name) and not traffic.direct(name), f"{what} did not go by the tunnel alone")


def frozen(lab, size, family, proxy):
    name, url = "stall.example", "https://stall.example/100k"
    only(lab, name, family)
    lab.a.add(f"freeze {name} {size}")
    with Client(lab) as client:
        taken, connections = until_whole(lab, url, proxy=proxy)
        expect(taken < WITHIN, f"whole after {taken:.1f} s")
        goes_by_tunnel(lab, url, name, proxy, "the next one")
        convicted = wait_until(client.convictions, 15, "convicted")
        expect(any(c["signal"] == "frozen" and c["subject"] == name for c in convicted), f"convicted: {convicted}")
    with Client(lab, state=client.state):
        goes_by_tunnel(lab, url, name, proxy, "the visit after a new start")
    return f"whole after {taken:.1f} s, connection {connections}"


for size in ("12k", "16k", "20k", "30k"):
    for family in (4, 6):
        def freeze(lab, size=size, family=family):
            return frozen(lab, size, family, SOCKS if family == 4 else HTTP)

        scenario(f"later: a connection that stands still after {size}, IPv{family}", "surang")(freeze)


@scenario("later: small answers on one connection, until it stands still between two", "surang")
def between_answers(lab):
    lab.a.add("freeze stall.example 16k")
    with Client(lab) as client:
        began = time.monotonic()
        found = lab.visitor.curl_many(["https://stall.example/1k"] * 30, proxy=SOCKS, at_once=1)
        taken = time.monotonic() - began
        lost = [f for f in found if not whole(f, SIZES["1k"])]
        expect(len(found) == 30 and len(lost) <= 1, f"{len(lost)} lost: {lost[:3]}")
        expect(taken < WITHIN + 30 * 4 * 0.04, f"took {taken:.1f} s")
        convicted = wait_until(client.convictions, 15, "convicted")
        expect(convicted[0]["signal"] == "frozen", f"convicted: {convicted}")
    return f"{len(lost)} of 30 lost, {taken:.1f} s"


def fill_memory(lab):
    """Lets Surang see what other sites reach here."""
    for name in ("open", "calm", "fresh"):
        expect(whole(lab.visitor.curl(f"https://{name}.example/100k", proxy=SOCKS)), f"{name} before")


def throttled(lab, rule, compared):
    name = "crawl.example"
    for address in (address4(name), address6(name)):
        lab.a.add(rule.format(address))
    with Client(lab) as client:
        if compared:
            fill_memory(lab)
        running = threading.Thread(target=lambda: lab.visitor.curl(f"https://{name}/1m", proxy=SOCKS, limit=20))
        traffic = Traffic(lab)
        running.start()
        try:
            wait_until(lambda: traffic.direct(name), 10, "the first connection")
            time.sleep(WITHIN - 1)
            goes_by_tunnel(lab, f"https://{name}/100k", name, SOCKS, "the second connection, after 5 s,")
            convicted = wait_until(client.convictions, 25, "convicted")
            expect([(c["subject"], c["signal"]) for c in convicted] == [(name, "throttled")], f"convicted: {convicted}")
        finally:
            running.join()
    with Client(lab, state=client.state):
        goes_by_tunnel(lab, f"https://{name}/100k", name, SOCKS, "the visit after a new start")


for kind, rule in [("shaped to 100 kbit/s", "throttle {} 100k"), ("shaped to 200 kbit/s", "throttle {} 200k"),
                   ("policed to 100 kbit/s", "throttle {} 100k policed"),
                   ("policed to 200 kbit/s", "throttle {} 200k policed")]:
    for compared in (True, False):
        def throttle(lab, rule=rule, compared=compared):
            return throttled(lab, rule, compared)

        scenario(f"later: a site {kind}, {'others known' if compared else 'nothing known of others'}", "surang")(throttle)


@scenario("later: a site that is slow for everyone is not convicted", "surang")
def slow_for_everyone(lab):
    name = "crawl.example"
    for censor in (lab.a, lab.watch):
        for address in (address4(name), address6(name)):
            censor.add(f"throttle {address} 150k")
    with Client(lab) as client:
        fill_memory(lab)
        for _ in range(2):
            expect(whole(lab.visitor.curl(f"https://{name}/100k", proxy=SOCKS, limit=40)), "the slow site")
        time.sleep(18)  # two proofs at their longest
        expect(not client.convictions(), f"convicted: {client.convictions()}")
        traffic = Traffic(lab)
        found = lab.visitor.curl(f"https://{name}/1k", proxy=SOCKS)
        expect(whole(found, SIZES["1k"]) and traffic.direct(name) and not traffic.tunnel(name), "not direct again")
    return ""


def a_whole_page(lab, name, proxy=SOCKS):
    found = lab.visitor.curl(f"https://{name}/1k", proxy=proxy)
    expect(whole(found, SIZES["1k"]), f"{name}: {found}")
    return found


@scenario("later: a man in the middle: the second visit is right", "surang")
def man_in_the_middle(lab):
    for name, addresses in IMPOSTORS.items():
        lab.a.add(f"redirect {address4(name)} {addresses[0]}")
        lab.a.add(f"redirect {address6(name)} {addresses[1]}")
    with Client(lab) as client:
        first = lab.visitor.curl("https://mitm.example/1k", proxy=SOCKS)
        expect(first.exit == CERTIFICATE_REFUSED, f"the first visit: {first}")
        convicted = wait_until(client.convictions, 5, "convicted")
        expect([(c["subject"], c["signal"]) for c in convicted] == [("mitm.example", "tls_certificate")],
               f"convicted: {convicted}")
        a_whole_page(lab, "mitm.example")
        # Where one was caught, others are found out in flight.
        a_whole_page(lab, "mitm2.example")
        a_whole_page(lab, "open.example")
    return "the second site at its first visit"


@scenario("later: a site with a certificate of its own that nobody trusts is not convicted", "surang")
def own_bad_certificate(lab):
    name = "mitm.example"
    for censor in (lab.a, lab.watch):
        censor.add(f"redirect {address4(name)} {IMPOSTORS[name][0]}")
        censor.add(f"redirect {address6(name)} {IMPOSTORS[name][1]}")
    with Client(lab) as client:
        for _ in range(3):
            found = lab.visitor.curl(f"https://{name}/1k", proxy=SOCKS)
            expect(found.exit == CERTIFICATE_REFUSED, f"{found}")
            time.sleep(1)
        expect(not client.convictions(), f"convicted: {client.convictions()}")
    return ""


@scenario("later: open sites under loss, pauses and slow readers are not convicted", "surang")
def not_convicted(lab):
    with Client(lab) as client:
        fill_memory(lab)
        slow = ["--limit-rate", "8k"]  # the reader's own pace
        expect(whole(lab.visitor.curl("https://open.example/100k", *slow, proxy=SOCKS, limit=40)), "a slow reader")
        # An outage in the middle of answers, longer than a freeze takes to be suspected.
        visits = threading.Thread(target=lambda: found.extend(lab.visitor.curl_many(
            [f"https://{n}.example/10m" for n in ("open", "calm", "fresh", "window")], "--limit-rate", "1m",
            proxy=SOCKS, limit=40)))
        found = []
        visits.start()
        time.sleep(1)
        number = lab.a.add("outage")
        time.sleep(5)
        lab.a.remove(number)
        visits.join()
        expect(len(found) == 4 and all(whole(f, SIZES["10m"]) for f in found), f"through the outage: {found}")
        expect(not client.convictions(), f"convicted: {client.convictions()}")
    return ""


@scenario("later: a page of 100 KB of an open site costs no more for being watched", "surang", alone=True)
def open_pages(lab):
    with Client(lab) as client:
        loads(lab.visitor.curl("https://stall.example/", proxy=SOCKS), "the first visit")
        traffic = Traffic(lab)
        outcome = costs_little(lab, "stall.example", address6("stall.example"))
        expect(not traffic.tunnel("stall.example"), "an open site was in the tunnel")
        expect(not client.convictions(), f"convicted: {client.convictions()}")
    return outcome
