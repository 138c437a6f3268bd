"""A blocked site opens through the bridge at the first visit, soon, and goes straight there at the second: every kind of
block on a site with IPv4 alone, on one with IPv6 alone and on one with both, in curl; the commonest in Chromium too."""
import collections
import statistics

from .processes import wait_until
from .sites import SITES, address4, address6, addresses
from .surang import HTTP, SOCKS, Client, Traffic, clients_for
from .table import expect, scenario

ROUND_TRIP = 0.040
BROWSER_TRIES = 3  # a browser that starts is late by its own doing now and then: its usual is the middle of them, its best counts
RESET = 0.3 + 2 * ROUND_TRIP
SILENCE = 0.6 + 3 * ROUND_TRIP


def both(rule, name):
    """The rule for each address of the site."""
    return [f"{rule} {address}" for address in addresses(name)]


# `rules` of a site: {name} is its name, {each} makes one rule of each of its addresses, {four} and {six} are these; the
# others are addresses to lie with, as many and of the families that it has: {private}, {dead} where nothing answers,
# {other} with another web server.
# `limit`: the most extra seconds of the first visit.
Kind = collections.namedtuple("Kind", "what scheme rules limit")

# By boxes that no evasion passes: the SNI rules join records. evasion_scenarios has the others, later_scenarios what is
# seen only after the first answer.
KINDS = [
    Kind("SNI reset", "https", ["sni-reset {name} records"], RESET),
    Kind("SNI reset that only the client hears", "https", ["sni-reset {name} pass records"], RESET),
    Kind("SNI reset, random-looking flows and UDP dropped too", "https",
         ["sni-reset {name} records", "entropy-block", "udp-drop 443"], RESET),
    Kind("SNI fin", "https", ["sni-fin {name} records"], RESET),
    Kind("SNI drop", "https", ["sni-drop {name} records"], SILENCE),
    Kind("DNS poison, private address", "https", ["dns-poison {name} {private}"], SILENCE),
    Kind("DNS poison, a dead address", "https", ["dns-poison {name} {dead}"], SILENCE),
    Kind("DNS poison, another web server", "https", ["dns-poison {name} {other}"], SILENCE),
    Kind("DNS poison, NXDOMAIN", "https", ["dns-poison {name} nxdomain"], SILENCE),
    Kind("DNS poison, late truth", "https", ["dns-poison {name} {private} late"], SILENCE),
    Kind("IP drop", "https", ["ip-drop {each}"], SILENCE),
    Kind("IP reset", "https", ["ip-rst {each}"], RESET),
    Kind("ICMP unreachable", "https", ["icmp-unreachable {each}"], RESET),
    Kind("HTTP block page, redirect", "http", ["http-block-page {name} redirect=http://blocked.isp.example/"], RESET),
    Kind("HTTP block page, 200", "http", ["http-block-page {name}"], RESET),
]
IN_BROWSER = [kind for kind in KINDS if kind.what in ("SNI reset", "SNI drop", "DNS poison, private address", "IP drop")]
FAMILIES = {"IPv4": "four.example", "IPv6": "six.example", "both": "both.example"}


def lies(name):
    """What resolvers may say in place of a site's addresses, one for each of them."""
    number = SITES[name]
    of = {"private": (f"10.10.34.{number}", f"fd00::{number}"), "dead": (f"93.185.7.{number}", f"2a00:95::{number}"),
          "other": (address4("calm.example"), address6("calm.example"))}
    has = [":" in address for address in addresses(name)]
    return {kind: ",".join(pair[six] for six in has) for kind, pair in of.items()}


def rules_for(kind, name):
    rules = []
    for rule in kind.rules:
        text = rule.replace("{each}", "{{each}}").format(name=name, four=address4(name), six=address6(name), **lies(name))
        rules += [text.replace("{each}", address) for address in addresses(name)] if "{each}" in text else [text]
    return rules


def add_rules(lab, kind, names):
    for rule in dict.fromkeys(rule for name in names for rule in rules_for(kind, name)):
        lab.a.add(rule)


def loads(fetched, what):
    expect(fetched.exit == 0 and fetched.status == 200 and fetched.size > 100, f"{what}: {fetched}")
    return fetched.total


def unblocked(lab, name, url, proxy):
    """Seconds of the first visit of a fresh client when nothing is blocked, the middle of three; found out once."""
    if (url, proxy) not in lab.usual:
        times = []
        for _ in range(3):
            with Client(lab):
                times.append(loads(lab.visitor.curl(url, proxy=proxy), "the unblocked visit"))
        lab.usual[url, proxy] = statistics.median(times)
    return lab.usual[url, proxy]


def forged_addresses(kind, name):
    """What a lying resolver gives, or nothing."""
    verb, _, answer = (rules_for(kind, name)[0].split() + ["", ""])[:3]
    return answer.split(",") if verb == "dns-poison" and answer != "nxdomain" else []


def by_dns(kind):
    return kind.rules[0].startswith("dns-poison")


def went_straight(traffic, kind, name, most_connections):
    """The second visit neither dialled the blocked way nor two ways at once."""
    direct, tunnel = traffic.direct(name), traffic.tunnel(name)
    if by_dns(kind):  # its true address, or the bridge; both are ways round a lie
        expect(bool(direct) != bool(tunnel), f"the second visit to {name} did not go by exactly one good way: {len(direct)} "
                                             f"direct, {len(tunnel)} by the bridge")
        again = [address for address in forged_addresses(kind, name) if traffic.dialled(address)]
        expect(not again, f"the second visit still dialled {again}")
    else:
        expect(not direct, f"the second visit still dialled {name} directly")
        expect(tunnel, f"the second visit to {name} did not leave the bridge")
    made = len(direct) + len(tunnel)
    expect(made <= most_connections, f"the second visit to {name} made {made} connections")


