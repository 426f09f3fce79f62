"""Frames that leave two gateways: server-sent events, answers streamed over HTTP, and clients that do not keep up."""

import asyncio
import base64
import json
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from aiohttp import ClientTimeout, WSMsgType

from deploy.local.servers import Servers
from services.gateway.adapters.outbox import STALLED_S
from tests.support.client import Client
from tests.support.event_stream import EventReader, event_stream
from tests.support.system import System, real_servers


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with real_servers(tmp_path_factory.mktemp("grounds")) as servers:
        yield servers


@pytest.fixture(scope="module")
def system(grounds: Servers, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """Two gateways, and an agent that says numbered tokens; room for many listeners, and short answers' time."""
    with System(
        grounds, tmp_path_factory.mktemp("streams"), model_folder, {"gateway": 2}, model="scripted", scripted_tokens=60,
        scripted_first_token_ms=50, scripted_interval_ms=20, max_sockets_per_session=300, send_timeout_s=8,
        drain_s=2,
    ) as running:  # fmt: skip
        yield running


@pytest.fixture
async def one(system: System) -> AsyncIterator[Client]:
    async with Client.at(system.gateway(0)) as client:
        yield client


@pytest.fixture
async def two(system: System) -> AsyncIterator[Client]:
    async with Client.at(system.gateway(1)) as client:
        yield client


def events(client: Client, session_id: str, **options: Any):
    return event_stream(client.http, "GET", f"{client.url}/api/chat/sessions/{session_id}/events", **options)


def ask(client: Client, session_id: str, message: str, **fields: Any):
    path = f"{client.url}/api/chat/sessions/{session_id}/messages"
    return event_stream(client.http, "POST", path, json={"message": message, **fields})


async def read_text(stream: EventReader, characters: int) -> None:
    while len(stream.text) < characters:
        assert await stream.read() is not None


async def stored(client: Client, session_id: str) -> list[dict[str, Any]]:
    return (await client.history(session_id, limit=200))["messages"]


# --- event streams


async def test_a_stream_goes_on_at_the_other_gateway_in_the_middle_of_an_answer(one: Client, two: Client) -> None:
    session_id = await one.create()
    async with events(one, session_id) as first:
        await first.until("connected")
        await one.request(
            "POST", f"/api/chat/sessions/{session_id}/messages", json={"message": "Go on"},
            headers={"Prefer": "respond-async"},
        )  # fmt: skip
        await read_text(first, 60)
    frames = list(first.frames)
    last_id = first.last_id
    for client in (two, one, two):
        async with events(client, session_id, last_event_id=last_id) as stream:
            connected = await stream.until("connected")
            assert connected["resumed"] is True
            before = sum(len(frame["content"]) for frame in frames if frame["type"] == "text")
            while True:
                frame = await stream.read()
                assert frame is not None
                frames.append(frame)
                last_id = stream.last_id
                if frame["type"] == "complete":
                    break
                now = sum(len(frame["content"]) for frame in frames if frame["type"] == "text")
                if client is not two or now - before > 150:
                    break
        if frames[-1]["type"] == "complete":
            break
    else:
        async with events(two, session_id, last_event_id=last_id) as stream:
            await stream.until("complete")
            frames += stream.frames[1:]
    kinds = [frame["type"] for frame in frames]
    assert [kinds.count(kind) for kind in ("connected", "message_added", "start", "complete")] == [1, 1, 1, 1]
    shown = ""
    for frame in frames:
        if frame["type"] == "text":
            assert frame["offset"] == len(shown)
            shown += frame["content"]
    messages = await stored(one, session_id)
    assert shown == messages[-1]["content"] == frames[-1]["message"]["content"]


async def test_an_answer_over_http_is_streamed_as_it_is_written(one: Client, two: Client) -> None:
    session_id = await one.create()
    async with two.socket(session_id) as watcher, ask(one, session_id, "Tell me", client_message_id="m1") as stream:
        clock = asyncio.get_running_loop().time
        await stream.until("acknowledged")
        await stream.until("text")
        began = clock()
        await stream.until("complete")
        assert clock() - began > 0.5, "the text did not come as it was written"
        assert await stream.read() is None
        complete = await watcher.until("complete")
    assert stream.kinds[0] == "acknowledged"
    assert stream.kinds[-1] == "complete"
    assert stream.text == complete["message"]["content"] == (await stored(one, session_id))[-1]["content"]
    async with ask(two, session_id, "Tell me", client_message_id="m1") as again:
        await again.rest()
    assert again.kinds == ["acknowledged", "start", "text", "complete"]
    assert again.frames[0]["duplicate"] is True
    assert again.frames[-1]["message"] == stream.frames[-1]["message"]


async def test_messages_at_the_same_time_each_get_the_answer_that_covers_them(one: Client, two: Client) -> None:
    session_id = await one.create()

    async def send(number: int) -> EventReader:
        async with ask(
            (one, two)[number % 2], session_id, f"Question {number}", client_message_id=f"m{number}"
        ) as stream:
            await stream.rest()
            return stream

    streams = await asyncio.gather(*(send(number) for number in range(4)))
    messages = await stored(one, session_id)
    answers = {message["turn_id"]: message for message in messages if message["role"] == "assistant"}
    questions = {message["client_message_id"]: message for message in messages if message["role"] == "user"}
    assert len(answers) >= 2
    for number, stream in enumerate(streams):
        assert stream.kinds[-1] == "complete", stream.kinds
        assert stream.kinds.count("complete") == 1
        assert stream.frames[-1]["turn_id"] == questions[f"m{number}"]["turn_id"]
        assert stream.text == answers[stream.frames[-1]["turn_id"]]["content"]


async def test_the_same_message_twice_at_once_is_one_message(one: Client, two: Client) -> None:
    session_id = await one.create()

    async def send(client: Client) -> EventReader:
        async with ask(client, session_id, "Same", client_message_id="same") as stream:
            await stream.rest()
            return stream

    first, second = await asyncio.gather(send(one), send(two))
    assert first.text == second.text != ""
    assert sorted([first.frames[0]["duplicate"], second.frames[0]["duplicate"]]) == [False, True]
    assert len(await stored(one, session_id)) == 2


async def test_a_client_that_goes_away_cancels_nothing(one: Client) -> None:
    session_id = await one.create()
    async with ask(one, session_id, "Go on without me") as stream:
        await stream.until("text")
    async with asyncio.timeout(15):
        while len(messages := await stored(one, session_id)) < 2:
            await asyncio.sleep(0.1)
    assert messages[1]["status"] == "complete"
    assert messages[1]["content"].startswith(stream.text)


async def test_an_answer_that_outlasts_the_request_is_pointed_to(one: Client) -> None:
    session_id = await one.create()
    async with ask(one, session_id, "[tokens=600] [interval=20]") as stream:
        await stream.rest(12)
        error = stream.frames[-1]
        assert (error["type"], error["code"], error["retryable"]) == ("error", "timed_out", True)
    _, page, _ = await one.request("GET", error["message"].rsplit(" ", 1)[1])
    assert page["session_id"] == session_id
    async with asyncio.timeout(20):
        while len(messages := await stored(one, session_id)) < 2:
            await asyncio.sleep(0.2)
    assert messages[1]["content"].startswith(stream.text)


async def test_a_deleted_session_ends_its_streams_everywhere(one: Client, two: Client) -> None:
    session_id = await one.create()
    async with events(one, session_id) as here, events(two, session_id) as there:
        for stream in (here, there):
            await stream.until("connected")
        await one.request("DELETE", f"/api/sessions/{session_id}")
        for stream in (here, there):
            await stream.rest(10)
            assert stream.frames[-1]["code"] == "session_deleted"
    status, problem, _ = await two.request("GET", f"/api/chat/sessions/{session_id}/events")
    assert (status, problem["code"]) == (404, "session_not_found")


async def test_a_stream_is_kept_alive_by_comments(one: Client) -> None:
    session_id = await one.create()
    async with events(one, session_id) as stream:
        await stream.until("connected")
        with pytest.raises(TimeoutError):
            await stream.read(17)
        assert stream.comments == 1


# --- clients that do not keep up


class SlowSocket:
    """A WebSocket whose client reads when it is told to, from a small buffer."""

    def __init__(self, client: Client, session_id: str) -> None:
        self.plug = socket.socket()
        self.plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.plug.setblocking(False)
        self.session_id = session_id
        host, port = client.url.removeprefix("http://").split(":")
        self.address = host, int(port)
        self.frames: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self._data = b""
        self._upgraded = False

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.plug, self.address)
        key = base64.b64encode(b"0123456789abcdef").decode()
        await loop.sock_sendall(
            self.plug,
            f"GET /ws?session_id={self.session_id} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode(),
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        self.plug.close()

    async def read(self, most: int) -> bool:
        """Read some bytes; False at the end."""
        try:
            data = await asyncio.get_running_loop().sock_recv(self.plug, most)
        except ConnectionError:
            return False
        self._data += data
        if not self._upgraded and b"\r\n\r\n" in self._data:
            self._upgraded = True
            self._data = self._data.split(b"\r\n\r\n", 1)[1]
        while self._upgraded and self._parse():
            pass
        return bool(data)

    def _parse(self) -> bool:
        data = self._data
        if len(data) < 2:
            return False
        size, begin = data[1], 2
        if size >= 126:
            begin = 4 if size == 126 else 10
            if len(data) < begin:
                return False
            size = int.from_bytes(data[2:begin], "big")
        if len(data) < begin + size:
            return False
        payload, self._data = data[begin : begin + size], data[begin + size :]
        if data[0] & 15 == WSMsgType.TEXT:
            self.frames.append(json.loads(payload))
        elif data[0] & 15 == WSMsgType.CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big")
        return True

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]


