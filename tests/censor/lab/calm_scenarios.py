"""What must not happen: open sites in the tunnel, convictions without proof, a POST that arrives twice."""
import os
import statistics
import threading
import time

from .processes import wait_until
from .sites import address4, address6
from .surang import HTTP, SOCKS, Client, Traffic
from .block_scenarios import both, loads
from .table import expect, scenario


def more_than_direct(lab, name, address, pairs):
    """Milliseconds that a warm visit through Surang takes more: the median of the differences of visits made one straight
    after the other, in either order. Direct visits are told the address, because Surang remembers the name, too."""
    url, known = f"https://{name}/", ["--resolve", f"{name}:443:{address}"]
    differences = []
    for turn in range(pairs):
        taken = {}
        for way in ("direct", "proxied") if turn % 2 else ("proxied", "direct"):
            proxy = (SOCKS if turn % 4 < 2 else HTTP) if way == "proxied" else None
            taken[way] = loads(lab.visitor.curl(url, *([] if proxy else known), proxy=proxy), "an open site")
        differences.append((taken["proxied"] - taken["direct"]) * 1000)
    return statistics.median(differences)


def costs_little(lab, name, address, pairs=40):
    more = more_than_direct(lab, name, address, pairs)
    expect(more < 1.0, f"slower than without Surang by {more:.2f} ms, median of {pairs} pairs")
    return f"{more:+.2f} ms, median of {pairs} pairs"


@scenario("calm: an open site stays direct, under 1 ms slower", "surang", alone=True)
def open_site(lab):
    with Client(lab):
        traffic = Traffic(lab)
        loads(lab.visitor.curl("https://open.example/", proxy=SOCKS), "the first visit")
        outcome = costs_little(lab, "open.example", address6("open.example"))
        expect(not traffic.tunnel("open.example"), "an open site was in the tunnel")
    return outcome


@scenario("calm: an open site with one address stays direct, under 1 ms slower", "surang", alone=True)
def open_site_alone(lab):
    with Client(lab) as client:
        first = Traffic(lab)
        loads(lab.visitor.curl("https://alone.example/", proxy=SOCKS), "the first visit")
        time.sleep(1)  # beside the first visit to a bare address Surang looks at the certificate
        expect(not first.tunnel("alone.example"), "the first visit was in the tunnel")
        traffic = Traffic(lab)
        for _ in range(10):
            loads(lab.visitor.curl("https://alone.example/", proxy=SOCKS), "a warm visit")
        made = len(traffic.direct("alone.example"))
        expect(made == 10, f"10 warm visits made {made} direct connections")
        outcome = costs_little(lab, "alone.example", address4("alone.example"))
        expect(not traffic.tunnel("alone.example"), "a warm visit was in the tunnel")
        expect(not client.convictions(), f"convicted: {client.convictions()}")
    return outcome


@scenario("calm: an open site in Chromium stays direct", "surang")
def open_in_chromium(lab):
    from .block_scenarios import page_in
    with Client(lab):
        traffic = Traffic(lab)
        page_in(lab, "https://open.example/", "http://127.0.0.1:1080", "an open site")
        expect(traffic.direct("open.example") and not traffic.tunnel("open.example"), "not direct")
    return ""


def down_trials(lab, kind, count, **settings):
    """`count` names, a third of them in domains of their own, with good visits between, so that only the missing contrast
    speaks for them and no suspicion against the network."""
    with Client(lab, **settings) as client:
        for batch in range(0, count, 100):
            urls = [f"https://t{n}.{kind}{n % 40 if n % 3 == 0 else ''}.example/" for n in range(batch, batch + 100)]
            mixed = [url for down in urls for url in (down, "https://open.example/")]
            found = lab.visitor.curl_many(mixed, proxy=SOCKS, at_once=50, limit=25)
            loaded = [f.url for f in found if f.exit == 0]
            expect(len(found) == 200 and loaded == ["https://open.example/"] * 100, f"loaded: {sorted(set(loaded))}")
        convicted = client.convictions()
        expect(not convicted, f"{len(convicted)} convicted: {convicted[:3]}")
    return f"{count} trials, none convicted"


@scenario("calm: a site that refuses is never convicted", "surang")
def refusing(lab):
    return down_trials(lab, "refused", 500)


@scenario("calm: a site that is silent is never convicted", "surang")
def silent(lab):
    return down_trials(lab, "silent", 500, hedge_ms=100, handshake_silence_ms=300, total_budget_ms=1500)


@scenario("calm: a whole outage convicts nobody, and ends", "surang")
def outage(lab):
    names = ["open", "calm", "fresh", "window", "slow", "split", "freeze", "post"]
    urls = [f"https://{name}.example/" for name in names]
    with Client(lab) as client:
        loads(lab.visitor.curl(urls[0], proxy=SOCKS), "before")
        number = lab.a.add("outage")
        for _ in range(2):
            for found in lab.visitor.curl_many(urls, proxy=SOCKS, limit=4):
                expect(found.exit != 0, f"reached during the outage: {found}")
        lab.a.remove(number)
        expect(not client.convictions(), f"convicted: {client.convictions()}")
        after = [loads(lab.visitor.curl(url, proxy=SOCKS), "after the outage") for url in urls]
        traffic = Traffic(lab)
        loads(lab.visitor.curl(urls[1], proxy=SOCKS), "direct again")
        expect(traffic.direct("calm.example") and not traffic.tunnel("calm.example"), "not direct again")
        expect(not client.convictions(), f"convicted: {client.convictions()}")
    return f"8 sites, first visit after it {after[0] * 1000:.0f} ms"


