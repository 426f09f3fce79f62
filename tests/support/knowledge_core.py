"""The use cases of the knowledge service in this process, over a real database and the real embedded engine.

Only the model is a toy: a text's vector says how often it has each of a few letters, so that a test decides what is near.
"""

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg

from libs.contracts.context import Context
from libs.contracts.documents import DeleteDocument, Document, DocumentGone, DocumentPut, GetDocument, PutDocument
from libs.contracts.knowledge import Search, SearchResult
from libs.runtime.cache import Cache
from libs.runtime.cache_memory import MemoryStore
from libs.runtime.ids import mint
from libs.runtime.migrate import migrate
from libs.runtime.postgres import Database
from services.knowledge.adapters.cached_results import CachedResults
from services.knowledge.adapters.postgres_builds import PostgresBuilds, PostgresPassages
from services.knowledge.adapters.postgres_documents import PostgresDocuments
from services.knowledge.adapters.postgres_versions import PostgresVersions
from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.app import (
    Builds,
    Documents,
    Indexing,
    Ingesting,
    Opening,
    Reindexing,
    Searching,
    Sessions,
    Sweeping,
)
from services.knowledge.domain import Build, EmbeddingModel, Reading, Unreadable, Vector, guessed_tokens
from services.knowledge.domain.versions import Work
from services.knowledge.ports import EmbedderFault, IndexUnavailable, Stores
from tests.support.system import ROOT

SQL = ROOT / "services/knowledge/sql"


@asynccontextmanager
async def fresh_database(url: str) -> AsyncIterator[Database]:
    """A migrated database of its own, gone afterwards."""
    name = f"core_{mint('x').lower()}"
    server = await asyncpg.connect(url)
    await server.execute(f"create database {name}")
    own = url.rpartition("/")[0] + f"/{name}" + ("?" + url.partition("?")[2] if "?" in url else "")
    try:
        await migrate(own, ["knowledge"])
        async with Database.connect(own, "knowledge", SQL, pool_size=8) as database:
            yield database
    finally:
        await server.execute(f"drop database {name} with (force)")
        await server.close()


class ToyEmbedder:
    """A model of `dimension` numbers that calls itself `name`."""

    def __init__(self, name: str, dimension: int) -> None:
        self.model = EmbeddingModel(name=name, dimension=dimension, origin="a test")
        self.delay = 0.0
        self.embedded = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def embed_query(self, text: str) -> Vector:
        return self._vector(text)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        await asyncio.sleep(self.delay)
        self.embedded += len(texts)
        return [self._vector(text) for text in texts]

    def count_tokens(self, text: str) -> int:
        return guessed_tokens(text)

    def _vector(self, text: str) -> Vector:
        numbers = [0.01] * self.model.dimension
        for word in text.lower().split():
            numbers[int(hashlib.sha256(word.strip(".,?!#").encode()).hexdigest(), 16) % self.model.dimension] += 1.0
        length = math.hypot(*numbers)
        return [number / length for number in numbers]


class Watched:
    """An index that can be away, and that tells a test when it was written to."""

    def __init__(self, engines: "ToyEngines", index: QdrantEdgeIndex) -> None:
        self._engines = engines
        self._index = index

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def asked(*values: Any, **named: Any) -> Any:
            if self._engines.away:
                raise IndexUnavailable("away")
            result = await getattr(self._index, name)(*values, **named)
            if name in self._engines.after:
                await self._engines.after[name]()
            return result

        return asked


class ToyEngines:
    """Engines with the embedded index and toy models.

    Attributes:
        away: whether the index does not answer.
        after: what is done after a call of the index, by its name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = {"toy": ToyEmbedder("toy", 24), "wide": ToyEmbedder("wide", 32)}
        self.away = False
        self.after: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self.opened: dict[str, QdrantEdgeIndex] = {}
        self._opening = asyncio.Lock()

    async def index(self, build: Build) -> Any:
        async with self._opening:
            if build.build_id not in self.opened:
                index = QdrantEdgeIndex(self.folder / build.build_id)
                await index.open(self.models[build.model].model)
                self.opened[build.build_id] = index
        return Watched(self, self.opened[build.build_id])

    async def embedder(self, model: str) -> ToyEmbedder:
        if model not in self.models:
            raise EmbedderFault(f"There is no model {model}")
        return self.models[model]

    async def drop(self, build: Build) -> None:
        await self.index(build)
        await self.opened.pop(build.build_id).drop()

    async def close(self) -> None:
        for index in self.opened.values():
            await index.close()
        self.opened.clear()


class ToyReader:
    """Gives a text as it is; refuses one that begins with `broken`. Of every address, what `page` says."""

    page = "A page."

    async def read(self, work: Work) -> Reading:
        if work.url:
            return Reading(text=self.page, title="Page", media_type="text/html")
        if (work.content or "").startswith("broken"):
            raise Unreadable("broken", "The file is damaged.")
        return Reading(text=work.content or "", media_type="text/markdown")


class NoBlobs:
    """A bucket with nothing in it."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def digest(self, name: str) -> tuple[int, str]:
        return len(name), hashlib.sha256(name.encode()).hexdigest()

    async def delete(self, name: str) -> None:
        self.deleted.append(name)


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    warning = info


