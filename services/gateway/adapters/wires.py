"""How a frame is put on a client's connection: over a WebSocket, or as a server-sent event.

Both write to the transport at once and without a task, as long as the client takes what it is sent: a frame for many
clients then costs one call each.
"""

import asyncio
import socket
from typing import ClassVar, Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from libs.contracts.frames import Draining, Frame

# What may wait in this process below the queue of frames, where it can be neither joined nor dropped any more: enough for a
# busy moment of an answer, and small beside what the queue may hold.
ROOM_BYTES = 16 * 1024
# What may wait in the kernel that is not even on its way: without a bound the kernel takes megabytes for a client that reads
# nothing, and nobody notices that it does. What is on its way is not counted, so that no line becomes slower.
_UNSENT_BYTES = 16 * 1024
_UNACKNOWLEDGED_MS = 30_000
_TEXT, _CLOSE = 0x81, 0x88


class Wire(Protocol):
    """One client's connection, for writing."""

    @property
    def has_room(self) -> bool:
        """Whether a frame may be put; True where the client is gone, too: it is lost either way."""
        ...

    def put(self, data: bytes, frame: Frame | None) -> None:
        """Put a frame on its way."""
        ...

    async def drained(self) -> None:
        """Wait until there is room. Raises ConnectionError where the client is gone."""
        ...

    def waiting(self) -> int:
        """Give the bytes that the client has not taken, as far as this process knows."""
        ...

    def say_goodbye(self, code: int, reason: str) -> None:
        """Tell the client that nothing more comes."""
        ...

    def abort(self) -> None:
        """End the connection, with all that waits."""
        ...


class _Line:
    """A transport with a small buffer, and aiohttp's word for when it has emptied."""

    __slots__ = ("_transport", "_writer")

    def __init__(self, request: web.Request, writer: AbstractStreamWriter) -> None:
        if request.transport is None:
            raise ConnectionResetError("the client has gone")
        self._transport = request.transport
        self._writer = writer
        self._transport.set_write_buffer_limits(high=ROOM_BYTES)
        self._set("TCP_NOTSENT_LOWAT", _UNSENT_BYTES)

    @property
    def has_room(self) -> bool:
        """Whether a frame may be put."""
        return self._transport.get_write_buffer_size() <= ROOM_BYTES

    async def drained(self) -> None:
        """Wait until there is room."""
        while not self.has_room:
            if self._transport.is_closing():
                raise ConnectionResetError("the client has gone")
            # What was written in this step has not been tried yet.
            await asyncio.sleep(0)
            await self._writer.drain()

    def _set(self, name: str, value: int) -> None:
        """Set an option of TCP, where this system has it."""
        plug, option = self._transport.get_extra_info("socket"), getattr(socket, name, None)
        if plug is not None and option is not None:
            plug.setsockopt(socket.IPPROTO_TCP, option, value)

    def waiting(self) -> int:
        """Give the bytes that the client has not taken."""
        return self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """End the connection, with all that waits."""
        self._transport.abort()


class SocketWire(_Line):
    """A WebSocket without compression (RFC 6455, 5.2: a server's frames are not masked)."""

    __slots__ = ("_socket",)
    # Of all sockets: the text that was framed last, and its frame.
    _last: ClassVar[tuple[bytes, bytes]] = (b"", b"")

    def __init__(self, request: web.Request, socket: web.WebSocketResponse, writer: AbstractStreamWriter) -> None:
        super().__init__(request, writer)
        self._socket = socket

    def put(self, data: bytes, frame: Frame | None) -> None:  # noqa: ARG002 - the other wire needs it
        """Put a frame on its way, as text; the same bytes for many sockets in a row get their head once."""
        if SocketWire._last[0] is not data:
            SocketWire._last = (data, _head(_TEXT, len(data)) + data)
        self._write(SocketWire._last[1])

    def say_goodbye(self, code: int, reason: str) -> None:
        """Send the close frame.

        aiohttp's own `close` would end the connection under a reader at once, and so could lose the frame.
        """
        data = code.to_bytes(2, "big") + reason.encode()
        self._write(_head(_CLOSE, len(data)) + data)

    def hang_up(self) -> None:
        """End the connection of a client that has answered our goodbye.

        aiohttp, which does not know that it was said, would say another: browsers take that for a fault, and show the page
        1006 instead of the code.
        """
        self._transport.close()

    def _write(self, framed: bytes) -> None:
        # After the closing handshake, whoever began it, nothing may follow.
        if not self._socket.closed and not self._transport.is_closing():
            self._transport.write(framed)


class StreamWire(_Line):
    """A response of server-sent events whose head has been sent (HTML Living Standard, 9.2)."""

    __slots__ = ("_is_chunked",)

    def __init__(self, request: web.Request, writer: AbstractStreamWriter) -> None:
        super().__init__(request, writer)
        self._is_chunked = request.version >= (1, 1)
        # Nobody answers an event: that the other end is gone shows in what it does not acknowledge.
        self._set("TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS)

    def put(self, data: bytes, frame: Frame | None) -> None:
        """Put a frame on its way as an event; its cursor is the event's id, so that browsers come back with it."""
        self._write(event(data, frame))

    def comment(self) -> None:
        """Put a line that clients skip, so that nobody between takes the stream for dead."""
        self._write(b":\n\n")

    @property
    def is_lost(self) -> bool:
        """Whether the client has gone."""
        return self._transport.is_closing()

    def say_goodbye(self, code: int, reason: str) -> None:
        """Nothing is said: the end of the stream follows."""

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)


def event(data: bytes, frame: Frame | None) -> bytes:
    """Write a frame, which as JSON has no line breaks, as a server-sent event."""
    text = b"data: %b\n\n" % data
    if frame is None:
        return text
    if isinstance(frame.cursor, str):
        text = b"id: %b\n%b" % (frame.cursor.encode(), text)
    if isinstance(frame, Draining):
        text = b"retry: %d\n%b" % (frame.retry_after_ms, text)
    return text


def _head(kind: int, length: int) -> bytes:
    if length < 126:
        return bytes((kind, length))
    if length < 65536:
        return bytes((kind, 126)) + length.to_bytes(2, "big")
    return bytes((kind, 127)) + length.to_bytes(8, "big")
