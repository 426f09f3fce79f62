"""Small stand-ins for what the agent speaks to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from libs.contracts import bus_map
from libs.contracts.agent import MemoryItem, TurnFrame
from libs.contracts.channels import NO_KEY
from libs.contracts.frames import Text
from libs.contracts.knowledge import SearchResult, Source
from libs.contracts.session import ClaimedTurn, ClaimReply, LeaseRenewed, Message, TurnSettled
from services.agent.app import Claim, Limits, Means, Memory, Turns
from services.agent.app.withdrawal import Outcomes
from services.agent.domain import facts
from services.agent.domain.facts import Fact
from services.agent.domain.prompt import Outcome, Prompt
from services.agent.ports import Delta

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def message(text: str, *, seq: int = 1, role: Any = "user") -> Message:
    return Message(id=f"msg_{seq}", seq=seq, role=role, content=text, timestamp=NOON)


def source(content: str, *, title: str = "", score: float = 0.6, rank: int = 1) -> Source:
    return Source(content=content, metadata={"title": title}, relevance_score=score, rank=rank)


def turn(text: str = "How long?", *, turn_id: str = "turn_1", lease_s: float = 15.0, attempt: int = 1) -> ClaimedTurn:
    return ClaimedTurn(
        session_id="sess_1",
        tenant="acme",
        turn_id=turn_id,
        attempt=attempt,
        epoch=3,
        lease_s=lease_s,
        questions=[message(text)],
    )


def claim(claimed: ClaimedTurn | None = None, *, repeated: bool = False) -> Claim:
    return Claim(turn=claimed or turn(), asked_at=asyncio.get_running_loop().time(), repeated=repeated)


class Bus:
    """Answers each channel by a function, and keeps what was asked and told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.told: list[TurnFrame] = []
        self.answers: dict[str, Callable[[Any], Awaitable[Any]]] = {}
        self.answer(bus_map.CLAIM_TURN, ClaimReply())
        self.answer(bus_map.SEARCH, SearchResult(sources=[source("Thirty days.")], method="dense", model="test"))
        self.answer(bus_map.RENEW_LEASE, LeaseRenewed(15.0))
        self.answer(bus_map.COMPLETE_TURN, TurnSettled("completed"))
        self.answer(bus_map.FAIL_TURN, TurnSettled("queued"))

    def answer(self, channel: Any, *results: Any) -> None:
        """Answer with these results one after the other, then with the last; exceptions are raised."""
        left = list(results)

        async def give(_request: Any) -> Any:
            result = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(result, Exception):
                raise result
            return result

        self.answers[channel.name] = give

    async def call(
        self, channel: Any, request: Any, *, tenant: str, key: str = NO_KEY, timeout: float | None = None
    ) -> Any:
        self.asked.append((channel.name, request))
        await asyncio.sleep(0)
        return await self.answers[channel.name](request)

    async def announce(self, channel: Any, payload: Any, *, tenant: str, key: str = NO_KEY) -> None:
        assert (channel, tenant, key) == (bus_map.TURN_FRAME, "acme", "sess_1")
        self.told.append(payload)

    def requests(self, channel: Any) -> list[Any]:
        return [request for name, request in self.asked if name == channel.name]

    @property
    def texts(self) -> list[Text]:
        return [told.frame for told in self.told if isinstance(told.frame, Text)]

    @property
    def joined(self) -> str:
        return "".join(text.content for text in self.texts)


class Bell:
    """A doorbell that a test rings; `heard` says whether the agent listens."""

    def __init__(self) -> None:
        self._ring: Callable[[], None] | None = None

    @property
    def heard(self) -> bool:
        return self._ring is not None

    def ring(self) -> None:
        if self._ring is not None:
            self._ring()

    async def join(self, ring: Callable[[], None]) -> None:
        self._ring = ring

    async def leave(self) -> None:
        self._ring = None


class Log:
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, /, **facts: Any) -> None:
        self.lines.append((event, facts))

    warning = exception = info

    def named(self, event: str) -> list[dict[str, Any]]:
        return [facts for name, facts in self.lines if name == event]


