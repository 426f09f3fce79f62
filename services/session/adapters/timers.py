"""Timers of asyncio: what this process does later, in tasks that it owns."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from libs.contracts.errors import DeskError

Action = Callable[[], Awaitable[None]]

_MOST_PENDING = 10_000
_MARGIN_S = 0.005  # the loop's clock may call a little early, and Postgres's must have got there
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class AsyncTimers:
    """Does things later; too many at once are left to the sweeper."""

    def __init__(self) -> None:
        self._pending = 0
        self._due: asyncio.Queue[Action] = asyncio.Queue()

    def after(self, seconds: float, action: Action) -> None:
        if self._pending < _MOST_PENDING:
            self._pending += 1
            asyncio.get_running_loop().call_later(seconds + _MARGIN_S, self._due.put_nowait, action)

    async def run(self) -> None:
        """Do what is due, side by side; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                action = await self._due.get()
                self._pending -= 1
                tasks.create_task(_tried(action))


async def _tried(action: Action) -> None:
    try:
        await action()
    except DeskError as fault:
        _log.debug("timer_failed", reason=fault.code)
