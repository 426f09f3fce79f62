"""Bodies that are streamed to a client: never whole in this process, and never half of one taken for whole."""

import asyncio
from collections.abc import AsyncGenerator

from aiohttp import web

from libs.contracts.errors import DeskError

_SLOW_READER_S = 60.0


async def send_whole(
    request: web.Request, response: web.StreamResponse, first: bytes, pieces: AsyncGenerator[bytes, None]
) -> None:
    """Send a body in pieces; where it breaks off, so does the connection, and the client sees that.

    Raises:
        ConnectionResetError: it broke off.
    """
    try:
        async with asyncio.timeout(_SLOW_READER_S):
            await response.write(first)
        async for piece in pieces:
            async with asyncio.timeout(_SLOW_READER_S):
                await response.write(piece)
        await response.write_eof()
    except (DeskError, TimeoutError) as fault:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError from fault
