"""Journaling: journal and approvals as steps use them. They are not waited for long, and each outage is told of once."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from libs.contracts.agent import Approval
from libs.contracts.errors import Conflict, DeskError, Unavailable
from services.agent.domain.chat import ToolCall
from services.agent.domain.steps import Step, ToolResult
from services.agent.ports import Approvals, Journal, Log

T = TypeVar("T")


class Journaling:
    """A journal with its approvals that answers in time or counts as away; both are in one database.

    Every method raises `DeskError` where that is away or too slow. What is too slow may be written down all the same.

    Args:
        patience_s: how long one question to it may take.
    """

    def __init__(self, journal: Journal, approvals: Approvals, log: Log, patience_s: float) -> None:
        self._journal = journal
        self._approvals = approvals
        self._log = log
        self._patience_s = patience_s
        self._running: set[asyncio.Task[Any]] = set()
        self._away = False

    async def steps(self, tenant: str, turn_id: str) -> list[Step]:
        """Give the steps of a turn, in their order."""
        return await self._in_time(self._journal.steps(tenant, turn_id))

    async def begin(self, tenant: str, session_id: str, turn_id: str, step: Step) -> None:
        """Write down that a step is about to run.

        Raises:
            Conflict: `step_taken`: its number is there already, or a later attempt has begun one.
        """
        await self._in_time(self._journal.begin(tenant, session_id, turn_id, step))

    async def end(self, tenant: str, turn_id: str, number: int, result: ToolResult) -> None:
        """Write down how a step ended; the first word counts."""
        await self._in_time(self._journal.end(tenant, turn_id, number, result))

    async def request(self, tenant: str, approval: Approval, call: ToolCall) -> Approval:
        """Ask for a person's word; the same turn and call ask once, and get the first one's approval."""
        return await self._in_time(self._approvals.request(tenant, approval, call))

    async def approval(self, tenant: str, approval_id: str) -> tuple[Approval, ToolCall] | None:
        """Give an approval and the call that it is about; None where there is none."""
        return await self._in_time(self._approvals.get(tenant, approval_id))

    async def _in_time(self, asking: Coroutine[Any, Any, T]) -> T:
        # A task of its own: a database that hangs can hold up even the cancelling of a statement.
        task = asyncio.create_task(asking)
        self._running.add(task)
        task.add_done_callback(self._forget)
        try:
            await asyncio.wait([task], timeout=self._patience_s)
        finally:
            task.cancel()
        if not task.done() or task.cancelled():
            self._told("timed_out")
            raise Unavailable("journal_timed_out", "The journal of steps is too slow")
        error = task.exception()
        if error is not None and not isinstance(error, DeskError):
            # A driver can fail in words of its own, at the moment in which its server goes.
            self._told(type(error).__name__)
            raise Unavailable("journal_failed", "The journal of steps has failed") from error
        self._told("" if error is None or isinstance(error, Conflict) else error.code)
        return task.result()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Looked at, so that the loop does not complain of a failure that came after the patience had ended.
            task.exception()

    def _told(self, code: str) -> None:
        """Say once that the journal is away, and once that it is back."""
        if code and not self._away:
            self._log.warning("journal_away", code=code)
        elif self._away and not code:
            self._log.info("journal_back")
        self._away = bool(code)
