"""The program that reads one file and ends: `python -m services.attachments.adapters.reader_process KIND LIMITS`.

The file is its standard input; what it found is one line of JSON on its standard output. Before it looks at the file
it takes from itself what it does not need: memory, processor time, more files, more processes, writing at all. What
it cannot finish within that kills it, which its parent tells as a reason.
"""

import os
import resource
import signal
import sys
from contextlib import suppress
from typing import BinaryIO

import msgspec
from msgspec import Struct

from services.attachments.domain import TEXT_CHARACTERS, Found, Kind

_OPEN_FILES = 32


class Limits(Struct, frozen=True, kw_only=True):
    """What one reading may take: address space in bytes, seconds of processor time and of waiting."""

    memory: int = 512 * 1024 * 1024
    cpu_s: int = 10
    wall_s: int = 15


def confine(limits: Limits) -> None:
    """Give up what a reading does not need, for good. A limit that the system does not know is left out."""
    signal.alarm(limits.wall_s)  # the end, also where the parent is gone
    for what, soft, hard in (
        (resource.RLIMIT_AS, limits.memory, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES),
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (soft, hard))


def read_file(kind: Kind, file: BinaryIO) -> Found:
    """Read a file; a parser that fails is told as a damaged file."""
    try:
        if kind == "pdf":
            from .pypdf_text import pdf_text  # noqa: PLC0415 - takes a while to load, and only some need it

            return pdf_text(file, TEXT_CHARACTERS)
        from .plain_text import plain_text  # noqa: PLC0415 - as above

        return plain_text(file, TEXT_CHARACTERS)
    except (MemoryError, RecursionError):
        return Found(reason="too_complex")
    except Exception:
        return Found(reason="broken")


def main() -> None:
    """Read standard input as the arguments say."""
    kind, limits = sys.argv[1:]
    confine(msgspec.json.decode(limits, type=Limits))
    found = read_file(msgspec.convert(kind, Kind), sys.stdin.buffer)
    line = msgspec.json.encode(found)
    while line:
        line = line[os.write(1, line) :]
    os._exit(0)  # nothing of what a parser has left behind is worth tidying


if __name__ == "__main__":
    main()
