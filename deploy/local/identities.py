"""Running a program that refuses root: as nobody in a user namespace, or as the real user nobody."""

from __future__ import annotations

import ctypes
import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path

from deploy.local.processes import LINUX

NOBODY = 65_534
_CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def in_user_namespace() -> Callable[[], None]:
    """What a child does before exec to see itself as nobody while the kernel goes on seeing us.

    Done here and not by the `unshare` program, so that the death signal can be set afterwards: a change of
    identity clears it.
    """
    user, group = os.geteuid(), os.getegid()

    def become() -> None:
        if _libc is None or _libc.unshare(_CLONE_NEWUSER) != 0:
            raise PermissionError(ctypes.get_errno(), "no user namespace")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{NOBODY} {user} 1"),
            ("gid_map", f"{NOBODY} {group} 1"),
        ):
            file = os.open(f"/proc/self/{name}", os.O_WRONLY)
            os.write(file, text.encode())
            os.close(file)

    return become


def as_nobody() -> None:
    """What a child of root does before exec to become the user nobody."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def may_use_namespaces() -> bool:
    """Whether the kernel lets us; containers often do not."""
    return LINUX and _succeeds(["/bin/sh", "-c", ":"], in_user_namespace())


def has_name(user: int) -> bool:
    """Whether a user is in the system's list of users."""
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def reaches(folder: Path) -> bool:
    """Whether nobody can enter a folder."""
    return _succeeds(["/bin/sh", "-c", 'cd "$0"', str(folder)], as_nobody)


def _succeeds(command: list[str], become: Callable[[], None]) -> bool:
    try:
        return subprocess.run(command, preexec_fn=become, capture_output=True, cwd="/", check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
