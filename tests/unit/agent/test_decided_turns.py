"""Turns that carry a colleague's decision about an action: what was allowed is done, or a person hears of it."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts.errors import Unavailable
from libs.contracts.session import Answer, Escalation, Message
from services.agent.app import Limits
from services.agent.domain import actions, replies
from services.agent.domain.steps import Step, ToolResult
from services.agent.ports import ModelFault

from .fakes import Bus, Log, claim, message, source, turn, turns, until
from .test_answers import World, asked_for, decision, prompt, wants
from .tool_fakes import CountingTool, asks

AWAY = Unavailable("knowledge_unavailable", "away")
PERSON = message("I want to speak to a human agent please", seq=10)
UNCONFIRMED = ["action_unconfirmed"]


def refunding(*, idempotent: bool = False) -> CountingTool:
    return CountingTool("refund", access="approval", idempotent=idempotent)


async def allowed(world: World, tool: CountingTool, word: str = "approved") -> Message:
    approval_id = await asked_for(world, tool)
    world.stage.approvals.decide(approval_id, word)
    return decision(word, approval_id)


async def decided(world: World, *words: str) -> list[Message]:
    """Have refunds of A-0, A-1 ... asked for and decided."""
    steps, told = world.stage.attempt(1, turn_id="turn_0"), list[Message]()
    for number, word in enumerate(words):
        await steps.run(asks(f'{{"order": "A-{number}"}}', name="refund"), 1)
        approval_id = list(world.stage.approvals.kept)[-1]
        world.stage.approvals.decide(approval_id, word)
        told.append(decision(word, approval_id))
    return told


async def answered(world: World, *questions: Message, bus: Bus | None = None, attempt: int = 1, **more: Any) -> Answer:
    """Give the answer that is stored, which is what was told."""
    bus = bus or Bus()
    given = replace(turn(), questions=list(questions), attempt=attempt)
    await turns(bus, world.model, **more).answer(claim(given))
    [stored] = bus.requests(bus_map.COMPLETE_TURN)
    assert bus.requests(bus_map.FAIL_TURN) == []
    assert (stored.answer.content, stored.answer.metadata["attempt"]) == (bus.joined, attempt)
    return stored.answer


def without_knowledge() -> Bus:
    bus = Bus()
    bus.answer(bus_map.SEARCH, AWAY)
    return bus


# --- the turn ends before the action


async def test_an_allowed_action_is_done_though_knowledge_is_away() -> None:
    tool = refunding()
    world = World(["It is done."], tools=[tool])
    answer = await answered(world, await allowed(world, tool), bus=without_knowledge())
    assert (len(tool.calls), answer.content, answer.escalation) == (1, "It is done.", None)


async def test_an_allowed_action_is_done_before_a_person_who_is_asked_for_comes() -> None:
    tool = refunding()
    world = World(["It is done."], tools=[tool])
    answer = await answered(world, await allowed(world, tool), PERSON)
    assert (len(tool.calls), answer.content) == (1, "It is done.\n\n" + replies.handing_over("en"))
    assert answer.escalation is not None
    assert (answer.escalation.reasons, answer.escalation.evidence) == (["asked_for_person"], [PERSON.content])
    assert (answer.confidence, answer.metadata["kind"]) == (None, "hand_over")


async def test_a_person_who_is_asked_for_hears_also_of_an_action_that_is_not_confirmed() -> None:
    tool = refunding()
    tool.fault = RuntimeError()
    world = World(["never"], tools=[tool])
    answer = await answered(world, await allowed(world, tool), PERSON)
    assert answer.content == replies.unconfirmed("en")
    assert answer.escalation is not None
    assert set(answer.escalation.reasons) == {"asked_for_person", "action_unconfirmed"}
    assert (answer.escalation.priority, len(answer.escalation.evidence)) == ("high", 2)


async def test_danger_is_thought_of_also_below_an_action() -> None:
    tool = refunding()
    world = World(["It is done."], tools=[tool])
    answer = await answered(world, await allowed(world, tool), message("the charger caught fire", seq=10))
    assert "emergency number" in answer.content
    assert answer.escalation is not None
    assert answer.escalation.priority == "urgent"


STUCK = Limits(turn_s=0.2, first_token_s=None, knowledge_s=0.1, text_interval_s=0.01)


@pytest.mark.parametrize("questions", [[], [PERSON]], ids=["alone", "and a person is asked for"])
async def test_a_turn_whose_time_ends_in_an_action_ends_with_a_person(questions: list[Message]) -> None:
    tool, log = refunding(), Log()
    tool.stuck = asyncio.Event()
    world = World(["never"], tools=[tool])
    answer = await answered(world, await allowed(world, tool), *questions, log=log, limits=STUCK)
    assert (len(tool.calls), answer.content) == (1, replies.unconfirmed("en"))
    assert answer.escalation is not None
    assert answer.escalation.reasons == UNCONFIRMED + ["asked_for_person"] * len(questions)
    assert (answer.escalation.evidence[0], answer.escalation.priority) == ("refund", "high")
    assert log.named("action_unconfirmed") == [{"turn": "turn_1", "attempt": 1, "code": "turn_timed_out"}]
    assert log.named("turn")[0]["outcome"] == "handed_over"


async def test_a_refused_action_is_no_reason_for_a_person_where_the_turn_times_out() -> None:
    tool = refunding()
    world = World([9.0, "never"], tools=[tool])
    answer = await answered(world, await allowed(world, tool, "refused"), limits=STUCK)
    assert (answer.escalation, answer.metadata["error"]["code"]) == (None, "turn_timed_out")


async def test_a_person_who_was_asked_for_beside_a_refusal_comes_though_the_turn_times_out() -> None:
    tool = refunding()
    world = World([9.0, "never"], tools=[tool])
    answer = await answered(world, await allowed(world, tool, "refused"), PERSON, limits=STUCK)
    assert answer.escalation is not None
    assert (answer.escalation.reasons, answer.content) == (["asked_for_person"], replies.handing_over("en"))


async def test_an_action_in_which_an_attempt_died_ends_with_a_person_though_knowledge_is_away() -> None:
    tool = refunding()
    tool.stuck = asyncio.Event()
    world = World(["never"], tools=[tool])
    given = await allowed(world, tool)
    dying = asyncio.create_task(turns(Bus(), world.model).answer(claim(replace(turn(), questions=[given]))))
    await until(lambda: tool.calls)
    dying.cancel()
    await asyncio.wait([dying])
    answer = await answered(world, given, bus=without_knowledge(), attempt=2)
    assert (answer.escalation and answer.escalation.reasons, len(tool.calls)) == (UNCONFIRMED, 1)


def journaled(world: World, result: ToolResult | None) -> None:
    world.stage.journal.kept["turn_1", 1] = Step(number=1, attempt=1, call=asks(), idempotent=False, result=result)


async def test_what_an_earlier_attempt_began_is_not_forgotten_though_knowledge_is_away() -> None:
    world = World(["never"], tools=[CountingTool(idempotent=False)])
    journaled(world, None)
    answer = await answered(world, message("How long?"), bus=without_knowledge(), attempt=2)
    assert answer.escalation is not None
    assert answer.escalation.reasons == UNCONFIRMED


@pytest.mark.parametrize(("attempt", "broken"), [(1, False), (2, False), (2, True)])
async def test_r13_a_turn_in_which_nothing_was_done_is_apologised_for(attempt: int, broken: bool) -> None:
    world = World(["never"], tools=[CountingTool()])
    if broken:
        journaled(world, None)
        world.stage.journal.fault = Unavailable("database_unavailable", "away")
    answer = await answered(world, message("How long?"), bus=without_knowledge(), attempt=attempt)
    assert (answer.metadata["error"]["code"], answer.escalation) == ("knowledge_unavailable", None)


# --- nothing is abstained from before the actions are done

OPERA = message("Do you sell gift cards for the opera?", seq=10)


async def test_a_question_that_has_no_answer_keeps_no_decision_from_the_model() -> None:
    tool = refunding()
    world = World(["It is done."], tools=[tool])
    given = await allowed(world, tool)
    world.stage.registry._enabled = frozenset({"nothing"})
    _, outcome = await world.said(prompt(given, OPERA, passages=[source("Lamps.", score=0.05)]))
    assert len(world.completions.requests) == 1
    assert outcome.metadata["kind"] == "chat"


async def test_a_person_whom_an_earlier_attempt_called_comes_though_nothing_is_found() -> None:
    world = World(["never"], tools=[CountingTool("escalate")])
    journaled(world, ToolResult(text="called", escalation=Escalation(reasons=["model_asked"])))
    _, outcome = await world.said(prompt(OPERA, passages=[], attempt=2))
    assert outcome.escalation == Escalation(reasons=["model_asked"])


# --- several decisions


async def test_all_that_was_allowed_is_done_though_the_first_is_not_confirmed() -> None:
    tool = refunding()
    world = World(["never"], tools=[tool])
    given = await decided(world, "approved", "approved", "refused", "approved")
    first, third = given[0].metadata["approval_id"], given[3].metadata["approval_id"]
    for approval_id in (first, third):
        call = world.stage.approvals.kept[approval_id][1]
        world.stage.journal.kept[approval_id, 1] = Step(number=1, attempt=1, call=call, idempotent=False)
    text, outcome = await world.said(prompt(*given, passages=[]))
    assert [arguments for arguments, _ in tool.calls] == [{"order": "A-1"}]
    assert outcome.escalation == actions.unconfirmed(
        ["refund: What refund is for (A-0)", "refund: What refund is for (A-3)"]
    )
    assert text == "\n\n".join([
        replies.decided("approved", "en", done=True, about="What refund is for (A-1)"),
        replies.decided("refused", "en", done=False, about="What refund is for (A-2)"),
        replies.unconfirmed("en"),
    ])  # fmt: skip
    assert outcome.tools_used == ["refund"]
    assert len(world.log.named("action_unconfirmed")) == 2


async def test_every_action_that_breaks_is_in_the_evidence() -> None:
    tool = refunding()
    tool.fault = RuntimeError()
    world = World(["never"], tools=[tool])
    _, outcome = await world.said(prompt(*await decided(world, "approved", "approved"), passages=[]))
    assert (len(tool.calls), len(outcome.escalation.evidence if outcome.escalation else [])) == (2, 2)


async def test_a_refusal_is_no_unconfirmed_action_though_approvals_are_away() -> None:
    world = World(["Sorry, no."], tools=[refunding()])
    given = await decided(world, "refused")
    world.stage.approvals.fault = AWAY
    text, outcome = await world.said(prompt(*given, passages=[]))
    assert (text, outcome.escalation) == ("Sorry, no.", None)
    assert "A colleague did not allow this" in world.sent()


@pytest.mark.parametrize("words", [["refused", "approved"], ["approved", "refused"], ["approved", "approved"]])
async def test_without_a_model_each_decision_is_told_by_its_own_result(words: list[str]) -> None:
    world = World([ModelFault("models_unavailable")], tools=[refunding()])
    text, outcome = await world.said(prompt(*await decided(world, *words), passages=[]))
    assert text.split("\n\n") == [
        replies.decided(word, "en", done=True, about=f"What refund is for (A-{number})")
        for number, word in enumerate(words)
    ]
    assert outcome.metadata["kind"] == "decision"


async def test_what_earlier_look_ups_gave_says_nothing_about_an_action() -> None:
    tool = refunding()
    world = World([ModelFault("models_unavailable")], tools=[CountingTool(), tool])
    given = await allowed(world, tool)
    journaled(world, ToolResult(text="no such order", failed=True))
    text, _ = await world.said(prompt(given, passages=[], attempt=2))
    assert text == replies.decided("approved", "en", done=True)


async def test_a_model_that_refuses_to_speak_of_an_action_hides_it_not() -> None:
    tool = refunding()
    world = World([replace(wants(), finish="content_filter")], tools=[tool])
    text, outcome = await world.said(prompt(await allowed(world, tool), OPERA))
    assert (text, outcome.metadata["degraded"]) == (
        replies.decided("approved", "en", done=True), {"reason": "model_refused"},
    )  # fmt: skip


# --- two escalations in one


def test_two_escalations_are_one() -> None:
    calm = Escalation(reasons=["a"], category="general", priority="low", score=0.5, evidence=["x"])
    urgent = Escalation(reasons=["b", "a"], category="urgent", priority="urgent", score=0.9, evidence=["x", "y"])
    both = Escalation(reasons=["a", "b"], category="urgent", priority="urgent", score=0.9, evidence=["x", "y"])
    assert actions.merged(calm, urgent) == both
    assert actions.merged(urgent, calm) == replace(both, reasons=["b", "a"])
    assert (actions.merged(None, calm), actions.merged(calm, None), actions.merged(None, None)) == (calm, calm, None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [('{"a": "A-1", "b": 20, "c": ["x"], "d": null}', "A-1, 20"), ("{}", ""), ("no json", ""), ("[1]", "")],
)
def test_the_values_of_a_call_tell_it_apart(arguments: str, told: str) -> None:
    assert actions.details(arguments) == told
