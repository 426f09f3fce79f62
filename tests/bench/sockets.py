"""Loads on sockets: coming back in the middle of an answer, and many who watch one conversation."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import aiohttp

from .client import ANSWER_S, Job, Talker, Timed, clock, connected, create, each, frames, mark, stored

_RESUMES_AT_ONCE = 4
_AWAY_S = 0.1
_SEEN_FRAMES = 6


async def resume(job: Job, http: aiohttp.ClientSession) -> dict[str, Any]:
    """Leave in the middle of an answer and come back to another gateway, which does not know the session yet.

    Timed from before the handshake to the first text that was missed.

    Of the floor, which cannot resume, the handshake and the greeting.
    """
    took: list[float] = []
    faults: list[str] = []
    slots = asyncio.Semaphore(_RESUMES_AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            if job.stored:
                took.append(await _come_back(job, http, number, faults))
            else:
                begun = clock()
                async with connected(http, job.url, f"sess_{number}"):
                    took.append(clock() - begun)

    mark("begin")
    await asyncio.gather(*(one(number) for number in range(job.sessions)))
    mark("end")
    return {"took": took, "faults": faults}


async def _come_back(job: Job, http: aiohttp.ClientSession, number: int, faults: list[str]) -> float:
    session_id = await create(http, job.url)
    text, cursor = "", ""
    async with connected(http, job.url, session_id) as socket:
        await socket.send_json({"type": "message", "content": f"Question {number} {job.script}"})
        seen = 0
        while seen < _SEEN_FRAMES:
            shown = frames.decode((await socket.receive(ANSWER_S)).data)
            cursor = shown.cursor or cursor
            if shown.type == "text":
                text, seen = text + shown.content, seen + 1
    await asyncio.sleep(_AWAY_S)
    begun, took = clock(), 0.0
    async with connected(http, job.last_url, session_id, cursor=cursor) as socket:
        while True:
            shown = frames.decode((await socket.receive(ANSWER_S)).data)
            if shown.type == "text":
                took = took or clock() - begun
                if shown.offset != len(text):
                    faults.append(f"resumed at {shown.offset} after {len(text)} characters")
                text += shown.content
            elif shown.type == "complete":
                if shown.message["content"] != text:
                    faults.append("resumed text is not the stored answer")
                return took


class _Watcher:
    """A socket that only listens; what it got is looked at when the measuring is over."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.heard: list[bytes] = []

    async def listen(self) -> None:
        """Take frames until cancelled."""
        async for message in self._socket:
            self.heard.append(message.data)

    def check(self) -> list[str]:
        """Give what is wrong with what was heard: every answer that began must have come whole."""
        faults: list[str] = []
        text = ""
        for data in self.heard:
            shown = frames.decode(data)
            if shown.type == "start":
                text = ""
            elif shown.type == "text":
                if shown.offset != len(text):
                    faults.append(f"lost text: offset {shown.offset} after {len(text)} characters")
                text += shown.content
            elif shown.type == "complete" and shown.message["content"] != text:
                faults.append("stored answer differs from what a listener heard")
        return faults


async def fan_out(job: Job, http: aiohttp.ClientSession) -> dict[str, Any]:
    """Let sessions talk while others listen to each; count the frames that all of them got."""
    ids = await each(lambda _: create(http, job.url), job.sessions) if job.stored else [
        f"sess_{number}" for number in range(job.sessions)
    ]  # fmt: skip
    ended = False
    async with AsyncExitStack() as stack:
        watchers: list[_Watcher] = []
        talkers: list[Talker] = []
        for number, session_id in enumerate(ids):
            sockets = [
                await stack.enter_async_context(connected(http, job.url, session_id)) for _ in range(job.listeners)
            ]
            watchers += map(_Watcher, sockets)
            socket = await stack.enter_async_context(connected(http, job.url, session_id))
            talkers.append(Talker(socket, session_id, number, job))
        async with asyncio.TaskGroup() as tasks:
            listening = [tasks.create_task(watcher.listen()) for watcher in watchers]
            talking = [
                tasks.create_task(talker.talk(0.1 * place, lambda: ended)) for place, talker in enumerate(talkers)
            ]
            await asyncio.sleep(job.warm_s)
            before = _heard(watchers)
            mark("begin")
            await asyncio.sleep(job.measure_s)
            mark("end")
            after = _heard(watchers)
            ended = True
            await asyncio.wait(talking)
            await asyncio.sleep(0.5)
            for task in listening:
                task.cancel()
    faults = [fault for talker in talkers for timed in talker.timed for fault in timed.faults]
    faults += [fault for watcher in watchers for fault in watcher.check()]
    # The one who asked gets the frames too, and reads them by itself.
    heard = (after - before) * (job.listeners + 1) / job.listeners
    answers = sum(len(talker.timed) for talker in talkers)
    return {"frames": heard, "checked": answers * (job.listeners + 1), "faults": faults}


def _heard(watchers: list[_Watcher]) -> int:
    return sum(len(watcher.heard) for watcher in watchers)


async def many(job: Job, http: aiohttp.ClientSession) -> dict[str, Any]:
    """Let all sessions ask one long answer each; say how many streamed at the same time, and what was wrong."""
    ids = await each(lambda _: create(http, job.url), job.sessions)
    async with AsyncExitStack() as stack:
        talkers = [
            Talker(await stack.enter_async_context(connected(http, job.url, session_id)), session_id, number, job)
            for number, session_id in enumerate(ids)
        ]
        mark("begin")
        async with asyncio.TaskGroup() as tasks:
            for place, talker in enumerate(talkers):
                tasks.create_task(talker.once(place / len(talkers) * job.warm_s))
        mark("end")
    for talker in talkers:
        talker.compare(await stored(http, job.url, talker.session_id))
    every = [timed for talker in talkers for timed in talker.timed]
    return {
        "at_once": _most_at_once(every),
        "checked": len(every),
        "frames": sum(timed.frames for timed in every),
        "messages": every,
        "faults": [fault for timed in every for fault in timed.faults],
    }


def _most_at_once(every: list[Timed]) -> int:
    """Count the answers that were between their first token and their end at the same moment."""
    steps = [(timed.arrivals[0], 1) for timed in every if timed.arrivals and timed.arrivals[0] is not None]
    steps += [(timed.completed, -1) for timed in every if timed.completed]
    now = most = 0
    for _, step in sorted(steps):
        now += step
        most = max(most, now)
    return most
