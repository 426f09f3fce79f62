"""A small HTTP port for orchestrators: liveness, readiness and figures of one process.

The gateway has these routes on its own port; the other services open this one where `DESKBUS_OPERATIONS_PORT` says so.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from libs.contracts.health import HealthReport

from .metrics import own_text

STALLED_S = 5.0


class Liveness:
    """Whether the event loop still turns; says nothing about anything else."""

    def __init__(self) -> None:
        self._last = 0.0

    async def beat(self) -> None:
        """Note, for ever, that the loop turns."""
        clock = asyncio.get_running_loop().time
        while True:
            self._last = clock()
            await asyncio.sleep(1.0)

    def lag_s(self) -> float:
        """Give how late the last beat is, in seconds."""
        return max(0.0, asyncio.get_running_loop().time() - self._last - 1.0)


@asynccontextmanager
async def serve_operations(
    host: str, port: int, liveness: Liveness, report: Callable[[], Awaitable[HealthReport]]
) -> AsyncIterator[None]:
    """Serve `/health/live`, `/health/ready` and `/metrics`; a port of 0 serves nothing."""

    async def live(_: web.Request) -> web.Response:
        lag = liveness.lag_s()
        return web.json_response({"lag_s": round(lag, 3)}, status=200 if lag < STALLED_S else 503)

    async def ready(_: web.Request) -> web.Response:
        told = await report()
        body = msgspec.json.encode(told)
        return web.Response(body=body, content_type="application/json", status=200 if told.ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=own_text(), content_type="text/plain")

    if not port:
        yield
        return
    app = web.Application()
    app.add_routes([web.get("/health/live", live), web.get("/health/ready", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
