"""The outbox over real connections: what is said arrives whole, and who does not read harms nobody else."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, ClientTimeout, WSMsgType, web

from libs.contracts.channels import encode
from libs.contracts.frames import MessageAddedFrame, Resync, Start, Text
from services.gateway.adapters.outbox import Outbox
from services.gateway.adapters.wires import ROOM_BYTES, SocketWire, StreamWire
from services.gateway.domain.backlog import BEHIND_FRAMES, MOST_BYTES, MOST_FRAMES
from tests.support.event_stream import event_stream
from tests.unit.gateway.fakes import NOW, message

STALLED_S = 1.0


class Room:
    """A server that says the same to all who listen."""

    def __init__(self) -> None:
        self.outboxes: list[Outbox] = []
        self.dropped: list[int | None] = []
        self.said = 0
        self.url = ""

    def say(self, content: str) -> None:
        frame = Text(
            content=content, offset=self.said, turn_id="turn_1", attempt=1, timestamp=NOW, cursor=str(self.said)
        )
        self.said += len(content)
        self.offer(frame)

    def offer(self, frame: object) -> None:
        data = encode(frame)
        for outbox in self.outboxes:
            outbox.offer(data, frame)

    def _resume(self, outbox: Outbox, seq: int | None) -> None:
        self.dropped.append(seq)
        for frame in (Resync(seq=seq or 0), Start(turn_id="turn_1", attempt=1)):
            outbox.offer(encode(frame), frame)

    @asynccontextmanager
    async def listening(self, outbox: Outbox) -> AsyncIterator[None]:
        outbox.on_dropped = lambda seq: self._resume(outbox, seq)
        self.outboxes.append(outbox)
        try:
            yield
        finally:
            outbox.end()
            self.outboxes.remove(outbox)

    async def socket(self, request: web.Request) -> web.StreamResponse:
        opened = web.WebSocketResponse(compress=False)
        writer = await opened.prepare(request)
        async with asyncio.TaskGroup() as tasks:
            outbox = Outbox(SocketWire(request, opened, writer), tasks.create_task, stalled_s=STALLED_S)
            async with self.listening(outbox):
                async for _ in opened:
                    pass
        return opened

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        response.force_close()
        writer = await response.prepare(request)
        await response.write(b"retry: 3000\n\n")
        async with asyncio.TaskGroup() as tasks:
            outbox = Outbox(StreamWire(request, writer), tasks.create_task, stalled_s=STALLED_S)
            async with self.listening(outbox):
                await outbox.over()
                await response.write_eof()
        return response

    async def joined(self, count: int) -> None:
        async with asyncio.timeout(3):
            while len(self.outboxes) != count:
                await asyncio.sleep(0.01)


@pytest.fixture
async def room():
    opened = Room()
    app = web.Application()
    app.router.add_get("/ws", opened.socket)
    app.router.add_get("/events", opened.stream)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    opened.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield opened
    finally:
        await runner.cleanup()


@pytest.fixture
async def http():
    async with ClientSession(timeout=ClientTimeout(None)) as session:
        yield session


class Deaf:
    """A client that connects and reads only when it is told to."""

    def __init__(self, room: Room, path: str) -> None:
        self.plug = socket.socket()
        self.plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.plug.setblocking(False)
        self.path = path
        self.host, self.port = room.url.removeprefix("http://").split(":")

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.plug, (self.host, int(self.port)))
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        head = f"GET {self.path} HTTP/1.1\r\nHost: x\r\n{upgrade if self.path == '/ws' else ''}\r\n"
        await loop.sock_sendall(self.plug, head.encode())
        return self

    async def __aexit__(self, *_):
        self.plug.close()

    async def read(self, most: int = 65536) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.plug, most)

    async def rest(self) -> bytes:
        data = b""
        while piece := await self.read():
            data += piece
        return data


async def heard(ws, until):
    """Read text up to so many characters, as a client that only appends does; gives it with the frames' number."""
    text, count = "", 0
    while len(text) < until:
        frame = await ws.receive_json(timeout=5)
        assert frame["offset"] == len(text)
        text, count = text + frame["content"], count + 1
    return text, count


def all_said(count, length):
    return [chr(97 + number % 26) * length for number in range(count)]


@pytest.mark.parametrize("size", [1, 125, 126, 65535, 65536, 300_000])
async def test_frames_of_every_size_arrive_whole(room, http, size):
    async with http.ws_connect(room.url + "/ws", max_msg_size=0) as ws, event_stream(
        http, "GET", room.url + "/events", read_bufsize=2**20
    ) as stream:  # fmt: skip
        await room.joined(2)
        overhead = len(encode(Text(content="", offset=0, turn_id="t", attempt=1)))
        frame = Text(content="x" * max(size - overhead, 0), offset=0, turn_id="t", attempt=1)
        room.offer(frame)
        room.offer(Start(turn_id="t", attempt=2))
        data = (await ws.receive(5)).data
        assert data == encode(frame).decode()
        assert len(data) >= size
        assert (await ws.receive_json(timeout=5))["type"] == "start"
        assert await stream.read() == json.loads(data)
        assert (await stream.read())["type"] == "start"


