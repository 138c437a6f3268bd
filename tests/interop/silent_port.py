"""Hundreds of probes at once against the obfs4 port, which must show nothing: no byte, no reset, and an end whose time
does not depend on what was said. They take as long as the bridge is silent, so they run beside everything else."""
import collections
import hashlib
import heapq
import hmac
import json
import os
import selectors
import socket
import statistics
import threading
import time

from flights import dice, hello

EACH = 30  # probes of each kind
INTRODUCTION = 30  # seconds that a hello may take
SAME_TIME = 0.15  # between the middles of two kinds
LATE = 4.0  # for a busy machine; nothing may end early

Ended = collections.namedtuple("Ended", "kind heard end took")


def derived(secret, purpose, size):
    """HKDF-SHA256 as transports/PROTOCOL.md has it."""
    key = hmac.digest(bytes(32), secret, hashlib.sha256)
    return hmac.digest(key, b"surang 1 " + purpose + b"\1", hashlib.sha256)[:size]


def make_impatient(keys_file):
    """Gives the bridge, which was just made, a secret for which it stays silent no longer than it must."""
    with open(keys_file) as file:
        keys = json.load(file)
    secret = os.urandom(32)
    while derived(secret, b"obfs4 silence", 1)[0] % 60 != 1:
        secret = os.urandom(32)
    keys["secret"] = secret.hex()
    with open(keys_file, "w") as file:
        json.dump(keys, file)
    return INTRODUCTION + 1


def kinds(used):
    """(name, [(seconds, bytes)], when our direction ends or None). `used`: a hello that has been answered."""
    tls, http = hello("-servername", "www.example.org"), b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
    yield "silence", [], None
    yield "a FIN at once", [], 0
    for size in (1, 63, 64, 150, 1448, 4000, 8191, 8192, 8193, 20000):
        yield f"{size} random bytes", [(0, dice.randbytes(size))], None
    yield "random bytes, then FIN", [(0, dice.randbytes(500))], 1
    yield "random bytes now and then", [(n * 3, dice.randbytes(40)) for n in range(14)], None
    yield "HTTP", [(0, http)], None
    yield "TLS", [(0, tls)], 2
    yield "a used hello", [(0, used)], None
    yield "a used hello in pieces, then FIN", [(0, used[:70]), (1, used[70:])], 2
    yield "a used hello with a byte behind it", [(0, used + b"x")], None
    yield "a used hello without its last byte", [(0, used[:-1])], None
    yield "a used hello, changed", [(0, used[:40] + bytes([used[40] ^ 1]) + used[41:])], None


class SilentPort:
    """Begins at once, in a thread of its own."""

    def __init__(self, port, used, expected):
        self.port, self.expected = port, expected
        # Kinds by turns, so that a queue at the bridge delays all of them alike.
        self.plans = list(kinds(used)) * EACH
        self.ended, self.failure = [], None
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping = True
        self.thread.join()

    def _run(self):
        try:
            self._probe()
        except Exception as why:  # told by outcomes()
            self.failure = why

    def _probe(self):
        events, order = [], 0
        waiting = selectors.DefaultSelector()
        began = {}
        for number, (_, words, end) in enumerate(self.plans):
            # A source address of its own, so that the limit of handshakes for each address is not what answers.
            peer = socket.create_connection(("127.0.0.1", self.port),
                                            source_address=(f"127.1.{number // 250}.{number % 250 + 1}", 0))
            began[peer] = now = time.monotonic()
            peer.setblocking(False)
            waiting.register(peer, selectors.EVENT_READ, [number, 0])
            for at, what in [*words, *([(end, None)] if end is not None else [])]:
                order += 1
                heapq.heappush(events, (now + at, order, peer, what))
        last = time.monotonic() + self.expected + LATE + 5
        while waiting.get_map() and not self.stopping and time.monotonic() < last:
            self._say_what_is_due(events, began)
            for key, _ in waiting.select(0.02):
                self._hear(key, began, waiting)
        for key in list(waiting.get_map().values()):
            self._note(key, "open", began, waiting)

    def _say_what_is_due(self, events, began):
        while events and events[0][0] <= time.monotonic():
            _, _, peer, what = heapq.heappop(events)
            if peer not in began:
                continue
            try:
                if what is None:
                    peer.shutdown(socket.SHUT_WR)
                else:
                    peer.send(what)
            except OSError:
                pass  # a reset, which is heard

    def _hear(self, key, began, waiting):
        try:
            got = key.fileobj.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self._note(key, "RST", began, waiting)
            return
        if got:
            key.data[1] += len(got)
        else:
            self._note(key, "FIN", began, waiting)

    def _note(self, key, end, began, waiting):
        peer = key.fileobj
        self.ended.append(Ended(self.plans[key.data[0]][0], key.data[1], end, time.monotonic() - began.pop(peer)))
        waiting.unregister(peer)
        peer.close()

    def outcomes(self):
        """(name, difference or "", what was seen) for each kind, and for all together."""
        self.thread.join()
        if self.failure:
            yield "obfs4: probes", f"{type(self.failure).__name__}: {self.failure}", ""
            return
        middles = {}
        for kind in dict.fromkeys(name for name, _, _ in self.plans):
            of_kind = [one for one in self.ended if one.kind == kind]
            heard, ends = sum(one.heard for one in of_kind), {one.end for one in of_kind}
            first, last = min(one.took for one in of_kind), max(one.took for one in of_kind)
            middles[kind] = statistics.median(one.took for one in of_kind)
            seen = f"{len(of_kind)} probes: {heard} bytes, {', '.join(ends)} after {first:.2f} to {last:.2f} s"
            good = heard == 0 and ends == {"FIN"} and first > self.expected - 0.05 and last < self.expected + LATE
            yield f"obfs4: {kind}", "" if good else seen, seen
        low, high = min(middles, key=middles.get), max(middles, key=middles.get)
        spread = middles[high] - middles[low]
        seen = f"{len(self.ended)} probes of {len(middles)} kinds, {spread * 1000:.0f} ms between {low} and {high}"
        yield "obfs4: the end comes at the same time", "" if spread < SAME_TIME else seen, seen
