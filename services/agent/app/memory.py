"""Memory: what users have told, kept and recalled as far as that is possible; an answer never waits long for it."""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from libs.contracts.agent import (
    AskFacts,
    EraseMemories,
    KnownFact,
    KnownFacts,
    ListMemories,
    MemoriesErased,
    MemoryList,
)
from libs.contracts.context import Context
from libs.contracts.errors import DeskError, Unavailable
from libs.contracts.session import ClaimedTurn, SessionDeleted, SessionOpened, SessionStatusChanged
from services.agent.domain import facts, history
from services.agent.domain.facts import Fact
from services.agent.ports import Log, Memories

# How long an answer waits for its memory, in seconds.
PATIENCE_S = 0.5
# How many memories may wait for it to be written down that they were used; of more it is not.
_MOST_WAITING = 10_000
_TOUCHED_AT_ONCE = 500
_Result = TypeVar("_Result")


class Notebook(Memories, Protocol):
    """Memories that say whether they keep what a model noted."""

    async def note(self, tenant: str, session_id: str, noted: Fact, user_id: str | None = None) -> bool:
        """Keep a fact as `learn` does; False where nothing may be kept of its session, or its user was erased after it."""
        ...


class Memory:
    """What answers know of their customers.

    Args:
        patience_s: how long an answer waits.
        gather_s: how long what was used is gathered before it is written down.
    """

    def __init__(self, memories: Notebook, log: Log, patience_s: float = PATIENCE_S, *, gather_s: float = 1.0) -> None:
        self._memories = memories
        self._log = log
        self._patience_s = patience_s
        self._gather_s = gather_s
        self._running: set[asyncio.Task[Any]] = set()
        self._away = False
        self._used: dict[str, None] = {}
        self._wake = asyncio.Event()

    # --- for answers

    async def attend(self, turn: ClaimedTurn) -> list[Fact]:
        """Keep the facts of a turn's questions and give what is known of its customer, what was told last at the end.

        Where it cannot be had in time, the facts of the messages at hand are given, and one warning says so for each
        outage.
        """
        known = await self._in_time(self._keep_and_recall(turn))
        if known is None:
            return facts.current(facts.owned(facts.told([*turn.history, *turn.questions]), turn.user_id))
        known = facts.current(known)
        self._use(known)
        return known

    async def remember(
        self, tenant: str, session_id: str, user_id: str | None, label: str, value: str, *, told_at: datetime, seq: int
    ) -> bool:
        """Keep what a model wants remembered.

        False where it is a secret, or no fact (`facts.noted`), or where the message that told it, sent at `told_at`, is
        from before the user's memories were erased.

        Raises:
            Unavailable: memory is away, or too slow.
        """
        fact = facts.noted(label, value)
        if fact is None:
            return False
        told = replace(fact, told_at=told_at, seq=seq)
        return await self._or_refuse(self._memories.note(tenant, session_id, told, user_id))

    async def recall(self, tenant: str, session_id: str, user_id: str | None) -> list[tuple[str, str]]:
        """Give the labels and values of what is known, the most important first.

        Raises:
            Unavailable: memory is away, or too slow.
        """
        known = facts.current(await self._or_refuse(self._memories.recall(tenant, session_id, user_id)))
        self._use(known)
        by_importance = sorted(known, key=lambda fact: fact.importance, reverse=True)
        return [(fact.label, fact.value) for fact in by_importance]

    # --- asked by others

    async def known(self, request: AskFacts, ctx: Context) -> KnownFacts:  # noqa: ARG002 - a handler's shape
        """Give what is known of the customer of the session that the subject names; none where nothing is.

        Raises:
            Unavailable: memory is away, or too slow.
        """
        known = await self._or_refuse(self._memories.known(ctx.tenant, ctx.key))
        return KnownFacts([KnownFact(kind=fact.label, value=fact.value) for fact in facts.current(known)])

    async def list_memories(self, request: ListMemories, ctx: Context) -> MemoryList:
        """Give what is remembered of a user, the most important first.

        Raises:
            DeskError: it could not be read now.
        """
        return MemoryList(await self._memories.listed(ctx.tenant, request.user_id))

    async def erase_memories(self, request: EraseMemories, ctx: Context) -> MemoriesErased:
        """Forget what is remembered of a user, or one memory; what was told until now is not learned again.

        Raises:
            DeskError: it could not be done now.
        """
        return MemoriesErased(await self._memories.erase(ctx.tenant, request.user_id, request.memory_id))

    # --- what happens to sessions

    async def prepare(self, event: SessionOpened, ctx: Context) -> None:
        """Choose what the first answer of a session that was opened needs of its user. Twice is as good as once.

        Raises:
            DeskError: it could not be done now.
        """
        if user_id := event.session.user_id:
            await self._memories.prepare(ctx.tenant, event.session.session_id, user_id)

    async def clear(self, event: SessionStatusChanged, ctx: Context) -> None:
        """Forget what a session that has ended was about, and what was prepared for it.

        Raises:
            DeskError: it could not be done now.
        """
        if event.status == "ended":
            await self._memories.clear(ctx.tenant, ctx.key)

    async def forget(self, event: SessionDeleted, ctx: Context) -> None:
        """Forget a session that was deleted. Forgetting twice does nothing.

        Raises:
            DeskError: it could not be done now.
        """
        await self._memories.forget(ctx.tenant, event.session_id)

    # --- what was used

    async def run(self) -> None:
        """Write down for ever which memories were used, many at once. It is a hint: what cannot be written is dropped."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._gather_s)
            await self.settle()

    async def settle(self) -> None:
        """Write down which memories were used until now; as much as goes."""
        self._wake.clear()
        used, self._used = list(self._used), {}
        for start in range(0, len(used), _TOUCHED_AT_ONCE):
            await self._in_time(self._touched(used[start : start + _TOUCHED_AT_ONCE]))

    def _use(self, known: Sequence[Fact]) -> None:
        for fact in known:
            if fact.memory_id and len(self._used) < _MOST_WAITING:
                self._used[fact.memory_id] = None
        if self._used:
            self._wake.set()

    async def _touched(self, memory_ids: list[str]) -> bool:
        await self._memories.touch(memory_ids)
        return True

    # --- in time

    async def _or_refuse(self, asking: Coroutine[Any, Any, _Result]) -> _Result:
        result = await self._in_time(asking)
        if result is None:
            raise Unavailable("memory_unavailable", "What is remembered cannot be read or written right now")
        return result

    async def _in_time(self, asking: Coroutine[Any, Any, _Result]) -> _Result | None:
        """Give what memory says; None where it fails or takes too long."""
        # A task of its own: a database that hangs can hold up even the cancelling of a statement.
        task = asyncio.create_task(asking)
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
            await self._memories.learn(turn.tenant, turn.session_id, new, turn.user_id)
        return await self._memories.recall(turn.tenant, turn.session_id, turn.user_id)

    def _told(self, code: str) -> None:
        """Say once that memory is away, and once that it is back; never what it holds, nor a driver's own words."""
        if code and not self._away:
            self._log.warning("memory_away", code=code)
        elif self._away and not code:
            self._log.info("memory_back")
        self._away = bool(code)
