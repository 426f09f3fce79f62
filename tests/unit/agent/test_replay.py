"""What is read from a stored conversation, what stands in for the world while it is answered again, and what is told of it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts.channels import Rpc
from libs.contracts.errors import Forbidden, Unavailable
from libs.contracts.knowledge import Source
from libs.contracts.session import Answer, Escalation, History, Message, Session, SessionPage
from services.agent.app.recorded import (
    READING,
    ReadApprovals,
    ReadJournal,
    ReadOnly,
    RecordedTool,
    Silent,
    Till,
    TurnMemories,
)
from services.agent.app.replay import Replay, Wanted, Workshop
from services.agent.domain.facts import fact
from services.agent.domain.prompt import Outcome
from services.agent.domain.replay import (
    Comparison,
    Recording,
    Side,
    StoredTurn,
    compare,
    failed_side,
    new_side,
    stored_side,
    stored_turns,
)
from services.agent.domain.replay_report import closing, difference, line, summed
from services.agent.domain.spending import Budget
from services.agent.domain.steps import Step, ToolContext, ToolResult
from services.agent.ports import ModelFault

from .fakes import FAST, NOON, Bus, KeptMemories, Log, SpokenModel, message, minter, source
from .journal_fake import KeptApprovals, KeptJournal
from .tool_fakes import CountingTool, asks

DONE = Outcome(used=[1], confidence=0.8)


def said(seq: int, turn: str | None, text: str = "", *, role: Any = "user", **more: Any) -> Message:
    told = message(text or f"{role} {seq}", seq=seq, role=role)
    return replace(told, turn_id=turn, timestamp=NOON + timedelta(minutes=seq), **more)


def replied(seq: int, turn: str, text: str = "", **more: Any) -> Message:
    return said(seq, turn, text, role="assistant", **more)


def turns(*messages: Message, history: int = 10) -> list[StoredTurn]:
    return stored_turns("acme", "sess_1", "ann", messages, history)


def given(stored: StoredTurn) -> tuple[list[int], list[int]]:
    """The `seq` of a turn's questions, and of the messages before them."""
    return [one.seq for one in stored.turn.questions], [one.seq for one in stored.turn.history]


# --- what is stored


def test_each_answered_turn_is_given_what_its_agent_was_given() -> None:
    found = turns(said(1, "a"), replied(2, "a"), said(3, "b"), said(4, "b"), replied(5, "b"))
    assert [given(one) for one in found] == [([1], []), ([3, 4], [1, 2])]
    assert [one.answer.seq for one in found] == [2, 5]
    turn = found[1].turn
    assert (turn.tenant, turn.session_id, turn.user_id, turn.turn_id, turn.attempt) == ("acme", "sess_1", "ann", "b", 1)


def test_a_question_that_waited_was_not_there_and_the_answer_before_it_was() -> None:
    found = turns(said(1, "a"), said(2, "b"), replied(3, "a"), said(4, "c"), replied(5, "b"), replied(6, "c"))
    assert [given(one) for one in found] == [([1], []), ([2], [1, 3]), ([4], [1, 2, 3, 5])]


def test_what_nobody_answered_is_there_for_later_turns_only() -> None:
    handed_over = replied(2, "a", metadata={"ticket_id": "tick_1"})
    found = turns(
        said(1, "a"), handed_over, said(3, None), said(4, None, role="operator"), said(5, "b"), said(6, None), replied(7, "b")
    )  # fmt: skip
    assert given(found[1]) == ([5], [1, 2, 3, 4])


def test_failed_and_empty_answers_are_neither_answered_again_nor_shown() -> None:
    found = turns(
        said(1, "a"), replied(2, "a", status="failed"), said(3, "b"), replace(replied(4, "b", status="cancelled"), content=""),
        said(5, "c"), replied(6, "c", "Half an", status="cancelled"), said(7, "d"), replied(8, "d"),
    )  # fmt: skip
    assert [given(one) for one in found] == [([7], [1, 3, 5, 6])]


