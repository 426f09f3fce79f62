"""Replays: answer stored turns again with the code that serves, and say how the answers differ. Nothing is written."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from libs.contracts.bus_map import GET_SESSION, HISTORY, LIST_SESSIONS
from libs.contracts.channels import Caller
from libs.contracts.session import GetHistory, GetSession, ListSessions, Mark, Message, Session
from services.agent.domain import facts
from services.agent.domain.facts import Fact
from services.agent.domain.intents import Intents
from services.agent.domain.replay import Comparison, Recording, Side, StoredTurn, compare, failed_side, new_side
from services.agent.domain.replay import stored_turns as turns_of
from services.agent.ports import Journal, Log, Memories, Model

from .broadcast import Broadcast
from .memory import Memory
from .recorded import Silent, Till, TurnMemories
from .writing import Fault, Limits, Means, Writing

_SESSIONS_AT_ONCE = 50
# An answer with its sources may be long, and a reply of the broker holds 1 MB at most.
_MESSAGES_AT_ONCE = 20
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_AGENT = "replay"


class Wanted(Struct, frozen=True, kw_only=True):
    """Which turns are answered again.

    Attributes:
        sessions: their ids; none named: the newest `last` ones.
        turns: at most; of the sessions in their order, the last turns of each.
    """

    tenant: str = "default"
    sessions: list[str] = []
    last: int = 20
    turns: int = 100


class Stand(Struct, frozen=True):
    """What one turn has to itself."""

    memory: Memory
    recording: Recording


class Workshop(Struct, frozen=True, kw_only=True):
    """What turns are answered again with.

    Attributes:
        caller: asks only what changes nothing (`recorded.ReadOnly`).
        journal: what tools gave then.
        memories: what users have told; they are only recalled.
        model: makes the model that answers one turn.
        till: what that costs; models are asked through it.
        clock: seconds of a clock that never goes back.
        intents: what finds out what customers want.
        history: how many messages before its questions a turn is given.
    """

    caller: Caller
    journal: Journal
    memories: Memories
    model: Callable[[Stand], Model]
    till: Till
    log: Log
    limits: Limits
    allowed_links: frozenset[str]
    clock: Callable[[], float]
    history: int
    intents: Intents | None = None


class Replay:
    """Answers stored turns again."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    # --- what is stored

    async def stored(self, wanted: Wanted) -> list[StoredTurn]:
        """Read the answered turns of the sessions, the newest session first, and each one's turns in their order.

        Raises:
            NotFound: there is no such session.
            DeskError: the session service cannot be asked.
        """
        found: list[StoredTurn] = []
        for session in await self._sessions(wanted):
            messages = await self._messages(wanted.tenant, session.session_id)
            turns = turns_of(
                wanted.tenant, session.session_id, session.user_id, messages, self._workshop.history
            )  # fmt: skip
            found += turns[-(wanted.turns - len(found)) :]
            if len(found) >= wanted.turns:
                break
        return found

    async def _sessions(self, wanted: Wanted) -> list[Session]:
        call, tenant = self._workshop.caller.call, wanted.tenant
        if wanted.sessions:
            return [await call(GET_SESSION, GetSession(), tenant=tenant, key=name) for name in wanted.sessions]
        found: list[Session] = []
        after: Mark | None = None
        while len(found) < wanted.last:
            limit = min(_SESSIONS_AT_ONCE, wanted.last - len(found))
            page = await call(LIST_SESSIONS, ListSessions(limit=limit, after=after), tenant=tenant)
            found += page.sessions
            if not page.more or not page.sessions:
                break
            after = Mark(created_at=found[-1].created_at, id=found[-1].session_id)
        return found

    async def _messages(self, tenant: str, session_id: str) -> list[Message]:
        found: list[Message] = []
        while True:
            wanted = GetHistory(limit=_MESSAGES_AT_ONCE, after_seq=found[-1].seq if found else None)
            page = await self._workshop.caller.call(HISTORY, wanted, tenant=tenant, key=session_id)
            found += page.messages
            if len(page.messages) < _MESSAGES_AT_ONCE:
                return found

    # --- what is answered again

    async def run(self, stored: Sequence[StoredTurn], tell: Callable[[Comparison], None], *, at_once: int = 4) -> None:
        """Answer turns again, a few at a time, and tell of each in their order.

        Raises:
            ExceptionGroup: of a DeskError, where what was recorded cannot be read.
        """
        left = iter(enumerate(stored))
        done: dict[int, Comparison] = {}
        told = 0

        async def work() -> None:
            nonlocal told
            for place, turn in left:
                done[place] = await self._again(turn)
                while told in done:
                    tell(done.pop(told))
                    told += 1

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(at_once, len(stored))):
                workers.create_task(work())

    async def _again(self, stored: StoredTurn) -> Comparison:
        shop, turn = self._workshop, stored.turn
        recording = Recording(await shop.journal.steps(turn.tenant, turn.turn_id))
        memory = Memory(TurnMemories(await self._known(stored)), shop.log)
        means = Means(
            caller=shop.caller, announcer=Silent(), model=shop.model(Stand(memory, recording)), log=shop.log,
            agent_id=_AGENT, limits=shop.limits, memory=memory, allowed_links=shop.allowed_links, intents=shop.intents,
        )  # fmt: skip
        return compare(stored, await self._written(means, stored), recording.notes)

    async def _written(self, means: Means, stored: StoredTurn) -> Side:
        shop, turn = self._workshop, stored.turn
        # Its text is gathered, and told to nobody.
        broadcast = Broadcast(means.announcer, turn, interval_s=means.limits.text_interval_s, may_speak=lambda: True)
        began = shop.clock()
        try:
            answer = await Writing(means, turn, broadcast).answer()
        except Fault as fault:
            code = fault.code
        except Exception:
            # As an agent does: one turn that cannot be answered says nothing of the others.
            shop.log.exception("replay_failed", turn=turn.turn_id)
            code = "internal"
        else:
            return new_side(answer, shop.till.taken(turn.turn_id), shop.clock() - began)
        cost = shop.till.taken(turn.turn_id)
        return failed_side(means.model.name, broadcast.text, code, cost, shop.clock() - began)

    async def _known(self, stored: StoredTurn) -> list[Fact]:
        """Give what was known of the customer before the turn: what this session told, and others that are remembered."""
        turn = stored.turn
        asked_at = turn.questions[0].timestamp
        remembered = await self._workshop.memories.recall(turn.tenant, turn.session_id, turn.user_id)
        then = [fact for fact in remembered if fact.told_at is not None and fact.told_at < asked_at]
        here = facts.owned(facts.told(stored.earlier), turn.user_id)
        return facts.current(sorted([*then, *here], key=lambda fact: (fact.told_at or _LONG_AGO, fact.seq)))
