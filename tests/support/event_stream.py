"""A client of server-sent events, as a browser's `EventSource` reads them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

ANSWER_S = 30.0


class EventReader:
    """One stream; keeps every frame, the last id and the last word on when to come back."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.frames: list[dict[str, Any]] = []
        self.ids: list[str | None] = []
        self.last_id: str | None = None
        self.retries: list[int] = []
        self.comments = 0
        self.ended = False

    async def read(self, timeout: float = ANSWER_S) -> dict[str, Any] | None:
        """Read one frame; None at the end."""
        async with asyncio.timeout(timeout):
            data, event_id = "", None
            async for line in self.response.content:
                name, _, value = line.decode().rstrip("\n").partition(":")
                value = value.removeprefix(" ")
                match name:
                    case "data":
                        data += value
                    case "id":
                        event_id = value
                    case "retry":
                        self.retries.append(int(value))
                    case "":
                        self.comments += line == b":\n"
                        if data:
                            self.last_id = event_id or self.last_id
                            self.ids.append(event_id)
                            self.frames.append(json.loads(data))
                            return self.frames[-1]
                    case _:
                        raise AssertionError(f"a field that nobody expects: {line!r}")
            assert not data, f"broken off in the middle: {data}"
            self.ended = True
            return None

    async def until(self, kind: str, timeout: float = ANSWER_S) -> dict[str, Any]:
        """Read up to the next frame of a type."""
        async with asyncio.timeout(timeout):
            while (frame := await self.read(timeout)) is not None:
                if frame["type"] == kind:
                    return frame
        raise AssertionError(f"the stream ended without {kind}: {self.kinds}")

    async def rest(self, timeout: float = ANSWER_S) -> list[dict[str, Any]]:
        """Read up to the end."""
        async with asyncio.timeout(timeout):
            while await self.read(timeout) is not None:
                pass
        return self.frames

    @property
    def kinds(self) -> list[str]:
        """The types of the frames seen, runs of `text` and `status` as one."""
        kinds: list[str] = []
        for frame in self.frames:
            if not (kinds and frame["type"] == kinds[-1] and frame["type"] in ("text", "status")):
                kinds.append(frame["type"])
        return kinds

    @property
    def text(self) -> str:
        """The text of the last attempt, whose offsets must fit."""
        shown = ""
        for frame in self.frames:
            if frame["type"] == "start":
                shown = ""
            elif frame["type"] == "text":
                assert frame["offset"] == len(shown), f"text at {frame['offset']} after {len(shown)} characters"
                shown += frame["content"]
        return shown


@asynccontextmanager
async def event_stream(
    http: Any, method: str, url: str, *, last_event_id: str | None = None, **options: Any
) -> AsyncIterator[EventReader]:
    """Open a stream; `http` is anything with aiohttp's `request`."""
    headers = {"Accept": "text/event-stream", **options.pop("headers", {})}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    async with http.request(method, url, headers=headers, timeout=aiohttp.ClientTimeout(None), **options) as response:
        assert response.status == 200, (response.status, await response.text())
        assert response.content_type == "text/event-stream"
        yield EventReader(response)
