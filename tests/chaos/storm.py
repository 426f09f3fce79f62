"""Storms: processes are killed or stopped at random, and every deed is written down so that a run can be told of and repeated."""

import asyncio
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

from tests.support.timing import Death

from .stage import LEASE_S, Stage

VICTIMS = [(name, index) for name in ("gateway", "agent", "session") for index in (0, 1)]
STOP_S = 90.0


class Deed(NamedTuple):
    """What was done to a process, when (seconds since the storm began), and for how long."""

    at: float
    what: str
    process: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:6.1f} s  {self.what} {self.process}{lasting}"


class Storm:
    """Kills and stops processes of a stage.

    Args:
        seed: the same seed does the same in the same order.
        pauses: the share of deeds that stop a process for a while instead of killing it.
        longest_pause_s: how long at most.
        victims: processes that may be hit.
    """

    def __init__(
        self, stage: Stage, seed: int, *, pauses: float = 0.3, longest_pause_s: float = 20.0,
        every_s: tuple[float, float] = (0.5, 2.5), victims: list[tuple[str, int]] | None = None,
    ) -> None:  # fmt: skip
        self.deeds: list[Deed] = []
        self.deaths: list[Death] = []
        self._stage = stage
        self._rng = random.Random(seed)
        self._pauses = pauses
        self._longest_pause_s = longest_pause_s
        self._every_s = every_s
        self._victims = victims or VICTIMS
        self._paused: dict[tuple[str, int], float] = {}
        self._began = 0.0

    @property
    def counts(self) -> Counter[str]:
        """How often what was done."""
        return Counter(deed.what for deed in self.deeds)

    async def blow(self, seconds: float) -> None:
        """Rage for so long; then wake and start whatever is down."""
        self._began = time.monotonic()
        due = self._began + self._rng.uniform(*self._every_s)
        try:
            while (now := time.monotonic()) < self._began + seconds:
                self._tend(now)
                if now >= due:
                    self._strike(now)
                    due = now + self._rng.uniform(*self._every_s)
                await asyncio.sleep(0.05)
        finally:
            self._tend(float("inf"))

    def _strike(self, now: float) -> None:
        name, index = self._rng.choice(self._victims)
        pause = self._rng.random() < self._pauses
        seconds = self._rng.uniform(1.0, self._longest_pause_s)
        # One of a service may be stopped at a time: with none left there is nothing to be seen but waiting.
        if pause and any(paused == name for paused, _ in self._paused):
            pause = False
        if pause:
            self._paused[name, index] = now + seconds
            if name == "agent" and seconds > LEASE_S:
                self._note_death(index)
            self._stage.signal(name, signal.SIGSTOP, index)
            self._note("stopped", name, index, seconds)
            return
        self._paused.pop((name, index), None)
        if name == "agent":
            self._note_death(index)
        self._stage.kill(name, index)
        self._note("killed", name, index)
        self._stage.start(name, index)

    def _tend(self, now: float) -> None:
        """Wake those whose time has come, and start again whoever left by itself."""
        for (name, index), until in list(self._paused.items()):
            if now >= until:
                self._stage.signal(name, signal.SIGCONT, index)
                del self._paused[name, index]
        for (name, index), process in list(self._stage.processes.items()):
            if process.poll() is not None:
                self._note(f"left with {process.returncode}:", name, index)
                self._stage.start(name, index)

    def _note(self, what: str, name: str, index: int, seconds: float = 0.0) -> None:
        self.deeds.append(Deed(time.monotonic() - self._began, what, f"{name}-{index}", seconds))

    def _note_death(self, index: int) -> None:
        instance = self._stage.instance("agent", index)
        if instance is not None:
            self.deaths.append(Death(instance, datetime.now(UTC)))


async def restart_each(stage: Stage, rounds: list[list[tuple[str, int]]]) -> list[Deed]:
    """Restart processes in order (SIGTERM), those of a round at the same time; the next round waits until all is well."""
    began, deeds = time.monotonic(), []
    for together in rounds:
        for name, index in together:
            stage.signal(name, signal.SIGTERM, index)
        at = time.monotonic() - began
        await asyncio.gather(*(_restarted(stage, name, index) for name, index in together))
        async with asyncio.timeout(STOP_S):
            while not await _is_ready(stage):
                await asyncio.sleep(0.1)
        deeds.append(Deed(at, "restarted", ", ".join(f"{name}-{index}" for name, index in together),
                          time.monotonic() - began - at))  # fmt: skip
    return deeds


async def _restarted(stage: Stage, name: str, index: int) -> None:
    process = stage.processes[name, index]
    async with asyncio.timeout(STOP_S):
        while process.poll() is None:
            await asyncio.sleep(0.05)
    assert process.returncode == 0, f"{name}-{index} ended with {process.returncode}"
    stage.start(name, index)


async def _is_ready(stage: Stage) -> bool:
    states = [await asyncio.to_thread(stage.readiness, index) for index in range(len(stage.ports))]
    return all(status == 200 for status, _ in states)