def test_a_turn_without_its_questions_is_left_out() -> None:
    assert turns(replied(1, "a"), said(2, None), said(3, "b"), replied(4, "b"))[0].turn.turn_id == "b"
    assert len(turns(replied(1, "a"))) == 0


def test_a_colleagues_decision_is_a_question() -> None:
    found = turns(said(1, "a"), replied(2, "a"), said(3, "b", role="system"), replied(4, "b"))
    assert given(found[1]) == ([3], [1, 2])


@pytest.mark.parametrize(("history", "seqs"), [(0, []), (1, [2]), (2, [1, 2]), (3, [1, 2])])
def test_the_history_is_as_long_as_an_agents(history: int, seqs: list[int]) -> None:
    found = turns(said(1, "a"), replied(2, "a"), said(3, "b"), replied(4, "b"), history=history)
    assert given(found[1])[1] == seqs
    assert [one.seq for one in found[1].earlier] == [1, 2]


@pytest.mark.parametrize(("count", "first"), [(20, 1), (21, 2)])
def test_of_many_questions_an_agent_is_given_the_last(count: int, first: int) -> None:
    [found] = turns(*(said(seq, "a") for seq in range(1, count + 1)), replied(count + 1, "a"))
    assert [found.turn.questions[0].seq, len(found.turn.questions)] == [first, 20]


# --- how two answers differ

CITED = Source(content="x", metadata={"document_id": "doc_a", "version": 2, "chunk": 0}, relevance_score=0.5, rank=1)


def stored(text: str = "Thirty days.", **more: Any) -> StoredTurn:
    [found] = turns(said(1, "turn_1", "How long?"), replied(2, "turn_1", text, **more))
    return found


def test_the_same_answer_has_not_changed() -> None:
    before = stored(sources=[CITED], confidence=0.5, tools_used=["b", "a"], processing_time=1.5)
    one = compare(
        before, new_side(Answer(content="Thirty days.", sources=[CITED], tools_used=["a", "b"]), 0.25, 0.1234)
    )
    assert (one.changed, one.similarity, one.question) == ([], 1.0, "How long?")
    assert (one.before.seconds, one.after.seconds, one.after.cost_usd) == (1.5, 0.123, 0.25)
    assert one.before.sources == ["doc_a@2#0"]


@pytest.mark.parametrize(
    ("answer", "changed"),
    [
        (Answer(content="Thirty working days."), ["answer"]),
        (Answer(content="Thirty days.", sources=[CITED]), ["sources"]),
        (Answer(content="Thirty days.", metadata={"abstained": True}), ["abstention"]),
        (Answer(content="Thirty days.", escalation=Escalation(reasons=["legal"])), ["escalation"]),
        (Answer(content="Thirty days.", tools_used=["find_order"]), ["tools"]),
    ],
    ids=["answer", "sources", "abstention", "escalation", "tools"],
)
def test_each_difference_has_its_name(answer: Answer, changed: list[str]) -> None:
    assert compare(stored(), new_side(answer, 0.0, 0.1)).changed == changed


def test_another_version_of_a_document_is_another_source() -> None:
    newer = replace(CITED, metadata={**CITED.metadata, "version": 3})
    one = compare(stored(sources=[CITED]), new_side(Answer(content="Thirty days.", sources=[newer]), 0.0, 0.1))
    assert one.changed == ["sources"]
    assert "  sources: doc_a@2#0 > doc_a@3#0" in difference(one)


def test_similarity_is_of_words() -> None:
    one = compare(stored("You have thirty days"), new_side(Answer(content="You have sixty days"), 0.0, 0.1))
    assert one.similarity == 0.75
    assert compare(stored("Yes"), new_side(Answer(content="No"), 0.0, 0.1)).similarity == 0.0


