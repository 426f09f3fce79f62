"""A Reader that reads each file in a process of its own, which lives no longer than the file is read.

The process gets the file as its standard input (a temporary file without a name, so that nothing is left behind
however this service ends), nothing else of ours: no sockets, no environment. It confines itself (`reader_process`)
before it looks at the file, and is killed with all that it may have started when its time is over.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from ..domain import TEXT_CHARACTERS, Detected, Found, Reading, read, rejected
from .reader_process import Limits

_ROOT = Path(__file__).parents[3]
_PROGRAM = (sys.executable, "-B", "-E", "-s", "-m", "services.attachments.adapters.reader_process")
# JSON of our longest text: a character takes at most 6 bytes.
_OUTPUT_BYTES = TEXT_CHARACTERS * 6 + 1024
_END_S = 2.0


class SubprocessReader:
    """Reads files apart.

    Args:
        limits: what one reading may take.
        timeout: seconds until it is killed.
        program: what is run; gets kind and limits as its argument.
    """

    def __init__(self, limits: Limits, *, timeout: float, program: Sequence[str] = _PROGRAM) -> None:
        self._limits = limits
        self._timeout = timeout
        self._program = program

    async def read(self, detected: Detected, source: AsyncIterator[bytes]) -> Reading:
        with tempfile.TemporaryFile() as file:
            await _fill(file, source)
            output = await self._run(detected, file)
        if output is None:
            return rejected("too_complex", detected_type=detected.media_type)
        try:
            found = msgspec.json.decode(output, type=Found)
        except msgspec.MsgspecError:
            return rejected("broken", detected_type=detected.media_type)
        return read(found, detected.media_type)

    async def _run(self, detected: Detected, file: IO[bytes]) -> bytes | None:
        """Give what the process says; None where it was killed by a limit."""
        process = await asyncio.create_subprocess_exec(
            *self._program, detected.kind, msgspec.json.encode(self._limits).decode(),
            stdin=file, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            cwd=_ROOT, env={"LC_ALL": "C.UTF-8"}, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - asked for above
        try:
            async with asyncio.timeout(self._timeout):
                output = await _read_at_most(process.stdout, _OUTPUT_BYTES)
                if output is not None:
                    await process.wait()
        except TimeoutError:
            output = None
        finally:
            await _end(process)
        killed = process.returncode is not None and process.returncode < 0
        return None if killed else output


async def _fill(file: IO[bytes], source: AsyncIterator[bytes]) -> None:
    async for piece in source:
        await asyncio.to_thread(file.write, piece)
    await asyncio.to_thread(file.seek, 0)


async def _read_at_most(stream: asyncio.StreamReader, most: int) -> bytes | None:
    """Read to the end; None where there is more than expected."""
    output = bytearray()
    while piece := await stream.read(65_536):
        output += piece
        if len(output) > most:
            return None
    return bytes(output)


async def _end(process: asyncio.subprocess.Process) -> None:
    """See to it that the process and its children are gone, and its pipe is closed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_S):
            await process.communicate()