async def test_a_slow_reader_gets_joined_text_and_the_whole_answer(one: Client, two: Client) -> None:
    """It reads nothing for some seconds of an answer, and then all of it."""
    session_id = await one.create()
    async with one.socket(session_id) as fast, SlowSocket(two, session_id) as slow:
        await fast.send("[tokens=3000] [interval=2] [first=0]")
        await fast.until("complete")
        async with asyncio.timeout(20):
            while not slow.of("complete"):
                assert await slow.read(65536)
    shown = ""
    for frame in slow.of("text"):
        assert frame["offset"] == len(shown)
        shown += frame["content"]
    assert shown == (await stored(one, session_id))[-1]["content"]
    assert len(slow.of("text")) < len([frame for frame in fast.frames if frame["type"] == "text"])
    assert not slow.of("resync")


async def test_a_reader_that_is_far_behind_is_resynced_and_right_in_the_end(one: Client, two: Client) -> None:
    """It reads a little at a time, while more than may wait for it happens in its session."""
    session_id = await one.create()
    async with SlowSocket(two, session_id) as slow:
        async with asyncio.timeout(80):
            for number in range(30):
                # Its text and the stored message take more than 100 KB together.
                sending = asyncio.create_task(one.send(session_id, f"{number} [tokens=6000] [interval=0] [first=0]"))
                while not sending.done():
                    await slow.read(2000)
                    await asyncio.sleep(0.1)
                assert (await sending)[0] == 200
            last = asyncio.create_task(one.send(session_id, "the last [tokens=100] [interval=5] [first=0]"))
            while not last.done() or not slow.of("resync"):
                assert await slow.read(65536), (
                    slow.close_code,
                    [f["type"] for f in slow.frames][-5:],
                    slow.of("error")[-1:],
                )
            _, answer, _ = await last
            while not any(frame["message"]["id"] == answer["message_id"] for frame in slow.of("complete")):
                assert await slow.read(65536), (
                    slow.close_code,
                    [f["type"] for f in slow.frames][-5:],
                    slow.of("error")[-1:],
                )
    place = max(index for index, frame in enumerate(slow.frames) if frame["type"] == "resync")
    resync = slow.frames[place]
    every = await stored(one, session_id)
    total = (await one.history(session_id))["total"]
    known = {message["id"] for message in every if message["seq"] < resync["seq"]}
    page = await one.history(session_id, after_seq=resync["seq"] - 1, limit=200)
    known |= {message["id"] for message in page["messages"]}
    assert len(known) == total
    _assert_follows(slow.frames[place + 1 :])


