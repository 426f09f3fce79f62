"""Processes die in the middle of their work: nothing acknowledged is lost, doubled or out of order."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts.session import EventsAfter
from libs.runtime.nats import NatsBus
from tests.support.client import Client, Socket
from tests.support.subscriber import Subscriber
from tests.support.system import System, real_servers

LEASE_S = 2.0


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with real_servers(tmp_path_factory.mktemp("grounds")) as servers:
        yield servers


@pytest.fixture(scope="module")
def system(grounds: Servers, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """Two agents with the scripted model, two gateways, short leases."""
    with System(
        grounds, tmp_path_factory.mktemp("faults"), model_folder, {"agent": 2, "gateway": 2}, model="scripted",
        turn_lease_s=LEASE_S, scripted_tokens=60, scripted_first_token_ms=50, scripted_interval_ms=20,
    ) as running:  # fmt: skip
        yield running


@pytest.fixture(autouse=True)
async def whole_again(system: System) -> AsyncIterator[None]:
    """Start again what a test has killed."""
    yield
    for (name, index), process in list(system.processes.items()):
        if process.poll() is not None:
            system.start(name, index)
    await asyncio.to_thread(system.wait_ready)


async def agent_of(system: System, session_id: str) -> int:
    """Find which process answers a session's open turn."""
    async with NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as bus:
        page = await bus.call(bus_map.EVENTS_AFTER, EventsAfter(), tenant="default", key=session_id)
    assert page.open_turn is not None
    agent_id = str(page.open_turn.agent_id)
    return next(index for index in (0, 1) if agent_id in system.log("agent", index))


async def last_event(system: System, session_id: str) -> int:
    async with NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as bus:
        page = await bus.call(bus_map.EVENTS_AFTER, EventsAfter(), tenant="default", key=session_id)
    return page.last_ev_seq


async def read_some_text(socket: Socket, characters: int = 40) -> None:
    while len(socket.text) < characters:
        await socket.read()


async def test_a_turn_survives_the_death_of_its_agent(system: System) -> None:
    async with (
        Client.at(system.url) as client,
        Subscriber(system.environment["DESKBUS_NATS_URL"]) as subscriber,
    ):
        session_id = await client.create()
        async with client.socket(session_id) as socket:
            await socket.send("tell me everything")
            await read_some_text(socket)
            system.kill("agent", await agent_of(system, session_id))
            started = asyncio.get_running_loop().time()
            complete = await socket.until("complete")
            waited = asyncio.get_running_loop().time() - started
        assert complete["attempt"] == 2
        assert [frame["attempt"] for frame in socket.frames if frame["type"] == "start"] == [1, 2]
        assert waited < LEASE_S + 2 + 60 * 0.02 + 2
        history = await client.history(session_id)
        assert [message["role"] for message in history["messages"]] == ["user", "assistant"]
        assert history["messages"][1]["content"] == socket.text
        names = await subscriber.until(session_id, await last_event(system, session_id))
        assert names == [
            "session_opened", "message_added", "turn_started", "turn_started", "message_added", "turn_completed",
        ]  # fmt: skip
        assert subscriber.faults == []


async def test_a_message_survives_the_death_of_the_session_service_after_accepting(system: System) -> None:
    async with (
        Client.at(system.url) as client,
        Subscriber(system.environment["DESKBUS_NATS_URL"]) as subscriber,
    ):
        session_id = await client.create()
        async with client.socket(session_id) as socket:
            await socket.send("are you there?", client_message_id="only")
            await socket.until("acknowledged")
            system.kill("session")
            await asyncio.sleep(0.3)
            system.start("session")
            await socket.until("complete")
            await socket.send("are you there?", client_message_id="only")
            again = await socket.until("acknowledged")
        assert (again["seq"], again["duplicate"]) == (1, True)
        history = await client.history(session_id)
        assert [message["content"] for message in history["messages"]] == ["are you there?", socket.text]
        last = await last_event(system, session_id)
        names = await subscriber.until(session_id, last)
        assert names.count("turn_completed") == 1
        assert len(names) == last
        assert subscriber.faults == []


