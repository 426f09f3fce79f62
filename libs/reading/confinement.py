"""What a process gives up before it looks at a file that a stranger made: resources, network, programs."""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from contextlib import suppress
from math import ceil

from .outcome import Limits

_OPEN_FILES = 32
_MIB = 2**20
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
# audit number of the machine, and its numbers of: socket, socketpair, connect, bind, fork, vfork, clone, clone3, execve,
# execveat, ptrace, kill, io_uring_setup (which could do all of these unseen). No reader needs a thread.
_CALLS = {
    "x86_64": (0xC000003E, (41, 53, 42, 49, 57, 58, 56, 435, 59, 322, 101, 62, 425)),
    "aarch64": (0xC00000B7, (198, 199, 203, 200, 220, 435, 221, 281, 117, 129, 425)),
}


def confine(limits: Limits) -> None:
    """Give up what a reading does not need, for good; a limit that the system does not know is left out."""
    seconds = ceil(limits.seconds)
    signal.alarm(seconds + 1)  # the end, also where the parent is gone
    for what, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_mb * _MIB, limits.memory_mb * _MIB),
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES),
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (soft, hard))
    forbid_calls()
    sys.addaudithook(_refuse)


def forbid_calls() -> bool:
    """Have the kernel refuse sockets and programs (seccomp); False where this system has no such thing."""
    machine = _CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or machine is None:
        return False
    audit, calls = machine
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    steps += [(_EQUAL, len(calls) - index, 0, call) for index, call in enumerate(calls)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    zero = ctypes.c_ulong(0)
    if libc.prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), zero, zero, zero):
        return False
    return libc.prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.byref(program), zero, zero) == 0


def _refuse(event: str, _: tuple[object, ...]) -> None:
    """Refuse the same from within the interpreter, where the kernel does not."""
    if event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn")):
        raise PermissionError(os.strerror(1))
