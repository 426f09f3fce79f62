"""Answers that are stopped while they carry out what colleagues allowed: what may have been done is told, always."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts.session import Answer, Escalation, Message, TurnRevoked
from services.agent.app import Turns
from services.agent.domain import replies
from services.agent.domain.steps import ToolResult

from .fakes import Bus, Log, claim, message, turn, turns, until
from .test_answers import World, decision, wants
from .test_decided_turns import allowed, decided, refunding
from .tool_fakes import AWAY, CountingTool, asks

# Well under the second that the session service waits for what was said.
AT_ONCE_S = 0.9


class Stopped:
    """A turn that carries decisions, and is stopped."""

    def __init__(self, world: World, *questions: Message) -> None:
        self.bus, self.log = Bus(), Log()
        self.turns: Turns = turns(self.bus, world.model, self.log, outcomes=world.stage.steps)
        self._asked = replace(turn(), questions=list(questions))

    async def at(self, moment: Callable[[], Any], *, wanted: bool = True) -> None:
        """Stop it at a moment, and wait for its end."""
        task = asyncio.create_task(self.turns.answer(claim(self._asked)))
        await until(moment)
        self.turns.revoke(TurnRevoked(turn_id="turn_1", attempt=1, wanted=wanted), "acme")
        async with asyncio.timeout(AT_ONCE_S):
            await task

    @property
    def stored(self) -> list[Any]:
        return self.bus.requests(bus_map.COMPLETE_TURN)

    @property
    def answer(self) -> Answer:
        [request] = self.stored
        assert request.outcome == "cancelled"
        return request.answer


def stuck(tool: CountingTool) -> asyncio.Event:
    tool.stuck = asyncio.Event()
    return tool.stuck


async def test_an_action_that_does_not_end_in_time_is_handed_to_a_person_and_goes_on() -> None:
    tool = refunding()
    world, go_on = World(["never"], tools=[tool]), stuck(tool)
    one = Stopped(world, given := await allowed(world, tool))
    await one.at(lambda: tool.calls)
    assert one.answer.content == replies.unconfirmed("en")
    assert one.answer.escalation == Escalation(reasons=["action_unconfirmed"], priority="high", evidence=["refund"])
    assert one.answer.metadata == {"model": "test/model", "attempt": 1, "kind": "hand_over"}
    go_on.set()
    await asyncio.wait_for(world.stage.steps.carrying.drained(), 2.0)
    approval_id = given.metadata["approval_id"]
    assert world.stage.journal.kept[approval_id, 1].result == tool.result
    assert tool.keys == [approval_id]


async def test_an_action_that_ends_in_time_is_told_and_nobody_is_called() -> None:
    tool = refunding()
    world, go_on = World(["never"], tools=[tool]), stuck(tool)
    asyncio.get_running_loop().call_later(0.2, go_on.set)
    one = Stopped(world, await allowed(world, tool))
    await one.at(lambda: tool.calls)
    assert (one.answer.content, one.answer.escalation) == (replies.decided("approved", "en", done=True), None)
    assert tool.keys == [tool.keys[0]]


@pytest.mark.parametrize("failed", [True, False])
async def test_what_was_done_before_the_answer_was_stopped_is_told_below_what_was_said(failed: bool) -> None:
    tool = refunding()
    tool.result = ToolResult(text="20 euros", failed=failed)
    world = World(["I have good ", 9.0, "news."], tools=[tool])
    one = Stopped(world, await allowed(world, tool))
    await one.at(lambda: one.bus.joined)
    told = replies.decided("approved", "en", done=not failed)
    assert (one.answer.content, one.answer.escalation) == (f"{one.bus.joined}\n\n{told}", None)


async def test_of_several_actions_each_is_told_or_handed_over() -> None:
    tool = refunding()
    world = World(["never"], tools=[tool])
    first, second, refused = await decided(world, "approved", "approved", "refused")

    async def first_only(arguments: dict[str, Any]) -> None:
        if arguments["order"] == "A-1":
            await asyncio.sleep(9.0)

    tool.before = first_only
    one = Stopped(world, first, second, refused)
    await one.at(lambda: len(tool.calls) == 2)
    assert "A-0" in one.answer.content
    assert "A-1" not in one.answer.content
    assert one.answer.content.endswith(replies.unconfirmed("en"))
    assert one.answer.escalation is not None
    assert one.answer.escalation.evidence == ["refund"]


async def test_a_person_whom_the_action_itself_called_comes() -> None:
    tool = refunding()
    called = Escalation(reasons=["model_asked"], category="billing")
    tool.result = ToolResult(text="a colleague", escalation=called)
    world = World(["never"], tools=[tool])
    world.stage.journal.delay_s = 0.02
    one = Stopped(world, await allowed(world, tool))
    await one.at(lambda: tool.calls)
    assert (one.answer.content, one.answer.escalation) == (replies.handing_over("en"), called)


async def test_nobody_knows_of_an_action_where_the_journal_goes_away() -> None:
    tool = refunding()
    world, go_on = World(["never"], tools=[tool]), stuck(tool)
    one = Stopped(world, await allowed(world, tool))

    def begun() -> bool:
        if tool.calls:
            world.stage.journal.fault = AWAY
            go_on.set()
        return bool(tool.calls)

    await one.at(begun)
    assert one.answer.escalation is not None
    assert one.answer.escalation.reasons == ["action_unconfirmed"]


async def test_an_action_that_nobody_began_is_handed_over_too() -> None:
    """Whether an earlier attempt had begun it elsewhere is not known here."""
    tool = refunding()
    world = World(["never"], tools=[tool])
    one = Stopped(world, await allowed(world, tool))
    one.bus.answers["search"] = hanging
    await one.at(lambda: one.bus.requests(bus_map.SEARCH))
    assert (tool.calls, one.answer.content) == ([], replies.unconfirmed("en"))


async def hanging(_request: Any) -> None:
    await asyncio.sleep(30)


async def test_a_refusal_says_nothing_about_an_action() -> None:
    tool = refunding()
    world = World(["I am ", 9.0, "sorry."], tools=[tool])
    one = Stopped(world, await allowed(world, tool, "refused"))
    await one.at(lambda: one.bus.joined)
    assert (one.answer.content, one.answer.escalation) == (one.bus.joined, None)


async def test_a_tool_that_only_looks_up_is_not_waited_for() -> None:
    tool = CountingTool()
    world = World([wants(asks())], tools=[tool])
    stuck(tool)
    one = Stopped(world, message("Where is my order?"))
    await one.at(lambda: tool.calls)
    assert (one.answer.content, one.answer.escalation) == ("", None)


async def test_what_a_colleague_stops_by_taking_over_goes_on_and_is_told_when_the_agent_has_the_conversation_again() -> (
    None
):
    tool = refunding()
    world, go_on = World(["It is done."], tools=[tool]), stuck(tool)
    given = await allowed(world, tool)
    one = Stopped(world, given)
    await one.at(lambda: tool.calls, wanted=False)
    assert one.stored == []
    go_on.set()
    await asyncio.wait_for(world.stage.steps.carrying.drained(), 2.0)
    # The session service keeps the decision for the agent until the conversation is given back.
    bus = Bus()
    again = replace(turn(turn_id="turn_2"), questions=[given])
    await turns(bus, world.model, outcomes=world.stage.steps).answer(claim(again))
    assert (bus.joined, len(tool.calls)) == ("It is done.", 1)


async def test_decisions_are_told_in_the_customers_language() -> None:
    tool = refunding()
    world = World(["never"], tools=[tool])
    stuck(tool)
    one = Stopped(
        world, message("Ich möchte mein Geld zurück, bitte", seq=8), decision_of := await allowed(world, tool)
    )
    assert decision_of.metadata["decision"] == decision().metadata["decision"]
    await one.at(lambda: tool.calls)
    assert one.answer.content == replies.unconfirmed("de")
