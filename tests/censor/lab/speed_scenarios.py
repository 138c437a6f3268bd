"""How many round trips the tunnel costs, in a network where nothing else takes time."""
import statistics

from .block_scenarios import ROUND_TRIP, loads
from .surang import SOCKS, Client
from .table import expect, scenario

FRESH = ["window.example", "split.example", "slow.example", "freeze.example", "post.example"]


def first_bytes(lab, name):
    """Seconds until the site's first bytes were there: its half of the TLS handshake."""
    found = lab.visitor.curl(f"https://{name}/", proxy=SOCKS)
    loads(found, f"{name} by the tunnel")
    return found.tls


def judged(times, round_trips, what):
    taken = statistics.median(times)
    limit = (round_trips + 0.5) * ROUND_TRIP
    expect(taken < limit, f"{what} took {taken * 1000:.0f} ms, more than {round_trips} round trips of "
                          f"{ROUND_TRIP * 1000:.0f} ms")
    return f"{taken * 1000:.0f} ms, {taken / ROUND_TRIP:.1f} round trips"


@scenario("speed: cold start, the site's first byte after two round trips to the bridge", "surang", alone=True)
def cold_start(lab):
    times = []
    for name in FRESH:
        with Client(lab, rules=[("always-tunnel", name)]):
            times.append(first_bytes(lab, name))
    return judged(times, 2, "the first byte of a new session")


@scenario("speed: warm session, a fresh site's first byte after one round trip and the dial", "surang", alone=True)
def warm_session(lab):
    with Client(lab, rules=[("always-tunnel", "example")]):
        loads(lab.visitor.curl("https://calm.example/", proxy=SOCKS), "the visit before")
        times = [first_bytes(lab, name) for name in FRESH]
    return judged(times, 1, "the first byte on a warm session")