def second_limit(usual, kind):
    """The client that makes the second visit has just been started: it makes the session with the bridge anew, at the
    usual number of round trips, or, where DNS lies, a session with encrypted DNS, at three more (TCP, TLS, question)."""
    return usual + 0.15 + (3 * ROUND_TRIP if by_dns(kind) else 0)


def first_visit(lab, kind, name, client, usual):
    """Extra milliseconds of a first visit."""
    traffic = Traffic(lab)
    extra = loads(lab.visitor.curl(f"{kind.scheme}://{name}/", proxy=client.socks), f"the first visit to {name}") - usual
    expect(extra < kind.limit, f"the first visit to {name} took {extra * 1000:.0f} ms more than the usual "
                               f"{usual * 1000:.0f}; {kind.limit * 1000:.0f} allowed")
    # Some look like anybody's: that one is seen at the first visit proves that it would be again.
    anybodys = [address for address in forged_addresses(kind, name) if address.startswith(("93.", "2a00:"))]
    expect(not anybodys or any(traffic.dialled(address) for address in anybodys), f"{anybodys} not dialled at the first visit")
    return extra * 1000


def second_visit(lab, kind, name, state, usual):
    # A client that was started afresh leans on nothing: it goes straight by what was learnt, or not. Its time is the better
    # of two where the machine was busy.
    most = second_limit(usual, kind)
    for _ in range(2):
        with Client(lab, state=state):
            traffic = Traffic(lab)
            taken = loads(lab.visitor.curl(f"{kind.scheme}://{name}/", proxy=SOCKS), f"the second visit to {name}")
            went_straight(traffic, kind, name, 1)
        if taken < most:
            break
    expect(taken < most, f"the second visit to {name} took {taken * 1000:.0f} ms, {most * 1000:.0f} allowed")
    return taken * 1000


def first_and_second(lab, kind):
    """A client for each site, side by side, because a conviction may take seconds; the visits one after another."""
    names = list(FAMILIES.values())
    usual = {name: unblocked(lab, name, f"{kind.scheme}://{name}/", SOCKS) for name in names}
    add_rules(lab, kind, names)
    with clients_for(lab, names) as clients:
        firsts = [first_visit(lab, kind, name, client, usual[name]) for name, client in clients.items()]
        for client in clients.values():
            wait_until(client.convictions, 8, "convicted")
    seconds = [second_visit(lab, kind, name, client.state, usual[name]) for name, client in clients.items()]

    def each(times, sign=""):
        return ", ".join(f"{sign}{time:.0f}" for time in times).replace("+-", "-")
    return f"{each(firsts, '+')} ms (limit {kind.limit * 1000:.0f}), second visits {each(seconds)} ms"


for entry in KINDS:
    def in_curl(lab, kind=entry):
        return first_and_second(lab, kind)

    scenario(f"block: {entry.what}, sites with IPv4, IPv6, both", "surang")(in_curl)


@scenario("block: SNI reset and SNI drop by HTTP, curl", "surang")
def by_http(lab):
    told = []
    for kind in [kind for kind in KINDS if kind.what in ("SNI reset", "SNI drop")]:
        name, url = "both.example", "https://both.example/"
        lab.a.clear()
        usual = unblocked(lab, name, url, HTTP)
        add_rules(lab, kind, [name])
        with Client(lab):
            extra = loads(lab.visitor.curl(url, proxy=HTTP), "the first visit") - usual
        expect(extra < kind.limit, f"{kind.what}: the first visit took {extra * 1000:.0f} ms more than the usual")
        told.append(f"+{extra * 1000:.0f} ms")
    return ", ".join(told)


def page_in(lab, url, proxy, what):
    text, milliseconds = lab.visitor.chromium(url, proxy)
    name = url.split("/")[2]
    expect(f"Hello from {name}" in text and milliseconds, f"{what} did not show the page: {text[-300:]!r}")
    return milliseconds


for number, entry in enumerate(IN_BROWSER):
    def in_chromium(lab, kind=entry, by_http=number % 2):
        name, proxy = "both.example", HTTP if by_http else "socks5://127.0.0.1:1080"
        url = f"{kind.scheme}://{name}/"
        if proxy not in lab.usual:
            with Client(lab):
                lab.usual[proxy] = statistics.median(
                    page_in(lab, "https://calm.example/", proxy, "the unblocked visit") for _ in range(BROWSER_TRIES))
        add_rules(lab, kind, [name])
        for _ in range(BROWSER_TRIES):
            with Client(lab) as client:
                extra = page_in(lab, url, proxy, "the first visit") - lab.usual[proxy]
                wait_until(client.convictions, 8, "convicted")
            if extra < kind.limit * 1000:
                break
        expect(extra < kind.limit * 1000, f"the first visit took {extra:.0f} ms more than the usual {lab.usual[proxy]:.0f}")
        with Client(lab, state=client.state):
            traffic = Traffic(lab)
            page_in(lab, url, proxy, "the second visit")
            went_straight(traffic, kind, name, 6)  # as many as a browser opens to one site
        return f"+{extra:.0f} ms in the browser (limit {kind.limit * 1000:.0f})"

    scenario(f"block: {entry.what}, Chromium by {'HTTP' if number % 2 else 'SOCKS5'}", "surang", alone=True)(in_chromium)
