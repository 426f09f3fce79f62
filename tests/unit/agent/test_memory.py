"""What the agent remembers within a session, and that forgetting or failing never stops an answer."""

import asyncio

import pytest
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts.agent import AskFacts, KnownFact
from libs.contracts.context import Context
from libs.contracts.errors import Unavailable
from libs.contracts.knowledge import SearchResult
from libs.contracts.session import SessionDeleted
from services.agent.adapters.extractive import ExtractiveModel
from services.agent.app import Memory
from services.agent.domain import recall
from services.agent.domain.extract import compose
from services.agent.domain.facts import Fact
from services.agent.domain.prompt import Prompt

from .fakes import DONE, Bus, KeptMemories, Log, SpokenModel, claim, message, source, turn, turns

ANN = Fact(kind="email", value="ann@example.com", seq=1)
ORDER = Fact(kind="order", value="A-1042", seq=2)
TRACKING = source(
    "Open Orders in your account to see where your package is. Tracking starts after a day.", title="Order tracking"
)


def answer_to(*texts: str, facts: list[Fact], passages: list[object] | None = None) -> str:
    questions = [message(text, seq=10 + n) for n, text in enumerate(texts)]
    prompt = Prompt(turn_id="turn_1", attempt=1, questions=questions, passages=passages or [], facts=facts)  # type: ignore[arg-type]
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
    assert value in answer_to(text, facts=[ANN, ORDER])
    unknown = answer_to(text, facts=[])
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
    assert "noted your email address" in answer_to("my email is ann@example.com", facts=[ANN], passages=[TRACKING])


@pytest.mark.parametrize("text", ["Where is my package?", "How can I track my order?", "my order is late"])
def test_a_known_order_is_mentioned_where_its_way_is_asked_for(text: str) -> None:
    assert "A-1042" in answer_to(text, facts=[ORDER], passages=[TRACKING])
    assert "A-1042" not in answer_to(text, facts=[ANN], passages=[TRACKING])


@pytest.mark.parametrize("text", ["How do I return my order?", "Where is my package? It is order A-1042"])
def test_a_known_order_is_not_mentioned_elsewhere(text: str) -> None:
    assert "that you gave me" not in answer_to(text, facts=[ORDER], passages=[TRACKING])


def test_memory_and_help_pages_answer_together() -> None:
    text = answer_to("What is my email? How can I track my order?", facts=[ANN], passages=[TRACKING])
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

    async def recalled(tenant: str, session_id: str) -> list[Fact]:
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
