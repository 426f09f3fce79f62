"""The load, a process of its own: it talks to one address over HTTP and WebSockets and times what it sees.

    python -m tests.bench.load '{"kind": "stream", "url": "http://127.0.0.1:8000", "sessions": 32, ...}'

It prints marks as JSON lines (`{"mark": "begin"}`), at which the parent looks at the processes' CPU time, and leaves its
result in a file. It stops by itself.
"""

import asyncio
import gc
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import uvloop

from .checker import Stream

_ANSWER_S = 20.0
_SPREAD_S = 1.2  # over which the sessions begin, so that they do not all ask at once
_AT_ONCE = 16
# Tells this process's questions from those of the rounds before it, whose answers the system may have cached.
_RUN = secrets.token_hex(3)
# What the customers ask, different each time so that no cache of questions helps.
_QUESTIONS = (
    "How long does standard shipping to {} take?",
    "How do I reset my password? My shop is in {}.",
    "Can I return an order that was sent to {}?",
    "Which payment methods do you accept in {}?",
    "Where is my order for {}?",
    "How do I verify my account from {}?",
    "What does premium membership cost in {}?",
    "How is my personal data kept private in {}?",
)
_clock = time.perf_counter


class Job(msgspec.Struct, kw_only=True):
    """What to do.

    Attributes:
        kind: `stream`, `idle` or `answers`.
        stored: whether there are sessions and a history; the floor has none.
        result: the file that the result goes to; it is too long to share a pipe with the marks.
    """

    kind: str
    url: str
    sessions: int = 1
    warm_s: float = 1.0
    measure_s: float = 5.0
    stored: bool = True
    result: str


class Shown(msgspec.Struct):
    """The part of a frame that the load reads."""

    type: str
    turn_id: str = ""
    attempt: int = 0
    offset: int = 0
    content: str = ""
    message: Any = None
    code: str = ""


class Timed(msgspec.Struct):
    """One message: when it was sent, acknowledged, begun and complete, and when each token came; in seconds."""

    sent: float
    acknowledged: float = 0.0
    completed: float = 0.0
    arrivals: list[float | None] = []
    frames: int = 0
    faults: list[str] = []


_frames = msgspec.json.Decoder(Shown)


def mark(name: str) -> None:
    """Tell the parent where we are."""
    sys.stdout.write(msgspec.json.encode({"mark": name}).decode() + "\n")
    sys.stdout.flush()


def question(number: int) -> str:
    """Give a question that was not asked before."""
    return _QUESTIONS[number % len(_QUESTIONS)].format(f"Town {_RUN} {number}")


class Talker:
    """One session on one socket, asking again as soon as it is answered."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session_id: str, number: int) -> None:
        self.session_id = session_id
        self.said: list[tuple[str, str]] = []
        self._socket = socket
        self._number = number
        self._streams: list[Stream] = []
        self.timed: list[Timed] = []

    async def talk(self, after: float, until: Callable[[], bool]) -> None:
        """Ask and read until told to end."""
        await asyncio.sleep(after)
        while not until():
            async with asyncio.timeout(_ANSWER_S):
                await self._ask()

    async def _ask(self) -> None:
        self._number += 10_000
        asked = question(self._number)
        frame = {"type": "message", "content": asked, "client_message_id": f"c{self._number}"}
        timed = Timed(sent=_clock())
        self.timed.append(timed)
        await self._socket.send_frame(msgspec.json.encode(frame), aiohttp.WSMsgType.TEXT)
        stream: Stream | None = None
        while not timed.completed:
            shown, at = await self._read()
            if shown.type == "acknowledged":
                timed.acknowledged = at
            elif shown.type == "start":
                if stream is not None:
                    timed.faults.append("doubled start of an answer")
                stream = Stream(shown.turn_id, shown.attempt)
                timed.faults, timed.arrivals = stream.faults, stream.arrivals
            elif shown.type == "text" and stream is not None:
                timed.frames += 1
                stream.take(shown.turn_id, shown.attempt, shown.offset, shown.content, at)
            elif shown.type == "complete" and stream is not None:
                timed.completed = at
                stream.end(shown.message["content"])
                self._streams.append(stream)
                self.said += [("user", asked), ("assistant", stream.text)]
            elif shown.type == "error":
                raise RuntimeError(f"refused: {shown.code}")

    async def _read(self) -> tuple[Shown, float]:
        message = await self._socket.receive()
        at = _clock()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise RuntimeError(f"the socket ended: {message!r}")
        return _frames.decode(message.data), at

    def compare(self, stored: list[tuple[str, str]]) -> None:
        """Compare the whole conversation with what is stored."""
        if stored != self.said:
            self.timed[-1].faults.append(f"stored conversation differs: {len(stored)} of {len(self.said)} messages")


@asynccontextmanager
async def connected(
    http: aiohttp.ClientSession, url: str, session_id: str
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Open a socket and read its greeting."""
    async with http.ws_connect(
        url.replace("http", "ws", 1) + "/ws", params={"session_id": session_id}, autoping=True, decode_text=False
    ) as socket:
        greeting = _frames.decode((await socket.receive(_ANSWER_S)).data)
        if greeting.type != "connected":
            raise RuntimeError(f"not connected: {greeting}")
        yield socket


