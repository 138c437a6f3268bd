"""What is seen only after the first answer: connections that stand still, sites that crawl, false certificates."""
import threading
import time

from .block_scenarios import loads
from .calm_scenarios import costs_little
from .processes import at_once, wait_until
from .rule_scenarios import CERTIFICATE_REFUSED
from .sites import IMPOSTORS, SIZES, V6_ONLY, address6, addresses
from .surang import SOCKS, Client, Traffic, clients_for
from .table import expect, scenario

WITHIN = 6.0


def whole(fetched):
    return fetched.exit == 0 and fetched.status == 200 and fetched.size == SIZES[fetched.url.rsplit("/", 1)[1]]


def until_whole(lab, url, *options, proxy, most=2):
    """Asks as a browser does that tries again when it is cut off. (seconds in all, how often)."""
    began = time.monotonic()
    for n in range(1, most + 1):
        found = lab.visitor.curl(url, *options, proxy=proxy, limit=15)
        if whole(found):
            return time.monotonic() - began, n
    raise AssertionError(f"not whole after {most} connections: {found}, {found.size} bytes")


def goes_by_tunnel(lab, url, name, proxy, what):
    traffic = Traffic(lab)
    found = lab.visitor.curl(url, proxy=proxy, limit=15)
    expect(whole(found), f"{what}: {found}")
    expect(traffic.tunnel(name) and not traffic.direct(name), f"{what} did not go by the tunnel alone")


def proxy_of(client, name):
    return client.http if name in V6_ONLY else client.socks


def convicted_of(client, name, signal, limit):
    def found():
        return next((c["signal"] for c in client.convictions() if c["subject"] == name), None)
    seen = wait_until(found, limit, f"{name} convicted")
    expect(seen == signal, f"{name} convicted of '{seen}'")


def still_by_tunnel(lab, name, state):
    with Client(lab, state=state) as client:
        goes_by_tunnel(lab, f"https://{name}/100k", name, proxy_of(client, name), f"the visit to {name} after a new start")


FREEZING = ["stall4.example", "stall6.example", "stall.example"]

for size in ("12k", "16k", "20k", "30k"):
    def freeze(lab, size=size):
        for name in FREEZING:
            lab.a.add(f"freeze {name} {size}")
        with clients_for(lab, FREEZING) as clients:
            found = at_once(lambda name: until_whole(lab, f"https://{name}/100k", proxy=proxy_of(clients[name], name)), FREEZING)
            slowest = max(taken for taken, _ in found)
            expect(slowest < WITHIN, f"whole after {slowest:.1f} s")
            for name, client in clients.items():
                goes_by_tunnel(lab, f"https://{name}/100k", name, proxy_of(client, name), f"the next visit to {name}")
            for name, client in clients.items():
                convicted_of(client, name, "frozen", 15)
        for name, client in clients.items():
            still_by_tunnel(lab, name, client.state)
        return f"whole after {slowest:.1f} s, connection {max(n for _, n in found)}"

    scenario(f"later: a connection that stands still after {size}, sites with IPv4, IPv6, both", "surang")(freeze)


@scenario("later: small answers on one connection, until it stands still between two", "surang")
def between_answers(lab):
    lab.a.add("freeze stall.example 16k")
    with Client(lab) as client:
        began = time.monotonic()
        found = lab.visitor.curl_many(["https://stall.example/1k"] * 30, proxy=SOCKS, at_once=1)
        taken = time.monotonic() - began
        lost = [f for f in found if not whole(f)]
        expect(len(found) == 30 and len(lost) <= 1, f"{len(lost)} lost: {lost[:3]}")
        expect(taken < WITHIN + 30 * 4 * 0.04, f"took {taken:.1f} s")
        convicted = wait_until(client.convictions, 15, "convicted")
        expect(convicted[0]["signal"] == "frozen", f"convicted: {convicted}")
    return f"{len(lost)} of 30 lost, {taken:.1f} s"


def fill_memory(lab, proxy=SOCKS):
    """Lets Surang see what other sites reach here."""
    for name in ("open", "calm", "fresh"):
        expect(whole(lab.visitor.curl(f"https://{name}.example/100k", proxy=proxy)), f"{name} before")


