"""The floor: a bare aiohttp server that streams the scripted answer over a WebSocket and stores nothing.

It speaks as much of the protocol as the load needs, one frame a token, and is what no system of this kind can beat.
"""

import asyncio
import sys
from itertools import count

import msgspec
import uvloop
from aiohttp import WSMsgType, web

from .checker import FIRST_MS, INTERVAL_MS, TOKENS

_numbers = count()


async def converse(request: web.Request) -> web.StreamResponse:
    """Answer each message of a socket."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    await _tell(socket, type="connected")
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            asked = msgspec.json.decode(message.data)
            await _answer(socket, asked["client_message_id"])
    return socket


async def _answer(socket: web.WebSocketResponse, client_message_id: str) -> None:
    clock = asyncio.get_running_loop().time
    started, turn_id, text = clock(), f"turn_{next(_numbers):06d}", ""
    turn = {"turn_id": turn_id, "attempt": 1}
    await _tell(socket, type="acknowledged", client_message_id=client_message_id)
    await _tell(socket, type="start", **turn)
    for number in range(TOKENS):
        await asyncio.sleep(started + (FIRST_MS + number * INTERVAL_MS) / 1000 - clock())
        token = f"{turn_id[-6:]}:{number} "
        await _tell(socket, type="text", content=token, offset=len(text), **turn)
        text += token
    await _tell(socket, type="complete", message={"content": text}, **turn)


async def _tell(socket: web.WebSocketResponse, **frame: object) -> None:
    await socket.send_frame(msgspec.json.encode(frame), WSMsgType.TEXT)


async def alive(_: web.Request) -> web.Response:
    """Say that it runs."""
    return web.Response(text="ok")


def main() -> None:
    """Serve on the port that the command line gives, on this machine only."""
    app = web.Application()
    app.router.add_get("/ws", converse)
    app.router.add_get("/health/ready", alive)
    loop = uvloop.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main()
