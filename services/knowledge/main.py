"""Composition root of the knowledge service."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from libs.contracts.bus_map import SESSION_DELETED, TURN_COMPLETED
from libs.runtime.cache import Cache
from libs.runtime.consumer import EventConsumer
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from libs.runtime.service import NotReady, Scope

from . import routes
from .adapters.cached_embedder import CachedEmbedder
from .adapters.cached_results import CachedResults
from .adapters.fastembed_embedder import FastembedEmbedder
from .adapters.postgres_documents import PostgresDocuments
from .adapters.postgres_gaps import PostgresGaps
from .adapters.qdrant_edge_index import QdrantEdgeIndex
from .app import App, Gaps
from .domain import Document, read_document
from .ports import Embedder, EmbedderFault, IndexLocked, IndexMismatch, VectorIndex
from .settings import Settings

_HERE = Path(__file__).parent
_SEED_TENANT = "default"


async def build(scope: Scope, settings: Settings) -> None:
    """Wire the service."""
    database = await scope.enter("database", Database.connect(settings.database_url, "knowledge", _HERE / "sql"))
    scope.check("Database", database.probe)
    scope.check("Tables", database.probe_tables)
    await scope.check_now()
    embedder = await scope.enter("embedder", _opened_embedder(settings))
    index = await scope.enter("index", _opened_index(settings, embedder))
    bus = await scope.enter("bus", NatsBus.connect(settings.nats_url, scope.instance))
    cache = await scope.enter("cache", _opened_cache(settings))
    app = App(
        CachedEmbedder(embedder, cache, settings.cache_ttl_s),
        index,
        PostgresDocuments(database),
        CachedResults(cache, settings.cache_ttl_s),
    )
    gaps = Gaps(PostgresGaps(database))

    if restored := await app.restore_index():
        scope.log.info("index_restored", passages=restored)
    if settings.seeds and (seeded := await app.seed(_example_documents())):
        scope.log.info("example_documents_loaded", documents=seeded)

    _check_engines(scope, settings, index, embedder)
    scope.check("Message broker", bus.ping)
    scope.check("Redis Cache", cache.probe, required=False)
    await routes.serve(bus, app, gaps, scope)
    scope.spawn("gaps", EventConsumer(bus, "knowledge", TURN_COMPLETED, gaps.note).run)
    scope.spawn("forgetting", EventConsumer(bus, "knowledge", SESSION_DELETED, gaps.forget).run)


def _check_engines(scope: Scope, settings: Settings, index: VectorIndex, embedder: Embedder) -> None:
    """Say in readiness what questions are answered with."""

    async def probe_index() -> str:
        await index.ping()
        kind = "Qdrant server" if settings.qdrant_url else "embedded engine"
        return f"{kind}, {await index.count()} passages"

    async def probe_embedder() -> str:
        await embedder.embed_query("ready")
        model = embedder.model
        return f"{model.name}, {model.dimension} dimensions, {model.origin}"

    scope.check("Vector Index", probe_index)
    scope.check("Embedding Model", probe_embedder)


def _example_documents() -> list[Document]:
    files = sorted((_HERE / "documents").glob("*.md"))
    return [read_document(file.read_text(encoding="utf-8"), tenant=_SEED_TENANT) for file in files]


def _opened_cache(settings: Settings) -> AbstractAsyncContextManager[Cache]:
    return Cache.connect(
        settings.redis_url, enabled=settings.cache_enabled, prefix=settings.cache_prefix, part="Redis Cache"
    )


@asynccontextmanager
async def _opened_embedder(settings: Settings) -> AsyncIterator[Embedder]:
    embedder = FastembedEmbedder(Path(settings.embedding_path), threads=settings.embedding_threads)
    try:
        await embedder.open()
    except EmbedderFault as fault:
        raise NotReady(f"Embedding Model: {fault}") from fault
    try:
        yield embedder
    finally:
        await embedder.close()


@asynccontextmanager
async def _opened_index(settings: Settings, embedder: Embedder) -> AsyncIterator[VectorIndex]:
    index = _chosen_index(settings)
    try:
        await index.open(embedder.model)
    except (IndexMismatch, IndexLocked) as fault:
        raise NotReady(f"Vector Index: {fault}") from fault
    try:
        yield index
    finally:
        await index.close()


def _chosen_index(settings: Settings) -> VectorIndex:
    if not settings.qdrant_url:
        return QdrantEdgeIndex(Path(settings.index_path))
    from .adapters.qdrant_server_index import QdrantServerIndex  # noqa: PLC0415 - heavy, and only some need it

    return QdrantServerIndex.at(settings.qdrant_url, api_key=settings.qdrant_api_key)
