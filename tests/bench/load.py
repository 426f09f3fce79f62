"""The load, a process of its own: it talks to one address over HTTP and WebSockets and times what it sees.

    python -m tests.bench.load '{"kind": "stream", "url": "http://127.0.0.1:8000", "sessions": 32, ...}'

It prints marks as JSON lines (`{"mark": "begin"}`), at which the parent looks at the processes' CPU time, and leaves its
result in a file. It stops by itself.
"""

import asyncio
import gc
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import uvloop

from .client import Job, Talker, clock, connected, create, each, mark, question, stored
from .sockets import fan_out, many, resume

_SPREAD_S = 1.2  # over which the sessions begin, so that they do not all ask at once


async def stream(job: Job, http: aiohttp.ClientSession) -> dict[str, Any]:
    """Let sessions talk; give every message of the measured time."""
    ids = [f"sess_{number}" for number in range(job.sessions)]
    if job.stored:
        ids = await each(lambda _: create(http, job.url), job.sessions)
    async with AsyncExitStack() as stack:
        talkers: list[Talker] = []
        for number, session_id in enumerate(ids):
            socket = await stack.enter_async_context(connected(http, job.url, session_id))
            talkers.append(Talker(socket, session_id, number, job))
        ended = False
        gc.collect()
        gc.disable()
        async with asyncio.TaskGroup() as tasks:
            for place, talker in enumerate(talkers):
                tasks.create_task(talker.talk(place / len(talkers) * _SPREAD_S, lambda: ended))
            await asyncio.sleep(_SPREAD_S + job.warm_s)
            begin = clock()
            mark("begin")
            await asyncio.sleep(job.measure_s)
            end = clock()
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
    until = clock() + job.warm_s + job.measure_s
    begin = clock() + job.warm_s

    async def ask(place: int) -> None:
        nonlocal cited
        number = place
        while clock() < until:
            number += job.sessions
            sent = clock()
            path = f"{job.url}/api/chat/sessions/{ids[place]}/messages"
            async with http.post(path, json={"message": question(number)}) as answer:
                answer.raise_for_status()
                body = await answer.json()
            if sent >= begin:
                took.append(clock() - sent)
                cited += bool(body.get("sources"))

    async with asyncio.TaskGroup() as tasks:
        for place in range(job.sessions):
            tasks.create_task(ask(place))
        await asyncio.sleep(job.warm_s)
        mark("begin")
        await asyncio.sleep(job.measure_s)
        mark("end")
    return {"took": took, "cited": cited, "seconds": job.measure_s}


JOBS = {"stream": stream, "idle": idle, "answers": answers, "resume": resume, "fan_out": fan_out, "many": many}


async def work(job: Job) -> dict[str, Any]:
    """Do the job."""
    if urlsplit(job.url).hostname != "127.0.0.1":
        raise SystemExit("the load goes to this machine only")
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as http:
        return await JOBS[job.kind](job, http)


def main() -> None:
    """Read the job from the command line, do it and leave its result."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(work(job))
    Path(job.result).write_bytes(msgspec.json.encode(result))
    mark("done")


if __name__ == "__main__":
    main()