def test_a_stored_answer_says_what_it_cost_and_what_became_of_it() -> None:
    metadata = {
        "model": "m", "usage": {"cost_usd": 0.5}, "abstained": True, "ticket_id": "t", "degraded": {"reason": "r"},
        "error": {"code": "c", "retryable": True},
    }  # fmt: skip
    side = stored_side(stored(metadata=metadata).answer)
    assert (side.model, side.cost_usd, side.abstained, side.escalated) == ("m", 0.5, True, True)
    assert (side.degraded, side.error) == ("r", "c")


# --- tools


def step(number: int, arguments: str, text: str, *, name: str = "find_order", passages: Sequence[Source] = ()) -> Step:
    result = ToolResult(text=text, passages=list(passages))
    return Step(number=number, attempt=1, call=asks(arguments, name), idempotent=True, result=result)


def test_the_same_arguments_give_what_they_gave() -> None:
    recording = Recording([step(1, '{"order": "A-1"}', "one"), step(2, '{ "order" :"B-2" }', "two")])
    assert recording.result("find_order", {"order": "B-2"}, 1).text == "two"
    assert recording.result("find_order", {"order": "A-1"}, 1).text == "one"
    assert recording.result("find_order", {"order": "A-1"}, 1).text == "one"
    assert recording.notes == []


def test_what_was_asked_twice_gives_both_results() -> None:
    recording = Recording([step(1, '{"order": "A-1"}', "packed"), step(2, '{"order": "A-1"}', "sent")])
    assert [recording.result("find_order", {"order": "A-1"}, 1).text for _ in range(3)] == ["packed", "sent", "sent"]


def test_other_arguments_give_the_next_result_and_then_none() -> None:
    recording = Recording([step(1, '{"order": "A-1"}', "one"), step(2, "[broken", "two")])
    assert recording.result("find_order", {"order": "A-1"}, 1).text == "one"
    assert recording.result("find_order", {"order": "C-3"}, 1).text == "two"
    last = recording.result("find_order", {"order": "C-3"}, 1)
    assert last.failed
    assert recording.notes == ["find_order: other arguments than recorded", "find_order: not recorded"]


def test_another_tools_results_and_calls_without_a_result_are_never_given() -> None:
    begun = replace(step(2, '{"order": "A-1"}', ""), result=None)
    recording = Recording([step(1, '{"order": "A-1"}', "one", name="find_user"), begun])
    assert recording.result("find_order", {"order": "A-1"}, 1).failed


def test_passages_get_free_ranks() -> None:
    recording = Recording([step(1, "{}", "two", passages=[source("a", rank=6), source("b", rank=7)])])
    assert [each.rank for each in recording.result("find_order", {}, 3).passages] == [3, 4]


async def test_a_recorded_tool_is_never_called_but_refuses_as_the_tool_does() -> None:
    tool = CountingTool()
    recorded = RecordedTool(tool, Recording([step(1, '{"order": "A-1"}', "sent")]))
    ctx = ToolContext(tenant="acme", session_id="sess_1", turn_id="turn_1", user_id=None, key="k")
    assert (await recorded.call({"order": "A-1"}, ctx)).text == "sent"
    tool.words = "no user"
    assert recorded.refusal({}, ctx) == "no user"
    tool.away = Unavailable("tool_unreachable", "away")
    assert await recorded.probe() == "recorded"
    await recorded.close()
    assert (tool.calls, tool.closed, recorded.kind) == ([], 0, tool.kind)


# --- what writes nothing

CHANNELS = {name: channel for name, channel in vars(bus_map).items() if isinstance(channel, Rpc)}


@pytest.mark.parametrize("name", sorted(CHANNELS))
async def test_only_what_changes_nothing_is_asked(name: str) -> None:
    bus, channel = Bus(), CHANNELS[name]
    bus.answer(channel, "answered")
    asking = ReadOnly(bus).call(channel, object(), tenant="acme")
    if name in ("SEARCH", "ATTACHMENT_TEXTS", "HISTORY", "LIST_SESSIONS", "GET_SESSION"):
        assert await asking == "answered"
        assert channel in READING
        return
    with pytest.raises(Forbidden):
        await asking
    assert bus.asked == []


