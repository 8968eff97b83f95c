"""The yardstick of the WebSocket API benchmark: the echo loop of `websockets`, as its documentation has it.

python -m benchmarks.ws_echo PORT
"""

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, serve


async def _echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def _main(port: int) -> None:
    async with serve(_echo, "127.0.0.1", port, compression=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
