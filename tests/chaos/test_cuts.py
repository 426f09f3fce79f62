"""Connections break at random bytes: whoever comes back with its cursor, to any gateway, misses and repeats nothing."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from tests.support.timing import Death

from .load import Load, Plan
from .proxy import BreakingLine
from .stage import Stage
from .trials import under_load

CUTS = 500
MOST_S = 30.0


async def test_500_cuts_at_random_bytes_lose_and_repeat_nothing(
    stage: Stage, seed: int, tell: Callable[[object], None]
) -> None:
    rng = random.Random(seed)
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(BreakingLine.before(door, rng)) for door in stage.doors]

        async def cut(load: Load) -> Sequence[Death]:
            async with asyncio.timeout(MOST_S):
                while sum(device.breaks for device in load.devices) < CUTS:
                    await asyncio.sleep(0.1)
            for line in lines:
                line.whole = True
            return ()

        plan = Plan(seed=seed, sessions=20, devices=4, rate=12, tokens=60, copies=2, older=0.4)
        result = await under_load(stage, plan, cut, [line.url for line in lines])
    tell(f"seed {seed}, {sum(line.cuts for line in lines)} connections cut\n{result}")
    assert result.faults == []
    assert result.quiet_s is not None
    assert result.breaks >= CUTS
