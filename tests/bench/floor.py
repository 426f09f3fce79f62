"""The floor: a bare aiohttp server that streams the scripted answer over WebSockets and stores nothing.

Sockets of one session hear its answers together.

It speaks as much of the protocol as the load needs, one frame a token, and is what no system of this kind can beat.
"""

import asyncio
import sys
from collections import defaultdict
from itertools import count

import msgspec
import uvloop
from aiohttp import WSMsgType, web

from .checker import FIRST_MS, INTERVAL_MS, TOKENS

_numbers = count()
_rooms: defaultdict[str, list[web.WebSocketResponse]] = defaultdict(list)


async def converse(request: web.Request) -> web.StreamResponse:
    """Answer each message of a socket, to all sockets of its session."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    room = _rooms[request.query["session_id"]]
    room.append(socket)
    await _tell([socket], type="connected")
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = msgspec.json.decode(message.data)
                await _tell([socket], type="acknowledged", client_message_id=asked["client_message_id"])
                await _answer(room)
    finally:
        room.remove(socket)
    return socket


async def _answer(room: list[web.WebSocketResponse]) -> None:
    clock = asyncio.get_running_loop().time
    started, turn_id, text = clock(), f"turn_{next(_numbers):06d}", ""
    turn = {"turn_id": turn_id, "attempt": 1}
    await _tell(room, type="start", **turn)
    for number in range(TOKENS):
        await asyncio.sleep(started + (FIRST_MS + number * INTERVAL_MS) / 1000 - clock())
        token = f"{turn_id[-6:]}:{number} "
        await _tell(room, type="text", content=token, offset=len(text), **turn)
        text += token
    await _tell(room, type="complete", message={"content": text}, **turn)


async def _tell(sockets: list[web.WebSocketResponse], **frame: object) -> None:
    data = msgspec.json.encode(frame)
    for socket in list(sockets):
        await socket.send_frame(data, WSMsgType.TEXT)


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