async def test_journal_and_approvals_are_read_only() -> None:
    journal, approvals = KeptJournal(), KeptApprovals()
    journal.kept["turn_1", 1] = step(1, "{}", "sent")
    read = ReadJournal(journal)
    await read.begin("acme", "sess_1", "turn_1", step(2, "{}", "x"))
    await read.end("acme", "turn_1", 2, ToolResult(text="x"))
    assert await read.steps("acme", "turn_1") == [step(1, "{}", "sent")]
    assert journal.asked == ["steps"]
    wanted: Any = object()
    assert await ReadApprovals(approvals).request("acme", wanted, asks()) is wanted
    assert approvals.kept == {}
    approvals.kept["apr_1"] = (wanted, asks())
    assert await ReadApprovals(approvals).get("acme", "apr_1") == (wanted, asks())


# --- answering again


class Models:
    """One model for each turn, by its number; keeps the stands."""

    def __init__(self, *models: Any) -> None:
        self.models = list(models)
        self.stands: list[Any] = []

    def __call__(self, stand: Any) -> Any:
        self.stands.append(stand)
        return self.models[min(len(self.stands), len(self.models)) - 1]


class Shop:
    """A replay over fakes."""

    def __init__(self, *models: Any) -> None:
        self.bus, self.log, self.journal, self.memories = Bus(), Log(), KeptJournal(), KeptMemories()
        self.models = Models(*models or (SpokenModel("Thirty days.", DONE),))
        self.till = Till(self.log, minter(), Budget(), 8)
        self.told: list[Comparison] = []
        ticks = iter(range(1_000))
        self.replay = Replay(
            Workshop(
                caller=ReadOnly(self.bus), journal=self.journal, memories=self.memories, model=self.models, till=self.till,
                log=self.log, limits=FAST, allowed_links=frozenset(), clock=lambda: float(next(ticks)), history=10,
            )
        )  # fmt: skip

    async def run(self, found: Sequence[StoredTurn], at_once: int = 4) -> list[Comparison]:
        await self.replay.run(found, self.told.append, at_once=at_once)
        return self.told


def conversation(count: int) -> list[StoredTurn]:
    messages: list[Message] = []
    for number in range(count):
        turn = f"turn_{number}"
        messages += [said(2 * number + 1, turn, f"Question {number}?"), replied(2 * number + 2, turn, "Thirty days.")]
    return turns(*messages)


async def test_turns_are_answered_by_the_code_that_serves_and_told_in_their_order() -> None:
    shop = Shop()
    told = await shop.run(conversation(7))
    assert [one.turn_id for one in told] == [f"turn_{number}" for number in range(7)]
    assert [(one.after.text, one.after.model, one.after.confidence) for one in told] == [
        ("Thirty days.", "spoken", 0.8)
    ] * 7
    assert {name for name, _ in shop.bus.asked} == {"search"}
    assert shop.bus.told == []
    assert shop.memories.facts == {}
    assert shop.memories.touched == []


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (3, 3), (9, 6)])
async def test_so_many_are_answered_side_by_side(at_once: int, most: int) -> None:
    shop, running, seen = Shop(), 0, 0

    class Slow:
        name = about = "slow"

        async def answer(self, prompt: Any) -> Any:
            nonlocal running, seen
            running += 1
            seen = max(seen, running)
            # The first is the slowest: those after it are told of when it is there.
            await asyncio.sleep(0.05 if prompt.turn_id == "turn_0" else 0.01)
            running -= 1
            yield "Thirty days."
            yield DONE

    shop.models.models = [Slow()]
    told = await shop.run(conversation(6), at_once)
    assert (seen, [one.turn_id for one in told]) == (most, [f"turn_{number}" for number in range(6)])


