"""`surang pt` and obfs4proxy as each other's client and bridge, as real processes. Names are CLIENT to SERVER."""
import hashlib
import json
import os
import socket
import time

from cases import case, curl, expect, loads
from lab.ports import free_port
from lab.processes import at_once
from obfs4_rig import (INTERRUPT, QUICK, TERMINATE, ExtendedBehind, Obfs4Rig, Recorder, SocksRefusal, Transport, both_ways,
                       client, connect, digest_of, receive, server)

# What obfs4proxy itself brings both ways at once in some 4 s: its writes of a segment at most, 5 ms apart in the mean, are
# what iat-modes 1 and 2 consist of.
SLOW = {1: 800_000, 2: 300_000}
FAST, FAST_SANITIZED = 100_000_000, 20_000_000
SILENT = 30  # s, of QUICK


def pairs(parts):
    others = [name for name in parts.programs if name != "surang"]
    return [("surang", "surang")] + [pair for name in others for pair in (("surang", name), (name, "surang"))]


def parts_of(rig):
    """The rig of these cases, made by the first. What takes its 30 s begins then, and is looked at by the last."""
    if not hasattr(rig, "obfs4"):
        rig.obfs4 = parts = Obfs4Rig(rig)
        rig.daemons.append(parts)
        begin_silences(parts)
    return rig.obfs4


def begin_silences(parts):
    for program in ("surang", "obfs4proxy"):
        quick = parts.own(server(parts.programs[program], parts.state(f"quick-{program}"), parts.behind.port, QUICK))
        shown = parts.own(server(parts.programs[program], parts.state(f"other-{program}"), parts.behind.port, QUICK | {
            "node-id": "5b" * 20}))
        for by in ("surang", "obfs4proxy"):
            if "surang" in (by, program):
                through = parts.client(by)
                parts.waiting[f"wrong cert, {by} to {program}"] = parts.pool.submit(refusal, through, quick.address,
                                                                                  shown.arguments)
        if program == "surang":
            parts.quick = quick
            recorder = Recorder(quick.address)
            with connect(parts.client("surang"), recorder.address, quick.arguments) as sock:
                sock.sendall(b"echo me\n")
                assert receive(sock, 8) == b"echo me\n"
            parts.hello = recorder.hello
    for name, words in (("the hello again", parts.hello), ("the hello with a bit turned", turned(parts.hello)),
                        ("nothing", b""), ("16 KiB", os.urandom(16384)), ("a TLS hello", b"\x16\x03\x01\x02\x00\x01")):
        parts.waiting[f"silence after {name}"] = parts.pool.submit(hold, parts.quick.address, words)


def ended(sock):
    try:
        sock.sendall(b"echo\n")
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def turned(hello):
    return hello[:-1] + bytes([hello[-1] ^ 1])


def refusal(through, to, arguments):
    began = time.monotonic()
    try:
        connect(through, to, arguments, 90).close()
    except SocksRefusal as why:
        return why.code, time.monotonic() - began
    return 0, time.monotonic() - began


def hold(address, words):
    """What a bridge shows to a stranger: (bytes, how it ended, after how long)."""
    with socket.create_connection(address, 60) as sock:
        began, seen = time.monotonic(), b""
        if words:
            sock.sendall(words)
        try:
            while part := sock.recv(4096):
                seen += part
            end = "end"
        except OSError as why:
            end = type(why).__name__
        return seen, end, time.monotonic() - began


def bulk(parts, by, at, iat, size):
    bridge = parts.server(at, iat)
    with connect(parts.client(by), bridge.address, bridge.arguments) as sock:
        began = time.monotonic()
        sock.sendall(b"bulk %d\n" % size)
        expect(both_ways(sock, size) == digest_of(size), f"{by} to {at}: other bytes came")
        expect(receive(sock, 32) == digest_of(size), f"{by} to {at}: other bytes went")
        return size / (time.monotonic() - began)


def start_all(parts, iat=0):
    """From this thread: a program ends with the thread that has started it."""
    for by, at in pairs(parts):
        parts.client(by), parts.server(at, iat)


def each_pair(parts, function, *arguments):
    return at_once(lambda pair: function(parts, *pair, *arguments), pairs(parts))


