"""A line that breaks: a TCP proxy before a gateway that cuts each connection after a random number of bytes."""

import asyncio
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_PIECE = 64 * 1024
# The fewest and most bytes that pass: clients say little, and most of it in their handshake.
_UPWARDS = (50, 1_000)
_DOWNWARDS = (50, 12_000)


class BreakingLine:
    """Passes bytes on in both directions until one of them has had its share; then both ends are cut off.

    The share is drawn evenly on a logarithmic scale, so that a cut falls into a handshake as often as into the middle of a
    long answer.

    Attributes:
        cuts: how many connections were cut.
        whole: from now on nothing is cut.
    """

    def __init__(self, target: str, rng: random.Random) -> None:
        parts = urlsplit(target)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._rng = rng
        self.url = ""
        self.cuts = 0
        self.whole = False

    @classmethod
    @asynccontextmanager
    async def before(cls, target: str, rng: random.Random) -> "AsyncIterator[BreakingLine]":
        """Listen."""
        line = cls(target, rng)
        server = await asyncio.start_server(line._serve, "127.0.0.1", 0, backlog=512)
        line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield line
        finally:
            server.close()

    async def _serve(self, here: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            there, to_gateway = await asyncio.open_connection(self._host, self._port)
        except OSError:
            to_client.transport.abort()
            return
        upwards = self._rng.random() < 0.25
        share = int(math.exp(self._rng.uniform(*map(math.log, _UPWARDS if upwards else _DOWNWARDS))))
        never = 1 << 60
        ways = [
            asyncio.create_task(self._pass(here, to_gateway, share if upwards else never)),
            asyncio.create_task(self._pass(there, to_client, never if upwards else share)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            # What has been passed on may arrive or not: half of the cuts lose what is still on its way.
            for end in (to_gateway, to_client):
                if self._rng.random() < 0.5:
                    end.transport.abort()
                else:
                    end.close()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, share: int) -> None:
        try:
            while data := await source.read(_PIECE):
                if not self.whole and len(data) >= share:
                    sink.write(data[:share])
                    self.cuts += 1
                    return
                share -= len(data)
                sink.write(data)
                await sink.drain()
        except OSError:
            return