async def test_one_turn_that_cannot_be_answered_says_nothing_of_the_others() -> None:
    broken = SpokenModel("Thirty days ", "and ", ModelFault("model_cut"))
    shop = Shop(broken, SpokenModel(ModelFault("models_unavailable")), SpokenModel("Thirty days.", DONE))
    first, second, third = await shop.run(conversation(3), 1)
    assert (first.after.error, first.after.text[:6], "answer" in first.changed) == ("model_cut", "Thirty", True)
    # As to customers: an apology where nothing was said.
    assert (second.after.error, second.after.confidence) == ("models_unavailable", 0.0)
    assert (third.after.error, third.after.text) == ("", "Thirty days.")
    assert shop.log.named("apologised")


async def test_a_fault_of_ours_is_told_of_as_one() -> None:
    shop = Shop()
    shop.bus.answer(bus_map.SEARCH, RuntimeError("of ours"))
    [one] = await shop.run(conversation(1))
    assert (one.after.error, one.after.model, one.after.text) == ("internal", "spoken", "")
    assert shop.log.named("replay_failed") == [{"turn": "turn_0"}]


async def test_a_journal_that_is_away_ends_the_replay() -> None:
    shop = Shop()
    shop.journal.fault = Unavailable("database_unavailable", "away")
    with pytest.raises(ExceptionGroup) as raised:
        await shop.run(conversation(2))
    assert raised.group_contains(Unavailable)
    assert shop.told == []


async def test_a_person_is_called_for_without_a_model() -> None:
    shop = Shop()
    handed = replied(2, "turn_1", "x", metadata={"ticket_id": "tick_1"})
    [one] = await shop.run(turns(said(1, "turn_1", "I want to talk to a human"), handed))
    assert (one.before.escalated, one.after.escalated, shop.models.models[0].prompts) == (True, True, [])


async def test_what_was_known_then_is_known_again_and_nothing_later() -> None:
    shop = Shop()
    asked_at = NOON + timedelta(minutes=5)
    shop.memories.of_users["acme", "ann"] = [
        replace(fact("name", "Ann Lee"), told_at=NOON - timedelta(days=2)),
        replace(fact("plan", "gold"), told_at=asked_at),
        replace(fact("device", "a phone"), told_at=None),
    ]
    messages = [
        said(1, "a", "My email is ann@example.com"), replied(2, "a"), said(3, "b", "Hello"), replied(4, "b"),
        said(5, "c", "What is my order? It is order A-1042."), replied(6, "c"), said(7, "d", "My email is bob@example.com"), replied(8, "d"),
    ]  # fmt: skip
    found = turns(*messages, history=1)
    await shop.run([found[2]])
    [prompt] = shop.models.models[0].prompts
    assert [(one.label, one.value) for one in prompt.facts] == [
        ("name", "Ann Lee"), ("email", "ann@example.com"), ("order", "A-1042"),
    ]  # fmt: skip
    assert [one.seq for one in prompt.history] == [4]


async def test_the_memory_of_a_turn_ends_with_it() -> None:
    memories = TurnMemories([fact("name", "Ann")])
    await memories.learn("acme", "sess_1", [fact("plan", "gold")])
    assert [one.label for one in await memories.recall("acme", "sess_1")] == ["name", "plan"]
    assert [one.label for one in await memories.known("acme", "sess_1")] == ["name", "plan"]
    await memories.touch(["mem_1"])
    await memories.prepare("acme", "sess_1", "ann")
    await memories.clear("acme", "sess_1")
    await memories.forget("acme", "sess_1")
    assert (await memories.listed("acme", "ann"), await memories.erase("acme", "ann")) == ([], 0)
    await Silent().announce(bus_map.TURN_FRAME, object(), tenant="acme")  # type: ignore[arg-type]


