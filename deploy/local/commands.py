"""What a person asks of the system as a whole: run, start, stop, url, status, logs, replay, erase."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deploy.local.journal import MERGED, Journal
from deploy.local.postgres import erase_elsewhere
from deploy.local.probe import get, report
from deploy.local.processes import end, tail, tie_to_parent
from deploy.local.services import Plan, in_words
from deploy.local.state import ROOT, Lock, Refusal, State
from deploy.local.supervisor import Failure, Supervisor

START_LIMIT = 120.0
NOT_RUNNING = "Deskbus is not running: start it with `make run`."


def run(plan: Plan, folder: Path, environ: Mapping[str, str], tied: bool = False) -> int:
    """Run the system until it is told to stop; 0, or 1 with the reason on stderr. `tied`: end with the parent."""
    if tied:  # `make` killed by force shall not leave us behind
        tie_to_parent(signal.SIGTERM, os.getppid())
    lock = Lock(folder)
    if not lock.take():
        print(where_it_runs(folder))
        return 0
    names = [service.name for service in plan.services]
    journal = Journal(folder / "log", sys.stdout, names)
    try:
        asyncio.run(_supervise(plan, folder, environ, journal))
    except (Failure, Refusal) as error:
        journal.say(f"Deskbus did not start: {error}" if isinstance(error, Refusal) else f"giving up: {error}")
        return 1
    finally:
        (folder / "state.json").unlink(missing_ok=True)
        lock.release()
        journal.close()
    return 0


async def _supervise(plan: Plan, folder: Path, environ: Mapping[str, str], journal: Journal) -> None:
    supervisor = Supervisor(plan, folder, environ, journal)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.request_stop)
    await supervisor.run()


def where_it_runs(folder: Path) -> str:
    """A friendly sentence about the system that runs already."""
    state = State.read(folder)
    if not state.ready:
        return f"Deskbus is running already, process {state.pid or '?'} ({state.stage or 'just starting'})."
    return f"Deskbus is running already: {state.url} (process {state.pid}). `make stop` stops it."


def start(folder: Path, command: list[str], environ: Mapping[str, str], limit: float = START_LIMIT) -> int:
    """Start the system in the background with `command` and wait until it is ready; 0, or 1 with its last words."""
    lock = Lock(folder)
    if lock.held:
        return _wait_for_ready(folder, None, limit)
    if not lock.take():
        return _wait_for_ready(folder, None, limit)
    lock.release()
    (folder / "log").mkdir(mode=0o700, exist_ok=True)
    with (folder / "log" / "supervisor.err").open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=dict(environ),
            cwd=ROOT,
            start_new_session=True,
        )
    return _wait_for_ready(folder, process, limit)


def _wait_for_ready(folder: Path, process: subprocess.Popen[bytes] | None, limit: float) -> int:
    begun, stage = time.monotonic(), ""
    lock = Lock(folder)
    while time.monotonic() - begun < limit:
        state = State.read(folder)
        if state.ready and lock.held and (process is None or state.pid == process.pid):
            took = "" if process is None else f" ({time.monotonic() - begun:.1f} s)"
            print(f"Deskbus is ready: {state.url}{took}" if process else where_it_runs(folder))
            return 0
        if process is not None and process.poll() is not None and not lock.held:
            print("\n".join(_last_words(folder)), file=sys.stderr)
            print(f"Deskbus did not start: it {in_words(process.returncode)}.", file=sys.stderr)
            return 1
        if process is None and not lock.held:
            print("Deskbus stopped before it was ready: see `make logs`.", file=sys.stderr)
            return 1
        if state.stage != stage and lock.held and process is not None and state.pid == process.pid:
            stage = state.stage
            print(f"  {stage} ...", flush=True)
        time.sleep(0.05)
    print("\n".join(_last_words(folder)), file=sys.stderr)
    print(f"Deskbus was not ready after {limit:.0f} s.", file=sys.stderr)
    if process is not None:
        stop(folder)
    return 1


def _last_words(folder: Path) -> list[str]:
    return tail(folder / "log" / f"{MERGED}.log", 25) + tail(folder / "log" / "supervisor.err", 15)


def stop(folder: Path) -> int:
    """Stop what runs and wait until it is gone, its leftovers too; 0."""
    lock, state, begun = Lock(folder), State.read(folder), time.monotonic()
    if not lock.held:
        left = state.leftovers()
        for entry in left:
            end(entry.identity, signal.SIGTERM, 5)
        (folder / "state.json").unlink(missing_ok=True)
        print(f"Deskbus was killed; ended what it had left ({len(left)})." if left else "Deskbus is not running.")
        return 0
    while lock.held and not state.pid:  # it has only just begun
        time.sleep(0.05)
        state = State.read(folder)
    print(f"stopping Deskbus (process {state.pid}) ...", flush=True)
    state.identity.signal(signal.SIGTERM)
    notice = begun
    try:
        while lock.held:
            time.sleep(0.02)
            if time.monotonic() - notice > 10:
                notice = time.monotonic()
                print(f"  still finishing after {notice - begun:.0f} s; Ctrl-C hastens it", flush=True)
    except KeyboardInterrupt:
        state.identity.signal(signal.SIGTERM)
        while lock.held:
            time.sleep(0.02)
    for entry in state.leftovers():
        end(entry.identity, signal.SIGTERM, 5)
    print(f"stopped in {time.monotonic() - begun:.1f} s")
    return 0


def running(folder: Path) -> State:
    """The state of the running system. Raises Refusal where none runs."""
    if not Lock(folder).held:
        raise Refusal(NOT_RUNNING)
    return State.read(folder)


def address(folder: Path, environ: Mapping[str, str]) -> str:
    """Where the gateway is: DESKBUS_URL, else the system that runs here. Raises Refusal."""
    if told := environ.get("DESKBUS_URL"):
        return told.rstrip("/")
    state = running(folder)
    if not state.url:
        raise Refusal(f"Deskbus is not ready yet ({state.stage}).")
    return state.url


def show_address(folder: Path, environ: Mapping[str, str]) -> int:
    """Print where the gateway is; 0."""
    print(address(folder, environ))
    return 0


def status(folder: Path) -> int:
    """Print what runs and how it is; 0 when it is ready, else 1."""
    state = running(folder)
    print(f"Deskbus {state.url}  process {state.pid}, {_span(time.time() - state.since)}, {state.stage}\n")
    print(f"  {'process':<12} {'pid':>8} {'port':>6} {'up':>9} restarts")
    for entry in state.processes:
        up = _span(time.time() - entry.since) if entry.identity.lives else "down"
        print(
            f"  {entry.name:<12} {entry.pid or '-':>8} {entry.port or '-':>6} {up:>9} {entry.restarts or '':>8}".rstrip()
        )
    for name, url in state.environment.items():
        if not any(f":{entry.port}" in url for entry in state.processes if entry.port) and "MONITOR" not in name:
            print(f"  {name} is external")
    code, body = asyncio.run(get(f"{state.url}/health/ready")) if state.url else (0, b"")
    found = report(body)
    print(f"\n  readiness: {found.status or code or 'no answer'}")
    width = max((len(check.name) for check in found.rows), default=0)
    for check in found.rows:
        latency = "" if check.latency_ms is None else f"{check.latency_ms:.1f} ms"
        word = "ok" if check.ok else "NOT OK" if check.required else "off"
        print(f"    {word:<7}{check.name:<{width}}  {latency:>9}  {check.detail or ''}".rstrip())
    return 0 if code == 200 else 1


def _span(seconds: float) -> str:
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s" if whole >= 60 else f"{whole}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def logs(folder: Path, follow: bool) -> int:
    """Print the last 200 lines of the merged log, and with `follow` what comes after."""
    path = folder / "log" / f"{MERGED}.log"
    lines = tail(path, 200)
    if len(lines) < 200:
        lines = (tail(path.with_name(path.name + ".1"), 200) + lines)[-200:]
    if not lines and not follow:
        raise Refusal("there is no log yet: `make run` starts Deskbus")
    print("\n".join(lines), flush=True)
    if follow:
        with suppress(KeyboardInterrupt):
            _follow(path)
    return 0


def _follow(path: Path) -> None:
    file = None
    while True:
        try:
            if file is None:
                file = path.open(errors="replace")
                file.seek(0, os.SEEK_END)
            text = file.read()
            if text:
                print(text, end="", flush=True)
            elif path.stat().st_ino != os.fstat(file.fileno()).st_ino:  # it was rotated
                file.close()
                file = path.open(errors="replace")
        except FileNotFoundError:
            pass
        time.sleep(0.1)


def replay(folder: Path, environ: Mapping[str, str]) -> int:
    """Answer stored conversations of the running system again, with the options in $ARGS; the module's exit code.

    Raises Refusal where none runs, or the options are not quoted well.
    """
    addresses = {name: environ[name] for name in ("DESKBUS_NATS_URL", "DESKBUS_DATABASE_URL") if environ.get(name)}
    if len(addresses) < 2:  # else all that it needs is elsewhere
        addresses = {**running(folder).environment, **addresses}
    try:
        options = shlex.split(environ.get("ARGS", ""))
    except ValueError as fault:
        raise Refusal(f"ARGS={environ['ARGS']}: {fault}") from fault
    command = [sys.executable, "-m", "services.agent.replay", *options]
    with subprocess.Popen(command, cwd=ROOT, env={**environ, **addresses}) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the terminal has told it, too: it prints the sums so far
                continue


def erase(folder: Path) -> int:
    """Stop what runs and remove the data folder, with what Postgres had to keep elsewhere; 0."""
    stop(folder)
    erase_elsewhere(folder)
    if not folder.is_relative_to(ROOT / ".run"):
        print(f"keeping {folder}, which DESKBUS_DATA_DIR names")
    elif folder.exists():
        print(f"removing {folder}")
        shutil.rmtree(folder)
    return 0
