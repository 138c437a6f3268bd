"""What needs no bridge: the hello in pieces, another address, and a family of addresses that is broken."""
import statistics
import time

from .block_scenarios import RESET, ROUND_TRIP, SILENCE, loads, unblocked
from .network import SITES6
from .processes import wait_until
from .sites import address4
from .surang import SOCKS, Client, Traffic
from .table import expect, scenario

FRAGMENTED, SPLIT, OTHER = ("direct with a fragmented hello", "direct with a split hello", "direct to another address")


def visit(lab, name, **options):
    return loads(lab.visitor.curl(f"https://{name}/", proxy=SOCKS, **options), f"a visit to {name}")


def way_of(client, name):
    return next((c["way"] for c in client.convictions() if c["subject"] == name), None)


def goes_by(client, name, way, limit=10):
    wait_until(lambda: way_of(client, name) == way, limit, f"{name} goes by '{way}'")


def hellos(traffic, name):
    return traffic.isp.events(traffic.direct_mark, "name", name=name)


def straight(lab, name, way, usual):
    """One more visit makes one direct connection in the manner that was learnt, and takes little more than usual."""
    traffic = Traffic(lab)
    taken = visit(lab, name)
    direct = traffic.direct(name)
    tunnel = traffic.tunnel(name)
    expect(len(direct) == 1 and not tunnel, f"a visit of {taken * 1000:.0f} ms made direct connections {direct} and by the "
                                            f"bridge {tunnel}")
    said = hellos(traffic, name)
    if way == FRAGMENTED:
        expect(said and said[0]["cut"] and said[0]["segments"] == 1, f"not fragmented: {said}")
    elif way == SPLIT:
        expect(said and not said[0]["cut"] and said[0]["segments"] > 1, f"not split: {said}")
    else:
        expect(direct[0]["address"] == address4(name), f"not to the other address: {direct}")
    # A split waits once in the name and ends a round trip later; another address is dialled when the hello is there.
    most = usual + 0.1 + {SPLIT: 2 * ROUND_TRIP, OTHER: ROUND_TRIP}.get(way, 0)
    expect(taken < most, f"it took {taken * 1000:.0f} ms, {most * 1000:.0f} allowed")
    return taken


# what, site, rule, the way that passes, most extra seconds of the first visit with a bridge, and without any
PASSED = [
    ("SNI reset", "reset.example", "sni-reset reset.example", FRAGMENTED, RESET, RESET),
    ("SNI reset of a site with IPv4 alone", "four.example", "sni-reset four.example", FRAGMENTED, RESET, RESET),
    ("SNI reset of a site with IPv6 alone", "six.example", "sni-reset six.example", FRAGMENTED, RESET, RESET),
    ("SNI drop", "drop.example", "sni-drop drop.example", FRAGMENTED, SILENCE, SILENCE),
    ("SNI fin", "fin.example", "sni-fin fin.example", FRAGMENTED, RESET, RESET),
    ("SNI reset by a box that wants whole records and joins no segments", "split.example",
     "sni-reset split.example no-reassembly whole-records", SPLIT, RESET, RESET + 3 * ROUND_TRIP),
    ("SNI reset on IPv6 alone", "window.example", f"sni-reset window.example records at={SITES6}", OTHER, RESET,
     RESET + 4 * ROUND_TRIP),
    ("SNI drop on IPv6 alone", "window.example", f"sni-drop window.example records at={SITES6}", OTHER, SILENCE,
     SILENCE + 1.5),
]


def passes(lab, case, bridge):
    what, name, rule, way, with_bridge, without = case
    limit = with_bridge if bridge else without
    options = {} if bridge else {"link": False}
    usual = unblocked(lab, name, f"https://{name}/", SOCKS)
    lab.a.add(rule)
    with Client(lab, **options) as client:
        traffic = Traffic(lab)
        extra = visit(lab, name) - usual
        expect(extra < limit, f"the first visit took {extra * 1000:.0f} ms more than the usual {usual * 1000:.0f}; "
                              f"{limit * 1000:.0f} allowed")
        if way == FRAGMENTED and limit == RESET:
            expect(not traffic.tunnel(name), "the tunnel was not needed")
        goes_by(client, name, way)
        again = straight(lab, name, way, usual)
        why = client.command("why", name).stdout
        expect("blocked on this network" in why, why)
    # A client that was started afresh has nothing but the verdict.
    with Client(lab, state=client.state, **options):
        straight(lab, name, way, usual)
    return f"+{extra * 1000:.0f} ms (limit {limit * 1000:.0f}), second visit {again * 1000:.0f} ms"


for entry in PASSED:
    def with_bridge(lab, case=entry):
        return passes(lab, case, True)

    def without_bridge(lab, case=entry):
        return passes(lab, case, False)

    scenario(f"evasion: {entry[0]}, beside a bridge", "surang")(with_bridge)
    scenario(f"evasion: {entry[0]}, no bridge at all", "surang")(without_bridge)


