"""Between a client and a server over UDP, on loopback: hands every datagram on, keeps a copy of each, and can write them all as a
capture file for tshark."""
import collections
import selectors
import socket
import struct
import threading
import time

from lab.ports import free_port

Datagram = collections.namedtuple("Datagram", "at up client data")  # `client`: its address; `up`: to the server

LINKTYPE_RAW = 101


class DatagramTap:
    def __init__(self, server):
        """`server`: its port."""
        self.server, self.deliver, self.seen = ("127.0.0.1", server), True, []
        self.near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Below the ports that the kernel draws, as a server's is.
        self.near.bind(("127.0.0.1", free_port()))
        self.port = self.near.getsockname()[1]
        self.onward = {}  # a client's address -> the socket that speaks for it
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.near, selectors.EVENT_READ, None)
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping = True
        self.thread.join()
        for sock in (self.near, *self.onward.values()):
            sock.close()

    def _run(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.1):
                try:
                    self._carry(key.fileobj, key.data)
                except OSError:
                    pass  # the other end is away

    def _carry(self, sock, client):
        data, peer = sock.recvfrom(1 << 16)
        if client is None:
            self.seen.append(Datagram(time.monotonic(), True, peer, data))
            if self.deliver:
                self._speaking_for(peer).sendto(data, self.server)
        else:
            self.seen.append(Datagram(time.monotonic(), False, client, data))
            self.near.sendto(data, client)

    def _speaking_for(self, client):
        if client not in self.onward:
            sock = self.onward[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.selector.register(sock, selectors.EVENT_READ, client)
        return self.onward[client]


def write_capture(path, port, seen):
    """The file of somebody who watches, the server at that port."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 1 << 17, LINKTYPE_RAW))
        for one in seen:
            ends = (one.client[1], port)
            source, destination = ends if one.up else ends[::-1]
            addresses = (10, 0, 0, 1), (10, 0, 0, 2)
            udp = struct.pack(">HHHH", source, destination, 8 + len(one.data), 0) + one.data
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, socket.IPPROTO_UDP, 0)
            packet = head + b"".join(map(bytes, addresses if one.up else addresses[::-1])) + udp
            file.write(struct.pack("<IIII", int(one.at), int(one.at % 1 * 1e6), len(packet), len(packet)) + packet)


def flights(seen, client):
    """A client's exchange with the server as alternating flights: [(up, [data, ...]), ...]."""
    out = []
    for one in seen:
        if one.client == client:
            if not out or out[-1][0] != one.up:
                out.append((one.up, []))
            out[-1][1].append(one.data)
    return out
