"""Real servers without a container engine: NATS, Postgres and Valkey as child processes.

    with Servers(Path(".run/test"), environ={}) as servers:
        servers.environment["DESKBUS_NATS_URL"]
        servers.kill("nats")        # SIGKILL
        servers.start("nats")       # same port, same data

A server whose address is in the environment already (DESKBUS_NATS_URL, DESKBUS_DATABASE_URL, DESKBUS_REDIS_URL) is not
started. Use it from the main thread: the servers end when the thread that started them does.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from deploy.local.nats import Nats
from deploy.local.ports import Ports
from deploy.local.postgres import Postgres
from deploy.local.processes import tail, wait_until
from deploy.local.server import Program, Server, ServerError
from deploy.local.valkey import Valkey

EXTERNAL = ("DESKBUS_NATS_URL", "DESKBUS_DATABASE_URL", "DESKBUS_REDIS_URL", "DESKBUS_QDRANT_URL")


class Servers:
    """The servers of one data folder, as a context manager.

    `environ` is where external addresses are looked for (default: the process's own; `{}` for none). `namespaces`:
    see `Postgres`. Raises ServerError where one cannot be started or the folder is in use.
    """

    def __init__(
        self, folder: Path, *, environ: Mapping[str, str] | None = None, namespaces: bool | None = None
    ) -> None:
        self.folder = folder.resolve()
        environ = os.environ if environ is None else environ
        self._external = {name: environ[name] for name in EXTERNAL if environ.get(name)}
        self._namespaces = namespaces
        self._servers: dict[str, Server] = {}
        self._lock: IO[str] | None = None

    @property
    def names(self) -> list[str]:
        """The servers that run here, in the order of their start."""
        return list(self._servers)

    @property
    def environment(self) -> dict[str, str]:
        """What clients need to find them, external ones included."""
        mine = dict(self._external)
        for server in self._servers.values():
            mine.update(server.program.environment())
        return mine

    def __getitem__(self, name: str) -> Server:
        """A server of ours. Raises LookupError where that one is external."""
        if name not in self._servers:
            raise LookupError(f"{name} is not run here: {', '.join(self.names) or 'every server is external'}")
        return self._servers[name]

    def __enter__(self) -> Self:
        self.start_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start_all(self) -> None:
        """Start them side by side and wait until all serve."""
        self._take_folder()
        try:
            with _as_server_errors():
                for server in self._assembled():
                    server.end_leftover()
                    server.settle()
                    server.spawn()
                for server in self._servers.values():
                    self._wait(server)
        except BaseException:
            self.stop_all()
            raise

    def _take_folder(self) -> None:
        try:
            (self.folder / "log").mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o711)  # nobody may have to pass through, and see nothing
            (self.folder / "log").chmod(0o700)
            lock = (self.folder / "servers.lock").open("w")
        except OSError as error:
            raise ServerError(f"cannot write in {self.folder}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise ServerError(f"{self.folder} is in use by other servers") from None
        self._lock = lock

    def _assembled(self) -> Iterator[Server]:
        ports = Ports(self.folder / "ports.json")
        makers: dict[str, Callable[[Path], Program]] = {
            "nats": lambda folder: Nats(folder, ports),
            "valkey": lambda folder: Valkey(folder, ports),
            "postgres": lambda folder: Postgres(folder, ports, self._namespaces),  # last: it takes longest to prepare
        }
        variables = {"nats": Nats.variable, "valkey": Valkey.variable, "postgres": Postgres.variable}
        for name, make in makers.items():
            if variables[name] in self._external:
                continue
            folder = self.folder / name
            folder.mkdir(mode=0o711 if name == "postgres" else 0o700, exist_ok=True)  # nobody may have to pass
            self._servers[name] = Server(make(folder), folder, ports, self.folder / "log" / f"{name}.log")
            yield self._servers[name]

    def _wait(self, server: Server) -> None:
        for attempt in range(5):
            try:
                server.wait_until_ready()
            except ServerError:  # between our look at the port and its start another may have taken it
                if server.pid is not None or attempt == 4 or "in use" not in "\n".join(tail(server.log, 15)).lower():
                    raise
                server.settle()
                server.spawn()
            else:
                return

    def pid(self, name: str) -> int:
        """The process number of a running server. Raises LookupError."""
        pid = self[name].pid
        if pid is None:
            raise LookupError(f"{name} does not run")
        return pid

    def start(self, name: str) -> None:
        """Start one again: same port, same data. Raises ServerError."""
        server = self[name]
        if server.pid is None and not wait_until(server.has_its_ports, 2):
            raise ServerError(f"the port of {name} was taken by another program meanwhile")
        with _as_server_errors():
            server.start()

    def stop(self, name: str) -> None:
        """Stop one in order."""
        self[name].stop()

    def kill(self, name: str) -> None:
        """Kill one, as a crash would (SIGKILL)."""
        self[name].stop(signal.SIGKILL)

    def stop_all(self) -> None:
        """Stop them, the last started first, and let go of the folder."""
        for server in reversed(self._servers.values()):
            server.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


@contextmanager
def _as_server_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise ServerError(str(error)) from error
