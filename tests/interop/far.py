"""Connections by a client's SOCKS5 to a program behind the tunnel, with both ends' bytes hashed."""
import hashlib
import queue
import socket
import struct
import threading
import time

from obfs4_rig import Behind, digest_of, digest_received, pieces, receive, send

PATIENCE = 60  # s, of either end, for a byte of the other


def send_over(sock, size, seconds):
    """Evenly over that time."""
    began, sent = time.monotonic(), 0
    for block in pieces(size):
        for at in range(0, len(block), 1 << 15):
            part = block[at:][:1 << 15]
            sock.sendall(part)
            sent += len(part)
            time.sleep(max(0, began + seconds * sent / size - time.monotonic()))


def digest_to_end(sock):
    digest = hashlib.sha256()
    while part := sock.recv(1 << 16):
        digest.update(part)
    return digest.digest()


class Far(Behind):
    """What it does, the first line says: as Behind; `down SIZE SECONDS`; `up SIZE`, and the digest of what came; `keys`,
    an echo of all that follows; `first`, which ends its own direction, and puts the digest of what comes then into `heard`."""

    patience = 600  # longer than an hour of a fast clock

    def __init__(self):
        self.heard = queue.Queue()
        super().__init__()

    def answer(self, sock, line):
        words = line.split()
        if words[0] == b"down":
            send_over(sock, int(words[1]), float(words[2])) if float(words[2]) else send(sock, int(words[1]))
        elif words[0] == b"up":
            sock.sendall(digest_received(sock, int(words[1])))
        elif words[0] == b"keys":
            while part := sock.recv(1 << 16):
                sock.sendall(part)
        elif words[0] == b"first":
            sock.sendall(b"bye\n")
            sock.shutdown(socket.SHUT_WR)
            self.heard.put(digest_to_end(sock))
        else:
            super().answer(sock, line)


def open_by(proxy, port, patience=PATIENCE):
    """A connection to `localhost`, by its name, through the SOCKS5 proxy at that port."""
    sock = socket.create_connection(("127.0.0.1", proxy), patience)
    try:
        sock.sendall(b"\x05\x01\x00\x05\x01\x00\x03\x09localhost" + struct.pack(">H", port))
        reply = receive(sock, 12)
        if reply[3] != 0:
            raise ConnectionError(f"SOCKS reply {reply[3]}")
        return sock
    except BaseException:
        sock.close()
        raise


def download(proxy, port, size, seconds=0):
    with open_by(proxy, port) as sock:
        sock.sendall(b"down %d %f\n" % (size, seconds))
        got = digest_received(sock, size)
    assert got == digest_of(size), f"other bytes than the {size} that were sent down"


def upload(proxy, port, size, seconds=0):
    with open_by(proxy, port) as sock:
        sock.sendall(b"up %d\n" % size)
        send_over(sock, size, seconds) if seconds else send(sock, size)
        got = receive(sock, 32)
    assert got == digest_of(size), f"other bytes than the {size} that were sent up"


def echo(proxy, port, patience=PATIENCE):
    with open_by(proxy, port, patience) as sock:
        sock.sendall(b"echo me\n")
        assert receive(sock, 8) == b"echo me\n", "another echo"


def half_closes(proxy, far, size):
    """Each end ends its direction first, once, and the other one goes on."""
    with open_by(proxy, far.port) as sock:
        sock.sendall(b"half\n")
        send(sock, size)
        sock.shutdown(socket.SHUT_WR)
        assert receive(sock, 32) == digest_of(size), "other bytes after our end"
        assert sock.recv(1) == b"", "no end"
    with open_by(proxy, far.port) as sock:
        sock.sendall(b"first\n")
        assert receive(sock, 4) == b"bye\n" and sock.recv(1) == b"", "no end after the farewell"
        send(sock, size)
        sock.shutdown(socket.SHUT_WR)
        assert far.heard.get(timeout=PATIENCE) == digest_of(size), "other bytes after their end"


class Load:
    """Transfers, and a new connection every 0.2 s beside them, each in a thread, until `end`, which fails if any of them
    did."""

    def __init__(self, proxy, port):
        self.proxy, self.port = proxy, port
        self.failures, self.waits = [], []
        self.transfers, self.over = [], threading.Event()
        self.connecting = self._thread(self._connect)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()

    def begin(self, transfer, *arguments):
        self.transfers.append(self._thread(transfer, self.proxy, self.port, *arguments))

    def _thread(self, function, *arguments):
        thread = threading.Thread(target=self._guarded, args=(function, *arguments), daemon=True)
        thread.start()
        return thread

    def _guarded(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as why:
            self.failures.append(f"{function.__name__.strip('_')}: {type(why).__name__} {why}")

    def _connect(self):
        while not self.over.is_set():
            began = time.monotonic()
            echo(self.proxy, self.port)
            self.waits.append(time.monotonic() - began)
            self.over.wait(0.2)

    def end(self, within):
        """The longest wait for a new connection, in seconds."""
        until = time.monotonic() + within
        for thread in self.transfers:
            thread.join(max(0, until - time.monotonic()))
        self.over.set()
        self.connecting.join(max(1, until - time.monotonic()))
        stuck = sum(thread.is_alive() for thread in (*self.transfers, self.connecting))
        assert not self.failures and not stuck, f"{stuck} do not end; failed: {sorted(set(self.failures))[:4]}"
        return max(self.waits, default=0)
