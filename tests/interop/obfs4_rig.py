"""Managed pluggable transports as a Tor starts them (pt-spec 1): `surang pt`, obfs4proxy and, where the suite has
it, lyrebird; the program behind the bridge, and the SOCKS that a Tor speaks to its own end."""
import concurrent.futures
import hashlib
import hmac
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading

from lab.processes import end_with_the_parent

DATA = random.Random(4).randbytes(1 << 20)
# A bridge by whose seed strangers wait no second longer than they must, and no write is of no bytes: with such, one in
# 30 of those that it draws itself, obfs4proxy crashes in iat-mode 2.
QUICK = {"node-id": "5a" * 20, "private-key": "c3" * 32, "drbg-seed": "00" * 23 + "32"}


def programs(build_dir):
    found = {"surang": [os.path.join(build_dir, "client/surang"), "pt"], "obfs4proxy": ["obfs4proxy"]}
    if shutil.which("lyrebird"):
        found["lyrebird"] = ["lyrebird"]
    return found


class Transport:
    """One managed transport; ends when its stdin is closed."""

    def __init__(self, words, state, **variables):
        os.makedirs(state, exist_ok=True)
        env = {"TOR_PT_MANAGED_TRANSPORT_VER": "1", "TOR_PT_STATE_LOCATION": state, "TOR_PT_EXIT_ON_STDIN_CLOSE": "1"}
        env.update({"TOR_PT_" + name: value for name, value in variables.items()})
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, preexec_fn=end_with_the_parent, env={**os.environ, **env})
        self.lines, self.address, self.arguments = [], None, ""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            found = re.fullmatch(r"(?:CMETHOD obfs4 socks5|SMETHOD obfs4) (\S+):(\d+)(?: ARGS:(\S+))?", self.lines[-1])
            if found:
                self.address = ("127.0.0.1", int(found.group(2)))
                self.arguments = (found.group(3) or "").replace(",", ";")
            if line.endswith("METHODS DONE\n"):
                break

    def expect_started(self):
        if not self.address:
            self.process.kill()
            raise RuntimeError(f"did not start: {self.lines} {self.process.communicate()[1][-2000:]}")
        return self

    def wait(self, timeout=10):
        """(exit code, what else it wrote to stdout, stderr)."""
        rest, errors = self.process.communicate(timeout=timeout)
        return self.process.returncode, rest, errors

    def stop(self):
        if self.process.poll() is None and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def client(words, state, **variables):
    return Transport(words, state, CLIENT_TRANSPORTS="obfs4", **variables).expect_started()


def server(words, state, behind, options=None, **variables):
    text = ";".join(f"obfs4:{key}={value}" for key, value in (options or {}).items())
    given = {"SERVER_TRANSPORTS": "obfs4", "SERVER_BINDADDR": "obfs4-127.0.0.1:0", "ORPORT": f"127.0.0.1:{behind}",
             "SERVER_TRANSPORT_OPTIONS": text, **variables}
    return Transport(words, state, **given).expect_started()


class SocksRefusal(Exception):
    def __init__(self, code):
        super().__init__(f"SOCKS reply {code}")
        self.code = code


def receive(sock, size):
    out = b""
    while len(out) < size:
        part = sock.recv(size - len(out))
        if not part:
            raise EOFError(f"ended after {len(out)} of {size} bytes")
        out += part
    return out


def connect(through, to, arguments, timeout=60):
    """A connection by a transport's client end to the bridge at `to`, as Tor makes it."""
    sock = socket.create_connection(through.address, timeout)
    try:
        said = arguments.encode()
        user, password = said[:255], said[255:] or b"\0"
        sock.sendall(b"\x05\x01\x02")
        assert receive(sock, 2) == b"\x05\x02", "no password asked for"
        sock.sendall(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
        assert receive(sock, 2) == b"\x01\x00", "user and password not taken"
        sock.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(to[0]) + struct.pack(">H", to[1]))
        reply = receive(sock, 10)
        if reply[1]:
            raise SocksRefusal(reply[1])
        return sock
    except BaseException:
        sock.close()
        raise


def pieces(size):
    """`size` bytes that both ends know, in blocks."""
    at = 0
    while size > 0:
        block = memoryview(DATA)[at:][:size]
        at = 0 if at + len(block) == len(DATA) else at
        size -= len(block)
        yield block


def digest_of(size):
    digest = hashlib.sha256()
    for block in pieces(size):
        digest.update(block)
    return digest.digest()


def send(sock, size):
    for block in pieces(size):
        sock.sendall(block)


def digest_received(sock, size):
    digest, buffer = hashlib.sha256(), bytearray(1 << 18)
    while size > 0:
        n = sock.recv_into(buffer, min(size, len(buffer)))
        if n == 0:
            raise EOFError(f"{size} bytes are missing")
        digest.update(memoryview(buffer)[:n])
        size -= n
    return digest.digest()


