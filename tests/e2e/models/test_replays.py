"""Replays of conversations with tools: results are those that were recorded, and no other system is asked again."""

import json
from typing import Any

from tests.e2e.test_replay import compared, replayed, still, written
from tests.support.client import Client
from tests.support.openai_script import Call, Reply
from tests.support.openai_server import OpenAIServer
from tests.support.system import System
from tests.support.tool_server import ToolServer

from .test_actions import answers, decide, pending
from .test_models import ask

LOOK_UP = 'Where is my order? [[tool=look_up_order {"order_id": "A-1042"}]]'
REFUND = 'Please refund it. [[tool=refund_order {"order_id": "A-1042"}]]'
DONE = "Your refund is on its way."


def after_the_decision(body: Any) -> Reply | None:
    """What the model says to a colleague's yes; as its messages ask elsewhere."""
    return Reply(text=DONE) if "A colleague allowed" in json.dumps(body["messages"]) else None


async def test_tools_give_what_they_gave_then_and_nothing_is_done_again(
    client: Client, system: System, first: OpenAIServer, crm: ToolServer
) -> None:
    first.script = after_the_decision
    session_id = await client.create(user_id="ann")
    await ask(client, LOOK_UP, session_id)
    await ask(client, REFUND, session_id)
    [approval] = await pending(client, session_id)
    await decide(client, approval["approval_id"], approve=True)
    told = await answers(client, session_id, 3)
    assert "shipped" in told[0]["content"]
    assert told[2]["content"] == DONE
    requests, before = len(crm.requests), await still(system)

    turns, sums = await compared(system, "--session", session_id)
    assert [(turn["changed"], turn["notes"], turn["after"]["text"]) for turn in turns] == [
        ([], [], answer["content"]) for answer in told
    ]
    assert "look_up_order" in turns[0]["after"]["tools_used"]
    assert "refund_order" in turns[2]["after"]["tools_used"]
    assert sums["cost_after_usd"] == sums["cost_before_usd"] > 0
    assert (len(crm.requests), crm.effects.total()) == (requests, 1)
    assert await pending(client, session_id) == []
    assert await written(system) == before


async def test_calls_that_are_not_as_recorded_are_told_of(
    client: Client, system: System, first: OpenAIServer, crm: ToolServer
) -> None:
    session_id = await client.create(user_id="ann")
    await ask(client, LOOK_UP, session_id)
    requests = len(crm.requests)
    calls = (
        Call("look_up_order", '{"order_id": "B-7"}', "call_1"),
        Call("look_up_order", '{"order_id": "C-8"}', "call_2"),
    )
    first.script = lambda body: (
        Reply(text="", calls=calls) if not any(each["role"] == "tool" for each in body["messages"]) else None
    )
    [turn], sums = await compared(system, "--session", session_id)
    assert turn["notes"] == ["look_up_order: other arguments than recorded", "look_up_order: not recorded"]
    assert "shipped" in turn["after"]["text"]
    assert (turn["changed"], sums["not_as_recorded"]) == (["answer"], 1)
    assert len(crm.requests) == requests


async def test_an_answer_that_breaks_off_is_told_of(client: Client, system: System, first: OpenAIServer) -> None:
    session_id = await client.create()
    await ask(client, "How long do I have to return something?", session_id)
    first.script = lambda _body: Reply(tokens=20, fault="cut_after", at=5)
    done = await replayed(system, "--session", session_id, "--json")
    turn, sums = map(json.loads, done.stdout.splitlines())
    assert (turn["after"]["error"], turn["after"]["text"][:5]) == ("model_cut", "t0 t1")
    assert (turn["after"]["sources"], turn["after"]["confidence"]) == ([], None)
    assert (done.returncode, sums["failed"]) == (0, 1)
