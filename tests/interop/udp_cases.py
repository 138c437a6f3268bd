"""Datagrams by UDP ASSOCIATE, of programs of others: PySocks, and by a relay that it makes dig, iperf3 and ngtcp2's
HTTP/3."""
import json
import os
import socket
import threading

import socks

from cases import case, expect
from obfs4_rig import receive
from lab.ports import free_port
from lab.processes import Daemon, sh
from lab.socks_forward import Forward, through


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
    return through(proxy, socket.SOCK_DGRAM, **credentials)


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


@case("an association on ::1, by hand")
def on_ipv6(rig):
    with Echo() as echo, socket.create_connection(("::1", rig.proxy), 10) as control:
        control.sendall(b"\x05\x01\x00\x05\x03\x00\x01" + bytes(6))
        reply = receive(control, 2 + 4 + 16 + 2)
        expect(reply[:6] == b"\x05\x00\x05\x00\x00\x04" and reply[6:22] == bytes(15) + b"\x01", f"{reply}")
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            header = b"\x00\x00\x00\x01\x7f\x00\x00\x01" + echo.port.to_bytes(2, "big")
            sock.sendto(header + b"hello", ("::1", int.from_bytes(reply[22:], "big")))
            got, _ = sock.recvfrom(1000)
        expect(got == header + b"HELLO", f"{got}")


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


def flows(rig):
    """How many the bridge has had."""
    done = sh(os.path.join(rig.build_dir, "bridge-server/surang-bridge"), "--config", rig.file("bridge.toml"), "status",
              "--json")
    return json.loads(done.stdout)["udp_flows"]


@case("iperf3 -u, 20 Mbit/s both ways by the tunnel")
def by_iperf(rig):
    seen = []
    for direction in ([], ["-R"]):
        port = free_port()
        server = Daemon(["iperf3", "--forceflush", "-s", "-1", "-B", "127.0.0.1", "-p", str(port)], rig.file("iperf3.log"))
        server.wait_for("listening")
        try:
            with Forward(rig.proxy, free_port(), ("localhost", port)) as forward:
                done = sh("iperf3", "-u", "-J", "-b", "20M", "-l", "1200", "-t", "2", "-c", "127.0.0.1", "-p", str(forward.port),
                          *direction, check=False)
        finally:
            server.stop()
        said = json.loads(done.stdout)
        expect("error" not in said, f"{said.get('error')}")
        lost, packets = said["end"]["sum"]["lost_packets"], said["end"]["sum"]["packets"]
        expect(packets > 3000 and lost <= packets // 10, f"{direction}: {lost} of {packets} lost")
        seen.append(f"{lost} of {packets} lost")
    return ", ".join(seen)


@case("ngtcp2's HTTP/3, to addresses, by the way of the site that it names")
def by_ngtcp2(rig):
    port = free_port()
    server = Daemon(["gtlsserver", "-q", "-d", rig.directory, "127.0.0.1", str(port), rig.authority.key,
                     rig.authority.of("localhost")], rig.file("gtlsserver.log"))
    with open(rig.file("object"), "rb") as file:
        wanted = file.read()
    got = rig.file("http3")
    os.makedirs(got, exist_ok=True)
    try:
        # To 127.0.0.1 it says that it is for "localhost"; "127.1" is no site's name.
        for host, name, by_bridge in (("127.1", "127.1", False), ("127.0.0.1", "localhost", True)):
            before = flows(rig)
            with Forward(rig.proxy, free_port(), ("127.0.0.1", port)) as forward:
                sh("gtlsclient", "-q", "--exit-on-all-streams-close", f"--download={got}", host, str(forward.port),
                   f"https://{name}/object", check=False)
            with open(os.path.join(got, "object"), "rb") as file:
                expect(file.read() == wanted, f"{name}: other bytes")
            os.unlink(os.path.join(got, "object"))
            expect(flows(rig) - before == by_bridge, f"{name}: {flows(rig) - before} flows of the bridge")
    finally:
        server.stop()
    return "3 MiB each"


def name_server(rig):
    port = free_port()
    rig.run(["dnsmasq", "-k", "-C", os.devnull, "--no-resolv", "--no-hosts", "--bind-interfaces", "--user=root",
             "--listen-address=127.0.0.1", f"--port={port}", "--pid-file", "--address=/there.example/192.0.2.44",
             "--txt-record=there.example," + "x" * 250],
            "dnsmasq", port)
    return port


@case("dig, by the tunnel")
def by_dig(rig):
    dns = name_server(rig)
    with Forward(rig.proxy, free_port(), ("localhost", dns)) as forward:
        for kind, answer in (("A", "192.0.2.44"), ("TXT", '"' + "x" * 250 + '"')):
            done = sh("dig", "+tries=1", "+time=5", "+notcp", "@127.0.0.1", "-p", str(forward.port), "there.example", kind,
                      "+short")
            expect(done.stdout.split() == [answer], f"dig says {done.stdout!r}")