async def each(work: Callable[[int], Awaitable[Any]], count: int) -> list[Any]:
    """Do something many times, some at once."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> Any:
        async with slots:
            return await work(number)

    return await asyncio.gather(*(one(number) for number in range(count)))


async def create(http: aiohttp.ClientSession, url: str) -> str:
    """Create a session."""
    async with http.post(f"{url}/api/sessions", json={}) as answer:
        answer.raise_for_status()
        return (await answer.json())["session_id"]


async def stored(http: aiohttp.ClientSession, url: str, session_id: str) -> list[tuple[str, str]]:
    """Read a session's messages."""
    path = f"{url}/api/chat/sessions/{session_id}/messages"
    async with http.get(path, params={"limit": "200"}) as answer:
        answer.raise_for_status()
        return [(message["role"], message["content"]) for message in (await answer.json())["messages"]]


async def stream(job: Job, http: aiohttp.ClientSession) -> dict[str, Any]:
    """Let sessions talk; give every message of the measured time."""
    ids = [f"sess_{number}" for number in range(job.sessions)]
    if job.stored:
        ids = await each(lambda _: create(http, job.url), job.sessions)
    async with AsyncExitStack() as stack:
        talkers: list[Talker] = []
        for number, session_id in enumerate(ids):
            socket = await stack.enter_async_context(connected(http, job.url, session_id))
            talkers.append(Talker(socket, session_id, number))
        ended = False
        gc.collect()
        gc.disable()
        async with asyncio.TaskGroup() as tasks:
            for place, talker in enumerate(talkers):
                tasks.create_task(talker.talk(place / len(talkers) * _SPREAD_S, lambda: ended))
            await asyncio.sleep(_SPREAD_S + job.warm_s)
            begin = _clock()
            mark("begin")
            await asyncio.sleep(job.measure_s)
            end = _clock()
            mark("end")
            ended = True
        gc.enable()
        if job.stored:
            for talker in talkers:
                talker.compare(await stored(http, job.url, talker.session_id))
    every = [timed for talker in talkers for timed in talker.timed]
    ends = sorted(timed.completed for timed in every if begin <= timed.completed < end)
    return {
        "seconds": end - begin,
        "completed": len(ends),
        # From answer to answer: with one session a window holds too few for a count to be a rate.
        "rate": (len(ends) - 1) / (ends[-1] - ends[0]) if len(ends) > 1 else 0.0,
        "checked": len(every),
        "faults": [fault for timed in every for fault in timed.faults],
        "messages": [timed for timed in every if begin <= timed.sent < end],
    }


async def idle(job: Job, http: aiohttp.ClientSession) -> dict[str, Any]:
    """Hold many sockets that say nothing, until the parent has looked."""
    # The first ones fill what every process keeps for later (pools, caches): they are not counted.
    async with AsyncExitStack() as stack:
        for session_id in await each(lambda _: create(http, job.url), 50):
            await stack.enter_async_context(connected(http, job.url, session_id))
    ids = await each(lambda _: create(http, job.url), job.sessions)
    await asyncio.sleep(1)
    mark("begin")
    await asyncio.to_thread(sys.stdin.readline)
    async with AsyncExitStack() as stack:
        for session_id in ids:
            await stack.enter_async_context(connected(http, job.url, session_id))
        await asyncio.sleep(1)
        mark("end")
        await asyncio.to_thread(sys.stdin.readline)
    return {}


async def answers(job: Job, http: aiohttp.ClientSession) -> dict[str, Any]:
    """Ask over HTTP, some at once, each in a session of its own; count the answers that cite a page."""
    ids = await each(lambda _: create(http, job.url), job.sessions)
    took: list[float] = []
    cited = 0
    until = _clock() + job.warm_s + job.measure_s
    begin = _clock() + job.warm_s

    async def ask(place: int) -> None:
        nonlocal cited
        number = place
        while _clock() < until:
            number += job.sessions
            sent = _clock()
            path = f"{job.url}/api/chat/sessions/{ids[place]}/messages"
            async with http.post(path, json={"message": question(number)}) as answer:
                answer.raise_for_status()
                body = await answer.json()
            if sent >= begin:
                took.append(_clock() - sent)
                cited += bool(body.get("sources"))

    async with asyncio.TaskGroup() as tasks:
        for place in range(job.sessions):
            tasks.create_task(ask(place))
        await asyncio.sleep(job.warm_s)
        mark("begin")
        await asyncio.sleep(job.measure_s)
        mark("end")
    return {"took": took, "cited": cited, "seconds": job.measure_s}


async def work(job: Job) -> dict[str, Any]:
    """Do the job."""
    if urlsplit(job.url).hostname != "127.0.0.1":
        raise SystemExit("the load goes to this machine only")
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as http:
        return await {"stream": stream, "idle": idle, "answers": answers}[job.kind](job, http)


def main() -> None:
    """Read the job from the command line, do it and leave its result."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(work(job))
    Path(job.result).write_bytes(msgspec.json.encode(result))
    mark("done")


if __name__ == "__main__":
    main()
