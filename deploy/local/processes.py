"""Child processes that never outlive their parent, and the identity of a process beyond its number."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
# Loaded now: between fork and exec nothing may be loaded.
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


@dataclass(frozen=True)
class Identity:
    """A process number with the moment it began, since numbers are used again."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of a living process; None for one that has ended, a zombie included."""
        began = _began(pid)
        return cls(pid, began) if began else None

    @property
    def lives(self) -> bool:
        """Whether this very process still runs."""
        return _began(self.pid) == self.began

    def signal(self, number: int) -> None:
        """Send a signal, unless the process has ended or its number belongs to another by now."""
        if self.lives:
            try:
                os.kill(self.pid, number)
            except (ProcessLookupError, PermissionError):
                return


def _began(pid: int) -> str:
    if LINUX:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else fields[19]  # state; start in clock ticks since boot
    asked = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, began = asked.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else began.strip()


def tie_to_parent(number: int, parent: int) -> None:
    """Ask the kernel for a signal when the parent *thread* ends, even by SIGKILL. Linux only; elsewhere nothing."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it ended between fork and here
        os.kill(os.getpid(), number)


def spawn(
    command: Sequence[str | Path],
    *,
    output: int | IO[Any],
    environment: Mapping[str, str],
    folder: Path,
    death_signal: int = signal.SIGTERM,
    become: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own (Ctrl-C reaches only us) that gets `death_signal` when we end.

    Call it from the main thread: the signal is sent when the thread that forked ends. `become` runs in the child to
    take on another identity; it comes first, because a change of identity clears the death signal.
    """
    parent = os.getpid()

    def prepare() -> None:
        if become is not None:
            become()
        tie_to_parent(death_signal, parent)

    return subprocess.Popen(
        [os.fspath(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        cwd=folder,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509  (the callers are single-threaded)
    )


def end(leftover: Identity, number: int, patience: float) -> None:
    """End a process that is not our child: ask, wait for `patience` seconds, then kill."""
    leftover.signal(number)
    if not wait_until(lambda: not leftover.lives, patience):
        leftover.signal(signal.SIGKILL)
        wait_until(lambda: not leftover.lives, 5)


def wait_until(condition: Callable[[], bool], patience: float, pause: float = 0.005) -> bool:
    """Wait for a condition, at most `patience` seconds; whether it came."""
    limit = time.monotonic() + patience
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(pause)
    return True


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log file; nothing where there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 400 * lines))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []
