"""What must not happen: open sites in the tunnel, convictions without proof, a POST that arrives twice."""
import statistics

from .sites import address6
from .surang import HTTP, SOCKS, Client, Traffic
from .block_scenarios import both, loads
from .table import expect, scenario


@scenario("calm: an open site stays direct, under 1 ms slower", "surang")
def open_site(lab):
    direct, proxied = [], []
    known = ["--resolve", f"open.example:443:{address6('open.example')}"]  # Surang remembers the name, too
    with Client(lab):
        traffic = Traffic(lab)
        for turn in range(60):
            order = [(None, direct), (SOCKS if turn % 4 < 2 else HTTP, proxied)]
            for proxy, times in order if turn % 2 else reversed(order):
                found = lab.visitor.curl("https://open.example/", *([] if proxy else known), proxy=proxy)
                times.append(loads(found, "an open site"))
        expect(not traffic.tunnel("open.example"), "an open site was in the tunnel")
    more = (statistics.median(proxied) - statistics.median(direct)) * 1000
    expect(more < 1.0, f"{more:.2f} ms slower than without Surang")
    return f"{more:+.2f} ms, median of 60"


@scenario("calm: an open site in Chromium stays direct", "surang")
def open_in_chromium(lab):
    from .block_scenarios import page_in
    with Client(lab):
        traffic = Traffic(lab)
        page_in(lab, "https://open.example/", "http://127.0.0.1:1080", "an open site")
        expect(traffic.direct("open.example") and not traffic.tunnel("open.example"), "not direct")
    return ""


def down_trials(lab, kind, count, **settings):
    """`count` names, a third of them in domains of their own, with good visits between."""
    with Client(lab, **settings) as client:
        for batch in range(0, count, 100):
            urls = [f"https://t{n}.{kind}{n % 40 if n % 3 == 0 else ''}.example/" for n in range(batch, batch + 100)]
            found = lab.visitor.curl_many(urls, proxy=SOCKS, at_once=25, limit=25)
            expect(len(found) == 100 and all(f.exit != 0 for f in found), "a down site answered")
            loads(lab.visitor.curl("https://open.example/", proxy=SOCKS), "an open site between")
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


@scenario("calm: a plain HTTP POST to a blocked site is never said twice", "surang")
def plain_post(lab):
    lab.a.add("http-block-page post.example pass")
    with Client(lab):
        since = lab.sites.mark()
        lab.visitor.curl("http://post.example/post", "--data", "amount=5", proxy=SOCKS)
        arrived = lab.sites.requests(since, method="POST", uri="/post")
        expect(len(arrived) <= 1, f"arrived {len(arrived)} times")
    return f"arrived {len(arrived)} times"