class Core:
    """A process of the service: made anew over the same database and folder, it is the next process."""

    def __init__(
        self, database: Database, folder: Path, *, lease_s: float = 60.0, retired_s: float = 60.0, engines: Any = None,
        cache: Cache | None = None,
    ) -> None:  # fmt: skip
        self.database = database
        self.engines = engines or ToyEngines(folder)
        self.log, self.blobs = Lines(), NoBlobs()
        self.stores = Stores(
            PostgresDocuments(database, lambda: None), PostgresVersions(database, lambda: None),
            PostgresBuilds(database), PostgresPassages(database),
        )  # fmt: skip
        self.cache = cache or Cache(MemoryStore())
        indexing = Indexing(self.engines)
        self.sweeping = Sweeping(self.stores, self.blobs, self.engines, self.log, retired_s=retired_s)
        self.reader = ToyReader()
        self.ingesting = Ingesting(self.stores, self.reader, indexing, self.sweeping, self.log, lease_s=lease_s)
        self.documents = Documents(self.stores.documents, self.blobs, self.ingesting, self.sweeping, self.log)
        self.searching = Searching(
            self.engines, Builds(self.stores.builds), self.stores.passages, CachedResults(self.cache, 60)
        )
        self.reindexing = Reindexing(self.stores, self.engines, indexing, self.log, engine="embedded")
        self.opening = Opening(self.stores, self.engines, indexing, self.reindexing, self.log)
        self.sessions = Sessions(self.stores.documents, self.documents)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, model: str = "toy") -> Build:
        live = await self.opening.live_build(model)
        await self.opening.restore(live)
        return live

    def work(self, *, reindexing: bool = False) -> None:
        """Let the workers run until `stop`."""
        self._tasks.append(asyncio.create_task(self.ingesting.run()))
        if reindexing:
            self._tasks.append(asyncio.create_task(self.reindexing.run()))

    async def stop(self) -> None:
        """Stop at once, wherever the workers are, and let go of the index."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        await self.engines.close()

    # --- what a client does

    async def put(self, text: str, document_id: str = "doc_a", *, tenant: str = "acme", **fields: Any) -> DocumentPut:
        request = PutDocument(document_id=document_id, text=text, **{"title": "A title", **fields})
        return await self.documents.put(request, Context(tenant=tenant))

    async def get(self, document_id: str = "doc_a", tenant: str = "acme") -> Document:
        return (await self.documents.get(GetDocument(document_id=document_id), Context(tenant=tenant))).document

    async def search(self, query: str, *, tenant: str = "acme", **fields: Any) -> SearchResult:
        wanted = {"min_score": 0.0, "limit": 20, **fields}
        return await self.searching.search(Search(query=query, **wanted), Context(tenant=tenant))

    async def texts(self, query: str, **fields: Any) -> list[str]:
        return [source.content for source in (await self.search(query, **fields)).sources]

    async def delete(self, document_id: str = "doc_a", tenant: str = "acme") -> DocumentGone:
        return await self.documents.delete(DeleteDocument(document_id), Context(tenant=tenant))

    async def vectors(self) -> int:
        """How many points the live index holds."""
        live = await self.reindexing.live()
        await self.engines.index(live)
        return await self.engines.opened[live.build_id].count()

    async def events(self) -> list[str]:
        """The types of all events so far, in their order."""
        async with self.database.connection() as work:
            rows = await work.raw.fetch("select type from knowledge_events order by id")
        return [row["type"] for row in rows]
