"""Reindexing: everything is cut and embedded anew beside what is found, and then searches switch to it."""

import asyncio
from contextlib import suppress

from libs.contracts.context import Context
from libs.contracts.documents import AskIndex, IndexState, Rebuilding, Reindex
from libs.contracts.errors import DeskError, Invalid, Unavailable
from libs.runtime.clock import now
from libs.runtime.ids import mint

from ..domain import CHUNKING, Build, BuildState, Document, FoundPassage
from ..ports import EmbedderFault, Engines, Log, Stores
from .indexing import Indexing

_POLL_S = 2.0
_LEASE_S = 30.0
_BATCH = 50
_BUILD = "build"


class Reindexing:
    """The use cases about what searches rest on, and the task that fills a new build.

    Args:
        engine: `embedded` or `qdrant`, for whoever asks.
    """

    def __init__(self, stores: Stores, engines: Engines, indexing: Indexing, log: Log, *, engine: str) -> None:
        self._store = stores.builds
        self._passages = stores.passages
        self._engines = engines
        self._indexing = indexing
        self._log = log
        self._engine = engine
        self._wake = asyncio.Event()

    async def reindex(self, request: Reindex, ctx: Context) -> IndexState:
        """Begin another build, by another model perhaps. Searches go on, and switch when it holds everything.

        Raises:
            Invalid: `unknown_model`: no such model can be had.
            Conflict: `reindex_running`.
            Unavailable: it could not be written down.
        """
        live = await self.live()
        await self.begin(request.model or live.model)
        return await self.state(AskIndex(), ctx)

    async def begin(self, model: str) -> Build:
        """Write a new build down, to be filled.

        Raises:
            Invalid: `unknown_model`.
            Conflict: `reindex_running`.
            Unavailable: it could not be written down.
        """
        try:
            embedder = await self._engines.embedder(model)
        except EmbedderFault as fault:
            raise Invalid("unknown_model", str(fault)) from fault
        build = await self._store.begin(
            Build(
                build_id=mint(_BUILD), model=model, dimension=embedder.model.dimension, chunking=CHUNKING,
                state="building", created_at=now(),
            )
        )  # fmt: skip
        self._log.info("reindex_begun", build=build.build_id, model=model)
        self._wake.set()
        return build

    async def state(self, request: AskIndex, ctx: Context) -> IndexState:  # noqa: ARG002 - a handler's shape
        """Say what searches rest on, and what is being built beside it.

        Raises:
            Unavailable: the index or the model does not answer.
        """
        live = await self.live()
        index, embedder = await self._indexing.opened(live)
        building = await self._in_state("building")
        rebuilding = None
        if building:
            progress = await self._store.progress(building.build_id)
            rebuilding = Rebuilding(
                model=building.model, dimension=building.dimension, done=progress.done, documents=progress.documents,
                started_at=building.created_at, error=building.error,
            )  # fmt: skip
        return IndexState(
            engine=self._engine,
            model=embedder.model.name,
            dimension=live.dimension,
            origin=embedder.model.origin,
            passages=await self._passages.count(live.build_id),
            vectors=await index.count(),
            rebuilding=rebuilding,
        )

    async def run(self) -> None:
        """Fill builds for ever."""
        while True:
            try:
                await self.fill_one()
            except DeskError as fault:
                self._log.warning("reindexing_paused", reason=fault.code)
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._wake.wait()
            self._wake.clear()

    async def fill_one(self) -> bool:
        """Fill the build that waits for it, and switch to it; False where there is none, or another process has it.

        Raises:
            Unavailable: something is away; it goes on from there when it is back.
        """
        build = await self._in_state("building")
        if build is None or not await self._store.lease(build.build_id, _LEASE_S):
            return False
        error: str | None = None
        try:
            while not await self._store.switch(build.build_id):
                await self._fill(build)
        except Unavailable as fault:
            error = fault.detail
            raise
        finally:
            with suppress(DeskError):
                await self._store.release(build.build_id, error)
        self._log.info("reindex_done", build=build.build_id, model=build.model)
        return True

    async def _fill(self, build: Build) -> None:
        """Add every document that the build lacks, in their order."""
        after = ("", "")
        while documents := await self._store.unbuilt(build.build_id, after, _BATCH):
            for tenant, document_id in documents:
                await self._add(build, tenant, document_id)
                await self._renew(build)
            after = documents[-1]

    async def _add(self, build: Build, tenant: str, document_id: str) -> None:
        index, _ = await self._indexing.opened(build)
        written = 0  # the version that this has written last
        while (version := await self._store.to_build(tenant, document_id)) is not None:
            document = Document(
                document_id=document_id, tenant=tenant, session_id=version.session_id, title=version.title,
                source=version.source, metadata=version.metadata, body=version.body, entries=version.entries,
                version=version.version,
            )  # fmt: skip
            found = [
                FoundPassage(passage=each, source=version.source, metadata=version.metadata)
                for each in await self._indexing.cut(build, document)
            ]
            await self._indexing.write(build, found, lambda: self._renew(build))
            written = version.version
            added = await self._store.add(build.build_id, version, found)
            await index.delete_document(tenant, document_id, before_version=version.version)
            if added:
                return
        # It is deleted; what comes under its id now has higher numbers, and is written by whoever ingests it.
        await index.delete_document(tenant, document_id, before_version=written + 1)

    async def _renew(self, build: Build) -> None:
        if not await self._store.renew(build.build_id, _LEASE_S):
            raise Unavailable("index_changed", "The build is gone, or is done")

    async def live(self) -> Build:
        """What searches find. Raises Unavailable."""
        live = await self._in_state("live")
        if live is None:
            raise Unavailable("index_unavailable", "There is no index yet")
        return live

    async def _in_state(self, state: BuildState) -> Build | None:
        return next((build for build in await self._store.all() if build.state == state), None)
