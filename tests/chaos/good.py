"""Good clients beside hostile ones: they ask, check every answer, and time how long they waited."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from tests.bench.figures import percentile
from tests.support.client import Client, Socket
from tests.support.system import ROOT, clean_environment

from .hostile import Job

QUESTION = "hello [tokens=8] [interval=10] [first=20]"
PAUSE_S = 0.15
HEAR_S = 30.0


class Waits(msgspec.Struct):
    """How long good clients waited, in seconds: for `acknowledged`, and for the first text."""

    accepts: list[float] = []
    firsts: list[float] = []

    @property
    def p95(self) -> tuple[float, float]:
        """The 95th percentiles of both."""
        return percentile(self.accepts, 0.95), percentile(self.firsts, 0.95)


class Ratio(msgspec.Struct, frozen=True):
    """What hostile clients do to good ones."""

    quiet: tuple[float, float]
    besieged: tuple[float, float]
    answers: int
    did: dict[str, int]

    @property
    def accept(self) -> float:
        """By how much longer an acknowledgement takes."""
        return self.besieged[0] / self.quiet[0]

    @property
    def first(self) -> float:
        """By how much longer the first text takes."""
        return self.besieged[1] / self.quiet[1]

    def __str__(self) -> str:
        (accept, first), (slow_accept, slow_first) = self.quiet, self.besieged
        return (
            f"p95 of accept {accept * 1000:.0f} -> {slow_accept * 1000:.0f} ms ({self.accept:.2f} times), "
            f"of first text {first * 1000:.0f} -> {slow_first * 1000:.0f} ms ({self.first:.2f} times), "
            f"{self.answers} answers right\n{self.did}"
        )


async def converse(sockets: list[Socket], seconds: float) -> Waits:
    """Let every socket ask again and again for a while; each answer is checked by the socket itself."""
    waits, clock = Waits(), asyncio.get_running_loop().time
    until = clock() + seconds

    async def ask(socket: Socket, after: float) -> None:
        await asyncio.sleep(after)
        while clock() < until:
            sent = clock()
            await socket.send(QUESTION)
            await socket.until("acknowledged", HEAR_S)
            waits.accepts.append(clock() - sent)
            await socket.until("text", HEAR_S)
            waits.firsts.append(clock() - sent)
            complete = await socket.until("complete", HEAR_S)
            assert complete["message"]["content"].count(":") == 8, complete
            await asyncio.sleep(PAUSE_S)

    async with asyncio.TaskGroup() as tasks:
        for place, socket in enumerate(sockets):
            tasks.create_task(ask(socket, place / len(sockets) * PAUSE_S))
    return waits


async def besiege(
    url: str, *, good: int, busy: int, flooded: int, quiet_s: float, siege_s: float, warm_s: float = 2.0, **job: float
) -> Ratio:
    """Measure good clients in everyday work, and then beside hostile ones, at one gateway.

    Args:
        busy: sessions in which long answers are streamed, in both runs; slow readers follow them in the second.
        job: what the hostile clients do.
    """
    async with Client.at(url) as client, AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(client.socket(await client.create())) for _ in range(good)]
        sessions = [await client.create() for _ in range(busy + flooded)]
        everyday = Job(url=url, busy=sessions[:busy], flooded=[], slow=0, slow_heads=0, slow_bodies=0)
        async with _at_work(everyday):
            await converse(sockets, warm_s)
            quiet = await converse(sockets, quiet_s)
        siege = Job(url=url, busy=sessions[:busy], flooded=sessions[busy:], **job)
        async with _at_work(siege) as did:
            await converse(sockets, warm_s)
            besieged = await converse(sockets, siege_s)
        return Ratio(quiet.p95, besieged.p95, len(quiet.accepts) + len(besieged.accepts), did)


@asynccontextmanager
async def _at_work(job: Job) -> AsyncIterator[dict[str, int]]:
    """Let hostile clients work, from when all slow readers are there; what they did is known when they have ended."""
    did: dict[str, int] = {}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.hostile", msgspec.json.encode(job).decode(), cwd=ROOT,
        env=clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            assert process.stdout is not None
            await process.stdout.readline()
        yield did
    finally:
        try:
            async with asyncio.timeout(20):
                output, _ = await process.communicate(b"")
        except TimeoutError:
            process.kill()
            raise
        did |= json.loads(output.splitlines()[-1])
