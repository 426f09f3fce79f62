"""What is measured, as processes: Deskbus with and without its search, the floor, and a system by `make start`."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from deploy.local import embedding_model
from deploy.local.ports import free_port
from deploy.local.processes import spawn
from deploy.local.servers import Servers
from deploy.local.state import State
from tests.support.system import ROOT, System, clean_environment, real_servers

from . import machine

# Settings that the load needs. An agent has 64 slots unless told otherwise, so that 500 sessions would queue for them.
SETTINGS: dict[str, object] = {"rate_limit_enabled": "false", "model": "scripted", "agent_slots": 512}


class Target:
    """Something that load goes to: its address, that of its last gateway, and the processes that it consists of."""

    def __init__(self, name: str, url: str, roots: dict[str, int], *, stored: bool = True) -> None:
        self.name = name
        self.url = self.last_url = url
        self.roots = roots
        self.stored = stored


class WithoutSearch(System):
    """The system with a knowledge service that answers at once."""

    def start(self, name: str, index: int = 0) -> None:
        """Start a service's process, or the stand-in."""
        if name != "knowledge":
            super().start(name, index)
            return
        with self.log_file(name, index).open("ab") as log:
            self.processes[name, index] = spawn(
                [sys.executable, "-m", "tests.bench.without_search"], output=log, folder=ROOT,
                environment={**clean_environment(), **self.environment},
            )  # fmt: skip


def model_folder() -> Path:
    """Give the embedding model of this machine; built where it is missing."""
    data = os.environ.get("DESKBUS_DATA_DIR") or ROOT / ".run" / str(os.getuid())
    return embedding_model.ensure(Path(data) / "model")


@contextmanager
def deskbus(kind: type[System], name: str, folder: Path, *, gateways: int = 1, **more: object) -> Iterator[Target]:
    """Run Deskbus with the scripted model, unless settings say otherwise, over servers of its own."""
    with ExitStack() as stack:
        servers: Servers = stack.enter_context(real_servers(folder / "servers"))
        system = stack.enter_context(
            kind(servers, folder / "system", model_folder(), {"gateway": gateways}, **{**SETTINGS, **more})
        )
        roots = {service: process.pid for (service, place), process in system.processes.items() if not place}
        target = Target(name, system.url, roots | {server: servers.pid(server) for server in servers.names})
        target.last_url = system.gateway(gateways - 1)
        yield target


@contextmanager
def floor() -> Iterator[Target]:
    """Run the floor."""
    port = free_port()
    process = spawn(
        [sys.executable, "-m", "tests.bench.floor", str(port)], output=None, environment=clean_environment(),
        folder=ROOT,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/health/ready")
        yield Target("floor", url, {"floor": process.pid}, stored=False)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")


class Started:
    """A system by `make start` in a data folder of its own, as a user has it: the extractive model, default settings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            **clean_environment(),
            "DESKBUS_DATA_DIR": str(folder),
            "DESKBUS_RATE_LIMIT_ENABLED": "false",
        }

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        shutil.copytree(model_folder(), self._folder / "model")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> float:
        """Start it; give the seconds until it was ready."""
        begun = time.perf_counter()
        self._do("start")
        return time.perf_counter() - begun

    def stop(self) -> None:
        """Stop it."""
        self._do("stop")

    def _do(self, target: str) -> None:
        # What the Makefile's target calls, without its look at whether the environment is up to date: that would
        # install things in the middle of a measurement.
        done = subprocess.run(
            [sys.executable, "-m", "deploy.local", target], cwd=ROOT, env=self._environment, capture_output=True,
            text=True, timeout=90, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{target}: {done.stdout}{done.stderr}")

    @property
    def target(self) -> Target:
        """What runs, without the supervisor: everything is its child."""
        state = State.read(self._folder)
        return Target("started", state.url, {entry.name: entry.pid for entry in state.processes if entry.pid})

    def memory(self) -> dict[str, tuple[int, int]]:
        """Give the memory of every process; the supervisor's own without its children's."""
        supervisor = State.read(self._folder).pid
        return machine.memory(self.target.roots) | machine.memory_of("supervisor", supervisor)


class Load:
    """The load process; what a target used between its marks is measured here."""

    def __init__(self, target: Target, job: Mapping[str, object]) -> None:
        self._target = target
        self._folder = tempfile.TemporaryDirectory(prefix="deskbus-load-")
        self._result = Path(self._folder.name) / "result.json"
        words = {
            "url": target.url,
            "last_url": target.last_url,
            "stored": target.stored,
            "result": str(self._result),
            **job,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load", msgspec.json.encode(words).decode()], cwd=ROOT,
            env=clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def until(self, name: str) -> None:
        """Wait for a mark."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if msgspec.json.encode({"mark": name}).decode() != line.strip():
            raise RuntimeError(f"the load did not come to its {name}: {line!r}, exit code {self._process.poll()}")

    def go_on(self) -> None:
        """Let it go on after a mark at which it waits."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """Wait for the end and give the result."""
        self.until("done")
        return msgspec.json.decode(self._result.read_bytes())

    def measured(self) -> dict[str, Any]:
        """Let it run between its marks; give the result, with the CPU time of all who took part."""
        self.until("begin")
        roots = {**self._target.roots, "load": self._process.pid}
        before, busy = machine.cpu_seconds(roots), machine.busy_seconds()
        self.until("end")
        after, total = machine.cpu_seconds(roots), machine.busy_seconds() - busy
        used = {name: after[name] - before[name] for name in roots}
        return {**self.result(), "cpu": used, "others": total - sum(used.values())}
