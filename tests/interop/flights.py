"""First flights: made, cut up, changed, and what came back without what TLS draws at random."""
import random
import re
import socket
import struct
import subprocess

dice = random.Random(7)


def hello(*options):
    """The first flight of openssl s_client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % listener.getsockname()[1], *options]
        client = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peer, _ = listener.accept()
        data = peer.recv(65536)
        peer.close()
        client.wait()
    return data


def parts_of(flight):
    """Where the parts of a user's flight stand: name -> (from, to)."""
    size = int.from_bytes(flight[3:5], "big")
    end = 5 + size
    at = 44 + flight[43]
    suites = (at + 2, at + 2 + int.from_bytes(flight[at:at + 2], "big"))
    at = suites[1] + 1 + flight[suites[1]]
    extensions = at + 2
    at = extensions
    while True:
        kind, length = int.from_bytes(flight[at:at + 2], "big"), int.from_bytes(flight[at + 2:at + 4], "big")
        if kind == 41:
            break
        at += 4 + length
    ticket = at + 8
    length = int.from_bytes(flight[at + 6:at + 8], "big")
    return {"record type": (0, 1), "record version": (1, 3), "record length": (3, 5), "message header": (5, 9),
            "version": (9, 11), "random": (11, 43), "session id": (43, 44 + flight[43]), "suites": suites,
            "other extensions": (extensions, at), "pre_shared_key lengths": (at, ticket), "ticket name": (ticket, ticket + 16),
            "ticket IV": (ticket + 16, ticket + 32), "ticket body": (ticket + 32, ticket + length - 32),
            "ticket MAC": (ticket + length - 32, ticket + length), "ticket age": (ticket + length, ticket + length + 4),
            "binder": (end - 32, end), "early data": (end, len(flight))}


def flipped(flight, span):
    bit = dice.randrange(span[0] * 8, span[1] * 8)
    changed = bytearray(flight)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def in_records(flight, sizes):
    """The handshake message of a flight of one record, in records of these sizes and a last one."""
    head, body = flight[:3], flight[5:]
    out = b""
    for size in [*sizes, len(body)]:
        part, body = body[:size], body[size:]
        if part:
            out += head + struct.pack(">H", len(part)) + part
    return out


def padded(flight, size):
    """The hello with that many bytes of padding (RFC 7685) more, in records as large as they may be."""
    body = flight[9:]
    at = 34
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at:at + 2], "big")
    at += 1 + body[at]
    extensions = body[at + 2:] + struct.pack(">HH", 21, size) + bytes(size)
    message = body[:at] + struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(message).to_bytes(3, "big") + message
    return in_records(flight[:3] + b"\0\0" + message, [16384] * (len(message) // 16384))


def seen(data):
    """The answer without what TLS draws at random: records with their sizes, plain contents with holes."""
    if data[:1] not in (b"\x14", b"\x15", b"\x16", b"\x17"):
        return re.sub(rb"Date: [^\r]*", b"Date: X", data)
    out, at = [], 0
    while at + 5 <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 3:at + 5], "big")
        body = bytearray(data[at + 5:at + 5 + size])
        if kind == 22 and body[:1] == b"\x02":  # ServerHello: random, key share
            body[6:38] = bytes(32)
            if len(body) >= 40 and b"\x00\x33\x00\x24\x00\x1d\x00\x20" in body:
                share = body.index(b"\x00\x33\x00\x24\x00\x1d\x00\x20") + 8
                body[share:share + 32] = bytes(32)
            out.append((kind, bytes(data[at + 1:at + 5]), bytes(body)))
        elif kind in (20, 21) or (kind == 22 and body[:1] in (b"\x0b", b"\x0e")):
            out.append((kind, bytes(data[at + 1:at + 5]), bytes(body)))
        else:
            out.append((kind, bytes(data[at + 1:at + 5]), None))
        at += 5 + size
    return out, data[at:]
