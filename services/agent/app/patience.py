"""Patience: how long an answer waits for the ledger, and one line for each outage of it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from libs.contracts.errors import DeskError
from services.agent.ports import Log

T = TypeVar("T")

# How long an answer waits for what it sets aside, in seconds.
PATIENCE_S = 0.5
# After a failure the ledger is not asked for so long: a database that hangs costs an answer no wait for each call.
PAUSE_S = 1.0


class Patience:
    """Asks the ledger for answers that cannot wait for it.

    Args:
        patience_s: how long an answer waits.
    """

    def __init__(self, log: Log, patience_s: float = PATIENCE_S) -> None:
        self._log = log
        self._patience_s = patience_s
        self._running: set[asyncio.Task[Any]] = set()
        self._away = False
        self._not_before = 0.0

    async def ask(self, asking: Coroutine[Any, Any, T]) -> T | None:
        """Give what the ledger says; None where it is away, fails or takes too long."""
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            asking.close()
            return None
        # A task of its own: a database that hangs can hold up even the cancelling of a statement.
        task = asyncio.create_task(asking)
        self._running.add(task)
        task.add_done_callback(self._ended)
        try:
            await asyncio.wait([task], timeout=self._patience_s)
        finally:
            task.cancel()
        if not task.done() or task.cancelled():
            self.failed("timed_out")
        elif error := task.exception():
            self.failed(code_of(error))
        else:
            self.went_well()
            return task.result()
        return None

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits for it any more

    def failed(self, code: str) -> None:
        """Say once that the ledger is away."""
        self._not_before = asyncio.get_running_loop().time() + PAUSE_S
        if not self._away:
            self._log.warning("ledger_away", code=code)
        self._away = True

    def went_well(self) -> None:
        """Say once that the ledger is back."""
        self._not_before = 0.0
        if self._away:
            self._log.info("ledger_back")
        self._away = False


def code_of(error: BaseException) -> str:
    """Name an error for a log line; a driver's own words stay out of it."""
    return error.code if isinstance(error, DeskError) else type(error).__name__