class Priced:
    """A model whose tokens cost a dollar each."""

    name = "priced"

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        return float(prompt_tokens + completion_tokens)


async def test_costs_are_added_up_by_turn_and_written_nowhere() -> None:
    till, model = Till(Log(), minter(), Budget(tokens=100), 8), Priced()
    values: Mapping[str, Any] = {"usage": None, "text_tokens": 2, "first_token_ms": 1.0, "duration_ms": 2.0}
    for turn_id in ("a", "a", "b"):
        purse = till.turn("acme", "sess_1", turn_id, 1)
        purse.settle(await purse.reserve(model, 3, 4), "completed", **values)  # type: ignore[arg-type]
    assert (till.taken("a"), till.taken("b"), till.taken("a")) == (10.0, 5.0, 0.0)


# --- reading


def session(number: int) -> Session:
    at = NOON - timedelta(minutes=number)
    return Session(
        session_id=f"sess_{number}", thread_id="t", status="active", created_at=at, updated_at=at, last_activity=at
    )


class Shelf(Bus):
    """Sessions, each with so many answered questions, in pages as the session service gives them."""

    def __init__(self, sessions: int, questions: int) -> None:
        super().__init__()
        self.all = [session(number) for number in range(sessions)]
        self.messages = [
            each
            for number in range(questions)
            for each in (said(2 * number + 1, f"turn_{number}"), replied(2 * number + 2, f"turn_{number}"))
        ]

    async def call(self, channel: Any, request: Any, **about: Any) -> Any:
        self.asked.append((channel.name, request))
        if channel is bus_map.GET_SESSION:
            return next(one for one in self.all if one.session_id == about["key"])
        if channel is bus_map.HISTORY:
            rest = [one for one in self.messages if one.seq > (request.after_seq or 0)]
            return History(rest[: request.limit], len(self.messages))
        assert channel is bus_map.LIST_SESSIONS
        rest = [one for one in self.all if request.after is None or one.created_at < request.after.created_at]
        return SessionPage(rest[: request.limit], len(self.all), len(rest) > request.limit)


