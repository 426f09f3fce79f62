"""What HTTP clients are told when an answer is called off, black box: by themselves, by a further message, by an operator."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.servers import Servers
from libs.runtime.ids import mint
from tests.support.client import Client
from tests.support.system import System, real_servers

LONG = "[tokens=4000] [interval=5] [first=0]"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with real_servers(tmp_path_factory.mktemp("called_off")) as servers:
        yield servers


@pytest.fixture(scope="module", params=["coalesce", "supersede"])
def system(
    request: pytest.FixtureRequest, ground: Servers, tmp_path_factory: pytest.TempPathFactory, model_folder: Path
) -> Iterator[System]:
    """The scripted model, under either policy."""
    folder = tmp_path_factory.mktemp(request.param)
    with System(
        ground, folder, model_folder, model="scripted", scripted_tokens=8, turn_policy=request.param
    ) as running:
        yield running


@pytest.fixture
def supersedes(system: System) -> bool:
    return system.environment["DESKBUS_TURN_POLICY"] == "supersede"


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    async with Client.at(system.url) as opened:
        yield opened


async def cancel(client: Client, session_id: str, **body: Any) -> dict[str, Any]:
    status, told, _ = await client.request("POST", f"/api/chat/sessions/{session_id}/cancel", json=body or None)
    assert status == 200, told
    return told


async def sending(client: Client, session_id: str, text: str = LONG, **fields: Any) -> asyncio.Task[Any]:
    """Send a message over HTTP; give the waiting request once some of its answer is there."""
    async with client.socket(session_id) as socket:
        waiting = asyncio.create_task(client.send(session_id, text, **fields))
        while len(socket.text) < 60:
            await socket.read()
    return waiting


async def test_a_sender_gets_what_had_been_said_and_a_repeat_gets_the_same(client: Client) -> None:
    session_id = await client.create()
    waiting = await sending(client, session_id, client_message_id="m1")
    told = await cancel(client, session_id)
    assert (told["status"], told["session_id"], told["message"]["status"]) == ("cancelled", session_id, "cancelled")
    status, answer, _ = await asyncio.wait_for(waiting, 5)
    assert (status, answer["confidence"], answer["metadata"]["cancelled"]) == (200, 0.0, True)
    assert (answer["message"], answer["message_id"]) == (told["message"]["content"], told["message"]["id"])
    assert len(answer["message"]) >= 60
    assert answer["turn_id"] == told["turn_id"]
    status, again, _ = await client.send(session_id, LONG, client_message_id="m1")
    assert (status, again["message_id"], again["metadata"]["cancelled"]) == (200, answer["message_id"], True)
    history = (await client.history(session_id))["messages"]
    assert [(message["role"], message["status"]) for message in history] == [
        ("user", "complete"),
        ("assistant", "cancelled"),
    ]


async def test_nothing_to_cancel_is_told_as_such(client: Client) -> None:
    session_id = await client.create()
    idle = {"session_id": session_id, "status": "idle", "message": None}
    assert idle.items() <= (await cancel(client, session_id)).items()
    _, answer, _ = await client.send(session_id, "Hello")
    for body in ({}, {"turn_id": answer["turn_id"]}):
        assert (await cancel(client, session_id, **body))["status"] == "idle"
    for turn_id in (mint("turn"), "turn_1", "*"):
        status, body, _ = await client.request(
            "POST", f"/api/chat/sessions/{session_id}/cancel", json={"turn_id": turn_id}
        )
        assert (status, body["code"]) == (404, "turn_not_found")


async def test_cancelling_twice_at_once_gives_one_end(client: Client) -> None:
    session_id = await client.create()
    waiting = await sending(client, session_id)
    both = await asyncio.gather(cancel(client, session_id), cancel(client, session_id))
    await asyncio.wait_for(waiting, 5)
    assert {told["status"] for told in both} <= {"cancelled", "idle"}
    assert len({told["message"]["id"] for told in both if told["message"]}) == 1


async def test_a_further_message_is_answered_by_the_next_turn(client: Client, supersedes: bool) -> None:
    session_id = await client.create()
    first = await sending(client, session_id, "[tokens=400] [interval=10] [first=0]")
    second = asyncio.create_task(client.send(session_id, "and this?"))
    (_, one, _), (_, two, _) = await asyncio.wait_for(asyncio.gather(first, second), 20)
    roles = [message["role"] for message in (await client.history(session_id))["messages"]]
    if supersedes:
        assert one["message_id"] == two["message_id"]
        assert roles == ["user", "user", "assistant"]
    else:
        assert one["message_id"] != two["message_id"]
        assert roles == ["user", "user", "assistant", "assistant"]
    assert "cancelled" not in {**one["metadata"], **two["metadata"]}


@pytest.mark.parametrize("how", ["takeover", "escalated"])
async def test_a_sender_is_told_at_once_that_a_person_took_over(client: Client, how: str) -> None:
    session_id = await client.create()
    waiting = await sending(client, session_id)
    if how == "takeover":
        status, session, _ = await client.request(
            "POST", f"/api/sessions/{session_id}/takeover", json={"operator": "Ann"}
        )
    else:
        status, session, _ = await client.request(
            "PATCH", f"/api/sessions/{session_id}/status", json={"status": "escalated"}
        )
    assert status == 200
    status, answer, _ = await asyncio.wait_for(waiting, 3)
    assert (status, answer["requires_escalation"]) == (200, True)
    assert answer["metadata"]["ticket_id"] == session["escalation"]["ticket_id"]
    assert [message["role"] for message in (await client.history(session_id))["messages"]] == ["user"]


async def test_a_sender_is_told_at_once_that_the_session_was_ended(client: Client) -> None:
    session_id = await client.create()
    waiting = await sending(client, session_id)
    await client.request("PATCH", f"/api/sessions/{session_id}/status", json={"status": "ended"})
    status, body, _ = await asyncio.wait_for(waiting, 3)
    assert (status, body["code"]) == (400, "session_ended")
    assert (await cancel(client, session_id))["status"] == "idle"


async def test_an_asynchronous_message_says_where_its_answer_will_be(client: Client) -> None:
    session_id = await client.create()
    status, body, headers = await client.request(
        "POST",
        f"/api/chat/sessions/{session_id}/messages",
        json={"message": "Hi"},
        headers={"Prefer": "respond-async, wait=1"},
    )
    assert (status, headers["Preference-Applied"], headers["Location"]) == (
        202,
        "respond-async",
        body["links"]["messages"],
    )
    async with asyncio.timeout(10):
        while not (found := (await client.request("GET", headers["Location"]))[1])["messages"]:
            await asyncio.sleep(0.05)
    assert found["messages"][0]["role"] == "assistant"