async def test_a_burst_arrives_whole_and_text_is_joined(room, http):
    async with http.ws_connect(room.url + "/ws") as ws, event_stream(http, "GET", room.url + "/events") as stream:
        await room.joined(2)
        pieces = all_said(4000, 10)
        for piece in pieces:
            room.say(piece)
        text, count = await heard(ws, room.said)
        assert text == "".join(pieces)
        assert BEHIND_FRAMES < count < 1000
        while len(stream.text) < room.said:
            await stream.read(5)
        assert stream.text == "".join(pieces)
        assert stream.last_id == stream.frames[-1]["cursor"] == str(room.said - 10)
        assert room.dropped == []


async def test_a_client_that_is_slow_but_reads_is_kept_and_told_of_what_was_dropped(room):
    async with Deaf(room, "/ws") as deaf:
        await room.joined(1)
        for seq in range(1, MOST_FRAMES + 300):
            room.offer(MessageAddedFrame(message=message(seq, "user", "x" * 500)))
        data = b""
        async with asyncio.timeout(20):
            while not room.dropped:
                data += await deaf.read(4096)
                await asyncio.sleep(0.05)
        assert room.outboxes
        first_missed = room.dropped[0]
        assert first_missed is not None
        room.say("after")
        async with asyncio.timeout(5):
            while b"after" not in data:
                data += await deaf.read()
        shown = [seq for seq in range(1, MOST_FRAMES + 300) if b'"seq":%d,' % seq in data]
        assert shown == list(range(1, first_missed))
        assert data.index(b'"resync"') < data.index(b'"start"') < data.index(b"after")


@pytest.mark.parametrize("path", ["/ws", "/events"])
async def test_a_client_that_takes_nothing_is_let_go_and_others_go_on(room, http, path):
    async with Deaf(room, path), http.ws_connect(room.url + "/ws") as good:
        await room.joined(2)
        begun, worst, said = asyncio.get_running_loop().time(), 0.0, ""
        async with asyncio.timeout(STALLED_S + 6):
            while len(room.outboxes) > 1:
                sent = asyncio.get_running_loop().time()
                room.say("x" * 2000)
                frame = await good.receive_json(timeout=1)
                worst = max(worst, asyncio.get_running_loop().time() - sent)
                said += frame["content"]
                await asyncio.sleep(0.01)
        took = asyncio.get_running_loop().time() - begun
        assert STALLED_S < took < STALLED_S + 5
        assert len(said) == room.said
        assert worst < 0.5


async def test_a_client_that_wakes_up_in_time_reads_why_it_is_closed(room):
    async with Deaf(room, "/ws") as deaf:
        await room.joined(1)
        outbox = room.outboxes[0]
        for _ in range(1000):
            room.say("x" * 1000)
        async with asyncio.timeout(5):
            while not outbox.closing:
                await asyncio.sleep(0.02)
            data = await deaf.rest()
        assert data.endswith(b"\x88\x15" + (1013).to_bytes(2, "big") + b"too slow to keep up")
    await room.joined(0)


async def test_a_goodbye_follows_what_was_said(room, http):
    async with http.ws_connect(room.url + "/ws") as ws:
        await room.joined(1)
        for piece in all_said(100, 5000):
            room.say(piece)
        room.outboxes[0].close(1012, "service restart")
        await heard(ws, room.said)
        assert (await ws.receive(5)).type is WSMsgType.CLOSE
        assert ws.close_code == 1012
    await room.joined(0)


async def test_little_is_kept_for_a_client_below_the_queue(room):
    async with Deaf(room, "/ws"):
        await room.joined(1)
        outbox = room.outboxes[0]
        for _ in range(300):
            room.say("x" * 1000)
            await asyncio.sleep(0)
        assert outbox._wire.waiting() <= ROOM_BYTES + 2000
        assert outbox._backlog is not None
        assert len(outbox._backlog) <= MOST_FRAMES
        assert not outbox._backlog.dropped
        for _ in range(MOST_BYTES // 1000):
            room.say("x" * 1000)
        assert outbox._backlog.dropped


async def test_an_idle_outbox_has_no_task(room, http):
    async with http.ws_connect(room.url + "/ws") as ws:
        await room.joined(1)
        before = len(asyncio.all_tasks())
        room.say("x" * 100_000)
        await heard(ws, room.said)
        room.say("y")
        await ws.receive_json(timeout=5)
        assert len(asyncio.all_tasks()) == before
        assert room.outboxes[0]._backlog is None
