"""A WebSocket client without manners: it sends whatever bytes it is given, in frames that no library would make."""

import asyncio
import base64
import contextlib
import json
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_KEY = base64.b64encode(os.urandom(16)).decode()


class Received(NamedTuple):
    """One frame from the server."""

    opcode: int
    data: bytes


class Closed(Exception):
    """The server has closed the connection, with this code; None where it gave none."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


def frame(data: bytes, opcode: int = TEXT, *, final: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """Build a frame as RFC 6455 (section 5.2) has it, or as it forbids."""
    head = bytes([(0x80 if final else 0) | (reserved & 7) << 4 | (opcode & 15)])
    mask_bit = 0x80 if masked else 0
    if len(data) < 126:
        head += bytes([mask_bit | len(data)])
    elif len(data) < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack("!H", len(data))
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", len(data))
    if not masked:
        return head + data
    return head + b"\0\0\0\0" + data  # a mask of zeros is one


class Wire:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def to(
        cls, url: str, session_id: str, cursor: str | None = None, *, limit: int | None = None
    ) -> "AsyncIterator[Wire]":
        """Connect and make the handshake.

        Args:
            limit: how many bytes are read ahead; a small one makes a slow reader.
        """
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=limit or 1 << 20)
        try:
            query = f"session_id={session_id}" + (f"&cursor={cursor}" if cursor else "")
            writer.write(
                f"GET /ws?{query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 101 " in head.split(b"\r\n", 1)[0], head
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    async def send(self, data: bytes) -> None:
        """Send bytes; a connection that is gone takes them, too."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError:
            return

    def finish(self) -> None:
        """Send nothing more."""
        with contextlib.suppress(OSError):
            self.writer.write_eof()

    async def say(self, **fields: Any) -> None:
        """Send a JSON object."""
        await self.send(frame(json.dumps(fields).encode()))

    async def read(self) -> Received:
        """Read a frame; the server's pings are answered.

        Raises:
            Closed: the connection is over.
        """
        while True:
            try:
                head = await self.reader.readexactly(2)
                size = head[1] & 0x7F
                if size >= 126:
                    extended = await self.reader.readexactly(2 if size == 126 else 8)
                    size = int.from_bytes(extended, "big")
                data = await self.reader.readexactly(size)
            except (OSError, asyncio.IncompleteReadError):
                raise Closed(None) from None
            opcode = head[0] & 15
            if opcode == CLOSE:
                raise Closed(int.from_bytes(data[:2], "big") if len(data) >= 2 else None)
            if opcode != PING:
                return Received(opcode, data)
            await self.send(frame(data, PONG))

    async def read_json(self) -> dict[str, Any]:
        """Read up to the next text frame."""
        while (received := await self.read()).opcode != TEXT:
            pass
        return json.loads(received.data)
