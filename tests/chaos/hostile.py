"""Hostile clients, a process of their own, so that what they cost is the gateway's business and not the good clients':

    python -m tests.chaos.hostile '{"url": "http://127.0.0.1:8000", "busy": ["sess_..."], "flooded": ["sess_..."], ...}'

It works until its standard input ends, and prints what it did as one JSON object.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp
import msgspec

from .wire import BINARY, Closed, Wire, frame

SMALL_BUFFER = 2048
ANGER_S = 0.5
BUSY_EVERY_S = 3.0
# Slow readers come within some seconds, and come back as seldom as the limit on handshakes makes a thousand of them do
# that have a few dozen addresses between them.
SLOW_READERS_COME_S = 5.0
SLOW_READERS_REST_S = 30.0
_PINGS = frame(b'{"type":"ping","id":"flood"}') * 20
_GARBAGE = frame(b"{{{{") * 10 + frame(b'{"type":"unknown"}') * 5 + frame(b"\0" * 50, BINARY) * 5
_LARGE = frame(b'{"type":"ping","padding":"' + b"x" * 60_000 + b'"}')


class Job(msgspec.Struct, kw_only=True):
    """What to do.

    Attributes:
        busy: sessions in which long answers are streamed all the time, and which slow readers follow.
        flooded: sessions on whose sockets frames are sent as fast as `flood_rate` allows.
        slow: how many slow readers.
        slow_heads, slow_bodies: connections whose request head, or upload, arrives byte by byte.
        flood_rate: bursts of about 20 frames a second, of each flooding socket; 0: as fast as they are taken.
    """

    url: str
    busy: list[str]
    flooded: list[str]
    slow: int = 200
    slow_heads: int = 40
    slow_bodies: int = 10
    flood_rate: float = 20.0


class Hostile:
    """All hostile clients."""

    def __init__(self, job: Job) -> None:
        self.did: Counter[str] = Counter()
        self._job = job
        parts = urlsplit(job.url)
        self._address = (str(parts.hostname), int(parts.port or 80))

    async def work(self) -> None:
        """Be a nuisance until cancelled."""
        job = self._job
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
            for session_id in job.busy:
                tasks.create_task(self._keep_busy(http, session_id))
            for session_id, _ in zip(itertools.cycle(job.busy), range(job.slow), strict=False):
                tasks.create_task(
                    self._again(
                        "slow reader", lambda key=session_id: self._read_slowly(key), SLOW_READERS_COME_S,
                        SLOW_READERS_REST_S,
                    )
                )  # fmt: skip
            for _ in range(job.slow_heads):
                tasks.create_task(self._again("slow head", self._send_head_slowly))
            for number in range(job.slow_bodies):
                session_id = job.busy[number % len(job.busy)]
                tasks.create_task(self._again("slow body", lambda key=session_id: self._send_body_slowly(key)))
            for number, session_id in enumerate(job.flooded):
                burst = (_PINGS, _GARBAGE, _LARGE, None, _PINGS, _GARBAGE, _LARGE, _PINGS)[number % 8]
                tasks.create_task(self._again("flood", lambda key=session_id, what=burst: self._flood(key, what)))

    async def _again(
        self, name: str, act: Callable[[], Awaitable[None]], come_s: float = ANGER_S, rest_s: float = ANGER_S
    ) -> None:
        """Do it, and come back however it ends."""
        await asyncio.sleep(random.uniform(0, come_s))
        while True:
            self.did[name] += 1
            try:
                await act()
            except Closed as end:
                self.did[f"{name} closed with {end.code}"] += 1
            except (OSError, TimeoutError, asyncio.IncompleteReadError, AssertionError):
                self.did[f"{name} cut off"] += 1
            await asyncio.sleep(random.uniform(0, rest_s))

    async def _keep_busy(self, http: aiohttp.ClientSession, session_id: str) -> None:
        path = f"{self._job.url}/api/chat/sessions/{session_id}/messages"
        await asyncio.sleep(random.uniform(0, BUSY_EVERY_S))
        while True:
            body = {"message": "a long story [tokens=150] [interval=20]"}
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with http.post(path, json=body, headers={"Prefer": "respond-async"}) as answer:
                    self.did[f"long answers asked for: {answer.status}"] += 1
            await asyncio.sleep(BUSY_EVERY_S)

    async def _read_slowly(self, session_id: str) -> None:
        """Follow a session, and read a few bytes a second, or none at all."""
        loop = asyncio.get_running_loop()
        speed = random.choice((0, 16))
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            line.setblocking(False)
            await loop.sock_connect(line, self._address)
            head = f"GET /ws?session_id={session_id} HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\n"
            head += "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            await loop.sock_sendall(line, head.encode())
            while True:
                await asyncio.sleep(1)
                if speed:
                    async with asyncio.timeout(60):
                        if not await loop.sock_recv(line, speed):
                            return
                # A reset shows as an error of the socket, also to those who never read.
                if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    return

    async def _send_head_slowly(self) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: gateway\r\nX-Slow: ")
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.5)
        finally:
            writer.transport.abort()

    async def _send_body_slowly(self, session_id: str) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            start = (
                f'--b\r\nContent-Disposition: form-data; name="session_id"\r\n\r\n{session_id}\r\n'
                '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
            )
            head = (
                "POST /api/chat/upload HTTP/1.1\r\nHost: gateway\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            )
            writer.write(f"{head}Content-Length: 5000000\r\n\r\n{start}".encode())
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.5)
        finally:
            writer.transport.abort()

    async def _flood(self, session_id: str, burst: bytes | None) -> None:
        """Send bursts, and read what comes so as not to be closed for being slow."""
        rate = self._job.flood_rate
        async with Wire.to(self._job.url, session_id) as wire:
            reading = asyncio.create_task(_read_all(wire))
            try:
                while not reading.done():
                    await wire.send(burst or _messages())
                    self.did["bursts"] += 1
                    await asyncio.sleep(1 / rate if rate else 0)
                reading.result()
            finally:
                reading.cancel()


async def _read_all(wire: Wire) -> None:
    while True:
        await wire.read()


def _messages() -> bytes:
    body = {"type": "message", "content": "spam [tokens=1] [interval=0]"}
    return frame(json.dumps(body).encode()) * 5


async def main() -> None:
    """Work until standard input ends."""
    os.nice(15)  # an attacker's own work is not done by the machine that it attacks
    job = msgspec.json.decode(sys.argv[1], type=Job)
    hostile = Hostile(job)
    working = asyncio.create_task(hostile.work())
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    # On a machine that is busy with other work they come late: the siege is measured when it is one.
    while hostile.did["slow reader"] < job.slow and not working.done() and not ended.done():
        await asyncio.sleep(0.05)
    print("at work", flush=True)
    await asyncio.wait([working, ended], return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    await asyncio.wait([working], timeout=5)
    print(json.dumps(hostile.did))
    if working.done() and not working.cancelled():
        working.result()


if __name__ == "__main__":
    asyncio.run(main())
