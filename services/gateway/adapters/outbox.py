"""A socket's way out: a bounded queue of frames and the one task that writes them."""

import asyncio
from collections import deque

from aiohttp import WSMsgType, web

MOST_FRAMES = 2048
MOST_BYTES = 4 * 1024 * 1024
_SEND_S = 10.0

# A browser reads no HTTP status of a failed handshake, but it does read these. Any other fault is 1011.
_CLOSE_CODES = {
    "invalid_session_id": 4001,
    "session_not_found": 4004,
    "origin_refused": 4403,
    "session_ended": 4409,
    "session_deleted": 4409,
    "too_many_connections": 4429,
    "too_many_messages": 4429,
    "rate_limited": 4429,
    "draining": 1012,
}
_CLOSE_S = 3.0


class Outbox:
    """Takes frames without waiting, and writes those that wait in one go. A client that does not keep up is closed.

    While a socket is idle this is one parked task and two empty containers.
    """

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._goodbye: tuple[int, str] | None = None
        self._ended = False
        self._wake: asyncio.Future[None] | None = None
        self._emptied: asyncio.Future[None] | None = None
        self._sending: asyncio.Timeout | None = None

    @property
    def closing(self) -> bool:
        """Whether this side has said goodbye, or is about to."""
        return self._goodbye is not None

    def offer(self, data: bytes) -> None:
        """Send a frame soon."""
        if self._ended or self._goodbye:
            return
        if len(self._frames) >= MOST_FRAMES or self._bytes + len(data) > MOST_BYTES:
            self._too_slow()
            return
        self._frames.append(data)
        self._bytes += len(data)
        _resolve(self._wake)

    def close(self, code: int, reason: str) -> None:
        """Close the socket once what waits has been sent."""
        self._goodbye = self._goodbye or (code, reason)
        _resolve(self._wake)

    def dismiss(self, code: str) -> None:
        """Close the socket, for the reason that an `error` frame with this code has given."""
        self.close(_CLOSE_CODES.get(code, 1011), code)

    def end(self) -> None:
        """Write no more: the client is gone."""
        self._ended = True
        _resolve(self._wake)

    async def flush(self) -> None:
        """Wait until nothing waits."""
        if self._frames and not self._ended:
            self._emptied = self._emptied or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._emptied)

    async def write(self) -> None:
        """Write until the end, then say goodbye where something ends the socket from this side."""
        try:
            while await self._something_to_do():
                await self._write_waiting()
        except (ConnectionError, RuntimeError):
            # The client went away in the middle; the reader sees it too.
            self._ended = True
        finally:
            self._frames.clear()
            _resolve(self._emptied)
        if self._goodbye and not self._ended:
            await self._close(*self._goodbye)
        self._ended = True

    async def _something_to_do(self) -> bool:
        """Wait for frames; False when there will be no more."""
        while not self._frames:
            _resolve(self._emptied)
            self._emptied = None
            if self._ended or self._goodbye:
                return False
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
            self._wake = None
        return not self._ended

    async def _write_waiting(self) -> None:
        try:
            async with asyncio.timeout(_SEND_S) as self._sending:
                while self._frames:
                    data = self._frames.popleft()
                    self._bytes -= len(data)
                    await self._socket.send_frame(data, WSMsgType.TEXT)
        except TimeoutError:
            self._too_slow()
        finally:
            self._sending = None

    def _too_slow(self) -> None:
        self._frames.clear()
        self._bytes = 0
        self.close(1013, "too slow to keep up")
        if self._sending is not None and not self._sending.expired():
            self._sending.reschedule(0)

    async def _close(self, code: int, reason: str) -> None:
        """Send the close frame and leave the client time to answer it: the reader, which goes on, hears that.

        aiohttp's own `close` would end the connection under a reader at once, and so could lose the frame.
        """
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._socket.send_frame(code.to_bytes(2, "big") + reason.encode(), WSMsgType.CLOSE)
                while not self._ended:
                    self._wake = asyncio.get_running_loop().create_future()
                    await self._wake
        except (TimeoutError, ConnectionError, RuntimeError):
            if self._transport is not None:
                # What its client does not read must not be kept for it.
                self._transport.abort()


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