def pending_through(lab, rule, lasts):
    """Eight sites are asked for just as `rule` begins; it ends while all of them wait, and nobody gives up. The tunnel is
    warm before, so that whatever comes of it first could be taken for contrast."""
    names = ["open", "calm", "window", "slow", "split", "freeze", "post", "alone"]
    urls = [f"https://{name}.example/" for name in names]
    with Client(lab, rules=[("always-tunnel", "fresh.example")]) as client:
        loads(lab.visitor.curl("https://fresh.example/", proxy=SOCKS), "by the tunnel before")
        found = []
        number = lab.a.add(rule)
        visits = threading.Thread(target=lambda: found.extend(
            lab.visitor.curl_many(urls, proxy=SOCKS, limit=15, at_once=len(urls))))
        visits.start()
        try:
            time.sleep(lasts)
        finally:
            lab.a.remove(number)
            visits.join()
        expect(len(found) == len(urls), f"{len(found)} visits told how they ended")
        for one in found:
            loads(one, "a visit that waited")
        time.sleep(6)  # silence takes its time to count, and what leans on the tunnel meanwhile does so for 5 s
        expect(not client.convictions(), f"convicted: {client.convictions()}")
        traffic = Traffic(lab)
        for name, url in zip(names, urls):
            loads(lab.visitor.curl(url, proxy=SOCKS), "afterwards")
            expect(traffic.direct(name + ".example") and not traffic.tunnel(name + ".example"), f"{name} is not direct")
        expect(not client.convictions(), f"convicted: {client.convictions()}")
    return f"8 sites, the slowest after {max(one.total for one in found):.1f} s"


@scenario("calm: an outage that ends while visits wait convicts nobody", "surang")
def short_outage(lab):
    return pending_through(lab, "outage", 1.5)


@scenario("calm: a resolver that is silent for 3 s convicts nobody", "surang")
def silent_resolver(lab):
    return pending_through(lab, "udp-drop 53", 3)


@scenario("calm: a POST to a blocked site arrives exactly once", "surang")
def post(lab):
    rules = [["sni-reset post.example"], ["sni-reset post.example pass"], ["sni-drop post.example"],
             both("ip-drop", "post.example"), ["dns-poison post.example 10.10.34.35"]]
    for set_of_rules in rules:
        lab.a.clear()
        for rule in set_of_rules:
            lab.a.add(rule)
        with Client(lab):
            for visit in ("first", "second"):
                since = lab.sites.mark()
                found = lab.visitor.curl("https://post.example/post", "--data", "amount=5", proxy=SOCKS)
                expect(found.exit == 0 and found.status == 200, f"{set_of_rules[0]}, {visit} visit: {found}")
                arrived = lab.sites.requests(since, method="POST", uri="/post")
                expect(len(arrived) == 1, f"{set_of_rules[0]}, {visit} visit: arrived {len(arrived)} times")
    return f"{len(rules)} kinds of block, two visits each"


def posts_until_it_works(lab, attempts):
    """Says a plain HTTP POST as often as a person would who clicks again; how often until the site itself answered. Each
    attempt may arrive once at most, and the one that works has arrived."""
    answer = os.path.join(lab.directory, "answer")
    for attempt in range(1, attempts + 1):
        since = lab.sites.mark()
        found = lab.visitor.curl("http://post.example/post", "--data", "amount=5", proxy=SOCKS, limit=15, output=answer)
        time.sleep(0.5)  # the site writes its log when it has answered
        arrived = len(lab.sites.requests(since, method="POST", uri="/post"))
        expect(arrived <= 1, f"attempt {attempt} arrived {arrived} times")
        if found.exit == 0 and found.status == 200:
            with open(answer) as file:
                if file.read() == "posted\n":
                    expect(arrived == 1, f"attempt {attempt} was answered, but arrived {arrived} times")
                    return attempt
        time.sleep(1)  # to read the page, and click again
    raise AssertionError(f"{attempts} attempts, none reached the site; the last: {found}")


PLAIN_POST_BLOCKS = [("page that redirects", ["http-block-page post.example redirect=http://blocked.isp.example/"]),
                     ("page with 200", ["http-block-page post.example"]),
                     ("page that overtakes the answer", ["http-block-page post.example pass"]),
                     ("reset of its addresses", both("ip-rst", "post.example"))]
for kind, rules in PLAIN_POST_BLOCKS:
    def plain_post(lab, rules=rules):
        for rule in rules:
            lab.a.add(rule)
        with Client(lab) as client:
            needed = posts_until_it_works(lab, 4)
            wait_until(client.convictions, 8, "convicted")  # until then looks of our own go directly, too
            traffic = Traffic(lab)
            again = posts_until_it_works(lab, 1)
            expect(again == 1 and traffic.tunnel("post.example") and not traffic.direct("post.example"),
                   "the next one did not go straight by the tunnel")
        return f"the site answered attempt {needed}, each arrived once at most"

    scenario(f"calm: a plain HTTP POST, blocked by a {kind}: the retry arrives exactly once", "surang")(plain_post)
