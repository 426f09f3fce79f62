"""Reading uploads: a few at a time, each under a lease, so that a process that dies leaves its work to the next."""

import asyncio
from contextlib import aclosing, suppress
from time import perf_counter

from libs.contracts.errors import DeskError

from ..domain import Reading, detect, rejected
from ..ports import Blobs, Log, Reader, Records, ToRead

MOST_ATTEMPTS = 3
_POLL_S = 2.0
_LOOK_S = 0.25  # another replica may have read it
_PUT_OFF_S = 2.0


class Readings:
    """The readers of this process.

    Args:
        slots: how many files are read at the same time.
        lease_s: how long one may take; longer than the reader's own limit of time.
    """

    def __init__(self, records: Records, blobs: Blobs, reader: Reader, log: Log, *, slots: int, lease_s: float) -> None:
        self._records = records
        self._blobs = blobs
        self._reader = reader
        self._log = log
        self._slots = slots
        self._lease_s = lease_s
        self._wake = asyncio.Event()
        self._read = asyncio.Condition()

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    async def something_read(self, timeout: float) -> None:
        """Wait until a file was read here, or somewhere else perhaps, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(timeout, _LOOK_S)), self._read:
                await self._read.wait()

    async def run(self) -> None:
        """Read for ever."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._slots):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            try:
                busy = await self._read_one()
            except DeskError as fault:
                self._log.warning("reading_paused", reason=fault.code)
                busy = False
            if not busy:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S):
                        await self._wake.wait()
            self._wake.clear()

    async def _read_one(self) -> bool:
        """Read the next upload; False where none waits."""
        claim = await self._records.claim(self._lease_s, MOST_ATTEMPTS)
        if claim is None:
            return False
        self._wake.set()  # there may be more, for the other slots
        started = perf_counter()
        try:
            reading = await self.read(claim)
        except DeskError as fault:
            self._log.warning("reading_put_off", attachment=claim.attachment_id, reason=fault.code)
            await self._records.put_off(claim, _PUT_OFF_S)
            return True
        await self._records.finish(claim, reading)
        async with self._read:
            self._read.notify_all()
        self._log.info(
            "attachment_read", attachment=claim.attachment_id, bytes=claim.size, state=reading.state,
            reason=reading.reason, ms=round((perf_counter() - started) * 1000, 1),
        )  # fmt: skip
        return True

    async def read(self, claim: ToRead) -> Reading:
        """Give what an upload says, or why it says nothing.

        Raises:
            Unavailable: the bytes cannot be had right now.
        """
        if not claim.size:
            return rejected("empty")
        try:
            detected = detect(claim.filename, claim.content_type, await self._head(claim.attachment_id))
            if isinstance(detected, Reading):
                return detected
            return await self._reader.read(detected, self._blobs.read(claim.attachment_id))
        except DeskError as fault:
            if fault.retryable:
                raise
            return rejected("lost")

    async def _head(self, attachment_id: str) -> bytes:
        async with aclosing(self._blobs.read(attachment_id)) as pieces:
            async for piece in pieces:
                return piece
        return b""
