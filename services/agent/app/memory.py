"""Memory: the facts of sessions, kept and recalled as far as that is possible; an answer never waits long for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from libs.contracts.agent import AskFacts, KnownFact, KnownFacts
from libs.contracts.context import Context
from libs.contracts.errors import DeskError, Unavailable
from libs.contracts.session import ClaimedTurn, SessionDeleted
from services.agent.domain import facts, history
from services.agent.domain.facts import Fact
from services.agent.ports import Log, Memories

# How long an answer waits for its memory, in seconds.
PATIENCE_S = 0.5


class Memory:
    """What answers know of their customers.

    Args:
        patience_s: how long an answer waits.
    """

    def __init__(self, memories: Memories, log: Log, patience_s: float = PATIENCE_S) -> None:
        self._memories = memories
        self._log = log
        self._patience_s = patience_s
        self._running: set[asyncio.Task[list[Fact]]] = set()
        self._away = False

    async def attend(self, turn: ClaimedTurn) -> list[Fact]:
        """Keep the facts of a turn's questions and give all of its session, what was told last at the end.

        Where they cannot be had in time, those of the messages at hand are given, and one warning says so for each
        outage.
        """
        known = await self._in_time(self._keep_and_recall(turn))
        return facts.told([*turn.history, *turn.questions]) if known is None else known

    async def known(self, request: AskFacts, ctx: Context) -> KnownFacts:  # noqa: ARG002 - a handler's shape
        """Give the facts of the session that the subject names; none where nothing is known of it.

        Raises:
            Unavailable: memory is away, or too slow.
        """
        known = await self._in_time(self._memories.recall(ctx.tenant, ctx.key))
        if known is None:
            raise Unavailable("memory_unavailable", "What is remembered of this session cannot be read right now")
        return KnownFacts([KnownFact(kind=fact.kind, value=fact.value) for fact in known])

    async def forget(self, event: SessionDeleted, ctx: Context) -> None:
        """Forget a session that was deleted. Forgetting twice does nothing.

        Raises:
            DeskError: it could not be done now.
        """
        await self._memories.forget(ctx.tenant, event.session_id)

    async def _in_time(self, recalling: Coroutine[Any, Any, list[Fact]]) -> list[Fact] | None:
        """Give what memory says; None where it fails or takes too long."""
        # A task of its own: a database that hangs can hold up even the cancelling of a statement.
        task = asyncio.create_task(recalling)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait([task], timeout=self._patience_s)
        finally:
            task.cancel()
        if not task.done() or task.cancelled():
            code = "timed_out"
        elif error := task.exception():
            code = error.code if isinstance(error, DeskError) else type(error).__name__
        else:
            self._told("")
            return task.result()
        self._told(code)
        return None

    async def _keep_and_recall(self, turn: ClaimedTurn) -> list[Fact]:
        if new := facts.told([*history.told_to_colleagues(turn.history), *turn.questions]):
            await self._memories.learn(turn.tenant, turn.session_id, new)
        return await self._memories.recall(turn.tenant, turn.session_id)

    def _told(self, code: str) -> None:
        """Say once that memory is away, and once that it is back; never what it holds, nor a driver's own words."""
        if code and not self._away:
            self._log.warning("memory_away", code=code)
        elif self._away and not code:
            self._log.info("memory_back")
        self._away = bool(code)
