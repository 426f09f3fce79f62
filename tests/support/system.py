"""Deskbus as processes over real servers: what the end-to-end and fault tests drive, kill and watch."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from deploy.local.ports import free_port
from deploy.local.processes import spawn
from deploy.local.servers import Servers

ROOT = Path(__file__).parents[2]
ORDER = ["knowledge", "session", "attachments", "agent", "gateway"]
READY_S = 60.0


@contextmanager
def real_servers(folder: Path) -> Iterator[Servers]:
    """Real NATS, Postgres and Valkey: those of DESKBUS_TEST_*_URL where they are set, the embedded ones elsewhere."""
    environ = {
        f"DESKBUS_{kind}_URL": os.environ[f"DESKBUS_TEST_{kind}_URL"]
        for kind in ("NATS", "DATABASE", "REDIS")
        if f"DESKBUS_TEST_{kind}_URL" in os.environ
    }
    with Servers(folder, environ=environ) as servers:
        prepare(servers.environment)
        yield servers


def prepare(environment: Mapping[str, str]) -> None:
    """Migrate the database and provision the broker, as an operator does."""
    for module in ("libs.runtime.migrate", "libs.runtime.provision"):
        run_module(module, environment).check_returncode()


def run_module(module: str, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of the project to its end."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT, env={**clean_environment(), **environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def clean_environment() -> dict[str, str]:
    """Give this process's environment without settings of Deskbus: a developer's own must not change a test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DESKBUS_")}


class System:
    """The five services as processes.

    Args:
        servers: what they stand on.
        folder: where logs and the vector index go.
        model_folder: the embedding model.
        replicas: how many processes of a service, where it is not one; 0 leaves it out.
        settings: `DESKBUS_*` without the prefix, in lower case.
    """

    def __init__(
        self, servers: Servers, folder: Path, model_folder: Path, replicas: Mapping[str, int] | None = None,
        **settings: object,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.environment = {
            **servers.environment,
            "DESKBUS_ENVIRONMENT": "testing",
            "DESKBUS_HOST": "127.0.0.1",
            "DESKBUS_LOG_FORMAT": "json",
            "DESKBUS_EMBEDDING_PATH": str(model_folder),
            "DESKBUS_INDEX_PATH": str(folder / "index"),
            **{f"DESKBUS_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.replicas = {name: (replicas or {}).get(name, 1) for name in ORDER}
        self.ports = [free_port() for _ in range(self.replicas["gateway"])]
        self.processes: dict[tuple[str, int], subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for name in ORDER:
                for index in range(self.replicas[name]):
                    self.start(name, index)
            if self.ports:
                self.wait_ready()
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    @property
    def url(self) -> str:
        """The address of the first gateway."""
        return self.gateway(0)

    def gateway(self, index: int) -> str:
        """The address of a gateway."""
        return f"http://127.0.0.1:{self.ports[index]}"

    def start(self, name: str, index: int = 0) -> None:
        """Start a service's process."""
        environment = {**clean_environment(), **self.environment}
        if name == "gateway":
            environment["DESKBUS_PORT"] = str(self.ports[index])
        with self.log_file(name, index).open("ab") as log:
            self.processes[name, index] = spawn(
                [sys.executable, "-m", self.module(name)], output=log, environment=environment, folder=ROOT
            )

    def module(self, name: str) -> str:
        """Give the module that a service's process runs."""
        return f"services.{name}"

    def log_file(self, name: str, index: int = 0) -> Path:
        """Where a process writes its log."""
        return self.folder / f"{name}-{index}.log"

    def log(self, name: str, index: int = 0) -> str:
        """What a process has logged."""
        return self.log_file(name, index).read_text()

    def wait_for_log(self, name: str, text: str, timeout: float = READY_S) -> None:
        """Wait until a process has logged something."""
        end = time.monotonic() + timeout
        while text not in self.log(name):
            if self.processes[name, 0].poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{name} has not logged {text!r}:\n{self.log(name)[-3000:]}")
            time.sleep(0.02)

    def signal(self, name: str, number: signal.Signals, index: int = 0) -> None:
        """Send a process a signal."""
        self.processes[name, index].send_signal(number)

    def kill(self, name: str, index: int = 0) -> None:
        """End a process as a power cut would."""
        self.processes[name, index].kill()
        self.processes[name, index].wait()

    def wait_ready(self, timeout: float = READY_S) -> None:
        """Wait until every gateway says that all is well."""
        end = time.monotonic() + timeout
        for index in range(len(self.ports)):
            while (status := self.readiness(index)[0]) != 200:
                for (name, number), process in self.processes.items():
                    if process.poll() is not None:
                        raise RuntimeError(f"{name} ended with {process.returncode}:\n{self.log(name, number)[-3000:]}")
                if time.monotonic() > end:
                    raise RuntimeError(f"not ready ({status}): {self.readiness(index)}")
                time.sleep(0.05)

    def readiness(self, index: int = 0) -> tuple[int, dict[str, object]]:
        """Ask a gateway how the system is; status 0 where it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.gateway(index)}/health/ready", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, {}

    def stop_all(self) -> None:
        """End all processes, in an orderly way where they still can."""
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