class KeptMemories:
    """Memories in lists; `fault` is raised, `delay_s` waited for, where a test sets them.

    `facts` are those of sessions, `of_users` those of users, each by tenant and id. `erased_at` holds for notes of all.
    """

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], list[Fact]] = {}
        self.of_users: dict[tuple[str, str], list[Fact]] = {}
        self.users: dict[tuple[str, str], str] = {}
        self.touched: list[list[str]] = []
        self.erased_at: datetime | None = None
        self.fault: Exception | None = None
        self.delay_s = 0.0

    async def learn(self, tenant: str, session_id: str, told: Sequence[Fact], user_id: str | None = None) -> None:
        await self._trouble()
        for fact in facts.owned(told, user_id):
            store, owner = (self.of_users, user_id or "") if fact.scope == "user" else (self.facts, session_id)
            kept = store.setdefault((tenant, owner), [])
            if fact not in kept:
                kept.append(fact)

    async def note(self, tenant: str, session_id: str, noted: Fact, user_id: str | None = None) -> bool:
        allowed = self.erased_at is None or (noted.told_at is not None and noted.told_at > self.erased_at)
        await self.learn(tenant, session_id, [noted] if allowed else [], user_id)
        return allowed

    async def recall(self, tenant: str, session_id: str, user_id: str | None = None) -> list[Fact]:
        await self._trouble()
        return [*self.of_users.get((tenant, user_id or ""), []), *self.facts.get((tenant, session_id), [])]

    async def known(self, tenant: str, session_id: str) -> list[Fact]:
        return await self.recall(tenant, session_id, self.users.get((tenant, session_id)))

    async def touch(self, memory_ids: Sequence[str]) -> None:
        await self._trouble()
        self.touched.append(list(memory_ids))

    async def prepare(self, tenant: str, session_id: str, user_id: str) -> None:
        await self._trouble()
        self.users[tenant, session_id] = user_id

    async def clear(self, tenant: str, session_id: str) -> None:
        await self._trouble()
        kept = self.facts.get((tenant, session_id), [])
        self.facts[tenant, session_id] = [fact for fact in kept if fact.kind != "context"]

    async def forget(self, tenant: str, session_id: str) -> None:
        await self._trouble()
        self.facts.pop((tenant, session_id), None)

    async def listed(self, tenant: str, user_id: str) -> list[MemoryItem]:
        await self._trouble()
        return [
            MemoryItem(
                memory_id=f"mem_{number}", kind=fact.kind, label=fact.label, value=fact.value, importance=fact.importance,
                created_at=NOON, last_used_at=NOON,
            )
            for number, fact in enumerate(self.of_users.get((tenant, user_id), []))
        ]  # fmt: skip

    async def erase(self, tenant: str, user_id: str, memory_id: str | None = None) -> int:
        await self._trouble()
        return len(self.of_users.pop((tenant, user_id), []))

    async def _trouble(self) -> None:
        await asyncio.sleep(self.delay_s)
        if self.fault:
            raise self.fault


class SpokenModel:
    """Says the given things: text, an outcome, an exception to raise, or a number of seconds to wait."""

    name = "spoken"
    about = "spoken"

    def __init__(self, *things: Delta | Exception | float) -> None:
        self.things = things
        self.prompts: list[Prompt] = []
        self.closed = 0

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.prompts.append(prompt)
        try:
            for thing in self.things:
                if isinstance(thing, Exception):
                    raise thing
                if isinstance(thing, int | float):
                    await asyncio.sleep(thing)
                else:
                    yield thing
        finally:
            self.closed += 1


DONE = Outcome(used=[1], confidence=0.8)
FAST = Limits(turn_s=5.0, first_token_s=2.0, knowledge_s=1.0, text_interval_s=0.01)


def minter() -> Callable[[str], str]:
    numbers = itertools.count(1)
    return lambda prefix: f"{prefix}_{next(numbers)}"


def turns(
    bus: Bus, model: Any, log: Log | None = None, limits: Limits = FAST, memories: KeptMemories | None = None,
    patience_s: float = 0.1, outcomes: Outcomes | None = None,
) -> Turns:  # fmt: skip
    log = log or Log()
    memory = Memory(memories or KeptMemories(), log, patience_s=patience_s)
    means = Means(
        caller=bus, announcer=bus, model=model, log=log, agent_id="agent_1", limits=limits, memory=memory
    )  # fmt: skip
    return Turns(means, minter(), outcomes)


async def until(true: Callable[[], Any], patience_s: float = 2.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(patience_s):
        while not true():
            await asyncio.sleep(0.001)
