"""The ledger's queue: settled calls wait here until they are written, a batch at a time; an answer never waits."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from libs.contracts.errors import DeskError
from services.agent.domain.spending import Entry
from services.agent.ports import Ledger, Log

from .patience import Patience, code_of

MOST_WAITING = 10_000
BATCH = 200
_GATHER_S = 0.05  # between two batches
_PAUSE_S = 0.5  # after a fault
_SWEEP_EVERY_S = 60.0
DRAIN_S = 5.0
_TRIES = 3  # of what fails in a way that is no outage
_TOLD_EVERY = 1000  # one line for so many that are dropped, and one for the first


class LedgerQueue:
    """Writes settled calls in the order in which they came, again and again while the ledger is away.

    Args:
        sweeps: run every minute; one that fails is tried a minute later.
        drain_s: how long a drain waits, in seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        log: Log,
        patience: Patience,
        sweeps: Sequence[Callable[[], Awaitable[None]]],
        *,
        drain_s: float = DRAIN_S,
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._patience = patience
        self._sweeps = sweeps
        self._drain_s = drain_s
        self._waiting: deque[Entry] = deque()
        self._writing: list[Entry] = []
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._draining = False
        self._dropped = 0

    @property
    def left(self) -> int:
        """How many are not written yet."""
        return len(self._waiting) + len(self._writing)

    def put(self, entry: Entry) -> None:
        """Take a settled call; where there are too many, the oldest is dropped."""
        if self.left >= MOST_WAITING and self._waiting:
            self._waiting.popleft()
            self._dropped += 1
            if self._dropped % _TOLD_EVERY == 1:
                self._log.warning("usage_dropped", dropped=self._dropped)
        self._waiting.append(entry)
        self._none.clear()
        self._some.set()

    async def run(self) -> None:
        """Write and sweep for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_for_ever())
            tasks.create_task(self._sweep_for_ever())

    async def drained(self) -> None:
        """Wait until nothing is left to write, for as long as a drain may wait."""
        self._draining = True
        try:
            await asyncio.wait_for(self._none.wait(), self._drain_s)
        except TimeoutError:
            self._log.warning("ledger_not_drained", left=self.left)

    async def _write_for_ever(self) -> None:
        while True:
            await self._some.wait()
            self._writing = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            await self._write_until_done(self._writing)
            self._writing = []
            if self._dropped:
                self._log.warning("usage_dropped", dropped=self._dropped)
                self._dropped = 0
            if not self._waiting:
                self._some.clear()
                self._none.set()
            if not self._draining:
                await asyncio.sleep(_GATHER_S)

    async def _write_until_done(self, entries: list[Entry]) -> None:
        tries = 0
        while True:
            try:
                await self._ledger.settle(entries)
            except DeskError as fault:
                self._patience.failed(fault.code)
            except Exception as error:
                tries += 1
                if tries == _TRIES:
                    await self._write_apart(entries, error)
                    return
            else:
                self._patience.went_well()
                return
            await asyncio.sleep(_PAUSE_S)

    async def _write_apart(self, entries: list[Entry], error: Exception) -> None:
        """Find what cannot be written, so that it does not keep the rest from it, and give it up."""
        if len(entries) > 1:
            for entry in entries:
                await self._write_until_done([entry])
        else:
            self._log.exception("usage_unwritable", usage_id=entries[0].usage.usage_id, error=code_of(error))

    async def _sweep_for_ever(self) -> None:
        while True:
            for sweep in self._sweeps:
                try:
                    await sweep()
                except DeskError as fault:
                    self._log.info("sweep_paused", code=fault.code)
                except Exception as error:
                    self._log.exception("sweep_failed", error=code_of(error))
            await asyncio.sleep(_SWEEP_EVERY_S)
