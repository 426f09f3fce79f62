"""A client of the public API that checks what it sees: every stream it reads must add up."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp

ANSWER_S = 30.0
Frame = dict[str, Any]


class Client:
    """Speaks HTTP to one gateway."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> "AsyncIterator[Client]":
        """Open a client."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90)) as http:
            yield cls(url, http)

    async def request(self, method: str, path: str, **options: Any) -> tuple[int, Any, dict[str, str]]:
        """Make a request; give status, decoded body and headers."""
        async with self.http.request(method, self.url + path, **options) as answer:
            text = await answer.text()
            body = json.loads(text) if "json" in answer.content_type else text
            return answer.status, body, dict(answer.headers)

    async def create(self, **fields: Any) -> str:
        """Create a session; give its id."""
        status, body, _ = await self.request("POST", "/api/sessions", json=fields)
        assert status == 200, body
        return body["session_id"]

    async def send(self, session_id: str, message: str, **fields: Any) -> tuple[int, Any, dict[str, str]]:
        """Send a message and wait for the answer."""
        return await self.request(
            "POST", f"/api/chat/sessions/{session_id}/messages", json={"message": message, **fields}
        )

    async def history(self, session_id: str, **query: Any) -> dict[str, Any]:
        """Read the messages of a session."""
        status, body, _ = await self.request("GET", f"/api/chat/sessions/{session_id}/messages", params=query)
        assert status == 200, body
        return body

    @asynccontextmanager
    async def socket(self, session_id: str, cursor: str | None = None) -> "AsyncIterator[Socket]":
        """Open a WebSocket and read its first frame."""
        query = {"session_id": session_id} | ({"cursor": cursor} if cursor else {})
        async with self.http.ws_connect(self.url.replace("http", "ws", 1) + "/ws", params=query) as ws:
            socket = Socket(ws)
            socket.connected = await socket.read()
            assert socket.connected["type"] == "connected", socket.connected
            yield socket


class Socket:
    """One WebSocket; keeps every frame, and follows the text of the running attempt as an honest client does."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.frames: list[Frame] = []
        self.connected: Frame = {}
        self.text = ""
        self.attempt: tuple[str, int] | None = None
        self.cursor: str | None = None

    async def send(self, content: str, **fields: Any) -> None:
        """Send a message."""
        await self.ws.send_json({"type": "message", "content": content, **fields})

    async def read(self, timeout: float = ANSWER_S) -> Frame:
        """Read one frame and check it against those before it."""
        message = await self.ws.receive(timeout)
        assert message.type is aiohttp.WSMsgType.TEXT, f"{message!r}, closed with {self.ws.close_code}"
        frame: Frame = json.loads(message.data)
        self.frames.append(frame)
        assert_aware(frame["timestamp"])
        self.cursor = frame.get("cursor", self.cursor)
        self._follow(frame)
        return frame

    def _follow(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "start":
            self.text, self.attempt = "", (frame["turn_id"], frame["attempt"])
        elif kind == "text":
            assert frame["offset"] == len(self.text), f"text at {frame['offset']} after {len(self.text)} characters"
            assert self.attempt == (frame["turn_id"], frame["attempt"])
            self.text += frame["content"]
        elif kind == "complete":
            assert frame["message"]["content"] == self.text, "joined text is not the stored answer"
            assert self.attempt == (frame["turn_id"], frame["attempt"])

    async def until(self, kind: str, timeout: float = ANSWER_S) -> Frame:
        """Read up to the next frame of a type."""
        async with asyncio.timeout(timeout):
            while True:
                frame = await self.read(timeout)
                if frame["type"] == kind:
                    return frame

    async def ask(self, content: str, **fields: Any) -> Frame:
        """Send a message and read up to `complete`."""
        await self.send(content, **fields)
        return await self.until("complete")

    def kinds(self) -> list[str]:
        """Give the types of the frames seen, runs of `text` and `status` as one."""
        kinds: list[str] = []
        for frame in self.frames:
            if not (kinds and frame["type"] == kinds[-1] and frame["type"] in ("text", "status")):
                kinds.append(frame["type"])
        return kinds


def assert_aware(text: str) -> None:
    """Check that a time has an offset (R18)."""
    assert datetime.fromisoformat(text).utcoffset() is not None, f"{text} has no offset"


def assert_times_aware(value: Any) -> None:
    """Check every time in a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and (key == "timestamp" or key.endswith("_at") or key == "last_activity"):
                assert_aware(inner)
            assert_times_aware(inner)
    elif isinstance(value, list):
        for inner in value:
            assert_times_aware(inner)
