"""The system's own processes: what they are called, how one is started, watched, restarted and stopped."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.journal import Journal, Lines
from deploy.local.processes import spawn
from deploy.local.state import ROOT

GLANCE = 0.05  # seconds between looks at whether a process has ended; needs neither threads nor SIGCHLD


@dataclass(frozen=True)
class Step:
    """A program that runs once and must succeed. The last line of its output may be the value of a variable."""

    name: str
    command: tuple[str, ...]
    variable: str = ""


@dataclass(frozen=True)
class Service:
    """A program that runs for as long as the system does. `grace`: seconds that it may take to stop."""

    name: str
    command: tuple[str, ...]
    grace: float = 30.0


@dataclass(frozen=True)
class Plan:
    """What a system consists of, besides its servers, in the order of its start."""

    beside_servers: tuple[Step, ...]  # run while the servers start
    steps: tuple[Step, ...]  # run one after the other once they serve
    services: tuple[Service, ...]
    stop_order: tuple[str, ...]
    ready_path: str = "/health/ready"
    deaths_before_ready: int = 5


def deskbus(folder: Path) -> Plan:
    """The whole of Deskbus."""

    def module(name: str) -> tuple[str, ...]:
        return (sys.executable, "-m", name)

    model = (*module("deploy.local.embedding_model"), str(folder / "model"))
    return Plan(
        beside_servers=(Step("model", model, variable="DESKBUS_EMBEDDING_PATH"),),
        steps=(
            Step("migrate", module("libs.runtime.migrate")),
            Step("provision", module("libs.runtime.provision")),
        ),
        services=(
            Service("knowledge", module("services.knowledge")),
            Service("session", module("services.session")),
            Service("agent", module("services.agent"), grace=75),
            Service("attachments", module("services.attachments")),
            Service("gateway", module("services.gateway"), grace=40),
        ),
        stop_order=("gateway", "agent", "session", "knowledge", "attachments"),
    )


@dataclass
class Backoff:
    """How long to wait before the next try: doubling, and forgotten after a life of some length. Seconds."""

    first: float = 0.2
    most: float = 10.0
    forgotten_after: float = 30.0
    failures: int = field(default=0, init=False)

    def after(self, lived: float) -> float:
        """The pause after a life of `lived` seconds."""
        if lived >= self.forgotten_after:
            self.failures = 0
        self.failures += 1
        return min(self.most, self.first * 2 ** min(self.failures - 1, 30))


class Process:
    """One running program, its output going to the journal."""

    def __init__(self, name: str, command: tuple[str, ...], environment: Mapping[str, str], journal: Journal) -> None:
        self.name = name
        self.since = time.time()
        self.last_lines: deque[str] = deque(maxlen=20)
        self._journal = journal
        self._popen = spawn(command, output=subprocess.PIPE, environment=environment, folder=ROOT)
        self._drained = asyncio.Event()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._popen.pid

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._popen.poll()

    async def follow(self) -> int:
        """Write its output to the journal until it ends; its exit code."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(self._reader, self._popen.stdout)
        try:
            while (code := self.code) is None:  # noqa: ASYNC110  (its end is seen by looking)
                await asyncio.sleep(GLANCE)
            # A grandchild may hold the pipe open for ever, so its end is not waited for long.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), 0.5)
        finally:
            transport.close()
        return code

    def _reader(self) -> asyncio.Protocol:
        return _Reader(self._take, self._drained)

    def _take(self, line: str) -> None:
        self.last_lines.append(line)
        self._journal.line(self.name, line)

    def signal(self, number: int) -> None:
        """Send a signal; nothing where it has ended."""
        if self.code is None:
            self._popen.send_signal(number)

    def reap(self) -> None:
        """Make sure that it is gone."""
        self.signal(signal.SIGKILL)
        self._popen.wait()


class _Reader(asyncio.Protocol):
    def __init__(self, take: Callable[[str], None], drained: asyncio.Event) -> None:
        self._take = take
        self._drained = drained
        self._lines = Lines()

    def data_received(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._take(line)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        for line in self._lines.finish():
            self._take(line)
        self._drained.set()


class Unit:
    """One service: its present process, and the ones before it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.backoff = Backoff()
        self.process: Process | None = None
        self.restarts = 0
        self.stopping = asyncio.Event()


def in_words(code: int) -> str:
    """How a process ended."""
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with code {code}"
