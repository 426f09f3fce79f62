"""The load: sessions that talk over sockets and HTTP, each with several clients, and the evidence of what came of it."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from libs.contracts.errors import DeskError
from libs.runtime.nats import NatsBus
from tests.support.evidence import Evidence, Receipt, Sent, Shown, View
from tests.support.subscriber import Subscriber

from . import records
from .device import Device, clock, retried

HTTP_S = 2.5  # how long a client waits for an acknowledgement, and
ANSWER_S = 12.0  # for an answer, before it asks again
MOST_WAITING = 8
PAGE = 200


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the load is.

    Attributes:
        sessions, devices: how many, and how many clients of each session follow it.
        rate: messages a second, of all sessions together.
        tokens, interval_ms: of an answer.
        copies: how often a message is sent at once, at most, over sockets and HTTP.
        cancels: for how many of the messages somebody presses "stop" soon after.
        older: how often a client comes back with an older cursor than its last.
        seed: the same seed gives the same choices.
    """

    sessions: int = 16
    devices: int = 2
    rate: float = 20.0
    tokens: int = 30
    interval_ms: int = 15
    copies: int = 3
    cancels: float = 0.05
    older: float = 0.2
    seed: int = 0


class Talk:
    """One session with its clients."""

    def __init__(self, session_id: str, devices: list[Device]) -> None:
        self.session_id = session_id
        self.devices = devices
        self.sent: list[Sent] = []
        self.over_http = View(name="http", whole=False)
        self.unreceipted = 0
        self.cancels = 0


