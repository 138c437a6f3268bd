"""What an edge, and whoever watches before it or behind it, can see: its logs at their fullest, its memory, all that it hands
on to the bridge, and all that the client says to it."""
import os
import re

import edge_programs as programs
from cases import expect
from edge_programs import FRONT, HOST
from far import open_by
from lab.processes import sh
from obfs4_rig import receive
from relay import Relay

EDGES = {"nginx": programs.NginxShipped, "HAProxy": programs.Haproxy, "nghttpx": programs.Nghttpx}
SAID = b"what-is-said-inside-" + os.urandom(16).hex().encode()


def client_hello(stream):
    """(server name, all of it) of the record that the stream begins with."""
    expect(stream[0] == 22, f"no TLS: {stream[:3].hex()}")
    size = int.from_bytes(stream[3:5], "big")
    hello = bytes(stream[5:5 + size])
    at = 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 1 + hello[at] + 2
    while at < len(hello):
        kind, size = int.from_bytes(hello[at:at + 2], "big"), int.from_bytes(hello[at + 2:at + 4], "big")
        if kind == 0:
            return hello[at + 9:at + 4 + size].decode(), hello
        at += 4 + size
    return None, hello


def memory(pid):
    """What a process can write to."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as file:
        for line in maps:
            found = re.match(r"(\w+)-(\w+) rw", line)
            if not found or "[v" in line:
                continue
            first, last = (int(word, 16) for word in found.groups())
            try:
                file.seek(first)
                yield file.read(last - first)
            except (OSError, ValueError):
                pass


def use(rig, proxy):
    """A page with TLS, one without, and words both ways that are looked for; the connection stays open."""
    for url in (f"https://localhost:{rig.https}/object", f"http://localhost:{rig.http}/object"):
        done = sh("curl", "-q", "-s", "-o", os.devnull, "-w", "%{http_code}", "--max-time", 30, "--cacert",
                  rig.authority.certificate, "--proxy", f"socks5h://127.0.0.1:{proxy}", "-A", SAID.decode(), url)
        expect(done.stdout == "200", f"{url}: {done.stdout}")
    sock = open_by(proxy, rig.far.port)
    sock.sendall(b"echo " + SAID + b"\n")
    expect(receive(sock, len(SAID) + 6) == b"echo " + SAID + b"\n", "another echo")
    return sock


def unseen(rig, where, text):
    with open(rig.file("object"), "rb") as file:
        object_begins = file.read(64)
    for what, words in (("what is said inside", SAID), ("the bytes of a page", object_begins),
                        ("the destination", b"localhost:%d" % rig.https), ("the destination", b"localhost:%d" % rig.http),
                        ("the destination", b"localhost:%d" % rig.far.port)):
        expect(words not in text, f"{where}: {what} is seen")


def seen_by(name):
    def look(lane):
        rig = lane.rig
        before_bridge = Relay(rig.plain_port)
        edge = EDGES[name](rig, "watched " + name, [before_bridge.port], told=True)
        edge.start()
        before_edge = Relay(edge.port)
        number = 2 if name == "nginx" else 0  # a front whose name is not the host's, where the edge has such a site
        proxy = rig.client_to(before_edge.port, number)
        with use(rig, proxy):
            handed, logs = before_bridge.seen(), edge.logs()
            sizes = [len(handed), len(logs), 0]
            for pid in edge.processes():
                for part in memory(pid):
                    sizes[2] += len(part)
                    unseen(rig, "the edge's memory", part)
        expect(len(handed) > 6 << 20, f"only {len(handed)} bytes passed")
        expect(re.search(rb"(?i)x-forwarded-for: 127\.0\.0\.1\r\n", handed), "the client's address is not handed on")
        expect(HOST.encode() in handed, "the host is not handed on")
        place = re.search(rb"GET /(\w+)/", handed).group(1)
        expect(place in logs, "the edge has no log to look at")
        unseen(rig, "behind the edge", handed)
        unseen(rig, "the edge's logs", logs)
        expect(b"localhost" not in handed + logs, "the destination's name is seen")
        hellos = [client_hello(stream) for stream in before_edge.forth if stream]
        said = FRONT if number else HOST
        expect(hellos and all(shown == said for shown, _ in hellos), f"shown in clear: {[shown for shown, _ in hellos]}")
        in_clear = before_edge.seen()
        unseen(rig, "before the edge", in_clear)
        for words in (b"localhost", place) + ((HOST.encode(),) if number else ()):
            expect(words not in in_clear, f"{words!r} is seen before the edge")
        edge.stop()
        return f"shown {said}; looked through {sizes[0] >> 20} MB behind, {sizes[1] >> 10} KB of logs, {sizes[2] >> 20} MB of memory"
    return look


CASES = [(f"{name}: what it sees", seen_by(name)) for name in EDGES]