@scenario("evasion: never used on an open site", "surang")
def open_sites(lab):
    lab.a.add("sni-reset reset.example")
    names = ["open.example", "calm.example", "fresh.example", "slow.example", "alone.example"]
    with Client(lab) as client:
        visit(lab, "reset.example")
        goes_by(client, "reset.example", FRAGMENTED)  # it has worked here: still it is nothing for others
        traffic = Traffic(lab)
        for name in names * 3:
            visit(lab, name)
        for name in names:
            said = hellos(traffic, name)
            expect(len(said) >= 3 and all(not s["cut"] and s["segments"] == 1 for s in said), f"{name}: {said}")
            expect(not traffic.tunnel(name), f"{name} was in the tunnel")
    return f"{3 * len(names)} visits, every hello whole"


@scenario("evasion: what worked for one site is tried first for the next", "surang")
def favourite(lab):
    lab.a.add("sni-reset split.example no-reassembly whole-records")
    lab.a.add("sni-reset window.example no-reassembly whole-records")
    with Client(lab, link=False) as client:
        visit(lab, "split.example")
        goes_by(client, "split.example", SPLIT)
        traffic = Traffic(lab)
        visit(lab, "window.example")
        said = hellos(traffic, "window.example")
        expect(not any(s["cut"] for s in said), f"fragmentation was tried again: {said}")
        goes_by(client, "window.example", SPLIT)
    return "split first at the second site"


@scenario("evasion: a censor that learns to join records is passed by the tunnel from the next visit on", "surang")
def learns(lab):
    usual = unblocked(lab, "reset.example", "https://reset.example/", SOCKS)
    number = lab.a.add("sni-reset reset.example")
    with Client(lab) as client:
        visit(lab, "reset.example")
        goes_by(client, "reset.example", FRAGMENTED)
        lab.a.remove(number)
        lab.a.add("sni-reset reset.example records")
        extra = visit(lab, "reset.example") - usual
        expect(extra < RESET, f"it took {extra * 1000:.0f} ms more than the usual {usual * 1000:.0f}")
        goes_by(client, "reset.example", "tunnel")
        time.sleep(1)  # the evasions that are left are tried once
        traffic = Traffic(lab)
        visit(lab, "reset.example")
        expect(traffic.tunnel("reset.example") and not traffic.direct("reset.example"), "not straight by the tunnel")
    return f"+{extra * 1000:.0f} ms when it had learnt"


@scenario("evasion: a censor that learns to join records, and no bridge: by the split", "surang")
def learns_without(lab):
    number = lab.a.add("sni-reset reset.example no-reassembly")
    with Client(lab, link=False) as client:
        visit(lab, "reset.example")
        goes_by(client, "reset.example", FRAGMENTED)
        lab.a.remove(number)
        lab.a.add("sni-reset reset.example no-reassembly whole-records")
        visit(lab, "reset.example")
        goes_by(client, "reset.example", SPLIT)


@scenario("evasion: switched off, the tunnel does it", "surang")
def switched_off(lab):
    lab.a.add("sni-reset reset.example")
    with Client(lab, evasion=False) as client:
        traffic = Traffic(lab)
        visit(lab, "reset.example")
        goes_by(client, "reset.example", "tunnel")
        time.sleep(0.5)
        said = hellos(traffic, "reset.example")
        expect(said and all(not s["cut"] and s["segments"] == 1 for s in said), f"a hello in pieces: {said}")


@scenario("evasion: an unblocked site comes back to the plain direct way, without any bridge", "surang")
def unblocked_again(lab):
    number = lab.a.add("sni-reset reset.example")
    with Client(lab, link=False, first_expiry_s=3) as client:
        visit(lab, "reset.example")
        goes_by(client, "reset.example", FRAGMENTED)
        lab.a.remove(number)
        began = time.monotonic()

        def whole_again():
            traffic = Traffic(lab)
            visit(lab, "reset.example")
            said = hellos(traffic, "reset.example")
            return said and not any(s["cut"] for s in said)
        wait_until(whole_again, 20, "the hello was whole again")
    return f"after {time.monotonic() - began:.1f} s (expiry set to 3 s)"


@scenario("evasion: check tells which ways pass a block", "surang")
def check(lab):
    lab.a.add("sni-reset reset.example")
    with Client(lab) as client:
        told = client.command("check", "reset.example").stdout
        expect(f"{FRAGMENTED}: works" in told and f"{SPLIT}: the connection was reset" in told, told)
        told = client.command("check", "open.example").stdout
        expect(FRAGMENTED not in told and "direct: works" in told, told)


@scenario("evasion: IPv6 broken as a whole, fresh sites do not pay for it from the third on", "surang", alone=True)
def broken_ipv6(lab):
    def visits(names):
        return [visit(lab, name) for name in names]

    with Client(lab):
        visit(lab, "cover.example")
        usual = statistics.median(visits(["window.example", "split.example", "slow.example"]))
    lab.a.add(f"ip-drop {SITES6}")
    with Client(lab) as client:
        taught = visits(["open.example", "calm.example"])
        expect(taught[0] > usual + 0.2, f"IPv6 was not missed: {taught}")  # what is asked of the network teaches, too
        later = visits(["fresh.example", "freeze.example", "post.example", "late.example"])
        expect(max(later) < usual + 0.05, f"later visits took {[f'{t * 1000:.0f}' for t in later]} ms, the usual is "
                                          f"{usual * 1000:.0f}")
        expect(not client.convictions(), f"convicted: {client.convictions()}")
    return f"{taught[0] * 1000:.0f} and {taught[1] * 1000:.0f} ms, then {max(later) * 1000:.0f}; the usual {usual * 1000:.0f}"
