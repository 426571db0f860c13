#!/usr/bin/env python3
"""hush - a proxy that cuts connections on which nothing moves: hush.py PORT SECONDS

Listens on a free port of loopback, prints {"port":N}, passes bytes to PORT and back, and closes both
sides when neither has said anything for so many seconds, as load balancers do.
"""
import asyncio
import json
import sys


async def pump(reader, writer, moved):
    try:
        while data := await reader.read(65536):
            moved()
            writer.write(data)
            await writer.drain()
    except OSError:
        pass


async def serve(reader, writer, port, limit):
    loop = asyncio.get_running_loop()
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    last = loop.time()

    def moved():
        nonlocal last
        last = loop.time()

    pumps = [asyncio.create_task(pump(reader, there_writer, moved)),
             asyncio.create_task(pump(there_reader, writer, moved))]
    while loop.time() - last < limit:
        done, _ = await asyncio.wait(pumps, timeout=last + limit - loop.time(),
                                     return_when=asyncio.FIRST_COMPLETED)
        if done:
            break
    for task in pumps:
        task.cancel()
    for side in (writer, there_writer):
        side.close()


async def main():
    port, limit = int(sys.argv[1]), float(sys.argv[2])
    server = await asyncio.start_server(lambda r, w: serve(r, w, port, limit), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


asyncio.run(main())
