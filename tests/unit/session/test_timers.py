"""Timers: what is due is done, side by side; a fault of one is nobody else's; too many are left to the sweeper."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from libs.contracts.errors import Unavailable
from services.session.adapters.timers import AsyncTimers


@pytest.fixture
async def timers() -> AsyncIterator[AsyncTimers]:
    made = AsyncTimers()
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_things_are_done_when_they_are_due_and_not_one_after_the_other(timers: AsyncTimers) -> None:
    done: list[str] = []
    began = time.monotonic()

    async def do(name: str) -> None:
        done.append(name)
        await asyncio.sleep(0.2)

    timers.after(0.1, lambda: do("later"))
    timers.after(0.05, lambda: do("sooner"))
    while len(done) < 2:
        await asyncio.sleep(0.005)
    assert done == ["sooner", "later"]
    assert 0.1 <= time.monotonic() - began < 0.25


async def test_a_fault_that_may_be_told_ends_nothing(timers: AsyncTimers) -> None:
    done = asyncio.Event()

    async def fail() -> None:
        raise Unavailable("database_unavailable", "away")

    async def do() -> None:
        done.set()

    timers.after(0, fail)
    timers.after(0.01, do)
    await asyncio.wait_for(done.wait(), 5)


async def test_what_waits_is_bounded_and_makes_room_when_it_is_done(timers: AsyncTimers) -> None:
    done = 0

    async def do() -> None:
        nonlocal done
        done += 1

    for _ in range(10_001):
        timers.after(0.01, do)
    while done < 10_000:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert done == 10_000
    timers.after(0, do)
    while done < 10_001:
        await asyncio.sleep(0.01)