def _assert_follows(frames: list[dict[str, Any]]) -> None:
    shown, started = "", False
    for frame in frames:
        if frame["type"] == "start":
            shown, started = "", True
        elif frame["type"] == "text":
            assert started
            assert frame["offset"] == len(shown)
            shown += frame["content"]
        elif frame["type"] == "complete":
            assert frame["message"]["content"] == shown


async def test_a_stalled_reader_is_let_go_and_a_good_one_is_not_delayed(system: System, one: Client) -> None:
    session_id = await one.create()
    clock = asyncio.get_running_loop().time
    gaps: list[float] = []
    async with one.socket(session_id) as good, SlowSocket(one, session_id) as stalled:
        await stalled.read(100)
        assert await open_sockets(one) == 2
        begun = clock()
        while await open_sockets(one) == 2:
            assert clock() - begun < 2 * STALLED_S, "kept"
            await good.send("[tokens=1000] [interval=1] [first=0]")
            await good.until("start")
            seen = clock()
            while (await good.read())["type"] != "complete":
                gaps.append(clock() - seen)
                seen = clock()
        assert clock() - begun > STALLED_S
    gaps.sort()
    assert gaps[len(gaps) // 2] < 0.1
    assert gaps[-1] < 1.0


async def open_sockets(client: Client) -> float:
    """The sockets of all gateways; those of other tests may still be closing."""
    _, text, _ = await client.request("GET", "/metrics")
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("deskbus_sockets{"))