@case("obfs4, iat-mode 0, each way at once")
def fast(rig):
    parts = parts_of(rig)
    with open(parts.programs["surang"][0], "rb") as file:
        size = FAST_SANITIZED if b"__asan_init" in file.read() else FAST
    seen = [(by, at, bulk(parts, by, at, 0, size)) for by, at in pairs(parts)]
    return f"{size // 1_000_000} MB each: " + ", ".join(f"{by} to {at} {rate / 1e6:.0f} MB/s" for by, at, rate in seen)


for mode, amount in SLOW.items():
    def go(rig, mode=mode, amount=amount):
        parts = parts_of(rig)
        start_all(parts, mode)
        rates = each_pair(parts, bulk, mode, amount)
        return f"{amount // 1000} KB each: " + ", ".join(
            f"{by} to {at} {rate / 1e3:.0f} KB/s" for (by, at), rate in zip(pairs(parts), rates))
    case(f"obfs4, iat-mode {mode}, each way at once")(go)


@case("obfs4, 1000 short connections")
def short(rig):
    parts = parts_of(rig)

    def some(by, at, number):
        bridge = parts.server(at)
        for i in range(number):
            line = b"echo %s %d\n" % (by.encode(), i)
            with connect(parts.client(by), bridge.address, bridge.arguments) as sock:
                sock.sendall(line)
                expect(receive(sock, len(line)) == line, "another line came back")
                expect(sock.recv(1) == b"", "more came back")

    start_all(parts)
    began, workers = time.monotonic(), 4
    jobs = [pair for pair in pairs(parts) for _ in range(workers)]
    number = -(-1000 // len(jobs))
    at_once(lambda job: some(*job, number), jobs)
    return f"{number * len(jobs) / (time.monotonic() - began):.0f} a second, all pairs at once"


@case("obfs4, half-closes, surang to surang")
def half(rig):
    # obfs4proxy ends both directions when one ends, so there is nothing to see of them with it.
    parts = parts_of(rig)
    bridge = parts.server("surang")
    with connect(parts.client("surang"), bridge.address, bridge.arguments) as sock:
        sock.sendall(b"half\n" + b"x" * 1_000_000)
        sock.shutdown(socket.SHUT_WR)
        expect(receive(sock, 32) == hashlib.sha256(b"x" * 1_000_000).digest(), "another answer")
        expect(sock.recv(1) == b"", "no end")


@case("obfs4, old bridge lines and our own shapes of the hello")
def lines(rig):
    parts = parts_of(rig)
    for at in ("surang", "obfs4proxy"):
        bridge = parts.server(at)
        with open(os.path.join(parts.state(f"server-{at}-0"), "obfs4_state.json")) as file:
            state = json.load(file)
        for line in (bridge.arguments + ";shape=plain", bridge.arguments + ";shape=printable",
                     f"node-id={state['node-id']};public-key={state['public-key']};iat-mode=0"):
            with connect(parts.client("surang"), bridge.address, line) as sock:
                sock.sendall(b"echo\n")
                expect(receive(sock, 5) == b"echo\n", line)
    for wrong in ("", "cert=AAAA", bridge.arguments + ";shape=round", "k"):
        code, _ = refusal(parts.client("surang"), bridge.address, wrong)
        expect(code == 1, f"{wrong!r}: reply {code}")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        code, _ = refusal(parts.client("surang"), bound.getsockname(), bridge.arguments)
        expect(code == 5, f"a closed port: reply {code}")


@case("obfs4, through outer proxies")
def outer(rig):
    parts = parts_of(rig)
    bridge = parts.server("obfs4proxy")
    ways = {"socks5": f"socks5://me:pass%20word@127.0.0.1:{rig.guarded}", "socks4a": f"socks4a://127.0.0.1:{rig.proxy}",
            "http": f"http://me:pass%20word@127.0.0.1:{rig.guarded}"}
    for name, uri in ways.items():
        through = client(parts.programs["surang"], parts.state("outer"), PROXY=uri)
        try:
            expect("PROXY DONE" in through.lines, f"{through.lines}")
            with connect(through, bridge.address, bridge.arguments) as sock:
                sock.sendall(b"bulk 3000000\n")
                expect(both_ways(sock, 3_000_000) == digest_of(3_000_000), f"{name}: other bytes")
        finally:
            through.stop()
    through = client(parts.programs["surang"], parts.state("outer"), PROXY=f"socks5://me:wrong@127.0.0.1:{rig.guarded}")
    try:
        code, _ = refusal(through, bridge.address, bridge.arguments)
        expect(code == 1, f"a wrong password: reply {code}")
    finally:
        through.stop()
    return ", ".join(ways)


@case("obfs4, a bridge keeps its identity from program to program")
def takeover(rig):
    parts = parts_of(rig)
    for first, second in (("obfs4proxy", "surang"), ("surang", "obfs4proxy")):
        state, seen = parts.state("moved-" + first), []
        for program, options in ((first, {"iat-mode": "1"}), (second, {}), (first, {})):
            bridge = server(parts.programs[program], state, parts.behind.port, options)
            bridge.stop()
            with open(os.path.join(state, "obfs4_state.json")) as file, \
                    open(os.path.join(state, "obfs4_bridgeline.txt")) as text:
                seen.append((bridge.arguments, file.read(), text.read().splitlines()[-1]))
        expect(seen[0] == seen[1] == seen[2], f"{first} to {second}: {seen}")
        expect(seen[0][0].endswith("iat-mode=1"), seen[0][0])
        for name in ("obfs4_state.json", "obfs4_bridgeline.txt"):
            mode = os.stat(os.path.join(state, name)).st_mode & 0o777
            expect(mode == 0o600, f"{name}: mode {mode:o}")


@case("obfs4, the Extended ORPort learns who comes")
def extended(rig):
    parts = parts_of(rig)
    cookie = rig.file("extended_orport_auth_cookie")
    behind = ExtendedBehind(cookie)
    try:
        for at in ("obfs4proxy", "surang"):
            bridge = server(parts.programs[at], parts.state("extended-" + at), 9, EXTENDED_SERVER_PORT=f"127.0.0.1:{behind.port}",
                            AUTH_COOKIE_FILE=cookie)
            try:
                with connect(parts.client("surang"), bridge.address, bridge.arguments) as sock:
                    sock.sendall(b"bulk 1000000\n")
                    expect(both_ways(sock, 1_000_000) == digest_of(1_000_000), f"{at}: other bytes")
                said = behind.told.pop()
                expect(said[2] == b"obfs4" and said[1].startswith(b"127.0.0.1:"), f"{at}: {said}")
                if at == "surang":
                    with open(cookie, "r+b") as file:
                        file.seek(40)
                        file.write(b"another")
                    with connect(parts.client("surang"), bridge.address, bridge.arguments) as sock:
                        expect(ended(sock), "served without the cookie")
            finally:
                bridge.stop()
    finally:
        behind.stop()


@case("surang pt, how it ends")
def ends(rig):
    parts = parts_of(rig)
    words = parts.programs["surang"]
    bridge = parts.server("surang")

    def started():
        through = client(words, parts.state("ends"))
        sock = connect(through, bridge.address, bridge.arguments)
        return through, sock

    for how in ("stdin", "TERM"):
        through, sock = started()
        with sock:
            began = time.monotonic()
            if how == "TERM":
                through.process.send_signal(TERMINATE)
                through.process.wait(5)
            code, rest, errors = through.wait()
            expect((code, rest, errors) == (0, "", ""), f"{how}: {code} {rest!r} {errors!r}")
            expect(time.monotonic() - began < 3, f"{how}: slow")
    through, sock = started()
    with sock:
        through.process.send_signal(INTERRUPT)
        time.sleep(0.3)
        with socket.socket() as late:
            expect(late.connect_ex(through.address) != 0, "INT: still listening")
        sock.sendall(b"echo on\n")
        expect(receive(sock, 8) == b"echo on\n", "INT: the connection is cut")
        expect(sock.recv(1) == b"", "INT: no end")
    expect(through.process.wait(5) == 0, "INT: it stays after the last connection")
    deaf = Transport(words, parts.state("ends"), CLIENT_TRANSPORTS="obfs4", EXIT_ON_STDIN_CLOSE="0")
    deaf.process.stdin.close()
    time.sleep(0.3)
    expect(deaf.process.poll() is None, "ends with stdin, unasked")
    deaf.process.send_signal(TERMINATE)
    expect(deaf.process.wait(5) == 0, "TERM")


@case("surang pt, mistakes are told in the protocol's words")
def mistakes(rig):
    parts = parts_of(rig)
    words = parts.programs["surang"]
    taken = f"obfs4-127.0.0.1:{parts.behind.port}"
    given = {"SERVER_TRANSPORTS": "obfs4", "ORPORT": "127.0.0.1:9"}
    for line, code, variables in (
            ("VERSION-ERROR no-version", 78, {"CLIENT_TRANSPORTS": "obfs4", "MANAGED_TRANSPORT_VER": "2"}),
            ("ENV-ERROR ", 78, {}), ("ENV-ERROR ", 78, {"SERVER_TRANSPORTS": "obfs4"}),
            ("PROXY-ERROR ", 78, {"CLIENT_TRANSPORTS": "obfs4", "PROXY": "ftp://127.0.0.1:21"}),
            ("CMETHODS DONE", 78, {"CLIENT_TRANSPORTS": "obfs3"}),
            ("SMETHOD-ERROR obfs4 iat-mode is not 0, 1 or 2", 78, given | {"SERVER_TRANSPORT_OPTIONS": "obfs4:iat-mode=7"}),
            ("SMETHOD-ERROR obfs4 cannot listen on ", 69, given | {"SERVER_BINDADDR": taken})):
        mistaken = Transport(words, parts.state("mistaken"), **variables)
        left = mistaken.wait()
        expect(left[0] == code and left[1] == "", f"{line}: {left}")
        said = [text for text in mistaken.lines if text.startswith(line)]
        expect(len(said) == 1, f"{line}: {mistaken.lines}")


@case("obfs4, a wrong cert is refused, strangers are shown nothing")
def silences(rig):
    parts = parts_of(rig)
    for name, future in parts.waiting.items():
        outcome = future.result(90)
        if name.startswith("wrong cert"):
            expect(outcome[0] == 1, f"{name}: reply {outcome[0]}")
        else:
            seen, end, took = outcome
            expect(seen == b"" and end == "end", f"{name}: {len(seen)} bytes, {end}")
            expect(abs(took - SILENT) < 3, f"{name}: ended after {took:.1f} s")
    return f"{len(parts.waiting)} of them, {SILENT} s each, all at once"


@case("obfs4, lyrebird")
def lyrebird(rig):
    parts = parts_of(rig)
    if "lyrebird" not in parts.programs:
        return "not in this suite; it is obfs4proxy's successor with the same obfs4"
    return "in all pairs above"


def line_to(server_end):
    """The bridge line of a server end, without a fingerprint, as the client's configuration has it."""
    host, port = server_end.address
    return f"obfs4 {host}:{port} " + server_end.arguments.replace(";", " ")


@case("a bridge line: surang by obfs4proxy and by surang pt to microsocks behind")
def socks_behind(rig):
    parts = parts_of(rig)
    socks = free_port()
    rig.run(["microsocks", "-i", "127.0.0.1", "-p", str(socks)], "microsocks", socks)
    for program in ("obfs4proxy", "surang"):
        bridge = parts.own(server(parts.programs[program], parts.state(f"socks-{program}"), socks))
        port = free_port()
        client_end = rig.client(f"line-{program}", port, f'line = "{line_to(bridge)} behind=socks5"')
        try:
            via = ["--proxy", f"socks5h://127.0.0.1:{port}"]
            with open(rig.file("object"), "rb") as file:
                loads(rig, f"https://localhost:{rig.https}/object", *via, body=file.read())
            loads(rig, f"http://localhost:{rig.http}/", *via, body=b"plain\n")
            code, _, _ = curl(rig, f"http://localhost:{free_port()}/", *via)
            expect(code != 0, "a port that refuses was reached")
            loads(rig, f"https://localhost:{rig.https}/", *via, body=b"localhost\n")
        finally:
            client_end.stop()
    return "3 MiB, TLS and plain HTTP, a refusal"
