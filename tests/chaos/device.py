"""One client of a session under faults: it follows, comes back after every break, and sends until it is acknowledged."""

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import aiohttp

from tests.support.evidence import Receipt, Sent
from tests.support.screen import Mark, Screen

# After so long without a word (its own pings are answered) a client takes its connection for dead.
SILENCE_S = 2.0
PING_S = 0.7
CONNECT_S = 2.0
REMEMBERED_MARKS = 40
clock = asyncio.get_running_loop


class Closing(NamedTuple):
    """How a connection ended: the code, and whether `draining` with a hint came before."""

    code: int | None
    hinted: bool


class Broken(Exception):
    """The connection is of no use; the client tries another."""


class Device:
    """One client.

    Args:
        doors: addresses of gateways, or of what stands before them.
        older: how often it comes back with an older cursor than its last, as one does whose page was in the background.

    Attributes:
        screen: what it shows.
        breaks: how often it lost its connection.
        closings: how connections ended that were closed properly, and `dropped`, how many were not.
        refusals: codes of `error` frames.
    """

    def __init__(
        self, session_id: str, name: str, doors: Sequence[str], http: aiohttp.ClientSession, rng: random.Random,
        older: float = 0.2,
    ) -> None:  # fmt: skip
        self.session_id = session_id
        self.screen = Screen(name)
        self.breaks = 0
        self.closings: list[Closing] = []
        self.dropped = 0
        self.refusals: Counter[str] = Counter()
        self.connected = asyncio.Event()
        self._doors = doors
        self._http = http
        self._rng = rng
        self._older = older
        self._marks: deque[Mark] = deque(maxlen=REMEMBERED_MARKS)
        self._waiting: dict[str, tuple[Sent, asyncio.Event]] = {}
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._heard = 0.0
        self._hint: float | None = None

    # --- sending

    async def send(self, sent: Sent) -> None:
        """Send a message, again and again until there is a receipt."""
        known = self._waiting.get(sent.client_message_id)
        receipt = known[1] if known else asyncio.Event()
        self._waiting[sent.client_message_id] = (sent, receipt)
        if self._ws is not None and not self._ws.closed:
            try:
                await self._say(self._ws, sent)
            except (aiohttp.ClientError, OSError):
                pass  # the reader sees it too, and what waits is sent again
        await receipt.wait()

    @property
    def waiting(self) -> list[str]:
        """The messages without a receipt."""
        return list(self._waiting)

    async def _say(self, ws: aiohttp.ClientWebSocketResponse, sent: Sent) -> None:
        await ws.send_json({"type": "message", "content": sent.content, "client_message_id": sent.client_message_id})

    # --- following

    async def run(self) -> None:
        """Follow the session until cancelled."""
        pause = 0.05
        while True:
            try:
                await self._visit(self._rng.choice(self._doors))
            except (aiohttp.ClientError, OSError, TimeoutError, Broken):
                self.breaks += 1
            pause = 0.05 if self.connected.is_set() else min(pause * 2, 0.8)
            self.connected.clear()
            hint, self._hint = self._hint, None
            await asyncio.sleep(self._rng.uniform(0.5, 1.0) * pause if hint is None else min(hint, 1.0))

    async def _visit(self, door: str) -> None:
        query = {"session_id": self.session_id}
        if mark := self._way_back():
            self.screen.go_back(mark)
        if self.screen.cursor is not None:
            query["cursor"] = self.screen.cursor
        async with asyncio.timeout(CONNECT_S):
            ws = await self._http.ws_connect(
                door.replace("http", "ws", 1) + "/ws", params=query, max_msg_size=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=0.3),
            )  # fmt: skip
        try:
            await self._follow(ws)
        finally:
            self._ws = None
            await ws.close()

    def _way_back(self) -> Mark | None:
        return self._rng.choice(self._marks) if self._marks and self._rng.random() < self._older else None

    async def _follow(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._heard = clock().time()
        minder = asyncio.create_task(self._mind(ws))
        try:
            while (message := await ws.receive()).type is aiohttp.WSMsgType.TEXT:
                self._heard = clock().time()
                await self._take(ws, json.loads(message.data))
        finally:
            minder.cancel()
            await asyncio.wait([minder])
        if message.type is aiohttp.WSMsgType.CLOSE:
            self.closings.append(Closing(message.data, self._hint is not None))
        elif message.type is not aiohttp.WSMsgType.CLOSING:  # which is how our own `close` shows
            self.dropped += 1
        raise Broken

    async def _mind(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Ping, and let go of a connection that says nothing or does not acknowledge."""
        since: dict[str, float] = {}
        while True:
            now = clock().time()
            since = {own_id: since.get(own_id, now) for own_id in self._waiting} if self._ws is ws else {}
            if now - min([self._heard, *since.values()]) >= SILENCE_S:
                break
            try:
                await ws.send_json({"type": "ping"})
            except (aiohttp.ClientError, OSError):
                return  # the reader sees it too
            await asyncio.sleep(PING_S)
        await ws.close()

    async def _take(self, ws: aiohttp.ClientWebSocketResponse, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "error" and "turn_id" not in frame:
            self._refused(frame)
            return
        self.screen.take(frame)
        if kind == "connected":
            self._ws = ws
            self.connected.set()
            for sent, _ in list(self._waiting.values()):
                await self._say(ws, sent)
        elif kind == "acknowledged":
            self._acknowledge(frame)
        elif kind == "draining":
            self._hint = frame["retry_after_ms"] / 1000
        elif kind == "resync":
            await self._fetch(frame["seq"])
        if (mark := self.screen.mark()) and self._rng.random() < 0.05:
            self._marks.append(mark)

    def _refused(self, frame: dict[str, Any]) -> None:
        self.refusals[frame["code"]] += 1
        if not frame["retryable"]:
            self.screen.view.faults.append(f"refused for good: {frame['code']}")
        raise Broken

    def _acknowledge(self, frame: dict[str, Any]) -> None:
        sent, receipt = self._waiting.pop(frame["client_message_id"], (None, None))
        if sent is not None and receipt is not None:
            sent.receipts.append(Receipt(frame["message_id"], frame["seq"], clock().time(), "socket"))
            receipt.set()

    async def _fetch(self, seq: int) -> None:
        """Read the history after a `resync`."""
        await retried(lambda door: self._read(door, seq), self._doors, self._rng)

    async def _read(self, door: str, seq: int) -> None:
        path = f"{door}/api/chat/sessions/{self.session_id}/messages"
        async with (
            asyncio.timeout(CONNECT_S),
            self._http.get(path, params={"after_seq": seq - 1, "limit": 200}) as answer,
        ):
            answer.raise_for_status()
            for message in (await answer.json())["messages"]:
                self.screen.view.fetched.add(message["id"])


async def retried(work: Callable[[str], Any], doors: Sequence[str], rng: random.Random) -> Any:
    """Do something over HTTP at any door, until it succeeds."""
    pause = 0.1
    while True:
        try:
            return await work(rng.choice(doors))
        except (aiohttp.ClientError, OSError, TimeoutError):
            await asyncio.sleep(rng.uniform(0.5, 1.0) * pause)
            pause = min(pause * 2, 1.0)