async def test_a_request_outlives_a_restart_of_the_session_service(system: System) -> None:
    """The gateway asks again: the request carries its own id."""
    async with Client.at(system.url) as client:
        session_id = await client.create()
        system.kill("session")
        sending = asyncio.create_task(client.send(session_id, "hello", client_message_id="once"))
        await asyncio.sleep(0.3)
        system.start("session")
        status, answer, _ = await sending
        assert status == 200, answer
        assert (await client.history(session_id))["total"] == 2


async def test_an_agent_that_fails_midway_is_followed_by_another_attempt(system: System) -> None:
    async with Client.at(system.url) as client, client.socket(await client.create()) as socket:
        complete = await socket.ask("please [fail-once-after=10]")
        assert complete["attempt"] == 2
        assert [frame["attempt"] for frame in socket.frames if frame["type"] == "start"] == [1, 2]


async def test_a_poison_message_is_sealed_and_nobody_else_waits_for_it(system: System) -> None:
    async with Client.at(system.url) as client:
        poisoned, healthy = await client.create(), await client.create()
        async with client.socket(poisoned) as socket:
            await socket.send("[fail-after=3]")
            status, _, _ = await client.send(healthy, "hello")
            assert status == 200
            error = await socket.until("error")
            assert (error["code"], error["retryable"]) == ("model_unavailable", True)
            complete = await socket.until("complete")
            assert complete["message"]["status"] == "failed"
        async with client.socket(poisoned) as socket:
            assert (await socket.ask("and now?"))["message"]["status"] == "complete"


async def start_again(system: System, name: str) -> None:
    """Do what a supervisor does: start what has ended."""
    while True:
        await asyncio.sleep(0.1)
        for (service, index), process in list(system.processes.items()):
            if service == name and process.poll() is not None:
                system.start(name, index)


async def test_i14_a_message_that_kills_its_agent_is_sealed_after_five_and_others_are_answered(system: System) -> None:
    async with Client.at(system.url) as client:
        deadly, healthy = await client.create(), await client.create()
        supervisor = asyncio.create_task(start_again(system, "agent"))
        try:
            async with client.socket(deadly) as socket:
                await socket.send("[tokens=9] [crash-after=3]")
                sealed = asyncio.create_task(socket.until("complete", 60))
                answered = 0
                while not sealed.done():
                    status, answer, _ = await client.send(healthy, "hello [tokens=2]")
                    assert (status, answer["metadata"].get("error")) == (200, None)
                    answered += 1
                    await asyncio.sleep(0.2)
                complete = await sealed
        finally:
            supervisor.cancel()
        attempts = sorted({frame["attempt"] for frame in socket.frames if frame["type"] == "start"})
        assert (attempts, complete["message"]["status"]) == ([1, 2, 3, 4, 5], "failed")
        assert answered >= 5
        assert (await client.history(deadly))["total"] == 2
        assert (await client.history(healthy))["total"] == 2 * answered


async def test_r13_a_failing_model_is_an_honest_answer_and_no_escalation(system: System) -> None:
    async with Client.at(system.url) as client:
        session_id = await client.create()
        status, answer, _ = await client.send(session_id, "[fail-before]")
        assert (status, answer["confidence"], answer["requires_escalation"]) == (200, 0, False)
        assert answer["metadata"]["error"]["retryable"] is True
        assert (await client.request("GET", f"/api/sessions/{session_id}"))[1]["status"] == "active"
        status, answer, _ = await client.send(session_id, "again, please")
        assert answer["metadata"].get("error") is None


