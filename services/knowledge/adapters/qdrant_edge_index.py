"""The vector index of one service: Qdrant's engine in a process of its own, over a folder.

The engine never releases the GIL, so in this process a search would hold up everything else for as long as it takes
(2.5 ms among 10,000 passages, 5 to 6 ms among 100,000), and so would writing.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from libs.contracts.documents import Metadata
from services.knowledge.domain import NO_WORDS, Candidate, EmbeddingModel, Point, SparseVector, Vector
from services.knowledge.ports import IndexLocked, IndexMismatch, IndexUnavailable

from .qdrant_edge_messages import Answer, Asked, Close, Count, DeleteDocument, Open, Ping, Search, Upsert
from .qdrant_edge_process import EdgeProcess, ProcessGone

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

_POINTS_PER_WRITE = 64  # about 10 ms of the engine, for which searches wait
_OPEN_S = 120.0  # among much that was deleted, opening makes room first
_SEARCH_S = 5.0
_WRITE_S = 30.0
_CLOSE_S = 15.0
_LOCK_PAUSE_S = 0.1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0


class QdrantEdgeIndex:
    """A VectorIndex in `folder`.

    A process that dies is started again; until it has opened the folder, every call raises IndexUnavailable.

    Args:
        folder: made where there is none.
        lock_wait_s: for how long `open` waits for another process to let go of the folder: that of a service which was
            killed a moment ago writes everything out first.
    """

    def __init__(self, folder: Path, *, lock_wait_s: float = 5.0) -> None:
        self._folder = folder
        self._lock_wait_s = lock_wait_s
        self._process: EdgeProcess | None = None  # that answers
        self._last: EdgeProcess | None = None  # that was started, whether it answers or not
        self._keeper: asyncio.Task[None] | None = None

    async def open(self, model: EmbeddingModel) -> None:
        """Open the folder's collection or make it. Raises IndexMismatch, IndexLocked, IndexUnavailable."""
        if self._keeper is not None:
            return
        self._process = await self._first(model)
        self._keeper = asyncio.create_task(self._keep(self._process, model))

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write points; a point of the same tenant and passage is replaced."""
        for start in range(0, len(points), _POINTS_PER_WRITE):
            await self._ask(Upsert(list(points[start : start + _POINTS_PER_WRITE])), _WRITE_S)

    async def delete_document(self, tenant: str, document_id: str, *, before_version: int | None = None) -> None:
        """Delete the points of a document, or only those of versions below `before_version`."""
        await self._ask(DeleteDocument(tenant, document_id, before_version), _WRITE_S)

    async def search(
        self,
        vector: Vector | None,
        words: SparseVector = NO_WORDS,
        *,
        tenant: str,
        session_id: str | None = None,
        filters: Metadata | None = None,
        limit: int,
    ) -> list[Candidate]:
        """The best passages by meaning and the best by words, each with all scores."""
        asked = Search(vector or [], words, tenant, session_id, filters or {}, limit)
        return (await self._ask(asked, _SEARCH_S)).candidates

    async def count(self, tenant: str | None = None, document_id: str | None = None) -> int:
        """How many points there are: of all, of a tenant, or of one of its documents."""
        return (await self._ask(Count(tenant, document_id), _SEARCH_S)).count

    async def ping(self) -> None:
        """Return when the index can answer a search now; raise IndexUnavailable when it cannot."""
        await self._ask(Ping(), _SEARCH_S)

    async def drop(self) -> None:
        """Remove the folder with all that it holds, and close."""
        await self.close()
        try:
            await asyncio.to_thread(_remove, self._folder)
        except OSError as fault:
            raise IndexUnavailable("The folder of the vector index could not be removed.") from fault

    async def close(self) -> None:
        """Write everything out and give the folder free. Closing twice does nothing."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        process, self._process = self._process, None
        if process is not None:
            with suppress(IndexUnavailable):
                await _answered(process, Close(), _CLOSE_S)
        if self._last is not None:
            await self._last.end()

    async def _ask(self, asked: Asked, timeout_s: float) -> Answer:
        if self._process is None:
            why = "not open" if self._keeper is None else "being opened again"
            raise IndexUnavailable(f"The vector index is {why}.")
        return await _answered(self._process, asked, timeout_s)

    async def _first(self, model: EmbeddingModel) -> EdgeProcess:
        clock = asyncio.get_running_loop().time
        until = clock() + self._lock_wait_s
        while True:
            try:
                return await self._started(model)
            except IndexLocked:
                if clock() >= until:
                    raise
            await asyncio.sleep(_LOCK_PAUSE_S)

    async def _started(self, model: EmbeddingModel) -> EdgeProcess:
        try:
            process = self._last = await EdgeProcess.start()
        except OSError as fault:
            raise IndexUnavailable("The process of the vector index cannot be started.") from fault
        try:
            await _answered(process, Open(str(self._folder), model), _OPEN_S)
        except BaseException:
            await process.end()
            raise
        return process

    async def _keep(self, process: EdgeProcess, model: EmbeddingModel) -> None:
        """Start it again whenever it has died, at longer and longer intervals where it does not come up."""
        pause = _FIRST_PAUSE_S
        while True:
            await process.gone.wait()
            self._process = None
            _log.warning("index_process_ended", code=await process.end())
            while self._process is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                try:
                    process = self._process = await self._started(model)
                except (IndexMismatch, IndexLocked, IndexUnavailable) as fault:
                    _log.warning("index_process_not_started", reason=type(fault).__name__)
            _log.info("index_process_started")
            pause = _FIRST_PAUSE_S


async def _answered(process: EdgeProcess, asked: Asked, timeout_s: float) -> Answer:
    try:
        async with asyncio.timeout(timeout_s):
            answer = await process.ask(asked)
    except (ProcessGone, TimeoutError) as fault:
        raise IndexUnavailable("The vector index does not answer.") from fault
    match answer.fault:
        case "":
            return answer
        case "mismatch":
            raise IndexMismatch(answer.detail)
        case "locked":
            raise IndexLocked(answer.detail)
        case _:
            raise IndexUnavailable(answer.detail)


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
