"""The life of a service, without servers."""

import asyncio

import structlog

from libs.runtime.service import Scope


async def test_a_service_stops_even_where_work_swallows_its_cancellation() -> None:
    cancelled = 0

    async def stubborn() -> None:
        nonlocal cancelled
        while cancelled < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled += 1

    async def build(scope: Scope) -> None:
        scope.spawn("stubborn", stubborn)

    stop = asyncio.Event()
    living = asyncio.create_task(Scope("test", "test_1", structlog.get_logger()).live(build, stop))
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(living, 10)
    assert cancelled == 2
