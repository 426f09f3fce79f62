"""A customer as the load plays it: a session on a socket that asks, reads, checks and times what it sees."""

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from .checker import TOKENS, Stream

ANSWER_S = 20.0
LONG_ANSWER_S = 60.0
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
_PLAIN = (
    "How long does standard shipping take?",
    "How do I reset my password?",
    "How long do I have to return an item?",
    "Which payment methods do you accept?",
)
clock = time.perf_counter


class Job(msgspec.Struct, kw_only=True):
    """What to do.

    Attributes:
        last_url: of another gateway, where there is one.
        kind: `stream`, `idle`, `answers`, `resume` or `fan_out`.
        script: what every question says to the scripted model, beside its words.
        tokens: how many an answer has.
        model: whether a language model answers, which may fail: answers may begin anew, or quote the pages.
        listeners: sockets beside the one that asks, of each session.
        stored: whether there are sessions and a history; the floor has none.
        result: the file that the result goes to; it is too long to share a pipe with the marks.
    """

    kind: str
    url: str
    last_url: str = ""
    sessions: int = 1
    warm_s: float = 1.0
    measure_s: float = 5.0
    stored: bool = True
    result: str
    script: str = ""
    tokens: int = TOKENS
    listeners: int = 0
    model: bool = False


class Shown(msgspec.Struct):
    """The part of a frame that the load reads."""

    type: str
    turn_id: str = ""
    attempt: int = 0
    offset: int = 0
    content: str = ""
    message: Any = None
    code: str = ""
    cursor: str = ""


class Timed(msgspec.Struct):
    """One message: when it was sent, acknowledged, begun and complete, and when each token came; in seconds."""

    sent: float
    acknowledged: float = 0.0
    completed: float = 0.0
    arrivals: list[float | None] = []
    frames: int = 0
    attempt: int = 0
    degraded: bool = False
    faults: list[str] = []


frames = msgspec.json.Decoder(Shown)


def mark(name: str) -> None:
    """Tell the parent where we are."""
    sys.stdout.write(msgspec.json.encode({"mark": name}).decode() + "\n")
    sys.stdout.flush()


def question(number: int, *, plain: bool = False) -> str:
    """Give a question that was not asked before; a plain one is in the help pages, so that a model is asked for its answer."""
    if plain:
        return f"{_PLAIN[number % len(_PLAIN)]} ({_RUN}{number})"
    return _QUESTIONS[number % len(_QUESTIONS)].format(f"Town {_RUN} {number}")


class Talker:
    """One session on one socket, asking again as soon as it is answered."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session_id: str, number: int, job: Job) -> None:
        self.session_id = session_id
        self._job = job
        self.said: list[tuple[str, str]] = []
        self._socket = socket
        self._number = number
        self._streams: list[Stream] = []
        self.timed: list[Timed] = []

    async def talk(self, after: float, until: Callable[[], bool]) -> None:
        """Ask and read until told to end."""
        await asyncio.sleep(after)
        while not until():
            async with asyncio.timeout(ANSWER_S):
                await self._ask()

    async def once(self, after: float) -> None:
        """Ask and read one answer, however long it is."""
        await asyncio.sleep(after)
        async with asyncio.timeout(LONG_ANSWER_S):
            await self._ask()

    async def _ask(self) -> None:
        self._number += 10_000
        asked = f"{question(self._number, plain=self._job.model)} {self._job.script}".strip()
        frame = {"type": "message", "content": asked, "client_message_id": f"c{self._number}"}
        timed = Timed(sent=clock())
        self.timed.append(timed)
        await self._socket.send_frame(msgspec.json.encode(frame), aiohttp.WSMsgType.TEXT)
        stream: Stream | None = None
        while not timed.completed:
            shown, at = await self._read()
            if shown.type == "acknowledged":
                timed.acknowledged = at
            elif shown.type == "start":
                again = stream is not None and self._job.model and shown.attempt > timed.attempt
                faults = ["doubled start of an answer"] if stream is not None and not again else []
                timed.attempt = shown.attempt
                stream = Stream(shown.turn_id, shown.attempt, self._job.tokens, named=not self._job.model)
                stream.faults += faults
                timed.faults, timed.arrivals = stream.faults, stream.arrivals
            elif shown.type == "text" and stream is not None:
                timed.frames += 1
                stream.take(shown.turn_id, shown.attempt, shown.offset, shown.content, at)
            elif shown.type == "complete" and stream is not None:
                timed.completed = at
                timed.degraded = "degraded" in shown.message.get("metadata", {})
                if timed.degraded:  # quotes have no numbered tokens
                    timed.faults, timed.arrivals = [], []
                    stream.compare(shown.message["content"])
                else:
                    stream.end(shown.message["content"])
                self._streams.append(stream)
                self.said += [("user", asked), ("assistant", stream.text)]
            elif shown.type == "error":
                raise RuntimeError(f"refused: {shown.code}")

    async def _read(self) -> tuple[Shown, float]:
        message = await self._socket.receive()
        at = clock()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise RuntimeError(f"the socket ended: {message!r}")
        return frames.decode(message.data), at

    def compare(self, stored: list[tuple[str, str]]) -> None:
        """Compare the whole conversation with what is stored."""
        if stored != self.said:
            self.timed[-1].faults.append(f"stored conversation differs: {len(stored)} of {len(self.said)} messages")


@asynccontextmanager
async def connected(
    http: aiohttp.ClientSession, url: str, session_id: str, **query: str
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Open a socket and read its greeting."""
    asked = {"session_id": session_id, **query}
    async with http.ws_connect(
        url.replace("http", "ws", 1) + "/ws", params=asked, autoping=True, decode_text=False
    ) as socket:
        greeting = frames.decode((await socket.receive(ANSWER_S)).data)
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
