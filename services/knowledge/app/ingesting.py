"""Ingesting: given versions become found ones, a few at a time, each under a lease.

A process that dies leaves its work to the next: what it has written into the index is found by nobody until the
version's passages are in the store, and writing it again changes nothing.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from time import perf_counter
from typing import Any, TypeVar

from libs.contracts.errors import DeskError, Unavailable

from ..domain import Build, Document, FoundPassage, Passage, Reading, Unreadable
from ..domain.givens import TITLE_CHARACTERS, content_of
from ..domain.versions import Ready, Work
from ..ports import Finish, Log, Reader, Stores
from .indexing import Indexing
from .sweeping import Sweeping

T = TypeVar("T")

MOST_ATTEMPTS = 3
LEASE_S = 60.0
_POLL_S = 2.0
_LOOK_S = 0.25  # another replica may have done it
_PUT_OFF_S = 2.0
_LOST = "The service was interrupted again and again while it read this; give it again, in smaller parts."
_EMPTY = "There is no text in it."


class _Taken(Exception):
    """The lease is over: the version is another process's by now, or gone."""


class Ingesting:
    """The workers of this process.

    Args:
        slots: how many versions are at work at the same time.
        lease_s: seconds after which another may take over from a process that has died.
    """

    def __init__(
        self, stores: Stores, reader: Reader, indexing: Indexing, sweeping: Sweeping, log: Log,
        *, slots: int = 2, lease_s: float = LEASE_S,
    ) -> None:  # fmt: skip
        self._versions = stores.versions
        self._builds = stores.builds
        self._reader = reader
        self._indexing = indexing
        self._sweeping = sweeping
        self._log = log
        self._slots = slots
        self._lease_s = lease_s
        self._wake = asyncio.Event()
        self._done = asyncio.Condition()
        self._at_work: dict[tuple[str, str, int], Work] = {}
        self._jobs: set[asyncio.Future[Any]] = set()
        self._leaving = False

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    async def something_done(self, timeout: float) -> None:
        """Wait until a version was settled here, or somewhere else perhaps, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(timeout, _LOOK_S)), self._done:
                await self._done.wait()

    async def run(self) -> None:
        """Ingest for ever."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._slots):
                tasks.create_task(self._work())

    async def give_back(self) -> None:
        """Take nothing new, and leave what is at work to others now: they need not wait for its lease to end.

        Raises:
            Unavailable: the store does not answer; the leases end by themselves.
        """
        self._leaving = True
        given_back = list(self._at_work.values())
        if jobs := list(self._jobs):
            # First the work, then the lease: whoever claims it next has the same number of attempts, and so the same fence.
            for job in jobs:
                job.cancel()
            await asyncio.wait(jobs)
        for work in given_back:
            await self._versions.put_off(work, 0.0)

    async def _work(self) -> None:
        while not self._leaving:
            try:
                busy = await self.ingest_one()
            except DeskError as fault:
                self._log.warning("ingesting_paused", reason=fault.code)
                busy = False
            if not busy:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S):
                        await self._wake.wait()
            self._wake.clear()

    async def ingest_one(self) -> bool:
        """Take the next version through; False where none waits.

        Raises:
            Unavailable: the store does not answer.
        """
        work = await self._versions.claim(self._lease_s)
        if work is None:
            return False
        self._wake.set()  # there may be more, for the other slots
        started = perf_counter()
        place = (work.tenant, work.document_id, work.version)
        self._at_work[place] = work
        try:
            outcome, passages = await self._kept(work, self._ingest(work))
        except _Taken:
            outcome, passages = "taken", 0
        except Unavailable as fault:
            self._log.warning("ingesting_put_off", document=work.document_id, reason=fault.code)
            await self._versions.put_off(work, _PUT_OFF_S)
            return True
        finally:
            self._at_work.pop(place, None)
        async with self._done:
            self._done.notify_all()
        self._log.info(
            "document_ingested", document=work.document_id, version=work.version, outcome=outcome, passages=passages,
            ms=round((perf_counter() - started) * 1000, 1),
        )  # fmt: skip
        return True

    async def _kept(self, work: Work, job: Awaitable[T]) -> T:
        """Do something under the lease, for as long as it is this process's."""
        task = asyncio.ensure_future(job)
        self._jobs.add(task)
        try:
            while not (await asyncio.wait([task], timeout=self._lease_s / 3))[0]:
                if not await self._versions.renew(work, self._lease_s):
                    raise _Taken
            if task.cancelled():  # given back
                raise _Taken
            return task.result()
        finally:
            self._jobs.discard(task)
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    async def _ingest(self, work: Work) -> tuple[str, int]:
        """Take a version through; give what became of it, and the number of its passages."""
        if work.attempt > MOST_ATTEMPTS:
            return await self._reject(work, Unreadable("lost", _LOST))
        try:
            reading = await self._reader.read(work)
            if not reading.text.strip() and not reading.entries:
                return await self._reject(work, Unreadable("empty", _EMPTY))
        except Unreadable as fault:
            return await self._reject(work, fault)
        ready = _ready(work, reading)
        if work.url and await self._versions.is_found(work, ready):
            await self._versions.forget(work)
            return "unchanged", 0
        return await self._make_found(work, ready)

    async def _make_found(self, work: Work, ready: Ready) -> tuple[str, int]:
        """Write a version into all builds, and switch to it."""
        passages: dict[str, list[Passage]] = {}
        finish: Finish = "other_builds"
        while finish == "other_builds":
            for build in await self._builds.all():
                if build.state != "retired" and build.build_id not in passages:
                    passages[build.build_id] = await self._prepare(work, ready, build)
            if not any(passages.values()):
                return await self._reject(work, Unreadable("empty", _EMPTY))
            finish = await self._versions.finish(work, _with(ready, passages))
        count = max(map(len, passages.values()))
        try:
            await self._sweeping.sweep_version(work, found=work.version if finish == "ready" else None)
        except DeskError as fault:
            self._log.warning("sweeping_put_off", document=work.document_id, reason=fault.code)
        return finish, count

    async def _prepare(self, work: Work, ready: Ready, build: Build) -> list[Passage]:
        document = Document(
            document_id=work.document_id, tenant=work.tenant, session_id=work.session_id, title=ready.title,
            source=ready.source, metadata=work.metadata, body=ready.body, entries=ready.entries, version=work.version,
        )  # fmt: skip
        passages = await self._indexing.cut(build, document)
        found = [FoundPassage(passage=each, source=ready.source, metadata=work.metadata) for each in passages]
        await self._indexing.write(build, found)
        return passages

    async def _reject(self, work: Work, fault: Unreadable) -> tuple[str, int]:
        rejected = await self._versions.reject(work, fault.code, fault.reason)
        return ("rejected" if rejected else "taken"), 0


def _with(ready: Ready, passages: dict[str, list[Passage]]) -> Ready:
    return Ready(
        title=ready.title, source=ready.source, language=ready.language, media_type=ready.media_type, body=ready.body,
        entries=ready.entries, notes=ready.notes, sha256=ready.sha256, size=ready.size, passages=passages,
    )  # fmt: skip


def _ready(work: Work, reading: Reading) -> Ready:
    """What a version is called and says."""
    size, sha256 = (work.size, work.sha256) if not work.url else content_of(reading.text)
    title = work.title or " ".join(reading.title.split()) or work.name or work.url or work.document_id
    return Ready(
        title=title[:TITLE_CHARACTERS],
        source=work.source or work.url or work.name or work.document_id,
        language=reading.language,
        media_type=reading.media_type,
        body=reading.text.replace("\0", "\ufffd"),
        entries=reading.entries,
        notes=reading.notes,
        sha256=sha256,
        size=size,
        passages={},
    )
