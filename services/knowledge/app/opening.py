"""Opening: what must hold before the service answers: a live build of the model at hand, and an index that is whole."""

from libs.contracts.errors import Conflict
from libs.runtime.clock import now
from libs.runtime.ids import mint

from ..domain import CHUNKING, Build, mismatch
from ..ports import Engines, Log, Stores
from .indexing import Indexing
from .reindexing import Reindexing

_PAGE = 500


class WrongModel(Exception):
    """The passages are another model's; the message says what to do."""


class Opening:
    """What is seen to at the start."""

    def __init__(self, stores: Stores, engines: Engines, indexing: Indexing, reindexing: Reindexing, log: Log) -> None:
        self._store = stores.builds
        self._passages = stores.passages
        self._versions = stores.versions
        self._engines = engines
        self._indexing = indexing
        self._reindexing = reindexing
        self._log = log

    async def live_build(self, model: str) -> Build:
        """The build that searches find: there is one from now on, and it is of this model.

        Raises:
            WrongModel: there are passages of another one.
            EmbedderFault, IndexMismatch, IndexLocked, Unavailable: it cannot be opened.
        """
        dimension = (await self._engines.embedder(model)).model.dimension
        live = next((build for build in await self._store.all() if build.state == "live"), None)
        if live is None or (live.model, live.dimension) != (model, dimension):
            if (
                live is not None
                and (why := mismatch(live, model, dimension))
                and await self._passages.count(live.build_id)
            ):
                raise WrongModel(why)
            live = await self._store.begin(
                Build(
                    build_id=mint("build"), model=model, dimension=dimension, chunking=CHUNKING, state="live",
                    created_at=now(),
                )
            )  # fmt: skip
        await self._engines.index(live)
        return live

    async def recut(self, live: Build) -> None:
        """Cut documents anew where this version of the service cuts them in another way; searches go on meanwhile.

        Raises:
            Unavailable: it could not be written down.
        """
        if live.chunking == CHUNKING:
            return
        try:
            await self._reindexing.begin(live.model)
        except Conflict:
            self._log.info("reindex_goes_on")

    async def restore(self, live: Build) -> int:
        """Write again what the index lacks of the passages that there are; gives their number.

        What it holds too much is found by nobody; it goes with its document.

        Raises:
            Unavailable: the index, the model or the store does not answer.
        """
        index, _ = await self._indexing.opened(live)
        surplus = 0
        for tenant, document_id in await self._versions.unsettled():
            kept = len(await self._passages.of_document(live.build_id, tenant, document_id))
            surplus += max(0, await index.count(tenant, document_id) - kept)
        wanted, held = await self._passages.count(live.build_id), await index.count() - surplus
        if held > wanted:
            self._log.warning("index_holds_more", passages=wanted, vectors=held)
        if held >= wanted:
            return 0
        written = 0
        after = ("", "")
        while documents := await self._passages.counts(live.build_id, after, _PAGE):
            for tenant, document_id, count in documents:
                if not held or await index.count(tenant, document_id) < count:
                    found = await self._passages.of_document(live.build_id, tenant, document_id)
                    await self._indexing.write(live, found)
                    written += len(found)
            after = documents[-1][:2]
        await self._passages.renew_generations()
        return written
