"""`make chaos MINUTES=20`: the long form of every trial, one lap after the other, each with a seed that is printed."""

import argparse
import asyncio
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from tests.bench.figures import percentile
from tests.bench.stage import model_folder
from tests.support.system import real_servers
from tests.support.timing import Death

from .good import Ratio, besiege
from .load import Load, Plan
from .proxy import BreakingLine
from .report import Outcome
from .stage import LEASE_S, Stage
from .storm import VICTIMS, Storm, restart_each
from .trials import under_load

LAP_S = 90.0
CUTS = 500
# I7, in seconds: during storms of kills, and after the last of them.
ACCEPT_P99_S, ACCEPT_MOST_S, RESTART_MOST_S, QUIET_MOST_S = 3.0, 5.0, LEASE_S + 2.0, 10.0
# I11: how much longer good clients may wait beside hostile ones.
RATIO = 2.0
ROUNDS = 3
SERVERS = [("nats", 0), ("postgres", 0), ("valkey", 0)]


def say(words: object) -> None:
    """Print at once, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {str(words).replace(chr(10), chr(10) + ' ' * 10)}", flush=True)


def objections(result: Outcome, *, timed: bool) -> list[str]:
    """Say what an outcome breaks: promises always, and the times of I7 where it was a storm of kills."""
    found = [str(fault) for fault in result.faults]
    if result.quiet_s is None:
        found.append("I3: it was never quiet")
    if timed and result.accepts:
        p99, most = percentile(result.accepts, 0.99), max(result.accepts)
        restart = max(result.restarts, default=0.0)
        figures = [
            ("accept p99", p99, ACCEPT_P99_S), ("accept max", most, ACCEPT_MOST_S),
            ("restart max", restart, RESTART_MOST_S), ("quiet", result.quiet_s or 0.0, QUIET_MOST_S),
        ]  # fmt: skip
        found += [f"I7: {name} {value:.1f} s, at most {bound:.1f}" for name, value, bound in figures if value > bound]
    return found


class Laps:
    """All laps over one stage; each gives what it objects to."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage = stage
        self._dice = random.Random(seed)

    async def kills(self, seconds: float) -> list[str]:
        """Kill -9 of a random process every 0.5 to 2.5 s (I1-I7)."""
        return await self._storm("kills", seconds)

    async def pauses(self, seconds: float) -> list[str]:
        """The same, and processes stopped for up to 20 s (I9)."""
        return await self._storm("kills and pauses", seconds, pauses=0.4)

    async def servers(self, seconds: float) -> list[str]:
        """Kill broker, database and cache as well, more seldom (I1-I6)."""
        return await self._storm("kills of everything", seconds, victims=[*VICTIMS, *SERVERS], every_s=(2.0, 5.0))

    async def _storm(
        self, name: str, seconds: float, *, pauses: float = 0.0, victims: list[tuple[str, int]] = VICTIMS,
        every_s: tuple[float, float] = (0.5, 2.5),
    ) -> list[str]:  # fmt: skip
        seed = self._dice.randrange(1_000_000)
        storm = Storm(self._stage, seed, pauses=pauses, victims=victims, every_s=every_s)

        async def blow(_: Load) -> Sequence[Death]:
            await storm.blow(seconds)
            return storm.deaths

        result = await under_load(self._stage, Plan(seed=seed), blow)
        say(f"{name}, {seconds:.0f} s, seed {seed}: {dict(storm.counts)}\n{result}")
        found = objections(result, timed=victims is VICTIMS and not pauses)
        if found:
            say("\n".join(map(str, storm.deeds)))
        return found

    async def restarts(self, _: float) -> list[str]:
        """Restart every process in turn by SIGTERM (I13)."""
        seed = self._dice.randrange(1_000_000)
        abrupt: list[str] = []

        async def restart(load: Load) -> Sequence[Death]:
            for deed in await restart_each(self._stage, [[victim] for victim in VICTIMS]):
                say(deed)
            for device in load.devices:
                closings = [closing for closing in device.closings if closing.code != 1012 or not closing.hinted]
                if closings or device.dropped:
                    abrupt.append(f"I13: {device.session_id}: closed {closings}, dropped {device.dropped} times")
            return ()

        result = await under_load(self._stage, Plan(seed=seed), restart)
        say(f"rolling restart, seed {seed}\n{result}")
        return objections(result, timed=False) + abrupt

    async def cuts(self, seconds: float) -> list[str]:
        """Cut connections at random bytes (I6)."""
        seed = self._dice.randrange(1_000_000)
        async with AsyncExitStack() as stack:
            rng = random.Random(seed)
            lines = [await stack.enter_async_context(BreakingLine.before(door, rng)) for door in self._stage.doors]

            async def cut(load: Load) -> Sequence[Death]:
                end = time.monotonic() + seconds
                while time.monotonic() < end or sum(device.breaks for device in load.devices) < CUTS:
                    await asyncio.sleep(0.2)
                for line in lines:
                    line.whole = True
                return ()

            plan = Plan(seed=seed, sessions=20, devices=4, rate=12, tokens=60, copies=2, older=0.4)
            result = await under_load(self._stage, plan, cut, [line.url for line in lines])
        say(f"{sum(line.cuts for line in lines)} cuts, seed {seed}\n{result}")
        return objections(result, timed=False)

    async def siege(self, _: float) -> list[str]:
        """Besiege good clients by 1,000 slow readers, slowloris and floods (I11)."""
        rounds: list[Ratio] = []
        for _ in range(ROUNDS):
            ratio = await besiege(
                self._stage.url, good=8, busy=20, flooded=8, quiet_s=12, siege_s=20, warm_s=7, slow=1000, flood_rate=0,
                slow_heads=200, slow_bodies=40,
            )  # fmt: skip
            rounds.append(ratio)
            say(f"siege, load average {os.getloadavg()[0]:.1f}: {ratio}")
            await asyncio.sleep(3)
        accept, first = median(each.accept for each in rounds), median(each.first for each in rounds)
        return [
            f"I11: good clients wait {value:.1f} times as long for {what}, at most {RATIO}"
            for what, value in (("acknowledged", accept), ("the first text", first)) if value > RATIO
        ]  # fmt: skip