# By clients that have seen what other sites reach, and by such that have not.
COMPARED = ["known4.example", "known6.example", "known.example"]
CRAWLING = [*COMPARED, "crawl4.example", "crawl6.example", "crawl.example"]


def throttled(lab, rule):
    for name in CRAWLING:
        for address in addresses(name):
            lab.a.add(rule.format(address))
    with clients_for(lab, CRAWLING) as clients:
        at_once(lambda name: fill_memory(lab, clients[name].socks), COMPARED)
        traffic = Traffic(lab)
        downloads = [lab.visitor.begin(f"https://{name}/1m", client.socks) for name, client in clients.items()]
        try:
            for name in CRAWLING:
                wait_until(lambda name=name: traffic.direct(name), 10, f"the first connection to {name}")
            time.sleep(WITHIN - 1)
            for name, client in clients.items():
                goes_by_tunnel(lab, f"https://{name}/100k", name, client.socks, f"the second connection to {name}, after 5 s,")
            began = time.monotonic()
            for name, client in clients.items():
                convicted_of(client, name, "throttled", 25)
        finally:
            for download in downloads:
                download.stop()
    for name, client in clients.items():
        still_by_tunnel(lab, name, client.state)
    return f"all convicted {time.monotonic() - began:.1f} s after the second connection"


for kind, rule in [("shaped to 100 kbit/s", "throttle {} 100k"), ("shaped to 200 kbit/s", "throttle {} 200k"),
                   ("policed to 100 kbit/s", "throttle {} 100k policed"),
                   ("policed to 200 kbit/s", "throttle {} 200k policed")]:
    def throttle(lab, rule=rule):
        return throttled(lab, rule)

    scenario(f"later: {kind}, others known or not, sites with IPv4, IPv6, both", "surang")(throttle)


@scenario("later: a site that is slow for everyone is not convicted", "surang")
def slow_for_everyone(lab):
    name = "crawl.example"
    for censor in (lab.a, lab.watch):
        for address in addresses(name):
            censor.add(f"throttle {address} 150k")
    with Client(lab) as client:
        fill_memory(lab)
        for _ in range(2):
            expect(whole(lab.visitor.curl(f"https://{name}/100k", proxy=SOCKS, limit=40)), "the slow site")
        time.sleep(18)  # two proofs at their longest
        expect(not client.convictions(), f"convicted: {client.convictions()}")
        traffic = Traffic(lab)
        found = lab.visitor.curl(f"https://{name}/1k", proxy=SOCKS)
        expect(whole(found) and traffic.direct(name) and not traffic.tunnel(name), "not direct again")
    return ""


def a_whole_page(lab, name, proxy=SOCKS):
    found = lab.visitor.curl(f"https://{name}/1k", proxy=proxy)
    expect(whole(found), f"{name}: {found}")
    return found


def redirect_to_impostors(censor, names):
    for name in names:
        for address in addresses(name):
            censor.add(f"redirect {address} {IMPOSTORS[name][':' in address]}")


@scenario("later: a man in the middle: the second visit is right, sites with IPv4, IPv6, both", "surang")
def man_in_the_middle(lab):
    names = ["four.example", "six.example", "both.example"]
    redirect_to_impostors(lab.a, [*names, "mitm.example"])
    with clients_for(lab, names) as clients:
        for name, client in clients.items():
            first = lab.visitor.curl(f"https://{name}/1k", proxy=client.socks)
            expect(first.exit == CERTIFICATE_REFUSED, f"the first visit to {name}: {first}")
        for name, client in clients.items():
            convicted_of(client, name, "tls_certificate", 5)
            a_whole_page(lab, name, client.socks)
            # Where one was caught, others are found out in flight.
            a_whole_page(lab, "mitm.example", client.socks)
            a_whole_page(lab, "open.example", client.socks)
    return "another site at its first visit"


@scenario("later: a site with a certificate of its own that nobody trusts is not convicted", "surang")
def own_bad_certificate(lab):
    name = "mitm.example"
    for censor in (lab.a, lab.watch):
        redirect_to_impostors(censor, [name])
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
        expect(len(found) == 4 and all(whole(f) for f in found), f"through the outage: {found}")
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
