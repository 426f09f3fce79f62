"""Carrying out: actions that a person allowed, each in a task of its own that no cancellation reaches.

Whoever asked for one may be stopped meanwhile: by the customer, a colleague, a lost lease or a time-out. The action then
goes on to its end, which its own time-out bounds, and what came of it is journaled.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from services.agent.domain.steps import ToolResult
from services.agent.ports import Log

Doing = Callable[[], Coroutine[Any, Any, ToolResult | None]]


class Carrying:
    """The allowed actions that run in this process."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._running: dict[tuple[str, str], asyncio.Task[ToolResult | None]] = {}

    def runs(self, tenant: str, approval_id: str) -> bool:
        """Say whether an action is under way here."""
        return (tenant, approval_id) in self._running

    async def through(self, tenant: str, approval_id: str, doing: Doing) -> ToolResult | None:
        """Do an action and give what came of it; one that is under way is waited for and not done again."""
        key = (tenant, approval_id)
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(doing())
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                self._log.warning("action_outlives_turn", approval=approval_id)
            raise

    async def ended(self, tenant: str, approval_id: str) -> None:
        """Wait until an action is not under way here."""
        if task := self._running.get((tenant, approval_id)):
            await asyncio.wait([task])

    async def drained(self) -> None:
        """Wait until none is under way; each has a time-out of its own."""
        if running := list(self._running.values()):
            await asyncio.wait(running)

    def _forget(self, key: tuple[str, str], task: asyncio.Task[ToolResult | None]) -> None:
        del self._running[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Looked at, so that the loop does not complain where nobody waits any more; without words of customers.
            self._log.warning("action_broke", approval=key[1], code=type(error).__name__)
