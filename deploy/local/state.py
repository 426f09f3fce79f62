"""What is known of a running system outside its supervisor: a lock that only a living one holds, and a page of facts."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from deploy.local.processes import Identity

ROOT = Path(__file__).resolve().parents[2]


class Refusal(Exception):
    """Why a command cannot do what it was asked, in a sentence for the person who asked."""


def data_folder(environ: Mapping[str, str]) -> Path:
    """Where data, logs and state live: one folder per user, since files of one cannot serve another."""
    told = environ.get("DESKBUS_DATA_DIR")
    return Path(told).expanduser().resolve() if told else ROOT / ".run" / str(os.getuid())


def dotenv(path: Path) -> dict[str, str]:
    """The KEY=VALUE lines of a file, quotes taken off; nothing where there is no file.

    Raises Refusal with the line's number where a line is neither that nor a comment.
    """
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Refusal(f"cannot read {path.name}: {error.strerror}") from error
    values: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.strip().removeprefix("export ").strip()
        if not words or words.startswith("#"):
            continue
        key, equals, value = words.partition("=")
        key = key.strip()
        if not equals or not key.isidentifier():
            raise Refusal(f"{path.name}, line {number}: expected KEY=VALUE")
        values[key] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if value[:1] in ("'", '"') and (end := value.find(value[0], 1)) > 0:
        return value[1:end]
    return value.partition(" #")[0].rstrip()  # a comment after a value


@dataclass
class Entry:
    """One process of the system, as `status` shows it."""

    name: str
    pid: int = 0
    began: str = ""  # see processes.Identity
    since: float = 0.0  # Unix time
    restarts: int = 0
    port: int = 0

    @property
    def identity(self) -> Identity:
        """Which process it was."""
        return Identity(self.pid, self.began)


@dataclass
class State:
    """One page of facts, replaced as a whole by the supervisor and read by everybody else."""

    pid: int = 0
    began: str = ""
    stage: str = ""
    url: str = ""
    ready: bool = False
    since: float = field(default_factory=time.time)
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[Entry] = field(default_factory=list)

    @property
    def identity(self) -> Identity:
        """The supervisor."""
        return Identity(self.pid, self.began)

    @classmethod
    def read(cls, folder: Path) -> State:
        """The last page written; an empty one where there is none."""
        try:
            return msgspec.json.decode((folder / "state.json").read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Replace the page; readable for its owner only, since addresses may hold passwords."""
        new = folder / "state.json.new"
        new.touch(mode=0o600)
        new.write_bytes(msgspec.json.format(msgspec.json.encode(self)))
        new.replace(folder / "state.json")

    def leftovers(self) -> list[Entry]:
        """Processes of the page that still live."""
        return [entry for entry in self.processes if entry.pid and entry.identity.lives]


class Lock:
    """Held by the supervisor for as long as it lives; the kernel lets go of it for a killed one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """Take it; False where another supervisor has it. Raises Refusal where the folder cannot be written."""
        try:
            self._path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
            file = self._path.open("w")
        except OSError as error:
            raise Refusal(
                f"cannot write in {self._path.parent} ({error.strerror}): "
                "set DESKBUS_DATA_DIR to a folder of yours, or work in a copy of the project"
            ) from error
        for _ in range(10):  # somebody may be looking this very moment, see held()
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.02)
            else:
                self._file = file
                return True
        file.close()
        return False

    @property
    def held(self) -> bool:
        """Whether a supervisor lives."""
        try:
            with self._path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def release(self) -> None:
        """Let go."""
        if self._file is not None:
            self._file.close()
            self._file = None
