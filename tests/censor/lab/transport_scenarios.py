"""Which transport carries the tunnel, when the network lets one pass and the other not."""
import time

from .block_scenarios import ROUND_TRIP, loads
from .links import by_transport
from .network import A, B, BRIDGE
from .processes import wait_until
from .surang import OBFS4_PORT, SOCKS, Client
from .table import expect, scenario

ALWAYS = [("always-tunnel", "open.example")]
USERS = 12  # so many that no style of hello is missing
MOVE = 2 * ROUND_TRIP + 0.5  # until a session that says nothing is doubted


def visit(lab, **options):
    return lab.visitor.curl("https://open.example/", proxy=SOCKS, **options)


@scenario("transport: plain obfs4 is blocked by the high-entropy rule", "surang")
def plain_is_blocked(lab):
    link = by_transport(lab.bridge.full_link, "obfs4", shape="plain")
    with Client(lab, link=link, rules=ALWAYS):
        loads(visit(lab), "without the rule")
    number = lab.a.add(f"entropy-block port={OBFS4_PORT}")
    with Client(lab, link=link, rules=ALWAYS):
        found = visit(lab, limit=8)
        expect(found.exit != 0, f"it passed: {found}")
    hits = lab.a.rule(number)["flows"]
    expect(hits > 0, "no hello was dropped")
    return f"{hits} hellos dropped"


@scenario("transport: obfs4 in exempt mode passes the high-entropy rule, whoever the user", "surang")
def exempt_passes(lab):
    number = lab.a.add("entropy-block")
    slowest = 0
    for n in range(USERS):
        link = by_transport(lab.bridge.link_of_new_user(f"user{n}"), "obfs4")
        with Client(lab, link=link, rules=ALWAYS):
            slowest = max(slowest, loads(visit(lab), f"of user {n}"))
    hits = lab.a.rule(number)["flows"]
    expect(hits == 0, f"{hits} hellos were dropped")
    return f"{USERS} users, slowest first visit {slowest * 1000:.0f} ms"


def carrying(client):
    """The transport that new connections go by."""
    return next((lane["transport"] for lane in client.status()["bridges"] if lane["preferred"]), None)


def back_on_https(lab, client):
    """Seconds until https carries again; no visit fails meanwhile."""
    began = time.monotonic()

    def back():
        time.sleep(2)
        loads(visit(lab), "while https comes back")
        return carrying(client) == "https"
    wait_until(back, 100, "https carries again")
    taken = time.monotonic() - began
    loads(visit(lab), "by https again")
    return taken


def trouble(lab, rule):
    """https is blocked in the middle of a session that works, later no more: (visits' seconds while it was, until back)."""
    with Client(lab, link=lab.bridge.full_link, rules=ALWAYS) as client:
        loads(visit(lab), "before the block")
        usual = loads(visit(lab), "by a session that is there")
        expect(carrying(client) == "https", f"{carrying(client)} is preferred")
        number = lab.a.add(rule)
        began = time.monotonic()
        first = loads(visit(lab), "just after the block")
        # The connection itself takes round trips on the other transport: TCP, obfs4, the tunnel's answer, then TLS.
        expect(first < usual + MOVE + 4 * ROUND_TRIP + 0.3, f"the first visit took {first:.2f} s, usual {usual:.2f} s")
        wait_until(lambda: carrying(client) == "obfs4", 3 - (time.monotonic() - began), "obfs4 carries")
        moved = time.monotonic() - began
        later = max(loads(visit(lab), "by obfs4") for _ in range(3))
        expect(later < usual + 0.15, f"a later visit took {later:.2f} s, usual {usual:.2f} s")
        expect("blocked here since" in client.command("status").stdout, client.command("status").stdout)
        lab.a.remove(number)
        back_after = back_on_https(lab, client)
    return f"first visit {first * 1000:.0f} ms, on obfs4 after {moved:.1f} s, back after {back_after:.0f} s"


@scenario("transport: https falls silent in mid life, obfs4 within 3 s, and back when https is better", "surang", first=True)
def silent(lab):
    return trouble(lab, f"ip-drop {BRIDGE.host4} port=443")


@scenario("transport: https is reset in mid life, obfs4 within 3 s, and back when https is better", "surang", first=True)
def reset(lab):
    return trouble(lab, f"ip-rst {BRIDGE.host4} port=443")


@scenario("transport: https is blocked from the start, what worked is dialled first after a restart", "surang")
def remembered(lab):
    lab.a.add(f"ip-drop {BRIDGE.host4} port=443")
    with Client(lab, link=lab.bridge.full_link, rules=ALWAYS) as client:
        first = loads(visit(lab), "the first time")
        expect(first < 3, f"the first visit took {first:.2f} s")
        wait_until(lambda: carrying(client) == "obfs4", 3, "obfs4 carries")
        time.sleep(1.5)  # what is learnt is on disk within a second
    with Client(lab, state=client.state, link=lab.bridge.full_link, rules=ALWAYS) as client:
        again = loads(visit(lab), "after a restart")
        expect(again < 12 * ROUND_TRIP, f"after the restart a visit took {again:.2f} s")
    return f"first visit {first * 1000:.0f} ms, after a restart {again * 1000:.0f} ms"


@scenario("transport: what is blocked belongs to the network: https on another one, obfs4 back on the first", "surang")
def by_network(lab):
    lab.a.add(f"ip-drop {BRIDGE.host4} port=443")
    with Client(lab, link=lab.bridge.full_link, rules=ALWAYS) as client:
        loads(visit(lab), "with https blocked")
        wait_until(lambda: carrying(client) == "obfs4", 3, "obfs4 carries")

        def https_there():
            time.sleep(1)
            loads(visit(lab), "on the other network")
            return carrying(client) == "https"
        lab.network.use_isp(B)
        wait_until(https_there, 20, "https carries on the other network")
        lab.network.use_isp(A)
        time.sleep(0.5)  # nobody clicks sooner
        back = loads(visit(lab), "back on the first network")
        expect(carrying(client) == "obfs4", "what was known of the first network was forgotten")
    return f"first visit back {back * 1000:.0f} ms"
