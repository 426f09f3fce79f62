"""The process of the embedded engine as its parent sees it: calls go over a socket, answers come back by number."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path

import msgspec

from .qdrant_edge_messages import LENGTH, Answer, Asked, Call, framed

_ROOT = Path(__file__).parents[3]
_PROGRAM = (sys.executable, "-B", "-E", "-s", "-m", "services.knowledge.adapters.qdrant_edge_program")
_END_S = 5.0


class ProcessGone(Exception):
    """The process has ended, or ended before it answered."""


class EdgeProcess:
    """A running engine. It ends when this process ends, however that happens.

    Attributes:
        gone: set when it no longer answers.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.gone = asyncio.Event()
        self._process = process
        self._reader = reader
        self._writer = writer
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._listener = asyncio.create_task(self._listen())
        self._ending: asyncio.Task[int] | None = None

    @classmethod
    async def start(cls) -> EdgeProcess:
        """Start it. Raises OSError."""
        ours, theirs = socket.socketpair()
        process: asyncio.subprocess.Process | None = None
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *_PROGRAM, str(theirs.fileno()), pass_fds=[theirs.fileno()], cwd=_ROOT, env={"LC_ALL": "C.UTF-8"},
                    stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            ours.close()  # whereupon it ends
            if process is not None:
                await process.wait()
            raise
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """Its number, for those who measure it."""
        return self._process.pid

    async def ask(self, asked: Asked) -> Answer:
        """Ask and wait for the answer. Raises ProcessGone."""
        if self.gone.is_set():
            raise ProcessGone
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(framed(Call(number, asked)))
            await self._writer.drain()
            return await answer
        except OSError as fault:
            raise ProcessGone from fault
        finally:
            self._waiting.pop(number, None)

    async def end(self) -> int:
        """Close the connection, whereupon it ends; kill it where it does not. Gives its exit code, each time."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        return await asyncio.shield(self._ending)

    async def _end(self) -> int:
        self._listener.cancel()
        with suppress(asyncio.CancelledError):
            await self._listener
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        try:
            async with asyncio.timeout(_END_S):
                return await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            return await self._process.wait()

    async def _listen(self) -> None:
        decoder = msgspec.msgpack.Decoder(Answer)
        try:
            while True:
                (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
                answer = decoder.decode(await self._reader.readexactly(length))
                waiting = self._waiting.get(answer.number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except (EOFError, OSError, msgspec.DecodeError):
            pass  # it is gone, or no longer to be understood, which is as good
        finally:
            self.gone.set()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ProcessGone())
