"""DNS over HTTPS (RFC 8484) without the TLS, for nginx to stand in front of: asks the nameserver next door."""
import asyncio
import base64
import urllib.parse


class Ask(asyncio.DatagramProtocol):
    def __init__(self, query, answer):
        self.query, self.answer = query, answer

    def connection_made(self, transport):
        transport.sendto(self.query)

    def datagram_received(self, data, _):
        if not self.answer.done():
            self.answer.set_result(data)


async def resolve(query):
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: Ask(query, answer), remote_addr=("127.0.0.1", 53))
    try:
        return await asyncio.wait_for(answer, 3)
    finally:
        transport.close()


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            if method == "GET":
                text = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query).get("dns", [""])[0]
                body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            status, kind, answer = "200 OK", "application/dns-message", b""
            if len(body) < 12:
                status, kind = "400 Bad Request", "text/plain"
            else:
                answer = await resolve(body)
            writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n"
                         "\r\n".encode() + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.TimeoutError, ValueError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 8053)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
