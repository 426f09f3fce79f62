"""Runs the whole system on this machine: servers, preparations, services; and stops it in order.

Everything happens in one thread: a child's death signal is tied to the thread that forked it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local.address import Address, choose
from deploy.local.journal import Journal
from deploy.local.probe import get, report
from deploy.local.processes import Identity, end
from deploy.local.server import ServerError, bound
from deploy.local.servers import Servers
from deploy.local.services import Backoff, Plan, Process, Step, Unit, in_words
from deploy.local.state import Entry, State

LEFTOVER_PATIENCE = 5.0
EX_CONFIG = 78  # a service's settings cannot be used (libs.runtime.service): another try would end the same way
NOT_READY_NOTICE = 15.0  # seconds between words about why it is not ready yet


class Failure(Exception):
    """Why the system was given up, in words; its cause is in the log."""


class Supervisor:
    """The life of one system. `environ` is what the user said; `journal` takes every line."""

    def __init__(self, plan: Plan, folder: Path, environ: Mapping[str, str], journal: Journal) -> None:
        self._plan = plan
        self._folder = folder
        self._environ = dict(environ)
        self._journal = journal
        self._servers = Servers(folder, environ=environ)
        self._units = {service.name: Unit(service) for service in plan.services}
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._hasten = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._found: dict[str, str] = {}  # variables that steps have found out
        self._server_restarts: dict[str, tuple[Backoff, float, int]] = {}
        self._address = Address()
        mine = Identity.of(os.getpid())
        self._state = State(pid=os.getpid(), began=mine.began if mine else "")

    def request_stop(self) -> None:
        """Stop in order; asked a second time, at once."""
        if self._stop.is_set() and not self._hasten.is_set():
            self._journal.say("stopping at once")
            self._hasten.set()
        self._stop.set()

    async def run(self) -> None:
        """Start, watch and stop. Raises Failure or state.Refusal where it could not be brought up or kept up."""
        self._end_leftovers()
        up = asyncio.create_task(self._bring_up())
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({up, stop, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            if up.done():
                up.result()
                await asyncio.wait({stop, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            if self._failure.done():
                self._failure.result()
        finally:
            for task in (up, stop):
                task.cancel()
            await asyncio.gather(up, stop, return_exceptions=True)
            await self._shut_down()

    def _end_leftovers(self) -> None:
        """What a killed supervisor left behind has been told to stop; two of a kind must not run."""
        for entry in State.read(self._folder).leftovers():
            self._journal.say(f"waiting for {entry.name} (process {entry.pid}) of an earlier run to end")
            end(entry.identity, signal.SIGTERM, LEFTOVER_PATIENCE)

    async def _bring_up(self) -> None:
        self._choose_address()
        self._enter("starting the servers")
        beside = [asyncio.create_task(self._run_step(step)) for step in self._plan.beside_servers]
        try:
            await asyncio.sleep(0)  # lets them be spawned first
            self._start_servers()
            for step in self._plan.steps:
                self._enter(step.name)
                await self._run_step(step)
            self._enter("waiting for " + ", ".join(step.name for step in self._plan.beside_servers))
            for task in beside:
                await task
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        self._enter("starting the services")
        self._tasks += [asyncio.create_task(self._keep(unit)) for unit in self._units.values()]
        self._tasks.append(asyncio.create_task(self._watch_servers()))
        for task in self._tasks:
            task.add_done_callback(self._notice)
        await self._until_ready()
        self._state.ready = True
        self._enter("ready")
        self._journal.say(self._welcome())

    def _choose_address(self) -> None:
        self._address = choose(self._environ)
        self._state.url = self._address.url
        if self._address.instead_of:
            self._journal.say(f"port {self._address.instead_of} is taken, using {self._address.port}")

    def _start_servers(self) -> None:
        begun = time.monotonic()
        try:
            self._servers.start_all()
        except ServerError as error:
            raise Failure(str(error)) from error
        names = ", ".join(self._servers.names) or "none here, all are external"
        self._journal.say(f"servers: {names} ({(time.monotonic() - begun) * 1000:.0f} ms)")
        self._write()

    def _surroundings(self) -> dict[str, str]:
        """The environment of steps and services: the user's word goes before every default."""
        defaults = {
            "DESKBUS_ENVIRONMENT": "development",
            "DESKBUS_INDEX_PATH": str(self._folder / "index"),
            "DESKBUS_LOG_FORMAT": "console",
            "PYTHONUNBUFFERED": "1",
        }
        said = {name: value for name, value in self._environ.items() if value or not name.startswith("DESKBUS_")}
        ours = {"DESKBUS_HOST": self._address.host, "DESKBUS_PORT": str(self._address.port)}
        return {**defaults, **self._found, **said, **self._servers.environment, **ours}

    async def _run_step(self, step: Step) -> None:
        if step.variable and self._environ.get(step.variable):
            return
        begun = time.monotonic()
        process = Process(step.name, step.command, self._surroundings(), self._journal)
        try:
            code = await process.follow()
        finally:
            process.reap()
        if code:
            raise Failure(self._last_words(f"{step.name} {in_words(code)}", process))
        if step.variable and process.last_lines:
            self._found[step.variable] = process.last_lines[-1].strip()
        if (spent := time.monotonic() - begun) > 1:
            self._journal.say(f"{step.name} took {spent:.1f} s")

    async def _keep(self, unit: Unit) -> None:
        """Run a service, again and again, until told to stop."""
        name = unit.service.name
        while not unit.stopping.is_set():
            if name == self._plan.services[-1].name and not self._state.ready and not self._address.is_free:
                self._choose_address()  # somebody was quicker
            unit.process = Process(name, unit.service.command, self._surroundings(), self._journal)
            self._write()
            code = await unit.process.follow()
            if unit.stopping.is_set():
                return
            pause = unit.backoff.after(time.time() - unit.process.since)
            what = f"{name} {in_words(code)}"
            if not self._state.ready and (code == EX_CONFIG or unit.backoff.failures >= self._plan.deaths_before_ready):
                times = "settings cannot be used" if code == EX_CONFIG else f"{unit.backoff.failures} times"
                self._give_up(self._last_words(f"{what}, {times}", unit.process))
                return
            self._journal.say(f"{what}, starting it again in {pause:.1f} s")
            unit.restarts += 1
            try:
                await asyncio.wait_for(unit.stopping.wait(), pause)
            except TimeoutError:
                continue

    async def _watch_servers(self) -> None:
        """Start a server again that has died, and keep the servers' logs within bounds."""
        while True:
            await asyncio.sleep(0.25)
            for name in self._servers.names:
                server = self._servers[name]
                bound(server.log)
                if server.exit_code is None:
                    continue
                backoff, since, count = self._server_restarts.get(name, (Backoff(), self._state.since, 0))
                pause = backoff.after(time.time() - since)
                self._journal.say(f"{name} {in_words(server.exit_code)}, starting it again in {pause:.1f} s")
                await asyncio.sleep(pause)
                try:
                    server.spawn()  # services connect again by themselves
                except OSError as error:
                    self._journal.say(f"{name} cannot be started: {error}")
                self._server_restarts[name] = (backoff, time.time(), count + 1)
                self._write()

    async def _until_ready(self) -> None:
        begun = notice = time.monotonic()
        while True:
            status, body = await get(self._state.url + self._plan.ready_path)
            if status == 200:
                return
            if time.monotonic() - notice > NOT_READY_NOTICE:
                notice = time.monotonic()
                self._journal.say(f"not ready after {notice - begun:.0f} s: {self._why(status, body)}")
            await asyncio.sleep(0.1)

    @staticmethod
    def _why(status: int, body: bytes) -> str:
        if status == 0:
            return "the gateway does not answer yet"
        return "; ".join(str(check) for check in report(body).rows if not check.ok) or f"the gateway answers {status}"

    def _welcome(self) -> str:
        took = time.time() - self._state.since
        return (
            f"Deskbus is ready: {self._state.url}  ({took:.1f} s)\n"
            '  make ask Q="How long do I have to return something?"\n'
            "  make chat      a conversation in the terminal\n"
            "  make status    make events    make logs    make stop"
        )

    def _notice(self, task: asyncio.Task[None]) -> None:
        """A fault of ours ends the system rather than leave a service unwatched."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._give_up(f"the supervisor failed: {error!r}")

    def _give_up(self, why: str) -> None:
        if not self._failure.done():
            self._failure.set_exception(Failure(why))

    @staticmethod
    def _last_words(what: str, process: Process) -> str:
        lines = ["  " + line for line in process.last_lines]
        return "\n".join([what + ("; its last words:" if lines else ""), *lines])

    async def _shut_down(self) -> None:
        """Services in their order, then servers in reverse. Nothing is left, whatever fails."""
        self._state.ready = False
        self._enter("stopping")
        for unit in self._units.values():
            unit.stopping.set()
        try:
            for name in self._plan.stop_order:
                await self._stop_unit(self._units[name])
        finally:
            for unit in self._units.values():
                if unit.process is not None:
                    unit.process.reap()
            for task in self._tasks:
                if task is not asyncio.current_task():
                    task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._servers.stop_all()
            self._journal.say("stopped")

    async def _stop_unit(self, unit: Unit) -> None:
        process, begun = unit.process, time.monotonic()
        if process is None or process.code is not None:
            return
        process.signal(signal.SIGTERM)
        limit = begun + unit.service.grace
        while process.code is None and time.monotonic() < limit and not self._hasten.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        how = "stopped"
        if process.code is None:
            how = "killed" if self._hasten.is_set() else "did not stop and was killed"
            process.reap()
        await asyncio.sleep(0.02)  # its last lines
        self._journal.say(f"{process.name} {how} ({time.monotonic() - begun:.1f} s)")

    def _enter(self, stage: str) -> None:
        self._state.stage = stage
        self._write()

    def _write(self) -> None:
        """Publish what runs, for `status` and `stop`."""
        entries: list[Entry] = []
        for name in self._servers.names:
            pid = self._servers[name].pid or 0
            _, since, restarts = self._server_restarts.get(name, (None, self._state.since, 0))
            entries.append(self._entry(name, pid, since, restarts, self._servers[name].port))
        for name, unit in self._units.items():
            if unit.process is not None:
                port = self._address.port if name == self._plan.services[-1].name else 0
                entries.append(self._entry(name, unit.process.pid, unit.process.since, unit.restarts, port))
        self._state.processes = entries
        self._state.environment = self._servers.environment
        try:
            self._state.write(self._folder)
        except OSError as error:  # a full disk must not end a system that runs
            self._journal.say(f"cannot write {self._folder / 'state.json'}: {error.strerror}")

    @staticmethod
    def _entry(name: str, pid: int, since: float, restarts: int, port: int) -> Entry:
        identity = Identity.of(pid) if pid else None
        return Entry(name, pid, identity.began if identity else "", since, restarts, port)