def reading(bus: Bus) -> Replay:
    shop = Shop()
    return Replay(
        Workshop(
            caller=ReadOnly(bus), journal=shop.journal, memories=shop.memories, model=shop.models, till=shop.till,
            log=shop.log, limits=FAST, allowed_links=frozenset(), clock=lambda: 0.0, history=10,
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("last", "sessions"), [(1, 1), (50, 50), (51, 51), (130, 120)], ids=["one", "a page", "a page and one", "all"]
)
async def test_the_newest_sessions_are_read_in_pages(last: int, sessions: int) -> None:
    bus = Shelf(120, 1)
    found = await reading(bus).stored(Wanted(tenant="acme", last=last, turns=1_000))
    assert [one.turn.session_id for one in found] == [f"sess_{number}" for number in range(sessions)]


@pytest.mark.parametrize("questions", [0, 1, 10, 11, 25])
async def test_long_conversations_are_read_in_pages(questions: int) -> None:
    found = await reading(Shelf(1, questions)).stored(Wanted(tenant="acme"))
    assert [one.turn.turn_id for one in found] == [f"turn_{number}" for number in range(questions)]


@pytest.mark.parametrize(
    ("most", "found"), [(1, ["0/2"]), (3, ["0/0", "0/1", "0/2"]), (4, ["0/0", "0/1", "0/2", "1/2"])]
)
async def test_so_many_turns_are_read_the_last_of_each_session(most: int, found: list[str]) -> None:
    bus = Shelf(2, 3)
    stored_ones = await reading(bus).stored(Wanted(tenant="acme", turns=most))
    assert [f"{one.turn.session_id[5:]}/{one.turn.turn_id[5:]}" for one in stored_ones] == found


async def test_named_sessions_are_read_in_their_order() -> None:
    bus = Shelf(5, 1)
    found = await reading(bus).stored(Wanted(tenant="acme", sessions=["sess_3", "sess_0"]))
    assert [one.turn.session_id for one in found] == ["sess_3", "sess_0"]
    assert bus.requests(bus_map.LIST_SESSIONS) == []


# --- what is told


def side(text: str = "Yes.", **more: Any) -> Side:
    values: dict[str, Any] = {
        "model": "m", "text": text, "sources": [], "abstained": False, "escalated": False, "confidence": 0.5,
        "tools_used": [], "cost_usd": 0.0, "seconds": 1.0, **more,
    }  # fmt: skip
    return Side(**values)


def comparison(before: Side, after: Side, *changed: str, notes: Sequence[str] = ()) -> Comparison:
    return Comparison(
        session_id="sess_1", turn_id="turn_1", question="How\nlong?", before=before, after=after, similarity=0.5,
        changed=list(changed), notes=list(notes),
    )  # fmt: skip


def test_sums() -> None:
    sums = summed(
        [
            comparison(side(seconds=1.0), side(seconds=4.0, cost_usd=0.5)),
            comparison(side(seconds=None), side(seconds=2.0, cost_usd=0.25, error="x"), "answer", "sources"),
            comparison(
                side(cost_usd=1.0, seconds=3.0), side(seconds=9.0, degraded="y", model="n"), "answer", notes=["z"]
            ),
        ]
    )
    assert (sums.turns, sums.same, sums.changed) == (3, 1, {"answer": 2, "sources": 1})
    assert (sums.failed, sums.degraded, sums.not_as_recorded) == (1, 1, 1)
    assert (sums.cost_before_usd, sums.cost_after_usd) == (1.0, 0.75)
    assert (sums.seconds_before, sums.seconds_after) == (2.0, 4.0)
    assert closing(sums) == [
        "models   m 3 > m 2, n 1",
        "turns    3: 1 the same, 2 changed (answer 2, sources 1)",
        "cost     1.000000 > 0.750000 USD",
        "seconds  2.000 > 4.000 (p50)",
        "failed   1; answered by another model than the wanted one: 1",
        "tools    not as recorded in 1 turns",
    ]


def test_sums_of_nothing() -> None:
    sums = summed([])
    assert (sums.turns, sums.seconds_before, sums.cost_after_usd) == (0, None, 0.0)


def test_a_line_says_what_changed() -> None:
    told = line(
        comparison(side(confidence=None), side(cost_usd=0.001, degraded="budget_exhausted"), "answer", notes=["n"])
    )
    assert told.split()[:2] == ["turn_1", "0.500"]
    assert "- > 0.50" in told
    assert "0.000000 > 0.001000" in told
    assert told.endswith("answer; degraded: budget_exhausted; n")
    assert line(comparison(side(), failed_side("m", "", "model_cut", 0.0, 1.0))).endswith("-; failed: model_cut")


def test_only_the_sentences_that_differ_are_shown() -> None:
    lines = difference(comparison(side("One. Two. Three."), side("One. Deux. Three.\nFour."), "answer"))
    assert lines == ["  ? How long?", "  - Two.", "  + Deux.", "  + Four."]


def test_what_else_differs_is_shown() -> None:
    after = side(abstained=True, escalated=True, tools_used=["a"])
    lines = difference(comparison(side(), after, "abstention", "escalation", "tools"))
    assert lines[1:] == ["  abstention: no > yes", "  escalation: no > yes", "  tools: none > a"]


@pytest.mark.parametrize(("count", "shown"), [(8, 8), (9, 9)])
def test_a_long_difference_is_cut(count: int, shown: int) -> None:
    after = side(" ".join(f"S{number}." for number in range(count)))
    lines = difference(comparison(side(""), after, "answer"))
    assert len(lines) == 1 + shown
    assert lines[-1] == ("  ... and 1 more" if count > 8 else "  + S7.")
