"""What a prober sends to a bridge's UDP port, and what comes back."""
import collections
import itertools
import selectors
import socket
import struct
import time

from flights import dice

RATE = 4000  # a second, so that no buffer decides
BATCH = 40
SOCKETS = 5  # for each kind of probe, each at an address of its own
LISTENING = 2.0  # seconds after the last one

Kind = collections.namedtuple("Kind", "name stranger probes")  # `stranger`: made without anything of a user's


def with_version(initial, version):
    return initial[:1] + struct.pack(">I", version) + initial[5:]


def flipped(data):
    bit = dice.randrange(len(data) * 8)
    return data[:bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1:]


def other_protocols():
    """A word of each protocol that a scanner tries on UDP ports: DNS, NTP, STUN, DTLS, WireGuard, OpenVPN, IKE, SNMP, SIP."""
    yield bytes.fromhex("123401000001000000000000076578616d706c6503636f6d0000010001")
    yield b"\x23" + bytes(39) + dice.randbytes(8)
    yield bytes.fromhex("000100002112a442") + dice.randbytes(12)
    yield bytes.fromhex("16feff0000000000000000006a0100005e000000000000005efefd") + dice.randbytes(32) + bytes(62)
    yield b"\x01\0\0\0" + dice.randbytes(144)
    yield b"\x38" + dice.randbytes(8) + bytes(5)
    yield dice.randbytes(8) + bytes(8) + bytes.fromhex("2120220800000000000001c8") + dice.randbytes(428)
    yield bytes.fromhex("302602010104067075626c6963a019020400000001020100020100300b300906052b060102010500")
    yield b"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=x\r\nCSeq: 1 OPTIONS\r\n\r\n"


def of_strangers(initials):
    """`initials`: first datagrams of a QUIC client that is none of ours, as it sends them (RFC 9000). 6,500 in all."""
    initial = lambda: dice.choice(initials)  # noqa: E731
    greased = lambda: dice.getrandbits(32) & 0xf0f0f0f0 | 0x0a0a0a0a  # noqa: E731
    yield Kind("random bytes", True, [dice.randbytes(size) for size in range(1, 1501) for _ in range(2)])
    yield Kind("nothing at all", True, [b""] * 50)
    yield Kind("QUIC v1 Initials", True, [initial() for _ in range(1000)])
    yield Kind("Initials of a version that nobody has", True, [with_version(initial(), greased()) for _ in range(800)])
    yield Kind("Initials of QUIC v2", True, [with_version(initial(), 0x6b3343cf) for _ in range(200)])
    yield Kind("version negotiation", True, [with_version(initial(), 0) for _ in range(100)])
    yield Kind("short headers", True, [bytes([0x40 | dice.getrandbits(6)]) + dice.randbytes(dice.randrange(20, 1400))
                                       for _ in range(1000)])
    yield Kind("other protocols", True, list(itertools.chain(*(other_protocols() for _ in range(39))))[:350])


def of_copies(flight, session):
    """`flight`: a user's first datagrams, which have been answered; `session`: later ones, both ways. 3,500 in all."""
    again, later = lambda: dice.choice(flight), lambda: dice.choice(session)  # noqa: E731
    cut = lambda data: data[:dice.randrange(1, len(data))]  # noqa: E731
    yield Kind("a user's first flight again", False, [again() for _ in range(500)])
    yield Kind("a user's first flight, cut short", False, [cut(again()) for _ in range(600)])
    yield Kind("a user's first flight, a bit changed", False, [flipped(again()) for _ in range(800)])
    yield Kind("a user's first flight and more", False, [again() + dice.randbytes(dice.randrange(1, 100)) for _ in range(300)])
    yield Kind("datagrams of a session again", False, [later() for _ in range(500)])
    yield Kind("datagrams of a session, a bit changed", False, [flipped(later()) for _ in range(500)])
    yield Kind("datagrams of a session, cut short", False, [cut(later()) for _ in range(300)])


def send(port, kinds):
    """Each kind from sockets of its own, all kinds mixed: {name: (answers, their bytes)}."""
    answers = {kind.name: [0, 0] for kind in kinds}
    plan = []
    with selectors.DefaultSelector() as selector:
        for kind in kinds:
            sockets = []
            for _ in range(SOCKETS):
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.setblocking(False)
                sock.bind((f"127.0.0.{dice.randrange(1, 250)}", 0))
                selector.register(sock, selectors.EVENT_READ, answers[kind.name])
                sockets.append(sock)
            plan += [(dice.choice(sockets), data) for data in kind.probes]
        dice.shuffle(plan)
        began = time.monotonic()
        for at in range(0, len(plan), BATCH):
            for sock, data in plan[at:at + BATCH]:
                sock.sendto(data, ("127.0.0.1", port))
            _collect(selector, began + (at + BATCH) / RATE)
        _collect(selector, time.monotonic() + LISTENING)
        for key in list(selector.get_map().values()):
            key.fileobj.close()
    return {name: tuple(numbers) for name, numbers in answers.items()}


def _collect(selector, until):
    while (left := until - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            try:
                data = key.fileobj.recv(1 << 16)
            except ConnectionRefusedError:
                continue  # nobody has the port: no answer, but what counts the probes will tell
            key.data[0] += 1
            key.data[1] += len(data)


def lost_at(port):
    """How many datagrams the kernel has thrown away because the port's owner did not read them in time."""
    total = 0
    for family in ("udp", "udp6"):
        with open(f"/proc/net/{family}") as table:
            for line in list(table)[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port:
                    total += int(fields[-1])
    return total


def ask(port, datagrams, seconds, sock=None):
    """Sends them from one socket, then says nothing more: (answers, their bytes)."""
    own = sock or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answers = [0, 0]
    with selectors.DefaultSelector() as selector:
        selector.register(own, selectors.EVENT_READ, answers)
        for data in datagrams:
            own.sendto(data, ("127.0.0.1", port))
        _collect(selector, time.monotonic() + seconds)
    if own is not sock:
        own.close()
    return tuple(answers)
