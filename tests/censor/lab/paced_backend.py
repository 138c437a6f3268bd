"""Sites that take their time, for nginx to stand in front of: /paced/length, chunked, events and poll."""
import asyncio

PAUSE = 9  # seconds: longer than anything waits before it suspects
PIECE = b"x" * 10_000


async def answer(writer, path):
    async def say(data):
        writer.write(data)
        await writer.drain()

    head = b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n"
    if path == "/paced/length":
        await say(head + b"Content-Type: text/plain\r\nContent-Length: 40000\r\n\r\n" + 2 * PIECE)
        await asyncio.sleep(PAUSE)
        await say(2 * PIECE)
    elif path == "/paced/chunked":
        await say(head + b"Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await say(b"%x\r\n" % len(PIECE) + PIECE + b"\r\n")
            await asyncio.sleep(PAUSE if number < 2 else 0)
        await say(b"0\r\n\r\n")
    elif path == "/paced/events":
        await say(head + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(6):
            event = b"data: %d %s\n\n" % (number, PIECE[:3000])
            await say(b"%x\r\n" % len(event) + event + b"\r\n")
            await asyncio.sleep(4)
        await say(b"0\r\n\r\n")
    else:
        await asyncio.sleep(2 * PAUSE)
        await say(head + b"Content-Length: 4\r\n\r\nnews")


async def serve(reader, writer):
    try:
        request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        await answer(writer, request.split(" ")[1])
    except (asyncio.IncompleteReadError, ConnectionError, IndexError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 8055)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
