"""Which mode the client finds out for each edge, and how soon what is typed comes back by it: the bridge counts the requests that
have brought it."""
import time

import edge_programs as programs
from cases import expect
from edge_cases import EDGES
from edge_rig import Bridge, front, listener
from far import open_by
from lab.ports import free_port
from obfs4_rig import receive

KEYS, PAUSE = 150, 0.03  # s
PACKET_UP, STREAM_ONE = "packet-up", "stream-one"
# What is installed keeps each body until it is whole; all others let it through, and answer meanwhile.
MODES = {name: PACKET_UP if kind is programs.NginxAsInstalled else STREAM_ONE for name, kind in EDGES.items() if not kind.tls}


def type_keys(sock, count):
    """Longest from a key to its echo, in seconds."""
    longest = 0
    for number in range(count):
        key = b"key %06d\n" % number
        began = time.monotonic()
        sock.sendall(key)
        expect(receive(sock, len(key)) == key, f"another echo than key {number}")
        longest = max(longest, time.monotonic() - began)
        time.sleep(PAUSE)
    return longest


def case(name, kind):
    def run(lane):
        rig, lines = lane.rig, lane.rig.guide.block("One bridge", "[[listen]]")
        bridge, port = Bridge(rig, f"typed {name}", rig.USER), free_port()
        bridge.configure(listener(lines, port), front(lines, 443))
        bridge.start()
        edge = kind(rig, f"{name}, typed", [port])
        edge.start()
        proxy = rig.client_to(edge.port, 0, bridge)
        with open_by(proxy, rig.far.port) as sock:
            sock.sendall(b"keys\n")
            type_keys(sock, 2 * KEYS)  # by then all is found out
            before = bridge.status()
            longest = type_keys(sock, KEYS)
            after = bridge.status()
        posts, two_way = after["fronted_posts"] - before["fronted_posts"], after["fronted_two_way"]
        edge.stop()
        bridge.daemon.kill()
        found = PACKET_UP if posts >= KEYS else STREAM_ONE if two_way else "stream-up"
        outcome = f"{found}: {KEYS} keys by {posts} POSTs, longest {longest * 1000:.0f} ms"
        expect(found == MODES[name], outcome)
        expect(posts >= KEYS or posts <= KEYS / 10, outcome)
        return outcome
    return run


CASES = [(f"{name}: what is typed", case(name, kind)) for name, kind in EDGES.items() if name in MODES]
