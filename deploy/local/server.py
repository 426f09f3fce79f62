"""One server process of the embedded stack: its folder, its log, its life."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from deploy.local.ports import Ports, is_free
from deploy.local.processes import Identity, end, spawn, tail

START_LIMIT = 60.0  # seconds; a database recovers from its log before it answers
STOP_LIMIT = 15.0
LOG_LIMIT = 10 * 1024 * 1024


class ServerError(Exception):
    """A server cannot be started, with its own last words."""


class Program(Protocol):
    """What is known about one kind of server."""

    @property
    def name(self) -> str:
        """What it is called here."""
        ...

    @property
    def variable(self) -> str:
        """The environment variable that holds its address."""
        ...

    @property
    def ports(self) -> tuple[str, ...]:
        """The names of its ports, the clients' first."""
        ...

    @property
    def stop_signal(self) -> signal.Signals:
        """What makes it stop in order, without waiting for clients."""
        ...

    @property
    def become(self) -> Callable[[], None] | None:
        """What its process does to change its identity."""
        ...

    def prepare(self) -> None:
        """Write its files, knowing its ports."""

    def command(self) -> list[str]:
        """Program and arguments."""
        ...

    def is_ready(self) -> bool:
        """Whether it serves; may raise OSError where it does not yet listen."""
        ...

    def environment(self) -> dict[str, str]:
        """What its clients are told."""
        ...


class Server:
    """One server process: its folder, its log, its life."""

    def __init__(self, program: Program, folder: Path, ports: Ports, log: Path) -> None:
        self.program = program
        self.log = log
        self._folder = folder
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process number while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs or before it ever did."""
        return self._process.poll() if self._process is not None else None

    @property
    def port(self) -> int:
        """Where its clients connect."""
        return self._ports[self.program.ports[0]]

    def end_leftover(self) -> None:
        """End the server that a killed parent left on this data: it may still be shutting down."""
        try:
            left = Identity(**json.loads((self._folder / "process.json").read_text()))
        except (OSError, ValueError, TypeError):
            return
        if left.lives:
            end(left, self.program.stop_signal, STOP_LIMIT)

    def settle(self) -> None:
        """Choose the ports anew where they are taken."""
        for name in self.program.ports:
            self._ports.settle(name)

    def has_its_ports(self) -> bool:
        """Whether the ports that clients know are free."""
        return all(is_free(self._ports[name]) for name in self.program.ports)

    def spawn(self) -> None:
        """Start the process; it is ready later."""
        self.program.prepare()
        bound(self.log)
        surroundings = getattr(self.program, "surroundings", os.environ.copy)
        with self.log.open("ab") as log:
            self._process = spawn(
                self.program.command(),
                output=log,
                environment=surroundings(),
                folder=self._folder,
                death_signal=self.program.stop_signal,
                become=self.program.become,
            )
        identity = Identity.of(self._process.pid)
        if identity is not None:
            (self._folder / "process.json").write_text(json.dumps(vars(identity)))

    def is_ready(self) -> bool:
        """Whether it serves now."""
        try:
            return self.program.is_ready()
        except OSError:
            return False

    def wait_until_ready(self, limit: float = START_LIMIT) -> None:
        """Wait for it, starting it again where its predecessor was not yet quite gone. Raises ServerError."""
        give_up = time.monotonic() + limit
        while not self.is_ready():
            if self.exit_code is not None:
                words = "\n".join(tail(self.log, 15))
                # Postgres' children outlive a killed postmaster by a moment, and hold its shared memory.
                if not any(sign in words for sign in ("shared memory block", "postmaster.pid")):
                    raise ServerError(f"{self.program.name} ended with code {self.exit_code}:\n{words}")
                time.sleep(0.1)
                self.spawn()
            if time.monotonic() > give_up:
                words = "\n".join(tail(self.log, 15))
                raise ServerError(f"{self.program.name} was not ready after {limit:.0f} s:\n{words}")
            time.sleep(0.005)

    def start(self) -> None:
        """Start it where it was and wait until it serves."""
        if self.pid is not None:
            return
        self.spawn()
        self.wait_until_ready()

    def stop(self, number: int | None = None) -> None:
        """Stop it in order, by force where that takes too long."""
        process = self._process
        if process is None:
            return
        for step, patience in ((number or self.program.stop_signal, STOP_LIMIT), (signal.SIGKILL, 10.0)):
            if process.poll() is None:
                process.send_signal(step)
                try:
                    process.wait(patience)
                except subprocess.TimeoutExpired:
                    continue
        (self._folder / "process.json").unlink(missing_ok=True)


def bound(log: Path, limit: int = LOG_LIMIT) -> None:
    """Keep a log that a running server appends to within bounds: its older part goes to `.1`, one generation."""
    try:
        if log.stat().st_size > limit:
            shutil.copyfile(log, log.with_name(log.name + ".1"))
            os.truncate(log, 0)  # not renamed: the server would go on writing to the renamed file
    except OSError:
        return
