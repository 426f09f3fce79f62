"""The asking side: starts a process for one file, gives it the file and nothing else, and sees to its end."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from io import UnsupportedOperation
from pathlib import Path
from typing import BinaryIO

import msgspec

from .outcome import Answer, Code, Limits, Reading, Refusal, Task, Unreadable

_ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-B", "-E", "-s", "-X", "utf8", "-m", "libs.reading.process")
# A character takes at most 4 bytes; entries say again what the text says; titles and notes are short.
_BYTES_PER_CHARACTER = 12
_OTHER_BYTES = 1_000_000
_PIECE = 65_536
_END_S = 5.0
_SIGNALS: dict[int, Code] = {signal.SIGXCPU: "timed_out", signal.SIGALRM: "timed_out", signal.SIGKILL: "too_complex"}


async def read_apart(
    file: Path | BinaryIO, *, name: str, declared: str | None, limits: Limits, program: Sequence[str] = PROGRAM
) -> Reading:
    """Read a file as `libs.reading.read` tells; `program` is what is run."""
    task = msgspec.json.encode(Task(name=name, declared=declared, limits=limits)).decode()
    source = await asyncio.to_thread(_opened, file)
    try:
        output = await _run([*program, task], source, limits)
    finally:
        if source is not file:
            source.close()
    try:
        answer = msgspec.msgpack.decode(output, type=Answer | Refusal)
    except msgspec.MsgspecError:
        raise Unreadable("broken") from None
    if isinstance(answer, Refusal):
        raise Unreadable(answer.code, answer.reason)
    return answer.reading


def _opened(file: Path | BinaryIO) -> BinaryIO:
    """Give a file that has a number, as a process can be given no other."""
    if isinstance(file, Path):
        return file.open("rb")
    try:
        file.fileno()
    except (UnsupportedOperation, AttributeError):
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who asked
        file.seek(0)
        shutil.copyfileobj(file, copy)
        copy.flush()
        return copy
    if file.writable():
        file.flush()
    return file


async def _run(command: Sequence[str], source: BinaryIO, limits: Limits) -> bytes:
    """Give what the process says, once it has ended well."""
    most = limits.output_characters * _BYTES_PER_CHARACTER + _OTHER_BYTES
    process: asyncio.subprocess.Process | None = None
    try:
        async with asyncio.timeout(limits.seconds):
            process = await asyncio.create_subprocess_exec(
                *command, stdin=source, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                cwd=_ROOT, env={}, start_new_session=True,
            )  # fmt: skip
            output = await _read_at_most(process, most)
            status = await process.wait()
    except TimeoutError:
        raise Unreadable("timed_out") from None
    finally:
        if process is not None:
            await _end(process)
    if status < 0:
        raise Unreadable(_SIGNALS.get(-status, "too_complex"))
    return output


async def _read_at_most(process: asyncio.subprocess.Process, most: int) -> bytes:
    assert process.stdout is not None  # noqa: S101 - asked for above
    output = bytearray()
    while piece := await process.stdout.read(_PIECE):
        output += piece
        if len(output) > most:
            raise Unreadable("too_large")
    return bytes(output)


async def _end(process: asyncio.subprocess.Process) -> None:
    """See to it that the process and its children are gone, and its pipe is closed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_S):
            await process.communicate()