def both_ways(sock, size):
    """Sends and receives `size` bytes at once; the digest of what came."""
    failure = []

    def sending():
        try:
            send(sock, size)
        except OSError as why:
            failure.append(why)

    thread = threading.Thread(target=sending, daemon=True)
    thread.start()
    digest = digest_received(sock, size)
    thread.join()
    if failure:
        raise failure[0]
    return digest


class Behind:
    """The program behind a bridge, a Tor's ORPort. What it does, the first line says: `bulk SIZE`, both ways at once and
    then the digest of what came; `echo`; `half`, which reads to the end before it answers."""

    patience = 60  # s, for a byte

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._guarded, args=(sock,), daemon=True).start()

    def _guarded(self, sock):
        with sock:
            try:
                sock.settimeout(self.patience)
                self.serve(sock)
            except (OSError, EOFError):
                pass

    def serve(self, sock):
        line = b""
        while not line.endswith(b"\n"):
            line += receive(sock, 1)
        self.answer(sock, line)

    def answer(self, sock, line):
        words = line.split()
        if words[0] == b"bulk":
            sock.sendall(both_ways(sock, int(words[1])))
        elif words[0] == b"echo":
            sock.sendall(line)
        elif words[0] == b"half":
            digest = hashlib.sha256()
            while part := sock.recv(1 << 16):
                digest.update(part)
            sock.sendall(digest.digest())

    def stop(self):
        self.listener.close()


class ExtendedBehind(Behind):
    """The same behind Tor's Extended ORPort, with a cookie of its own."""

    def __init__(self, cookie_file):
        self.cookie, self.told = os.urandom(32), []
        with open(cookie_file, "wb") as file:
            file.write(b"! Extended ORPort Auth Cookie !\n" + self.cookie)
        super().__init__()

    def serve(self, sock):
        sock.sendall(b"\x07\x01\x00")
        assert receive(sock, 1) == b"\x01"
        theirs, ours = receive(sock, 32), os.urandom(32)

        def proof(way):
            return hmac.digest(self.cookie, b"ExtORPort authentication " + way + b" hash" + theirs + ours, "sha256")

        sock.sendall(proof(b"server-to-client") + ours)
        good = receive(sock, 32) == proof(b"client-to-server")
        sock.sendall(bytes([good]))
        said = {}
        while True:
            command, size = struct.unpack(">HH", receive(sock, 4))
            said[command] = receive(sock, size)
            if command == 0:
                break
        self.told.append(said)
        sock.sendall(struct.pack(">HH", 0x1000, 0))
        super().serve(sock)


class Recorder:
    """Carries one connection on to the bridge and keeps what the client sends before the bridge answers."""

    def __init__(self, to):
        self.to, self.hello = to, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        near, _ = self.listener.accept()
        self.listener.close()
        with near, socket.create_connection(self.to) as far:
            answered = threading.Event()

            def forth():
                while part := near.recv(1 << 16):
                    if not answered.is_set():
                        self.hello += part
                    far.sendall(part)
                far.shutdown(socket.SHUT_WR)

            thread = threading.Thread(target=forth, daemon=True)
            thread.start()
            while part := far.recv(1 << 16):
                answered.set()
                near.sendall(part)
            near.shutdown(socket.SHUT_WR)
            thread.join(5)


class Obfs4Rig:
    """Clients of each program, servers of each program and iat-mode; started when first asked for."""

    def __init__(self, rig):
        self.rig, self.started, self.lock = rig, {}, threading.Lock()
        self.programs = programs(rig.build_dir)
        self.behind = Behind()
        self.pool = concurrent.futures.ThreadPoolExecutor(64)
        self.waiting = {}

    def _once(self, key, start):
        with self.lock:
            if key not in self.started:
                self.started[key] = start()
            return self.started[key]

    def state(self, name):
        return self.rig.file("pt-" + name)

    def client(self, program):
        return self._once(("client", program),
                          lambda: client(self.programs[program], self.state("client-" + program)))

    def server(self, program, iat=0):
        return self._once(("server", program, iat), lambda: server(
            self.programs[program], self.state(f"server-{program}-{iat}"), self.behind.port,
            {"iat-mode": str(iat)} | (QUICK if iat == 2 else {})))

    def own(self, transport):
        """Stopped with the rest."""
        self.started[id(transport)] = transport
        return transport

    def stop(self):
        self.pool.shutdown(wait=False, cancel_futures=True)
        for transport in self.started.values():
            transport.stop()
        self.behind.stop()


INTERRUPT, TERMINATE = signal.SIGINT, signal.SIGTERM
