"""Hand-over to a person and memory within a session, black box: R12, R14, R22, R36, R38, R42."""

import asyncio
from typing import Any

import asyncpg
import pytest

from libs.contracts import bus_map
from libs.contracts.session import DeleteSession
from libs.runtime.nats import NatsBus
from tests.support.client import Client
from tests.support.system import System

A_PERSON = "I want to talk to a human"
TENANT = "default"
QUIET_S = 1.5


async def session(client: Client, session_id: str) -> dict[str, Any]:
    status, body, _ = await client.request("GET", f"/api/sessions/{session_id}")
    assert status == 200, body
    return body


async def memories(system: System, session_id: str) -> list[tuple[str, str]]:
    """Read what the agent's own table holds of a session."""
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    try:
        rows = await connection.fetch(
            "select label, value from agent.memories where told_in @> array[$1::text]", session_id
        )
    finally:
        await connection.close()
    return sorted((row["label"], row["value"]) for row in rows)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        (A_PERSON, "general"),
        ("I will sue you", "legal"),
        ("my account was hacked and I was charged twice", "security"),
        ("I am angry and frustrated, this is unacceptable", "complaint"),
    ],
)
async def test_r36_a_person_takes_over(client: Client, text: str, category: str) -> None:
    session_id = await client.create()
    status, answer, _ = await client.send(session_id, text)
    assert (status, answer["requires_escalation"]) == (200, True)
    assert answer["sources"] == []
    told = await session(client, session_id)
    assert (told["status"], told["escalation"]["category"]) == ("escalated", category)
    assert told["escalation"]["ticket_id"] == answer["metadata"]["ticket_id"]
    assert told["escalation"]["ticket_id"].startswith("tick_")
    assert told["escalation"]["priority"] == answer["metadata"]["priority"]
    history = await client.history(session_id)
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"]
    assert history["messages"][1]["content"] == answer["message"]


@pytest.mark.parametrize(
    "text", ["connect me to wifi instructions", "I need to speak to you about my bill", "how do I contact support?"]
)
async def test_r36_nobody_needs_to_take_over(client: Client, text: str) -> None:
    session_id = await client.create()
    status, answer, _ = await client.send(session_id, text)
    assert (status, answer["requires_escalation"]) == (200, False)
    assert (await session(client, session_id))["status"] == "active"


async def test_r12_a_customer_is_never_locked_out(client: Client) -> None:
    session_id = await client.create()
    _, handed_over, _ = await client.send(session_id, A_PERSON)
    ticket_id = handed_over["metadata"]["ticket_id"]
    status, answer, _ = await client.send(session_id, "are you there?")
    assert (status, answer["requires_escalation"], answer["metadata"]["ticket_id"]) == (200, True, ticket_id)
    async with client.socket(session_id) as socket:
        assert socket.connected["status"] == "escalated"
        await socket.send("hello?", client_message_id="over-the-socket")
        acknowledged = await socket.until("acknowledged")
        assert acknowledged["client_message_id"] == "over-the-socket"
        await asyncio.sleep(QUIET_S)
    history = await client.history(session_id)
    assert [message["role"] for message in history["messages"]] == ["user", "assistant", "user", "user"]
    assert (await session(client, session_id))["escalation"]["ticket_id"] == ticket_id


async def test_r14_a_hand_over_over_a_socket(client: Client) -> None:
    session_id = await client.create()
    async with client.socket(session_id) as socket:
        complete = await socket.ask(A_PERSON)
        assert complete["requires_escalation"] is True
        ticket_id = complete["message"]["metadata"]["ticket_id"]
        if "escalation" not in socket.kinds():
            await socket.until("escalation")
        frame = next(frame for frame in socket.frames if frame["type"] == "escalation")
        assert (frame["required"], frame["ticket_id"]) == (True, ticket_id)
        assert (frame["reason"], frame["category"], frame["priority"]) == (["asked_for_person"], "general", "normal")
    told = await session(client, session_id)
    assert (told["status"], told["escalation"]["ticket_id"]) == ("escalated", ticket_id)
    history = await client.history(session_id)
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"]
    assert history["messages"][1]["content"] == socket.text


async def test_r14_asking_again_gives_no_second_ticket(client: Client, system: System) -> None:
    session_id = await client.create()
    async with client.socket(session_id) as socket:
        await socket.ask(A_PERSON)
        await socket.send("I will sue you, get me a manager")
        await socket.until("acknowledged")
    status, answer, _ = await client.send(session_id, A_PERSON)
    assert (status, answer["requires_escalation"]) == (200, True)
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    try:
        tickets = await connection.fetch("select id from session.tickets where session_id = $1", session_id)
    finally:
        await connection.close()
    assert len(tickets) == 1
    assert answer["metadata"]["ticket_id"] == tickets[0]["id"]


async def test_r22_what_a_customer_tells_is_known_in_its_session_only(client: Client, system: System) -> None:
    session_id, other = await client.create(), await client.create()
    _, noted, _ = await client.send(session_id, "my email is Ann.Lee@example.com")
    assert noted["requires_escalation"] is False
    _, answer, _ = await client.send(session_id, "what is my email?")
    assert "ann.lee@example.com" in answer["message"]
    assert answer["sources"] == []
    _, elsewhere, _ = await client.send(other, "what is my email?")
    assert "ann.lee" not in elsewhere["message"].lower()
    assert await memories(system, session_id) == [("email", "ann.lee@example.com")]
    assert "ann.lee" not in system.log("agent").lower()


async def test_r22_a_known_order_is_brought_up_where_it_helps(client: Client) -> None:
    session_id = await client.create()
    await client.send(session_id, "My order number is A-1042")
    _, answer, _ = await client.send(session_id, "How can I track my order?")
    assert "A-1042" in answer["message"]
    assert answer["sources"]


async def test_r38_no_facts_are_made_up(client: Client, system: System) -> None:
    session_id = await client.create()
    for text in ("my order is late", "call me at noon", "I ordered on 2024-05-01", "my server is 192.168.100.200"):
        status, _, _ = await client.send(session_id, text)
        assert status == 200
    assert await memories(system, session_id) == []


async def test_r42_memories_go_with_their_session(client: Client, system: System) -> None:
    session_id, kept = await client.create(), await client.create()
    for each in (session_id, kept):
        await client.send(each, "my email is ann@example.com and my order number is 12345")
        assert await memories(system, each) == [("email", "ann@example.com"), ("order", "12345")]
    async with NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as bus:
        await bus.call(bus_map.DELETE_SESSION, DeleteSession(), tenant=TENANT, key=session_id)
    async with asyncio.timeout(20):
        while await memories(system, session_id):
            await asyncio.sleep(0.05)
    assert len(await memories(system, kept)) == 2