async def run(stage: Stage, minutes: float, seed: int, parts: Sequence[str]) -> list[str]:
    """Run laps until the time is over, each of the parts at least once."""
    laps, found = Laps(stage, seed), []
    end, number = time.monotonic() + minutes * 60, 0
    lap_s = min(LAP_S, minutes * 60 / max(2, len(parts)))
    while time.monotonic() < end or number < len(parts):
        part = parts[number % len(parts)]
        act: Callable[[float], Awaitable[list[str]]] = getattr(laps, part)
        for words in await act(lap_s):
            say(f"FOUND in {part}: {words}")
            found.append(words)
        number += 1
    return found


PARTS = ("kills", "pauses", "restarts", "cuts", "siege", "servers")


def main() -> int:
    """Entry point; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long in all (default: 20)")
    parser.add_argument("--seed", type=int, default=None, help="what the dice begin with (default: drawn, and printed)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to run (default: all)")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 20_000) if most > 0 else 20_000, most))
    say(f"{asked.minutes} minutes of {', '.join(asked.parts)}; --seed {seed} repeats it")
    with tempfile.TemporaryDirectory(prefix="deskbus-chaos-") as place:
        folder = Path(place)
        with real_servers(folder / "servers") as servers, Stage(servers, folder / "stage", model_folder()) as stage:
            found = asyncio.run(run(stage, asked.minutes, seed, asked.parts))
            for line in stage.complaints()[:20]:
                say(f"logged by {line.pop('process')}: {line}")
    say(f"{len(found)} broken promises" if found else "every promise was kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
