"""Operators follow a session over its WebSocket, at another gateway than its customer."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client, Frame, Socket
from tests.support.system import System, real_servers

TOKEN = "operators-only-3f9c"
ADMIN = {"X-Admin-Token": TOKEN}
LONG = "[tokens=600] [interval=10] [first=0]"
SHORT = "[tokens=5] [interval=5] [first=0]"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """Two gateways with an admin token, and an agent with the scripted model."""
    folder = tmp_path_factory.mktemp("operators")
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, model_folder, {"gateway": 2}, model="scripted", admin_token=TOKEN) as running,
    ):
        yield running


@pytest.fixture
async def clients(system: System) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Client.at(system.gateway(index))) for index in (0, 1)]


@asynccontextmanager
async def operator(client: Client, session_id: str, name: str = "Ann", **options: Any) -> AsyncIterator[Socket]:
    """Open an operator's socket; as a browser does, with the token among the sub-protocols."""
    secret = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    options = options or {"protocols": ["deskbus.v1", f"deskbus.token.{secret}"]}
    url = client.url.replace("http", "ws", 1) + "/ws"
    query = {"session_id": session_id, "operator": name}
    async with client.http.ws_connect(url, params=query, **options) as ws:
        socket = Socket(ws)
        socket.connected = await socket.read()
        yield socket


async def act(client: Client, session_id: str, step: str, **body: Any) -> dict[str, Any]:
    status, answer, _ = await client.request("POST", f"/api/sessions/{session_id}/{step}", json=body, headers=ADMIN)
    assert status == 200, answer
    return answer


def of(socket: Socket, kind: str) -> list[Frame]:
    return [frame for frame in socket.frames if frame["type"] == kind]


async def test_a_whole_conversation_with_an_operator(clients: list[Client]) -> None:
    session_id = await clients[0].create()
    async with clients[0].socket(session_id) as customer, operator(clients[1], session_id) as ann:
        assert customer.connected["controller"] == ann.connected["controller"] == "agent"
        await ann.ws.send_json({"type": "message", "content": "Too early", "client_message_id": "r0"})
        assert (await ann.until("error"))["code"] == "not_in_control"
        await customer.send(LONG)
        while len(customer.text) < 30:
            await customer.read()
        await act(clients[0], session_id, "takeover", operator="Ann")
        cancelled = await customer.until("cancelled", 5)
        assert cancelled["reason"] == "taken_over"
        while (updated := await customer.until("session_updated", 5))["operator"] is None:
            pass
        assert (updated["status"], updated["controller"], updated["operator"]) == ("escalated", "operator", "Ann")
        await ann.ws.send_json({"type": "typing"})
        assert (await customer.until("user_typing", 3))["role"] == "operator"
        for _ in range(2):
            await ann.ws.send_json({"type": "message", "content": "I am Ann", "client_message_id": "r1"})
        receipts = [await ann.until("acknowledged"), await ann.until("acknowledged")]
        assert [(each["seq"], each["duplicate"]) for each in receipts] == [(2, False), (2, True)]
        added = (await customer.until("message_added", 3))["message"]
        assert (added["role"], added["content"], added["metadata"]["operator"]) == ("operator", "I am Ann", "Ann")
        await act(clients[1], session_id, "notes", note="a secret between us", operator="Ann")
        assert (await ann.until("note_added", 3))["note"]["content"] == "a secret between us"
        await customer.send(SHORT)
        await customer.until("acknowledged")
        await ann.until("message_added", 3)
        async with operator(clients[0], session_id, "Bob") as bob:
            assert bob.connected["controller"] == "operator"
            await bob.ws.send_json({"type": "message", "content": "Me too"})
            assert (await bob.until("error"))["code"] == "not_in_control"
        await act(clients[0], session_id, "release", operator="Ann")
        complete = await customer.until("complete")
        assert complete["message"]["status"] == "complete"
        assert of(customer, "session_updated")[-1]["controller"] == "agent"
        assert "a secret between us" not in str(customer.frames)
        async with clients[1].socket(session_id, customer.frames[0]["cursor"]) as again:
            await again.until("complete")
            assert "a secret between us" not in str(again.frames)
        async with operator(clients[0], session_id, "Bob") as bob:
            assert bob.connected["controller"] == "agent"


async def test_operators_see_who_is_connected_at_every_gateway(system: System, clients: list[Client]) -> None:
    session_id = await clients[0].create()
    async with clients[0].socket(session_id) as one, operator(clients[1], session_id) as ann:
        async with clients[0].socket(session_id) as two:
            ids = {socket.connected["client_id"] for socket in (one, two, ann)}
            present = await ann.until("presence", 3)
            while {each["client_id"] for each in present["present"]} != ids:
                present = await ann.until("presence", 3)
            assert {each["client_id"]: each["role"] for each in present["present"]}[ann.connected["client_id"]] == (
                "operator"
            )
        while len(present["present"]) != 2:
            present = await ann.until("presence", 3)
        await one.ws.send_json({"type": "ping"})
        await one.until("pong")
        assert of(one, "presence") == []
    assert TOKEN not in system.log("gateway", 0) + system.log("gateway", 1)


async def test_nobody_is_an_operator_without_the_token(system: System, clients: list[Client]) -> None:
    session_id = await clients[0].create()
    wrong = base64.urlsafe_b64encode(b"guess").decode().rstrip("=")
    for options in (
        {"headers": {"Authorization": "Bearer guess"}},
        {"headers": {"X-Admin-Token": "guess"}},
        {"protocols": ["deskbus.v1", f"deskbus.token.{wrong}"]},
        {"headers": {"X-Nothing": "at all"}},
    ):
        async with operator(clients[1], session_id, **options) as socket:
            assert (socket.connected["type"], socket.connected["code"]) == ("error", "not_authenticated")
            await asyncio.wait_for(socket.ws.receive(), 3)
            assert socket.ws.close_code == 4401
    for options in ({"headers": {"Authorization": f"Bearer {TOKEN}"}}, {"headers": ADMIN}):
        async with operator(clients[1], session_id, **options) as socket:
            assert socket.connected["type"] == "connected"
    log = system.log("gateway", 0) + system.log("gateway", 1)
    assert TOKEN not in log
    assert "deskbus.token" not in log
