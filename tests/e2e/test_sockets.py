"""Several sockets of a session at two gateways: cancelling, typing, resuming, and sockets that nobody is at."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client, Frame, Socket
from tests.support.system import System, real_servers

LONG = "[tokens=600] [interval=10] [first=0]"
SHORT = "[tokens=5] [interval=5] [first=0]"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """Two gateways, and an agent with the scripted model."""
    folder = tmp_path_factory.mktemp("sockets")
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, model_folder, {"gateway": 2}, model="scripted") as running,
    ):
        yield running


@pytest.fixture
async def clients(system: System) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Client.at(system.gateway(index))) for index in (0, 1)]


@asynccontextmanager
async def both(clients: list[Client]) -> AsyncIterator[tuple[str, Socket, Socket]]:
    """Open a session, with a socket at each gateway."""
    session_id = await clients[0].create()
    async with clients[0].socket(session_id) as one, clients[1].socket(session_id) as two:
        yield session_id, one, two


async def say(socket: Socket, kind: str, **fields: Any) -> None:
    await socket.ws.send_json({"type": kind, **fields})


def of(socket: Socket, kind: str) -> list[Frame]:
    return [frame for frame in socket.frames if frame["type"] == kind]


async def some_text(socket: Socket, characters: int = 30) -> None:
    while len(socket.text) < characters:
        await socket.read()


async def test_one_socket_cancels_what_another_asked(clients: list[Client]) -> None:
    async with both(clients) as (session_id, one, two):
        await one.send(LONG)
        await some_text(one)
        await say(two, "cancel")
        ends = [await socket.until("cancelled", 5) for socket in (one, two)]
        assert ends[0]["message"] == ends[1]["message"]
        assert ends[0]["message"]["status"] == "cancelled"
        assert one.text == two.text == ends[0]["message"]["content"]
        assert len(one.text) >= 30
        stored = (await clients[0].history(session_id))["messages"]
        assert [message["status"] for message in stored] == ["complete", "cancelled"]
        assert stored[1]["content"] == one.text
        await say(one, "cancel")
        error = await one.until("error")
        assert (error["code"], error["retryable"]) == ("nothing_to_cancel", False)
        complete = await one.ask(SHORT)
        assert complete["message"]["status"] == "complete"
        await two.until("complete")
        assert one.text == two.text


async def test_only_the_answer_that_is_named_is_cancelled(clients: list[Client]) -> None:
    async with both(clients) as (_, one, two):
        first = await one.ask(SHORT)
        await one.send(LONG)
        await one.until("start")
        await some_text(one)
        await say(one, "cancel", turn_id=first["turn_id"])
        assert (await one.until("error"))["code"] == "nothing_to_cancel"
        await say(one, "cancel", turn_id="turn_00000000000000000000000000")
        assert (await one.until("error"))["code"] == "turn_not_found"
        assert one.attempt is not None
        await say(two, "cancel", turn_id=one.attempt[0])
        cancelled = await one.until("cancelled", 5)
        assert cancelled["turn_id"] == one.attempt[0]


async def test_whoever_comes_back_anywhere_sees_the_cancelled_answer_exactly_once(clients: list[Client]) -> None:
    async with both(clients) as (session_id, one, two):
        await one.send(LONG)
        await some_text(one)
        await say(one, "cancel")
        await one.until("cancelled", 5)
        assert two.connected["type"] == "connected"
        for place, frame in enumerate(one.frames):
            if "cursor" not in frame:
                continue
            shown = "".join(each["content"] for each in one.frames[: place + 1] if each["type"] == "text")
            async with clients[1].socket(session_id, frame["cursor"]) as again:
                again.text, again.attempt = shown, one.attempt
                if frame["type"] != "cancelled":
                    cancelled = await again.until("cancelled", 5)
                    assert cancelled["message"]["content"] == again.text == one.text
                await say(again, "ping")
                await again.until("pong")
                assert len(of(again, "cancelled")) == (frame["type"] != "cancelled")


async def test_typing_reaches_the_other_gateway_and_ends_by_itself(clients: list[Client]) -> None:
    async with both(clients) as (session_id, one, two), clients[0].socket(session_id) as third:
        own_id = one.connected["client_id"]
        await say(one, "typing")
        for reader in (two, third):
            typing = await reader.until("user_typing", 2)
            assert (typing["client_id"], typing["is_typing"], typing["role"]) == (own_id, True, "user")
        begun = asyncio.get_running_loop().time()
        async with clients[1].socket(session_id) as later:
            assert (await later.until("user_typing", 2))["is_typing"] is True
        for reader in (two, third):
            assert (await reader.until("user_typing", 7))["is_typing"] is False
        assert 4 < asyncio.get_running_loop().time() - begun < 6.5
        await say(one, "typing", isTyping=True)
        await say(one, "message", content=SHORT)
        assert (await two.until("user_typing", 2))["is_typing"] is True
        assert (await two.until("user_typing", 2))["is_typing"] is False
        await one.until("complete")
        assert of(one, "user_typing") == []


async def test_a_gateway_that_is_gone_leaves_nobody_writing(system: System, clients: list[Client]) -> None:
    session_id = await clients[0].create()
    async with clients[0].socket(session_id) as reader, clients[1].socket(session_id) as writer:
        await say(writer, "typing")
        assert (await reader.until("user_typing", 2))["is_typing"] is True
        system.kill("gateway", 1)
        assert (await reader.until("user_typing", 7))["is_typing"] is False
    system.start("gateway", 1)
    await asyncio.to_thread(system.wait_ready)


async def test_the_idle_limit_is_a_setting(system: System) -> None:
    system.environment["DESKBUS_SOCKET_IDLE_S"] = "1"
    system.kill("gateway", 1)
    system.start("gateway", 1)
    try:
        await asyncio.to_thread(system.wait_ready)
        async with Client.at(system.gateway(1)) as client, client.socket(await client.create()) as socket:
            error = await socket.until("error", 5)
            assert error["code"] == "idle_timeout"
            await socket.ws.receive(3)
            assert socket.ws.close_code == 4408
    finally:
        del system.environment["DESKBUS_SOCKET_IDLE_S"]
        system.kill("gateway", 1)
        system.start("gateway", 1)
        await asyncio.to_thread(system.wait_ready)