async def test_a_client_resumes_on_another_gateway_in_the_middle_of_a_stream(system: System) -> None:
    async with Client.at(system.gateway(0)) as one, Client.at(system.gateway(1)) as other:
        session_id = await one.create()
        async with one.socket(session_id) as first:
            await first.send("a long answer, please")
            await read_some_text(first)
        async with other.socket(session_id, first.cursor) as second:
            second.text, second.attempt = first.text, first.attempt
            await second.until("complete")
        assert second.connected["resumed"] is True
        assert "start" not in second.kinds()
        assert (await other.history(session_id))["messages"][1]["content"] == second.text


async def test_a_client_without_a_cursor_sees_the_running_answer_whole(system: System) -> None:
    async with Client.at(system.gateway(0)) as one, Client.at(system.gateway(1)) as other:
        session_id = await one.create()
        async with one.socket(session_id) as first:
            await first.send("a long answer, please")
            await read_some_text(first)
            async with other.socket(session_id) as second:
                await asyncio.gather(first.until("complete"), second.until("complete"))
        assert first.text == second.text


async def test_a_disconnect_cancels_nothing(system: System) -> None:
    async with Client.at(system.url) as client:
        session_id = await client.create()
        async with client.socket(session_id) as socket:
            await socket.send("hello")
            await socket.until("acknowledged")
        async with asyncio.timeout(15):
            while (await client.history(session_id))["total"] < 2:
                await asyncio.sleep(0.1)


async def test_a_paused_agent_stores_nothing_stale(system: System) -> None:
    async with Client.at(system.url) as client:
        session_id = await client.create()
        async with client.socket(session_id) as socket:
            await socket.send("hello")
            await read_some_text(socket)
            paused = await agent_of(system, session_id)
            system.signal("agent", signal.SIGSTOP, paused)
            try:
                complete = await socket.until("complete")
            finally:
                system.signal("agent", signal.SIGCONT, paused)
            await asyncio.sleep(1.0)
            assert complete["attempt"] == 2
            await socket.ws.send_json({"type": "ping"})
            assert (await socket.read())["type"] == "pong"
        assert (await client.history(session_id))["total"] == 2


async def test_a_gateway_that_stops_tells_its_sockets(system: System) -> None:
    async with Client.at(system.gateway(1)) as client, client.socket(await client.create()) as socket:
        await socket.send("hello")
        await read_some_text(socket, 10)
        system.signal("gateway", signal.SIGTERM, 1)
        draining = await socket.until("draining")
        assert 0 <= draining["retry_after_ms"] <= 8000
        while (message := await socket.ws.receive(timeout=40)).data is not None and not socket.ws.closed:
            assert message
        assert socket.ws.close_code == 1012
    assert await asyncio.to_thread(system.processes["gateway", 1].wait, 45) == 0


async def test_an_agent_that_stops_leaves_its_turns_in_good_hands(system: System) -> None:
    async with Client.at(system.url) as client, client.socket(await client.create()) as socket:
        await socket.send("hello [tokens=100]")
        await read_some_text(socket)
        agent = await agent_of(system, socket.connected["session_id"])
        system.signal("agent", signal.SIGTERM, agent)
        complete = await socket.until("complete")
        assert complete["attempt"] == 1
    assert await asyncio.to_thread(system.processes["agent", agent].wait, 60) == 0


async def test_a_missing_event_stream_stops_no_conversation(system: System, grounds: Servers) -> None:
    from tests.support.system import run_module

    async with (
        Client.at(system.url) as client,
        NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as bus,
    ):
        await bus.jetstream.delete_stream("EVENTS")
        session_id = await client.create()
        status, _, _ = await client.send(session_id, "hello")
        assert status == 200
        assert run_module("libs.runtime.provision", system.environment).returncode == 0
        async with Subscriber(system.environment["DESKBUS_NATS_URL"]) as subscriber:
            await subscriber.until(session_id, await last_event(system, session_id))
            assert [fault for fault in subscriber.faults if session_id in fault] == []