async def test_memory_stays_bounded_while_many_read_nothing(system: System, one: Client) -> None:
    session_id = await one.create()
    pid = system.processes["gateway", 0].pid
    async with one.socket(session_id) as good:
        await good.ask("[tokens=200] [interval=1] [first=0]")
        stalled = [SlowSocket(one, session_id) for _ in range(200)]
        try:
            for each in stalled:
                await each.__aenter__()
            await asyncio.sleep(0.5)
            before = most = _resident(pid)
            begun = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() - begun < STALLED_S + 5:
                await good.ask("[tokens=1500] [interval=1] [first=0]")
                most = max(most, _resident(pid))
        finally:
            for each in stalled:
                each.plug.close()
    print(f"200 stalled sockets took {(most - before) // 1024} KiB")
    # What may wait for each, were none of it shared, would be 200 MiB.
    assert most - before < 60 * 1024 * 1024, f"{(most - before) // 1024} KiB"


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no such process")


# --- the end of a gateway; the last test, because it stops one


async def test_a_gateway_that_stops_tells_its_streams(system: System, one: Client, two: Client) -> None:
    session_id = await one.create()
    async with events(two, session_id) as stream, ask(
        two, session_id, "[tokens=600] [interval=20]", client_message_id="m"
    ) as answer:  # fmt: skip
        await stream.until("connected")
        await answer.until("text")
        process = system.processes["gateway", 1]
        system.signal("gateway", signal.SIGTERM, 1)
        begun = asyncio.get_running_loop().time()
        for each in (stream, answer):
            await each.rest(10)
            hint = next(frame["retry_after_ms"] for frame in each.frames if frame["type"] == "draining")
            assert each.retries == [3000, hint]
        await asyncio.to_thread(process.wait, 20)
        assert process.returncode == 0
        assert asyncio.get_running_loop().time() - begun < 10
    async with events(one, session_id, last_event_id=stream.last_id) as resumed:
        complete = await resumed.until("complete")
    frames = [frame for frame in stream.frames + resumed.frames if frame["type"] == "text"]
    assert "".join(frame["content"] for frame in frames) == complete["message"]["content"]
    async with ask(one, session_id, "[tokens=600] [interval=20]", client_message_id="m") as again:
        await again.rest()
        assert again.text == complete["message"]["content"]
    system.start("gateway", 1)
    await asyncio.to_thread(system.wait_ready)


async def test_many_q_values_choose_json(one: Client) -> None:
    session_id = await one.create()
    status, body, headers = await one.request(
        "POST", f"/api/chat/sessions/{session_id}/messages", json={"message": "Hi"},
        headers={"Accept": "application/json;q=0.9, */*;q=0.8"}, timeout=ClientTimeout(20),
    )  # fmt: skip
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert body["message"]
