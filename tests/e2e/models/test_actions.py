"""Tools and actions, end to end: look-ups in another system, and what a person must allow first."""

import asyncio
import signal
from typing import Any

from tests.support.client import Client
from tests.support.openai_script import Call, Reply
from tests.support.openai_server import OpenAIServer
from tests.support.system import System
from tests.support.tool_server import SECRET, ToolServer

from .test_models import ask, prompt_of


async def pending(client: Client, session_id: str) -> list[dict[str, Any]]:
    query = {"status": "pending", "session_id": session_id}
    status, found, _ = await client.request("GET", "/api/approvals", params=query)
    assert status == 200, found
    return found


async def decide(client: Client, approval_id: str, **fields: Any) -> tuple[int, Any]:
    status, body, _ = await client.request("POST", f"/api/approvals/{approval_id}", json={"operator": "Ben", **fields})
    return status, body


async def answers(client: Client, session_id: str, count: int) -> list[dict[str, Any]]:
    """Wait until there are so many answers."""
    async with asyncio.timeout(20):
        while True:
            messages = (await client.history(session_id))["messages"]
            found = [message for message in messages if message["role"] == "assistant"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def test_a_look_up_is_made_for_the_user_whom_the_server_knows(
    client: Client, first: OpenAIServer, crm: ToolServer
) -> None:
    session_id = await client.create(user_id="ann")
    first.replies += [
        Reply(calls=(Call("look_up_order", '{"order_id": "A-1042"}'),), text=""),
        Reply(text="Your order A-1042 is shipped."),
    ]
    async with client.socket(session_id) as socket:
        complete = await socket.ask("Where is my order A-1042?")
        notices = [
            frame["message"] for frame in socket.frames if frame["type"] == "status" and frame["stage"] == "tool"
        ]
    assert notices == ["Looking up your order"]
    assert complete["message"]["content"] == "Your order A-1042 is shipped."
    assert "look_up_order" in complete["message"]["tools_used"]
    [request] = crm.requests
    assert request["path"] == "/api/users/ann/orders/A-1042"
    assert request["headers"]["Authorization"] == f"Bearer {SECRET}"
    assert "shipped" in prompt_of(first)
    assert SECRET not in prompt_of(first)


async def test_an_action_waits_for_a_person_and_is_done_once(
    client: Client, first: OpenAIServer, crm: ToolServer
) -> None:
    session_id = await client.create(user_id="ann")
    first.replies += [
        Reply(calls=(Call("refund_order", '{"order_id": "A-1042"}'),), text=""),
        Reply(text="I have asked a colleague to allow the refund."),
    ]
    await ask(client, "Please refund my order A-1042.", session_id)
    assert crm.effects.total() == 0
    [approval] = await pending(client, session_id)
    assert (approval["tool"], approval["arguments"]) == ("refund_order", {"order_id": "A-1042"})

    first.replies.append(Reply(text="Your refund is on its way."))
    status, decided = await decide(client, approval["approval_id"], approve=True)
    assert (status, decided["status"], decided["operator"]) == (200, "approved", "Ben")
    assert (await decide(client, approval["approval_id"], approve=True))[0] == 200
    status, problem = await decide(client, approval["approval_id"], approve=False)
    assert (status, problem["code"]) == (409, "already_decided")

    found = await answers(client, session_id, 2)
    assert found[-1]["content"] == "Your refund is on its way."
    assert list(crm.effects.values()) == [1]
    assert list(crm.effects) == [approval["approval_id"]]
    roles = [message["role"] for message in (await client.history(session_id))["messages"]]
    assert roles == ["user", "assistant", "system", "assistant"]
    assert await pending(client, session_id) == []


async def test_a_refused_action_is_never_done_and_the_customer_hears_of_it(
    client: Client, first: OpenAIServer, crm: ToolServer
) -> None:
    session_id = await client.create(user_id="ann")
    first.replies += [
        Reply(calls=(Call("refund_order", '{"order_id": "A-7"}'),), text=""),
        Reply(text="I have asked a colleague."),
    ]
    await ask(client, "Please refund A-7.", session_id)
    [approval] = await pending(client, session_id)
    first.replies.append(Reply(text="A colleague did not allow the refund."))
    await decide(client, approval["approval_id"], approve=False, comment="bought elsewhere")
    found = await answers(client, session_id, 2)
    assert found[-1]["content"] == "A colleague did not allow the refund."
    assert crm.effects.total() == 0


async def test_a_model_can_call_a_person(client: Client, first: OpenAIServer) -> None:
    session_id = await client.create()
    arguments = (
        '{"reason": "needs a decision", "category": "billing", "priority": "high", "summary": "Wants a custom plan"}'
    )
    first.replies.append(Reply(calls=(Call("escalate", arguments),), text=""))
    status, body, _ = await client.send(session_id, "Can you make me a custom yearly plan for my choir?")
    assert (status, body["requires_escalation"]) == (200, True)
    assert body["metadata"]["category"] == "billing"
    _, session, _ = await client.request("GET", f"/api/sessions/{session_id}")
    assert session["status"] == "escalated"
    assert session["escalation"]["evidence"] == ["Wants a custom plan"]


async def test_an_agent_that_dies_in_a_look_up_leaves_it_to_the_next(
    client: Client, system: System, first: OpenAIServer, crm: ToolServer
) -> None:
    session_id = await client.create(user_id="ann")
    look_up = Reply(calls=(Call("look_up_order", '{"order_id": "A-1042"}'),), text="")
    first.replies += [look_up, Reply(text="never said", fault="hang")]
    asked = asyncio.create_task(client.send(session_id, "Where is my order A-1042?"))
    async with asyncio.timeout(10):
        while len(first.received) < 2:
            await asyncio.sleep(0.01)
    first.replies.append(Reply(text="Your order A-1042 is shipped."))
    system.kill("agent")
    system.start("agent")
    status, body, _ = await asked
    assert (status, body["message"]) == (200, "Your order A-1042 is shipped.")
    # The second attempt was given what the first had found, and did not ask again.
    assert len(crm.requests) == 1
    assert "shipped" in prompt_of(first)


async def test_memories_are_used_listed_and_erased(client: Client, first: OpenAIServer) -> None:
    user = "kim/üser 1"
    path = "/api/users/kim%2F%C3%BCser%201/memories"
    first.replies += [Reply(text="Noted."), Reply(text="You wrote that you are Kim.")]
    await ask(client, "My name is Kim Weber and my email is kim@mail.test.", await client.create(user_id=user))
    answer = await ask(
        client, "Do you remember my details? Where can I see shipping times?", await client.create(user_id=user)
    )
    assert answer["content"] == "You wrote that you are Kim."
    assert "kim@mail.test" in prompt_of(first)
    status, found, _ = await client.request("GET", path)
    assert status == 200, found
    assert {"Kim Weber", "kim@mail.test"} <= {memory["value"] for memory in found["memories"]}
    status, erased, _ = await client.request("DELETE", path)
    assert (status, erased["erased"]) == (200, len(found["memories"]))
    assert (await client.request("GET", path))[1]["memories"] == []


async def allowed_and_begun(client: Client, first: OpenAIServer, crm: ToolServer) -> str:
    """Let an action be allowed that does not come to an end; give its session once the other system has done it."""
    session_id = await client.create(user_id="ann")
    first.replies += [
        Reply(calls=(Call("cancel_order", '{"order_id": "A-9"}'),), text=""),
        Reply(text="I have asked a colleague."),
    ]
    await ask(client, "Please cancel my order A-9.", session_id)
    [approval] = await pending(client, session_id)
    await decide(client, approval["approval_id"], approve=True)
    async with asyncio.timeout(10):
        while crm.effects.total() < 1:
            await asyncio.sleep(0.01)
    return session_id


async def escalation(client: Client, session_id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            _, session, _ = await client.request("GET", f"/api/sessions/{session_id}")
            if session["status"] == "escalated":
                return session["escalation"]
            await asyncio.sleep(0.1)


async def test_i3_an_action_whose_agent_died_is_not_done_again_but_ends_with_a_person(
    client: Client, system: System, first: OpenAIServer, crm: ToolServer
) -> None:
    session_id = await allowed_and_begun(client, first, crm)
    system.kill("agent")
    system.start("agent")
    ticket = await escalation(client, session_id)
    assert ticket["reasons"] == ["action_unconfirmed"]
    assert "cancel_order" in ticket["evidence"][0]
    assert list(crm.effects.values()) == [1]
    assert len(crm.requests) == 1


async def test_an_action_that_the_customer_stops_ends_with_a_person(
    client: Client, first: OpenAIServer, crm: ToolServer
) -> None:
    session_id = await allowed_and_begun(client, first, crm)
    status, body, _ = await client.request("POST", f"/api/chat/sessions/{session_id}/cancel")
    assert status == 200, body
    ticket = await escalation(client, session_id)
    assert ticket["reasons"] == ["action_unconfirmed"]
    assert "cancel_order" in ticket["evidence"][0]
    told = (await answers(client, session_id, 2))[-1]
    assert (told["status"], told["metadata"]["kind"]) == ("complete", "hand_over")
    assert "whether something that I began for you was completed" in told["content"]
    assert list(crm.effects.values()) == [1]


async def test_i9_an_agent_that_was_paused_in_an_action_says_nothing_stale(
    client: Client, system: System, first: OpenAIServer, crm: ToolServer
) -> None:
    session_id = await allowed_and_begun(client, first, crm)
    system.signal("agent", signal.SIGSTOP)
    system.start("agent", 1)
    try:
        ticket = await escalation(client, session_id)
        before = await client.history(session_id)
        crm.release.set()
        system.signal("agent", signal.SIGCONT)
        await asyncio.sleep(2)
        assert await client.history(session_id) == before
    finally:
        system.signal("agent", signal.SIGCONT)
        system.kill("agent", 1)
    assert ticket["reasons"] == ["action_unconfirmed"]
    assert list(crm.effects.values()) == [1]
    assert len(crm.requests) == 1
