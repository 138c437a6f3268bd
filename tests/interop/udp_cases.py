"""Datagrams by UDP ASSOCIATE, of programs of others: PySocks, and Dante's client under dig."""
import socket
import threading

import socks

from cases import case, expect
from lab.processes import sh


class Echo:
    """A port that answers what it is sent, in capitals."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.peers = set()
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self):
        while True:
            try:
                payload, peer = self.socket.recvfrom(1 << 16)
            except OSError:
                return
            self.peers.add(peer)
            self.socket.sendto(payload.upper(), peer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def associated(proxy, **credentials):
    out = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM)
    out.set_proxy(socks.SOCKS5, "127.0.0.1", proxy, rdns=True, **credentials)
    out.settimeout(10)
    return out


def asks(sock, echo, host, payload):
    sock.sendto(payload, (host, echo.port))
    got, peer = sock.recvfrom(1 << 16)
    expect(got == payload.upper(), f"{len(payload)} bytes to {host}: {len(got)} others came back")
    expect(peer == ("127.0.0.1", echo.port), f"{host}: an answer from {peer}")


@case("PySocks, datagrams directly and by the tunnel")
def by_pysocks(rig):
    with Echo() as one, Echo() as other, associated(rig.proxy) as sock:
        for size in (1, 1200, 9000, 40000):
            payload = bytes(97 + i % 26 for i in range(size))
            for host in ("127.0.0.1", "localhost"):  # which is ruled into the tunnel
                for echo in (one, other):
                    asks(sock, echo, host, payload)
        expect(len(one.peers) == len(other.peers) == 2, f"ports: {one.peers} {other.peers}")
        expect(one.peers == other.peers, f"each peer sees another port: {one.peers} {other.peers}")
    return "one port each way for both peers"


@case("PySocks, datagrams with a password")
def with_password(rig):
    with Echo() as echo, associated(rig.guarded, username="me", password="pass word") as sock:
        asks(sock, echo, "localhost", b"hello")
    try:
        with Echo() as echo, associated(rig.guarded, username="me", password="wrong") as sock:
            asks(sock, echo, "localhost", b"hello")
    except socks.ProxyError:
        return
    raise AssertionError("a wrong password was taken")


@case("PySocks, a hundred associations at once")
def many(rig):
    with Echo() as echo:
        socks_ = [associated(rig.proxy) for _ in range(100)]
        for at, sock in enumerate(socks_):
            asks(sock, echo, "localhost", b"hello %d" % at)
        expect(len(echo.peers) == 100, f"{len(echo.peers)} ports at the bridge")
        for sock in socks_:
            sock.close()


@case("dig under Dante's client, by the tunnel")
def by_dante(rig):
    dns = rig.name_server()
    with open(rig.file("socks.conf"), "w") as file:
        file.write(f"""resolveprotocol: fake
route {{ from: 0.0.0.0/0 to: 0.0.0.0/0 via: 127.0.0.1 port = {rig.proxy} protocol: tcp udp
  proxyprotocol: socks_v5 method: none }}
""")
    done = sh("socksify", "dig", "+tries=1", "+time=5", "@localhost", "-p", str(dns), "there.example", "+short",
              env={"SOCKS_CONF": rig.file("socks.conf")}, check=False)
    expect(done.stdout.split() == ["192.0.2.44"], f"dig says {done.stdout!r} {done.stderr[-300:]!r}")
