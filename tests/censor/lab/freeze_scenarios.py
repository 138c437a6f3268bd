"""Connections that stand still in plain HTTP, late, where no proof can show it, and without a bridge; and what only looks
like that."""
import time

from .later_scenarios import FREEZING, WITHIN, convicted_of, goes_by_tunnel, proxy_of, until_whole, whole
from .processes import at_once, wait_until
from .sites import addresses
from .surang import HTTP, SOCKS, Client, Traffic, clients_for
from .table import expect, scenario


def frozen(lab, address, size):
    for name in FREEZING:
        lab.a.add(f"freeze {name} {size}")
    with clients_for(lab, FREEZING) as clients:
        found = at_once(lambda name: until_whole(lab, address.format(name), proxy=proxy_of(clients[name], name))[0],
                        FREEZING)
        expect(max(found) < WITHIN, f"whole after {max(found):.1f} s")
        for name, client in clients.items():
            goes_by_tunnel(lab, address.format(name), name, proxy_of(client, name), f"the next visit to {name}")
        for name, client in clients.items():
            convicted_of(client, name, "frozen", 20)
    return f"whole after {max(found):.1f} s"


for size in ("12k", "20k"):
    scenario(f"freeze: plain HTTP that stands still after {size}, sites with IPv4, IPv6, both", "surang")(
        lambda lab, size=size: frozen(lab, "http://{}/100k", size))

for size in ("100k", "300k"):
    scenario(f"freeze: a connection that stands still as late as {size}, sites with IPv4, IPv6, both", "surang")(
        lambda lab, size=size: frozen(lab, "https://{}/1m", size))


@scenario("freeze: as late as 640 KB, spliced, between two answers", "surang")
def after_splicing(lab):
    lab.a.add("freeze stall.example 640k")
    urls = ["https://stall.example/100k"] * 6 + ["https://stall.example/1k"] * 50
    with Client(lab):
        began = time.monotonic()
        found = lab.visitor.curl_many(urls, proxy=SOCKS, at_once=1)
        lost = [f for f in found if not whole(f)]
        taken = time.monotonic() - began
        expect(len(found) == len(urls) and len(lost) <= 1, f"{len(lost)} lost: {lost[:3]}")
        expect(taken < 2 * WITHIN + len(urls) * 4 * 0.04, f"took {taken:.1f} s")
    return f"{len(lost)} of {len(urls)} lost, {taken:.1f} s"


@scenario("freeze: a front page smaller than what the box lets through", "surang", first=True)
def small_front_page(lab):
    name, url = "freeze.example", "https://freeze.example/100k"
    lab.a.add(f"freeze {name} 20k")
    with Client(lab, first_expiry_s=16) as client:
        # Others go on meanwhile, and their connections are older than what stands still.
        for address in addresses("open.example"):
            lab.a.add(f"throttle {address} 8m")
        others = lab.visitor.begin("https://open.example/50m", SOCKS)
        try:
            time.sleep(0.5)
            first = until_whole(lab, url, proxy=SOCKS)[0]
            expect(first < WITHIN, f"first: whole after {first:.1f} s")
            expect(not client.convictions(), f"convicted by one: {client.convictions()}")
            goes_by_tunnel(lab, url, name, SOCKS, "while it leans")
            time.sleep(9)  # half of the first expiry, that long it leans
            second = until_whole(lab, url, proxy=SOCKS)[0]
            expect(second < WITHIN, f"second: whole after {second:.1f} s")
            convicted_of(client, name, "frozen", 10)
            # The front page comes whole directly, and disproves nothing.
            traffic = Traffic(lab)
            goes_by_tunnel(lab, url, name, SOCKS, "once convicted")
            wait_until(lambda: traffic.direct(name), 16, "the retest")
            time.sleep(1)
            expect(client.convictions(), "acquitted by a small page")
        finally:
            others.stop()
    return f"whole after {first:.1f} s and {second:.1f} s"


@scenario("freeze: without a bridge an evasion goes round it", "surang")
def frozen_without_bridge(lab):
    name, url = "stall.example", "https://stall.example/100k"
    lab.a.add(f"freeze {name} 16k uncut")
    with Client(lab, link=False) as client:
        taken = until_whole(lab, url, proxy=SOCKS)[0]
        expect(taken < WITHIN, f"whole after {taken:.1f} s")
        convicted_of(client, name, "frozen", 15)
        expect(whole(lab.visitor.curl(url, proxy=SOCKS)), "the next one")
        why = client.command("why", name).stdout
        expect("stood still" in why and "name" in why, why)
        way = client.convictions()[0]["way"]
    return f"whole after {taken:.1f} s, {way}"


@scenario("freeze: without a bridge by address, and a crawl: nothing is cut, and it is said", "surang")
def nothing_to_go_by(lab):
    for address in addresses("stall.example"):
        lab.a.add(f"freeze {address} 16k")
    for address in addresses("crawl.example"):
        lab.a.add(f"throttle {address} 200k")
    with Client(lab, link=False) as client:
        found = lab.visitor.curl("https://stall.example/100k", proxy=SOCKS, limit=14)
        expect(found.exit == 28, f"not left alone: {found}")  # curl's own patience
        why = wait_until(lambda: "bridge" in client.command("why", "stall.example").stdout and "said", 20, "said")
        traffic = Traffic(lab)
        expect(whole(lab.visitor.curl("https://crawl.example/100k", proxy=SOCKS, limit=30)), "the crawl")
        time.sleep(1)
        expect(len(traffic.direct("crawl.example")) == 1, "asked for more than once")
        expect(not client.convictions(), f"convicted: {client.convictions()}")
    return why


# Size, or the least of it.
PACED = {"length": 40_000, "chunked": 30_000, "events": 18_000, "poll": 4}


@scenario("freeze: answers that take their time are no such thing", "surang", first=True)
def take_their_time(lab):
    visits = [(f"{scheme}://stall.example/paced/{path}", proxy, size) for path, size in PACED.items()
              for scheme, proxy in (("http", SOCKS), ("http", HTTP), ("https", SOCKS))]
    with Client(lab) as client:
        fetched = at_once(lambda visit: lab.visitor.curl(visit[0], proxy=visit[1], limit=60), visits)
        for (url, _, size), found in zip(visits, fetched):
            expect(found.exit == 0 and found.size >= size, f"{url}: {found}, {found.size} bytes")
        expect(not client.convictions(), f"convicted: {client.convictions()}")
        traffic = Traffic(lab)
        expect(whole(lab.visitor.curl("https://stall.example/1k", proxy=SOCKS)), "afterwards")
        expect(traffic.direct("stall.example") and not traffic.tunnel("stall.example"), "not direct any more")
    return f"{len(fetched)} answers"
