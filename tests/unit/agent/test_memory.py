"""What the agent remembers within a session, and that forgetting or failing never stops an answer."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts.agent import AskFacts, EraseMemories, KnownFact, ListMemories
from libs.contracts.context import Context
from libs.contracts.errors import Unavailable
from libs.contracts.knowledge import SearchResult
from libs.contracts.session import Session, SessionDeleted, SessionOpened, SessionStatusChanged
from services.agent.adapters.extractive import ExtractiveModel
from services.agent.app import Memory
from services.agent.domain import facts, recall
from services.agent.domain.extract import compose
from services.agent.domain.facts import Fact
from services.agent.domain.prompt import Prompt

from .fakes import DONE, NOON, Bus, KeptMemories, Log, SpokenModel, claim, message, source, turn, turns, until

ANN = facts.fact("email", "ann@example.com", seq=1)
ORDER = facts.fact("order", "A-1042", seq=2)
TRACKING = source(
    "Open Orders in your account to see where your package is. Tracking starts after a day.", title="Order tracking"
)


def answer_to(*texts: str, known: list[Fact], passages: list[object] | None = None) -> str:
    questions = [message(text, seq=10 + n) for n, text in enumerate(texts)]
    prompt = Prompt(turn_id="turn_1", attempt=1, questions=questions, passages=passages or [], facts=known)  # type: ignore[arg-type]
    return compose(prompt).text


# --- recalling


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("what is my email?", "ann@example.com"),
        ("What's my email address again?", "ann@example.com"),
        ("Do you remember my email?", "ann@example.com"),
        ("which order number did I give you?", "A-1042"),
        ("what is my order number", "A-1042"),
        ("tell me my order number", "A-1042"),
    ],
)
def test_r22_a_question_about_what_was_told_is_answered(text: str, value: str) -> None:
    assert value in answer_to(text, known=[ANN, ORDER])
    unknown = answer_to(text, known=[])
    assert "haven't told me" in unknown


@pytest.mark.parametrize(
    "text",
    ["how do I change my email?", "what is my order doing in Ohio", "where do I find my order number?", "is my email safe with you?",
     "what is your email?", "which orders ship free?", "can you change my email", "what is my phone plan"],
)  # fmt: skip
def test_other_questions_are_not_answered_from_memory(text: str) -> None:
    assert recall.reply(text, [ANN, ORDER]) is None


def test_two_things_are_asked_for_at_once() -> None:
    assert recall.reply("What is my email and my order number?", [ANN]) == (
        "The email address that you gave me is ann@example.com. You haven't told me your order number in this conversation.",
        False,
    )


def test_what_was_told_last_counts() -> None:
    assert recall.latest("email", [ANN, replace(ANN, value="new@example.com", seq=9)]) == "new@example.com"


def test_a_fact_alone_is_acknowledged() -> None:
    assert "noted your email address" in answer_to("my email is ann@example.com", known=[ANN], passages=[TRACKING])


@pytest.mark.parametrize("text", ["Where is my package?", "How can I track my order?", "my order is late"])
def test_a_known_order_is_mentioned_where_its_way_is_asked_for(text: str) -> None:
    assert "A-1042" in answer_to(text, known=[ORDER], passages=[TRACKING])
    assert "A-1042" not in answer_to(text, known=[ANN], passages=[TRACKING])


@pytest.mark.parametrize("text", ["How do I return my order?", "Where is my package? It is order A-1042"])
def test_a_known_order_is_not_mentioned_elsewhere(text: str) -> None:
    assert "that you gave me" not in answer_to(text, known=[ORDER], passages=[TRACKING])


def test_memory_and_help_pages_answer_together() -> None:
    text = answer_to("What is my email? How can I track my order?", known=[ANN], passages=[TRACKING])
    assert "ann@example.com" in text
    assert "[1]" in text


# --- in the turn


async def test_r22_what_was_told_in_one_turn_is_known_in_the_next() -> None:
    bus, memories = Bus(), KeptMemories()
    working = turns(bus, ExtractiveModel(), memories=memories)
    await working.answer(claim(turn("my email is ann@example.com")))
    await working.answer(claim(turn("what is my email?", turn_id="turn_2")))
    assert "ann@example.com" in bus.requests(bus_map.COMPLETE_TURN)[1].answer.content


async def test_another_attempt_learns_nothing_twice() -> None:
    memories = KeptMemories()
    working = turns(Bus(), SpokenModel("a", DONE), memories=memories)
    for attempt in (1, 2):
        await working.answer(claim(turn("my email is ann@example.com", attempt=attempt)))
    assert len(memories.facts["acme", "sess_1"]) == 1


async def test_memory_and_search_run_side_by_side() -> None:
    bus, memories, order = Bus(), KeptMemories(), []
    memories.delay_s = 0.02

    async def search(_request: object) -> SearchResult:
        order.append("search begins")
        await asyncio.sleep(0.04)
        order.append("search ends")
        return SearchResult(sources=[], method="dense", model="test")

    async def recalled(tenant: str, session_id: str, user_id: str | None = None) -> list[Fact]:
        order.append("recalled")
        return []

    bus.answers["search"] = search
    memories.recall = recalled  # type: ignore[method-assign]
    await turns(bus, SpokenModel("a", DONE), memories=memories).answer(claim(turn("order 12345?")))
    assert order == ["search begins", "recalled", "search ends"]


async def test_what_is_told_is_kept_though_the_search_fails() -> None:
    bus, memories = Bus(), KeptMemories()
    bus.answer(bus_map.SEARCH, Unavailable("knowledge_unavailable", ""))
    await turns(bus, SpokenModel("a", DONE), memories=memories).answer(claim(turn("ann@example.com")))
    assert len(memories.facts["acme", "sess_1"]) == 1


@pytest.mark.parametrize("fault", [Unavailable("database_unavailable", ""), ValueError("ann@example.com"), None])
async def test_memory_failing_or_hanging_never_stops_an_answer_and_is_told_once(fault: Exception | None) -> None:
    bus, log, memories = Bus(), Log(), KeptMemories()
    memories.fault, memories.delay_s = fault, 0.0 if fault else 30.0
    working = turns(bus, ExtractiveModel(), log, memories=memories)
    async with asyncio.timeout(2):
        for number in range(3):
            await working.answer(claim(turn("ann@example.com, what is my email?", turn_id=f"turn_{number}")))
    answers = [request.answer for request in bus.requests(bus_map.COMPLETE_TURN)]
    assert ["ann@example.com" in answer.content for answer in answers] == [True] * 3
    assert not any("error" in answer.metadata for answer in answers)
    assert len(log.named("memory_away")) == 1
    memories.fault, memories.delay_s = None, 0.0
    await working.answer(claim(turn("hello", turn_id="turn_9")))
    assert len(log.named("memory_back")) == 1
    assert "ann@" not in repr(log.lines)


async def test_forgetting_is_for_one_session_of_one_tenant() -> None:
    memories = KeptMemories()
    for place in (("acme", "sess_1"), ("acme", "sess_2"), ("other", "sess_1")):
        await memories.learn(*place, [ANN])
    memory = Memory(memories, Log())
    for _ in range(2):
        await memory.forget(SessionDeleted("sess_1"), Context(tenant="acme", key="sess_1"))
    assert set(memories.facts) == {("acme", "sess_2"), ("other", "sess_1")}


async def test_forgetting_that_fails_is_told_to_whoever_asked() -> None:
    memories = KeptMemories()
    memories.fault = Unavailable("database_unavailable", "")
    with pytest.raises(Unavailable):
        await Memory(memories, Log()).forget(SessionDeleted("sess_1"), Context(tenant="acme", key="sess_1"))


# --- asked by others


async def test_what_is_known_of_a_session_is_told() -> None:
    memories, log = KeptMemories(), Log()
    await memories.learn("acme", "sess_1", [ANN, ORDER])
    memory = Memory(memories, log)
    told = await memory.known(AskFacts(), Context(tenant="acme", key="sess_1"))
    assert told.facts == [KnownFact("email", "ann@example.com"), KnownFact("order", "A-1042")]
    for elsewhere in (Context(tenant="acme", key="sess_2"), Context(tenant="other", key="sess_1")):
        assert (await memory.known(AskFacts(), elsewhere)).facts == []
    assert log.lines == []


@pytest.mark.parametrize("fault", [Unavailable("database_unavailable", ""), ValueError("ann@example.com"), None])
async def test_whoever_asks_what_is_known_never_waits_long(fault: Exception | None) -> None:
    memories, log = KeptMemories(), Log()
    memories.fault, memories.delay_s = fault, 0.0 if fault else 30.0
    memory = Memory(memories, log, patience_s=0.1)
    async with asyncio.timeout(1):
        for _ in range(2):
            with pytest.raises(Unavailable) as refused:
                await memory.known(AskFacts(), Context(tenant="acme", key="sess_1"))
    assert refused.value.code == "memory_unavailable"
    assert len(log.named("memory_away")) == 1
    assert "ann@" not in repr(log.lines)


# --- across sessions


async def test_a_user_is_known_in_the_next_session_and_nobody_else_is() -> None:
    bus, memories = Bus(), KeptMemories()
    working = turns(bus, ExtractiveModel(), memories=memories)

    async def ask(text: str, number: int, user_id: str | None) -> str:
        await working.answer(claim(replace(turn(text, turn_id=f"turn_{number}"), user_id=user_id)))
        return bus.requests(bus_map.COMPLETE_TURN)[-1].answer.content

    earlier = replace(turn("my email is ann@example.com, order 12345"), session_id="sess_0", user_id="ann")
    await Memory(memories, Log()).attend(earlier)
    assert "ann@example.com" in await ask("what is my email?", 2, "ann")
    assert "haven't told me" in await ask("what is my order number?", 3, "ann")
    assert "haven't told me" in await ask("what is my email?", 4, "bob")
    assert "haven't told me" in await ask("what is my email?", 5, None)


async def test_of_contradicting_memories_the_last_one_is_given() -> None:
    memories = KeptMemories()
    memory = Memory(memories, Log())
    for text in ("my name is Ana Ruiz", "my name is Ana Weber"):
        await memory.attend(replace(turn(text), user_id="ann"))
    known = await memory.attend(replace(turn("hello"), user_id="ann"))
    assert [(fact.label, fact.value) for fact in known] == [("name", "Ana Weber")]


async def test_while_memory_is_away_the_messages_at_hand_say_whose_facts_they_are() -> None:
    memories = KeptMemories()
    memories.fault = Unavailable("database_unavailable", "")
    known = await Memory(memories, Log()).attend(replace(turn("ann@example.com, order 12345"), user_id="ann"))
    assert [(fact.label, fact.scope) for fact in known] == [("email", "user"), ("order", "session")]


# --- what sessions do


def opened(user_id: str | None) -> SessionOpened:
    return SessionOpened(
        Session(
            session_id="sess_1", thread_id="t", status="active", created_at=NOON, updated_at=NOON, last_activity=NOON, user_id=user_id
        )
    )  # fmt: skip


async def test_a_context_is_prepared_for_sessions_of_users() -> None:
    memories = KeptMemories()
    memory = Memory(memories, Log())
    await memory.prepare(opened(None), Context(tenant="acme", key="sess_1"))
    assert memories.users == {}
    await memory.prepare(opened("ann"), Context(tenant="acme", key="sess_1"))
    assert memories.users == {("acme", "sess_1"): "ann"}


@pytest.mark.parametrize(("status", "left"), [("ended", ["email"]), ("escalated", ["email", "order"])])
async def test_what_a_session_was_about_goes_when_it_ends(status: Any, left: list[str]) -> None:
    memories = KeptMemories()
    await memories.learn("acme", "sess_1", [ANN, ORDER])
    changed = SessionStatusChanged(status=status, previous="active", epoch=1)
    await Memory(memories, Log()).clear(changed, Context(tenant="acme", key="sess_1"))
    assert [fact.label for fact in memories.facts["acme", "sess_1"]] == left


async def test_what_is_known_of_a_user_is_listed_and_erased_by_the_user() -> None:
    memories, log = KeptMemories(), Log()
    memory = Memory(memories, log)
    for user_id in ("ann", "bob"):
        await memories.learn("acme", "sess_1", [ANN], user_id)
    ctx = Context(tenant="acme", key="_")
    [item] = (await memory.list_memories(ListMemories("ann"), ctx)).memories
    assert (item.kind, item.label, item.value) == ("user_info", "email", "ann@example.com")
    assert (await memory.erase_memories(EraseMemories("ann"), ctx)).erased == 1
    assert (await memory.list_memories(ListMemories("ann"), ctx)).memories == []
    assert len((await memory.list_memories(ListMemories("bob"), ctx)).memories) == 1
    assert log.lines == []


async def test_an_operator_is_told_what_is_known_of_the_user() -> None:
    memories = KeptMemories()
    memory = Memory(memories, Log())
    await memories.learn("acme", "sess_0", [ANN], "ann")
    await memory.prepare(opened("ann"), Context(tenant="acme", key="sess_1"))
    told = await memory.known(AskFacts(), Context(tenant="acme", key="sess_1"))
    assert told.facts == [KnownFact("email", "ann@example.com")]


# --- for tools


async def test_a_tool_remembers_and_recalls_the_most_important_first() -> None:
    memories = KeptMemories()
    memory = Memory(memories, Log())
    assert await memory.remember("acme", "sess_1", "ann", "Hobby", "likes tea", told_at=NOON, seq=3)
    assert await memory.remember("acme", "sess_1", "ann", "email", "Ann@example.com", told_at=NOON, seq=4)
    assert [(fact.told_at, fact.seq) for fact in memories.of_users["acme", "ann"]] == [(NOON, 3), (NOON, 4)]
    assert await memory.recall("acme", "sess_2", "ann") == [("email", "ann@example.com"), ("hobby", "likes tea")]
    assert await memory.recall("acme", "sess_1", None) == []
    assert await memory.recall("other", "sess_1", "ann") == []


@pytest.mark.parametrize(
    ("label", "value"), [("password", "hunter2"), ("note", "4111 1111 1111 1111"), ("note", "x" * 201)]
)
async def test_a_tool_may_not_remember_secrets(label: str, value: str) -> None:
    memories = KeptMemories()
    memory = Memory(memories, Log())
    assert not await memory.remember("acme", "sess_1", "ann", label, value, told_at=NOON, seq=1)
    assert (memories.facts, memories.of_users) == ({}, {})


@pytest.mark.parametrize(("seconds", "kept"), [(-1, False), (0, False), (1, True)])
async def test_a_tool_may_not_remember_what_was_told_before_an_erasure(seconds: int, kept: bool) -> None:
    memories = KeptMemories()
    memories.erased_at, told_at = NOON, NOON + timedelta(seconds=seconds)
    memory = Memory(memories, Log())
    assert await memory.remember("acme", "sess_1", "ann", "city", "Bremen", told_at=told_at, seq=1) is kept
    assert await memory.recall("acme", "sess_1", "ann") == [("city", "Bremen")] * kept


@pytest.mark.parametrize("fault", [Unavailable("database_unavailable", ""), None])
async def test_tools_are_told_that_memory_is_away(fault: Exception | None) -> None:
    memories = KeptMemories()
    memories.fault, memories.delay_s = fault, 0.0 if fault else 30.0
    memory = Memory(memories, Log(), patience_s=0.05)
    with pytest.raises(Unavailable, match="memory_unavailable"):
        await memory.remember("acme", "sess_1", None, "note", "likes tea", told_at=NOON, seq=1)
    with pytest.raises(Unavailable, match="memory_unavailable"):
        await memory.recall("acme", "sess_1", None)


# --- what was used


def kept(number: int) -> Fact:
    return replace(facts.fact("email", f"ann{number}@example.com"), memory_id=f"mem_{number}")


async def test_what_answers_used_is_written_down_once_and_beside_them() -> None:
    memories = KeptMemories()
    memory = Memory(memories, Log(), gather_s=0.02)
    memories.facts["acme", "sess_1"] = [kept(1), kept(2)]
    running = asyncio.create_task(memory.run())
    for _ in range(3):
        await memory.attend(turn("hello"))
    assert memories.touched == []
    await until(lambda: memories.touched)
    await memory.known(AskFacts(), Context(tenant="acme", key="sess_1"))  # an operator's look is no use
    await asyncio.sleep(0.05)
    assert memories.touched == [["mem_1", "mem_2"]]
    running.cancel()


@pytest.mark.parametrize(("many", "written"), [(10_000, 10_000), (10_001, 10_000)])
async def test_what_waits_to_be_written_down_is_bounded(many: int, written: int) -> None:
    memories = KeptMemories()
    memory = Memory(memories, Log())
    memories.facts["acme", "sess_1"] = [kept(number) for number in range(many)]
    await memory.attend(turn("hello"))
    await memory.settle()
    assert sum(map(len, memories.touched)) == written
    assert max(map(len, memories.touched)) == 500


async def test_use_that_cannot_be_written_down_is_dropped() -> None:
    memories, log = KeptMemories(), Log()
    memory = Memory(memories, log)
    memories.facts["acme", "sess_1"] = [kept(1)]
    await memory.attend(turn("hello"))
    memories.fault = Unavailable("database_unavailable", "")
    await memory.settle()
    memories.fault = None
    await memory.settle()
    assert memories.touched == []
    assert len(log.named("memory_away")) == 1
