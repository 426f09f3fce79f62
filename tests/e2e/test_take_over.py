"""An operator takes over while the agent answers: from then on the agent says and stores nothing."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from libs.contracts import bus_map
from libs.contracts.operators import Release, Reply, TakeOver
from libs.contracts.session import EventsAfter, EventsPage
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from tests.support.client import Client, Frame, Socket
from tests.support.system import System, real_servers

TENANT = "default"
ANN = "Ann"
TAKE_OVERS = 1000
SIDE_BY_SIDE = 25
SHORT = "[tokens=6] [interval=12] [first=5]"
# Longer than a short answer takes where much goes on at once.
LATEST_S = 0.4
PATIENCE_S = 30.0
# What the agent shows of an answer.
SPOKEN = {"start", "status", "sources", "text", "complete"}
Record = tuple[int, str, dict[str, Any]]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """Two agents with the scripted model and two gateways."""
    folder = tmp_path_factory.mktemp("taken")
    replicas = {"agent": 2, "gateway": 2}
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, model_folder, replicas, model="scripted", text_interval_ms=10) as running,
    ):
        yield running


@pytest.fixture
async def bus(system: System) -> AsyncIterator[NatsBus]:
    async with NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as connected:
        yield connected


class Talk:
    """One customer at one socket, and the operator who may take over."""

    def __init__(self, bus: NatsBus, session_id: str, socket: Socket) -> None:
        self.bus = bus
        self.id = session_id
        self.socket = socket
        self._news = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, bus: NatsBus) -> "AsyncIterator[Talk]":
        """Open a session and a socket, whose frames are read until the end."""
        async with Client.at(url) as client:
            session_id = await client.create()
            async with client.socket(session_id) as socket:
                talk = cls(bus, session_id, socket)
                talk._reading = asyncio.create_task(talk._read())
                try:
                    yield talk
                    talk.check()
                finally:
                    talk._reading.cancel()
                    await asyncio.wait([talk._reading])

    async def _read(self) -> None:
        try:
            while True:
                await self.socket.read(PATIENCE_S * 4)
                self._news.set()
        finally:
            self._news.set()

    def check(self) -> None:
        """Fail where a frame did not add up."""
        if self._reading.done():
            self._reading.result()

    async def until(self, true: Callable[[], Any], patience_s: float = PATIENCE_S) -> None:
        """Read until something is so."""
        async with asyncio.timeout(patience_s):
            while not true():
                self._news.clear()
                await self._news.wait()
                self.check()

    def seen(self, *kinds: str) -> list[Frame]:
        return [frame for frame in self.socket.frames if frame["type"] in kinds]

    @property
    def controller(self) -> str:
        """Who speaks, as the socket was told."""
        told = self.seen("session_updated")
        return told[-1]["controller"] if told else "agent"

    async def take_over(self, operator: str = ANN) -> None:
        session = await self.bus.call(
            bus_map.TAKE_OVER, TakeOver(operator=operator), tenant=TENANT, key=self.id, timeout=PATIENCE_S
        )
        assert (session.status, session.controller) == ("escalated", "operator")

    async def reply(self, content: str, operator: str = ANN) -> None:
        request = Reply(message_id=mint("msg"), client_message_id=mint("client"), content=content, operator=operator)
        await self.bus.call(bus_map.REPLY, request, tenant=TENANT, key=self.id)

    async def release(self, *, answer: bool, operator: str = ANN) -> None:
        request = Release(operator=operator, answer=answer)
        session = await self.bus.call(bus_map.RELEASE, request, tenant=TENANT, key=self.id, timeout=PATIENCE_S)
        assert (session.status, session.controller) == ("active", "agent")

    async def page(self, after: int = 0) -> EventsPage:
        return await self.bus.call(
            bus_map.EVENTS_AFTER, EventsAfter(ev_seq=after), tenant=TENANT, key=self.id, timeout=PATIENCE_S
        )

    async def log(self) -> list[Record]:
        """Read the whole event log."""
        records: list[Record] = []
        while True:
            page = await self.page(len(records))
            records += [(event.ev_seq, event.type, msgspec.json.decode(event.payload)) for event in page.events]
            if len(records) == page.last_ev_seq:
                return records


def faults_of_log(log: list[Record]) -> list[str]:
    """Give what the agent stored when it might not, or for an epoch that was over."""
    faults: list[str] = []
    controller, epoch, begun = "agent", 0, dict[str, int]()
    for number, (ev_seq, name, payload) in enumerate(log, start=1):
        if ev_seq != number:
            faults.append(f"{ev_seq} stands at {number}")
        if name == "control_changed":
            if payload["epoch"] <= epoch:
                faults.append(f"{ev_seq}: the epoch did not rise")
            controller, epoch = payload["controller"], payload["epoch"]
        elif name == "turn_started":
            begun[payload["turn_id"]] = payload["epoch"]
        answered = payload["message"].get("turn_id") if name == "message_added" else payload.get("turn_id")
        by_agent = name == "message_added" and payload["message"]["role"] == "assistant"
        if name in ("turn_started", "turn_completed", "turn_failed") or by_agent:
            if controller != "agent":
                faults.append(f"{ev_seq}: {name} while the {controller} is in charge")
            if begun.get(answered) != epoch:
                faults.append(f"{ev_seq}: {name} of epoch {begun.get(answered)} in {epoch}")
    return faults


def faults_of_frames(frames: list[Frame], log: list[Record]) -> list[str]:
    """Give the frames of older epochs that a socket got after it was told that an operator is in charge."""
    epochs = {payload["turn_id"]: payload["epoch"] for _, name, payload in log if name == "turn_started"}
    taken_over = [payload["epoch"] for payload in take_overs(log)]
    faults: list[str] = []
    controller, epoch, count = "agent", 0, 0
    for number, frame in enumerate(frames):
        if frame["type"] == "session_updated":
            if frame["controller"] == "operator" != controller:
                epoch = taken_over[count]
                count += 1
            controller = frame["controller"]
        elif frame["type"] in SPOKEN and (controller == "operator" or epochs.get(frame.get("turn_id", ""), -1) < epoch):
            faults.append(f"frame {number}, {frame['type']} of {frame.get('turn_id')}, in epoch {epoch}")
    if count != len(taken_over):
        faults.append(f"told of {count} of {len(taken_over)} takeovers")
    return faults


def take_overs(log: list[Record]) -> list[dict[str, Any]]:
    """Give each change of control from somebody else to an operator."""
    changes = [payload for _, name, payload in log if name == "control_changed"]
    return [change for change in changes if change["controller"] == "operator" != change["previous"]]


def moments(log: list[Record]) -> Counter[str]:
    """Count at which moment of an answer the takeovers came."""
    counted = Counter[str]()
    for _, name, payload in log:
        if name == "turn_cancelled" and payload["reason"] == "taken_over":
            counted["before the answer began" if payload["attempt"] == 0 else "during the answer"] += 1
    counted["while nothing was open"] = len(take_overs(log)) - sum(counted.values())
    return counted


async def race(talk: Talk, times: int, chance: random.Random) -> None:
    """Ask, take over at some moment of the answer, release; again and again."""
    for _ in range(times):
        texts, spoken = chance.randrange(7), len(talk.seen("text"))
        await talk.socket.send(SHORT)
        if chance.random() < 0.5:
            await asyncio.sleep(chance.uniform(0, LATEST_S))
        else:  # at a frame of text, the last one above all: then the answer is about to be stored
            try:
                await talk.until(lambda spoken=spoken, texts=texts: len(talk.seen("text")) >= spoken + texts, LATEST_S)
            except TimeoutError:
                pass
            await asyncio.sleep(chance.choice([0, 0, 0.004, 0.012]))
        await talk.take_over()
        await talk.until(lambda: talk.controller == "operator")
        await asyncio.sleep(chance.choice([0, 0.01, 0.05]))
        await talk.release(answer=chance.random() < 0.3)
        await talk.until(lambda: talk.controller == "agent")


async def test_a_thousand_take_overs_race_the_agent(system: System, bus: NatsBus) -> None:
    """I3 and the hand-over: once an operator is in charge, no answer is stored and no socket sees an older epoch."""
    seed = time.time_ns()
    chance = random.Random(seed)
    print(f"seed {seed}")
    async with AsyncExitStack() as stack:
        talks = [await stack.enter_async_context(Talk.at(system.gateway(n % 2), bus)) for n in range(SIDE_BY_SIDE)]
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for talk in talks:
                group.create_task(race(talk, TAKE_OVERS // SIDE_BY_SIDE, random.Random(chance.random())))
        took = time.monotonic() - started
        for talk in talks:
            while (await talk.page()).open_turn is not None:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # what an agent that does not know it yet may still say
        logs = [await talk.log() for talk in talks]
    counted = sum(map(moments, logs), Counter[str]())
    print(f"{counted.total()} takeovers in {took:.1f} s: {dict(counted)}")
    faults = [
        f"{talk.id} {fault}"
        for talk, log in zip(talks, logs, strict=True)
        for fault in (*faults_of_log(log), *faults_of_frames(talk.socket.frames, log))
    ]
    assert faults[:20] == [], f"{len(faults)} in all"
    assert counted.total() == TAKE_OVERS
    assert counted["during the answer"] >= TAKE_OVERS / 10, "the race was not run"
    assert counted["while nothing was open"] >= TAKE_OVERS / 50, "the race was not run to its end"


def turn_of(epoch: int) -> dict[str, Any]:
    return {"turn_id": f"turn_{epoch}", "attempt": 1, "epoch": epoch}


def answer_of(epoch: int) -> dict[str, Any]:
    return {"message": {"role": "assistant", "turn_id": f"turn_{epoch}"}}


TAKEN = {"controller": "operator", "previous": "agent", "epoch": 1}
TOLD: Frame = {"type": "session_updated", "controller": "operator"}
SAID: Frame = {"type": "text", "turn_id": "turn_0"}


def test_the_checkers_see_what_they_are_there_for() -> None:
    """An answer that is stored, or a frame that is shown, after the takeover."""
    log: list[Record] = [(1, "turn_started", turn_of(0)), (2, "control_changed", TAKEN)]
    assert faults_of_log(log) == []
    assert len(faults_of_log([*log, (3, "message_added", answer_of(0))])) == 2
    assert len(faults_of_log([*log, (3, "turn_completed", turn_of(0))])) == 2
    released = (3, "control_changed", {"controller": "agent", "previous": "operator", "epoch": 2})
    assert len(faults_of_log([*log, released, (4, "message_added", answer_of(0))])) == 1
    assert faults_of_log([*log, released, (4, "turn_started", turn_of(2)), (5, "message_added", answer_of(2))]) == []
    assert faults_of_frames([SAID, TOLD], log) == []
    assert len(faults_of_frames([TOLD, SAID], log)) == 1
    assert len(faults_of_frames([TOLD, {**TOLD, "controller": "agent"}, SAID], log)) == 1
    assert len(faults_of_frames([SAID], log)) == 1


async def test_the_agent_answers_what_nobody_answered(system: System, bus: NatsBus) -> None:
    async with Talk.at(system.url, bus) as talk:
        await talk.socket.send("[tokens=2000] [interval=5] [first=0]")
        await talk.until(lambda: talk.seen("text"))
        await talk.take_over()
        await talk.until(lambda: talk.seen("cancelled"))
        [cancelled] = talk.seen("cancelled")
        assert (cancelled["reason"], cancelled.get("message")) == ("taken_over", None)
        await talk.reply("I have sent you a new lamp.")
        await talk.socket.send("Which lamp? [transcript]")
        await talk.until(lambda: len(talk.seen("acknowledged")) == 2)
        await talk.release(answer=True)
        await talk.until(lambda: talk.seen("complete"))
    stored = talk.seen("complete")[0]["message"]["content"]
    assert "Colleague: I have sent you a new lamp." in stored.splitlines()
    assert [frame["message"]["role"] for frame in talk.seen("message_added")] == ["operator"]
    started = [payload for _, name, payload in await talk.log() if name == "turn_started"]
    assert [turn["answers_seq"] for turn in started] == [[1], [3]]


async def test_a_question_that_an_operator_took_and_left_is_answered_after_all(system: System, bus: NatsBus) -> None:
    async with Talk.at(system.url, bus) as talk:
        # Longer than a busy machine takes to take over, so that the question is open then.
        await talk.socket.send("one [tokens=4000] [interval=5] [first=0]")
        await talk.until(lambda: talk.seen("text"))
        await talk.take_over()
        await talk.socket.send("two [tokens=5] [interval=0] [first=0]")
        await talk.until(lambda: len(talk.seen("acknowledged")) == 2)
        await talk.release(answer=True)
        await talk.until(lambda: talk.seen("complete"))
    answered = [payload["answers_seq"] for _, name, payload in await talk.log() if name == "turn_completed"]
    assert answered == [[1, 2]]


async def test_a_release_without_an_answer_leaves_the_agent_silent(system: System, bus: NatsBus) -> None:
    async with Talk.at(system.url, bus) as talk:
        await talk.take_over()
        await talk.socket.send("never mind")
        await talk.until(lambda: talk.seen("acknowledged"))
        await talk.release(answer=False)
        await talk.until(lambda: talk.controller == "agent")
        await asyncio.sleep(1.0)
        assert talk.seen(*SPOKEN) == []
        await talk.socket.send(SHORT)
        await talk.until(lambda: talk.seen("complete"))
    answered = [payload["answers_seq"] for _, name, payload in await talk.log() if name == "turn_completed"]
    assert answered == [[2]]
