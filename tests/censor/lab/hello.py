"""Odd first bytes that curl does not send: run as a program in the client namespace, used by rule scenarios."""
import json
import os
import socket
import ssl
import struct
import sys
import time


def client_hello(name):
    """A real one, as OpenSSL makes it."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(into, out, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def _in_client(lab, *words):
    done = lab.visitor.run(sys.executable, os.path.abspath(__file__), *words)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def split_hello(lab, name, how):
    """What comes back for a hello sent whole, in two segments, or in two TLS records: reset, answer, silence."""
    from .sites import address4
    return _in_client(lab, "hello", address4(name), name, how)


def dns_answers(lab, name, wait=0.5, questions=1):
    """Every datagram that answers one query, or so many copies of it sent at once: [(seconds, hex)]."""
    from .network import RESOLVER4
    return _in_client(lab, "dns", RESOLVER4, name, str(wait), str(questions))


def first_payload_passes(lab, payload):
    """Whether a first payload to a web port gets any answer (an error page, an alert, a close)."""
    from .sites import address4
    return _in_client(lab, "payload", address4("open.example"), payload.hex())


def _answer(connection, wait):
    connection.settimeout(wait)
    try:
        return "answer" if connection.recv(100) else "close"
    except ConnectionResetError:
        return "reset"
    except TimeoutError:
        return "silence"


def _hello(address, name, how):
    hello = client_hello(name)
    middle = hello.index(name.encode()) + 3
    parts = [hello]
    if how == "segments":
        parts = [hello[:middle], hello[middle:]]
    if how == "records":
        body = hello[5:]
        cut = middle - 5
        parts = [b"".join(hello[:3] + struct.pack(">H", len(part)) + part for part in (body[:cut], body[cut:]))]
    with socket.create_connection((address, 443), 3) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
            time.sleep(0.01)
        return _answer(connection, 1)


def _dns(server, name, wait, questions):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _ in range(questions):
            asking.sendto(query, (server, 53))
        began = time.monotonic()
        while (left := began + wait - time.monotonic()) > 0:
            asking.settimeout(left)
            try:
                data = asking.recv(2000)
            except TimeoutError:
                break
            found.append((time.monotonic() - began, data.hex()))
    return found


def _payload(address, payload):
    with socket.create_connection((address, 80), 3) as connection:
        connection.sendall(payload)
        connection.shutdown(socket.SHUT_WR)
        return _answer(connection, 0.4) != "silence"


if __name__ == "__main__":
    words = sys.argv[2:]
    if sys.argv[1] == "hello":
        result = _hello(*words)
    elif sys.argv[1] == "dns":
        result = _dns(words[0], words[1], float(words[2]), int(words[3]))
    else:
        result = _payload(words[0], bytes.fromhex(words[1]))
    print(json.dumps(result))
