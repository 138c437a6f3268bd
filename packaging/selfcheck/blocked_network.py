#!/usr/bin/env python3
"""The outside world of the self-check, inside its private network: real TLS sites, a name server (plain and over
HTTPS), and a censor on the wire towards the client that resets every connection asking for a blocked name, in however
many segments and TLS records that is said: nothing but a bridge passes it.

Sites and censor share the sites' addresses. Connections that arrive from the client's wire are the censor's, which
passes on what it allows; connections made on this side (by the bridge) reach the sites themselves.

    blocked_network.py --certificate FILE --key FILE --wire DEVICE --log FILE"""
import argparse
import asyncio
import base64
import functools
import socket
import ssl
import struct
import urllib.parse

SITES = {"open.example": "93.184.216.10", "blocked.example": "93.184.216.20", "cover.example": "93.184.216.30",
         "dns.example": "93.184.216.53"}
BLOCKED = {"blocked.example"}
RESOLVER = "80.1.1.53"


def listening_socket(address, device):
    # Said to be TCP in so many words: asyncio switches Nagle's algorithm off only then.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    sock.bind((address, 443))
    sock.listen(64)
    sock.setblocking(False)
    return sock


def dns_answer(query):
    """One question in, its A record out; names that are no site's do not exist."""
    end = 12
    labels = []
    while query[end]:
        labels.append(query[end + 1:end + 1 + query[end]].decode("ascii", "replace").lower())
        end += 1 + query[end]
    kind = struct.unpack_from("!H", query, end + 1)[0]
    question = query[12:end + 5]
    address = SITES.get(".".join(labels))
    records = b""
    if address and kind == 1:
        records = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    flags = 0x8180 if address else 0x8183
    return query[:2] + struct.pack("!HHHHH", flags, 1, 1 if records else 0, 0, 0) + question + records


class NameServer(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        try:
            self.transport.sendto(dns_answer(data), address)
        except (IndexError, struct.error):
            pass


async def site(reader, writer, log):
    """HTTP/1.1 with keep-alive: a line of text, or DNS over HTTPS (RFC 8484) at /dns-query."""
    address = writer.get_extra_info("sockname")[0]
    log.write(f"visited {next(name for name, own in SITES.items() if own == address)}\n")
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            target = head[0].split(" ")[1]
            kind, answer = "text/plain", f"Hello from {fields.get('host', 'a site')}\n".encode()
            if target.startswith("/dns-query"):
                encoded = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query).get("dns", [""])[0]
                query = body or base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
                kind, answer = "application/dns-message", dns_answer(query)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n\r\n".encode())
            writer.write(answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, ValueError, IndexError, struct.error):
        pass
    finally:
        writer.close()


def server_name(records):
    """The SNI of a ClientHello, put together from its TLS records; None until it is whole."""
    hello = b""
    while len(records) >= 5 and records[0] == 22:
        length = struct.unpack_from("!H", records, 3)[0]
        hello += records[5:5 + length]
        records = records[5 + length:]
    if len(hello) < 4 or len(hello) < 4 + int.from_bytes(hello[1:4], "big"):
        return None
    at = 38
    at += 1 + hello[at]
    at += 2 + struct.unpack_from("!H", hello, at)[0]
    at += 1 + hello[at]
    end = at + 2 + struct.unpack_from("!H", hello, at)[0]
    at += 2
    while at + 4 <= end:
        kind, length = struct.unpack_from("!HH", hello, at)
        if kind == 0:
            return hello[at + 9:at + 4 + length].decode("ascii", "replace").lower()
        at += 4 + length
    return ""


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (ConnectionError, OSError):
        writer.transport.abort()


class Censor:
    def __init__(self, log):
        self.log = log

    async def connection(self, reader, writer):
        seen = b""
        name = None
        try:
            while name is None and len(seen) < 65536:
                data = await asyncio.wait_for(reader.read(65536), 30)
                if not data:
                    break
                seen += data
                name = server_name(seen) if seen[0] == 22 else ""
        except (asyncio.TimeoutError, ConnectionError, IndexError, struct.error):
            pass
        sock = writer.get_extra_info("socket")
        if name in BLOCKED:
            self.log.write(f"reset {name}\n")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        self.log.write(f"passed {name or 'something without a name'}\n")
        try:
            site_reader, site_writer = await asyncio.open_connection(*sock.getsockname())
        except OSError:
            writer.transport.abort()
            return
        site_writer.write(seen)
        await asyncio.gather(copy(reader, site_writer), copy(site_reader, writer))
        site_writer.close()
        writer.close()


async def main():
    parser = argparse.ArgumentParser()
    for name in ("--certificate", "--key", "--wire", "--log"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    context.set_alpn_protocols(["http/1.1"])
    log = open(options.log, "a", buffering=1)
    censor = Censor(log)
    for address in SITES.values():
        await asyncio.start_server(functools.partial(site, log=log), sock=listening_socket(address, "lo"), ssl=context)
        await asyncio.start_server(censor.connection, sock=listening_socket(address, options.wire))
    await asyncio.get_running_loop().create_datagram_endpoint(NameServer, local_addr=(RESOLVER, 53))
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