class Load:
    """Talks until it is told to stop."""

    def __init__(
        self, plan: Plan, doors: Sequence[str], nats_url: str, http: aiohttp.ClientSession, subscriber: Subscriber,
        tasks: asyncio.TaskGroup,
    ) -> None:  # fmt: skip
        self.talks: list[Talk] = []
        self._plan = plan
        self._doors = doors
        self._http = http
        self._nats_url = nats_url
        self._subscriber = subscriber
        self._tasks = tasks
        self._rng = random.Random(plan.seed)
        self._talking: list[asyncio.Task[None]] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._following: list[asyncio.Task[None]] = []

    @classmethod
    @asynccontextmanager
    async def on(cls, plan: Plan, doors: Sequence[str], nats_url: str) -> "AsyncIterator[Load]":
        """Open the sessions and connect their clients; nobody talks yet."""
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector) as http,
            Subscriber(nats_url) as subscriber,
            asyncio.TaskGroup() as tasks,
        ):
            load = cls(plan, doors, nats_url, http, subscriber, tasks)
            try:
                await load._open()
                yield load
            finally:
                for task in (*load._talking, *load._sending, *load._following):
                    task.cancel()

    async def _open(self) -> None:
        for number in range(self._plan.sessions):
            session_id = await retried(lambda door, key=number: self._create(door, key), self._doors, self._rng)
            devices = [
                Device(session_id, f"client {place}", self._doors, self._http, self._dice(), self._plan.older)
                for place in range(self._plan.devices)
            ]
            self._following += [self._tasks.create_task(device.run()) for device in devices]
            self.talks.append(Talk(session_id, devices))
        async with asyncio.timeout(30):
            for device in self.devices:
                await device.connected.wait()

    async def _create(self, door: str, number: int) -> str:
        headers = {"Idempotency-Key": f"chaos-{self._plan.seed}-{id(self)}-{number}"}
        async with asyncio.timeout(HTTP_S), self._http.post(f"{door}/api/sessions", headers=headers) as answer:
            answer.raise_for_status()
            return (await answer.json())["session_id"]

    def _dice(self) -> random.Random:
        return random.Random(self._rng.random())

    @property
    def devices(self) -> list[Device]:
        """All clients that follow a session."""
        return [device for talk in self.talks for device in talk.devices]

    # --- talking

    def begin(self) -> None:
        """Let every session talk."""
        self._talking = [self._tasks.create_task(self._talk(talk, self._dice())) for talk in self.talks]

    async def stop(self) -> None:
        """Say nothing new from now on; what waits for its receipt goes on being sent."""
        for task in self._talking:
            task.cancel()
        if self._talking:
            await asyncio.wait(self._talking)

    async def _talk(self, talk: Talk, rng: random.Random) -> None:
        pause = self._plan.sessions / self._plan.rate
        await asyncio.sleep(rng.random() * pause)
        while True:
            if talk.unreceipted < MOST_WAITING:
                self._say(talk, rng)
            await asyncio.sleep(rng.uniform(0.5, 1.5) * pause)

    def _say(self, talk: Talk, rng: random.Random) -> None:
        number, plan = len(talk.sent) + 1, self._plan
        sent = Sent(
            client_message_id=f"own-{number}",
            content=f"question {number} [tokens={rng.randint(1, 2 * plan.tokens)}] [interval={plan.interval_ms}]",
            began=clock().time(),
        )
        talk.sent.append(sent)
        self._spawn(self._send(talk, sent, rng.randint(1, plan.copies), self._dice()))
        if rng.random() < plan.cancels:
            self._spawn(self._cancel(talk, self._dice()))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, talk: Talk, sent: Sent, copies: int, rng: random.Random) -> None:
        ways = [
            self._post(talk, sent, rng, wait=rng.random() < 0.3) if rng.random() < 0.4
            else rng.choice(talk.devices).send(sent)
            for _ in range(copies)
        ]  # fmt: skip
        talk.unreceipted += 1
        try:
            await asyncio.gather(*ways)
        finally:
            talk.unreceipted -= 1

    async def _cancel(self, talk: Talk, rng: random.Random) -> None:
        """Stop whatever is being answered in a moment; nobody presses twice."""
        await asyncio.sleep(rng.uniform(0, 1.0))
        path = f"{rng.choice(self._doors)}/api/chat/sessions/{talk.session_id}/cancel"
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(HTTP_S), self._http.post(path, json={}) as answer:
                talk.cancels += answer.status == 200

    async def _post(self, talk: Talk, sent: Sent, rng: random.Random, *, wait: bool) -> None:
        await retried(lambda door: self._post_once(door, talk, sent, wait=wait), self._doors, rng)

    async def _post_once(self, door: str, talk: Talk, sent: Sent, *, wait: bool) -> None:
        path = f"{door}/api/chat/sessions/{talk.session_id}/messages"
        body = {"message": sent.content, "client_message_id": sent.client_message_id}
        headers = {} if wait else {"Prefer": "respond-async"}
        async with (
            asyncio.timeout(ANSWER_S if wait else HTTP_S),
            self._http.post(path, json=body, headers=headers) as answer,
        ):
            if answer.status in (200, 202):
                self._note(talk, sent, answer.status, await answer.json())
                return
            if answer.status < 500 and answer.status != 429:
                talk.over_http.faults.append(f"refused for good: {answer.status} {await answer.text()}")
                return
            answer.raise_for_status()

    def _note(self, talk: Talk, sent: Sent, status: int, body: dict[str, Any]) -> None:
        if status == 202:
            sent.receipts.append(Receipt(body["message_id"], body["seq"], clock().time(), "202"))
            return
        sent.receipts.append(Receipt(None, None, clock().time(), "200"))
        answer = {"id": body["message_id"], "content": body["message"]}
        talk.over_http.shown.append(Shown(body["turn_id"], 0, body["message"], answer))

    # --- afterwards

    async def settle(self, patience: float = 30.0) -> float | None:
        """Wait until everything is acknowledged, answered and shown; the seconds, None where it never was."""
        begun = clock().time()
        async with NatsBus.connect(self._nats_url, "chaos") as bus:
            while clock().time() - begun < patience:
                if not self._sending and await self._is_quiet(bus):
                    return clock().time() - begun
                await asyncio.sleep(0.2)
        return None

    async def _is_quiet(self, bus: NatsBus) -> bool:
        for talk in self.talks:
            try:
                page = await records.page(bus, talk.session_id, None)
                log = await records.log(bus, talk.session_id)
            except DeskError:
                return False
            answered = sum(1 for event in log if event.name.startswith("turn_") and event.payload.get("message"))
            seen = all(
                len(device.screen.view.shown) >= answered for device in talk.devices if not device.screen.resyncs
            )
            if page.open_turn or not seen:
                return False
        return True

    async def evidence(self) -> list[Evidence]:
        """Gather what is known of every session."""
        async with NatsBus.connect(self._nats_url, "chaos") as bus:
            logs = {talk.session_id: await records.log(bus, talk.session_id) for talk in self.talks}
        published = await records.published(
            self._subscriber, self._nats_url, {key: len(log) for key, log in logs.items()}
        )
        return [
            Evidence(
                session_id=talk.session_id,
                sent=talk.sent,
                messages=await self._transcript(talk.session_id),
                log=logs[talk.session_id],
                published=published[talk.session_id],
                views=[*(device.screen.view for device in talk.devices), talk.over_http],
            )
            for talk in self.talks
        ]

    async def _transcript(self, session_id: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        page: list[dict[str, Any]] = []
        while not messages or len(page) == PAGE:
            offset = len(messages)
            page = await retried(lambda door, at=offset: self._history(door, session_id, at), self._doors, self._rng)
            messages += page
            if not page:
                break
        return messages

    async def _history(self, door: str, session_id: str, offset: int) -> list[dict[str, Any]]:
        path = f"{door}/api/chat/sessions/{session_id}/messages"
        query = {"limit": PAGE, "offset": offset}
        async with asyncio.timeout(HTTP_S * 2), self._http.get(path, params=query) as answer:
            answer.raise_for_status()
            return (await answer.json())["messages"]
