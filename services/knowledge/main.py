"""Composition root of the knowledge service: read it from top to bottom."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from libs.contracts.streams import DOCUMENTS
from libs.reading import Limits
from libs.runtime.blobs import NatsBlobs
from libs.runtime.cache import Cache
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from libs.runtime.relay import Relay
from libs.runtime.service import NotReady, Scope

from . import routes
from .adapters.cached_results import CachedResults
from .adapters.document_blobs import DocumentBlobs
from .adapters.engines import opened_engines
from .adapters.postgres_builds import PostgresBuilds, PostgresPassages
from .adapters.postgres_citations import PostgresCitations
from .adapters.postgres_documents import PostgresDocuments
from .adapters.postgres_gaps import PostgresGaps
from .adapters.postgres_versions import PostgresVersions
from .adapters.read_files import FileReader
from .adapters.web_pages import HttpWebPages
from .app import (
    Builds,
    Documents,
    Gaps,
    Indexing,
    Ingesting,
    Opening,
    Reindexing,
    Searching,
    Sessions,
    Sites,
    Sweeping,
    Usage,
    WrongModel,
    seed,
)
from .app.library import QuestionMeanings, Shelf
from .domain import Document, read_document
from .ports import EmbedderFault, Engines, IndexLocked, IndexMismatch, Reader, Stores
from .ports.web import WebPages
from .settings import Settings

_HERE = Path(__file__).parent
_SEED_TENANT = "default"
_DRAIN_S = 6.0


async def build(scope: Scope, settings: Settings) -> None:
    """Wire the service."""
    database = await scope.enter("database", Database.connect(settings.database_url, "knowledge", _HERE / "sql"))
    scope.check("Database", database.probe)
    scope.check("Tables", database.probe_tables)
    await scope.check_now()
    bus = await scope.enter("bus", NatsBus.connect(settings.nats_url, scope.instance))
    cache = await scope.enter("cache", _opened_cache(settings))
    engines = await scope.enter("engines", opened_engines(settings, cache))
    relay = Relay("knowledge", database, bus)
    stores = _stores(database, relay)
    files, indexing = NatsBlobs(bus, DOCUMENTS), Indexing(engines)
    blobs = DocumentBlobs(files)
    sweeping = Sweeping(stores, blobs, engines, scope.log)
    web = _web_pages(scope, settings)
    reader = _reader(settings, files, web)
    ingesting = Ingesting(stores, reader, indexing, sweeping, scope.log, slots=settings.ingest_slots)
    documents = Documents(stores.documents, blobs, ingesting, sweeping, scope.log)
    kept = CachedResults(cache, settings.cache_ttl_s)
    searching = Searching(engines, Builds(stores.builds), stores.passages, kept)
    reindexing = Reindexing(
        stores, engines, indexing, scope.log, engine="qdrant" if settings.qdrant_url else "embedded"
    )
    meanings = QuestionMeanings(engines, settings.embedding_model)
    gaps = Gaps(PostgresGaps(database, told=relay.wake), meanings, Shelf(documents, searching))

    await _open_build(scope, settings, Opening(stores, engines, indexing, reindexing, scope.log))
    _check_engines(scope, settings, engines, reindexing)
    scope.check("Message broker", bus.ping)
    scope.check("Document Store", blobs.probe)
    scope.check("Redis Cache", cache.probe, required=False)
    _work(scope, ingesting, reindexing, sweeping, relay)
    if settings.seeds and (seeded := await seed(_example_documents(), stores.documents, documents)):
        scope.log.info("example_documents_loaded", documents=seeded)
    usage = Usage(PostgresCitations(database))
    await routes.serve(bus, searching, documents, reindexing, scope)
    await routes.serve_sites(bus, Sites(web, documents))
    await routes.serve_gaps(bus, gaps, usage)
    routes.listen(bus, gaps, usage, Sessions(stores.documents, documents), scope)


def _stores(database: Database, relay: Relay) -> Stores:
    return Stores(
        PostgresDocuments(database, relay.wake), PostgresVersions(database, relay.wake), PostgresBuilds(database),
        PostgresPassages(database),
    )  # fmt: skip


def _work(scope: Scope, ingesting: Ingesting, reindexing: Reindexing, sweeping: Sweeping, relay: Relay) -> None:
    """Begin what goes on by itself."""
    scope.spawn("ingesting", ingesting.run)
    scope.spawn("reindexing", reindexing.run)
    scope.spawn("sweeping", sweeping.run)
    scope.spawn("relay", relay.run)
    scope.on_drain("ingesting", ingesting.give_back, _DRAIN_S)
    scope.on_drain("relay", relay.drained, _DRAIN_S)


async def _open_build(scope: Scope, settings: Settings, opening: Opening) -> None:
    """Open what searches find from now on, and see to it that it is whole.

    Raises:
        NotReady: it cannot be opened, with what to do.
    """
    try:
        live = await opening.live_build(settings.embedding_model)
    except EmbedderFault as fault:
        raise NotReady(f"Embedding Model: {fault}") from fault
    except (IndexMismatch, IndexLocked, WrongModel) as fault:
        raise NotReady(f"Vector Index: {fault}") from fault
    if restored := await opening.restore(live):
        scope.log.info("index_restored", passages=restored)
    await opening.recut(live)


def _check_engines(scope: Scope, settings: Settings, engines: Engines, reindexing: Reindexing) -> None:
    """Say in readiness what questions are answered with."""

    async def probe_index() -> str:
        index = await engines.index(await reindexing.live())
        await index.ping()
        kind = "Qdrant server" if settings.qdrant_url else "embedded engine"
        return f"{kind}, {await index.count()} passages"

    async def probe_embedder() -> str:
        embedder = await engines.embedder((await reindexing.live()).model)
        await embedder.embed_query("ready")
        return f"{embedder.model.name}, {embedder.model.dimension} dimensions, {embedder.model.origin}"

    scope.check("Vector Index", probe_index)
    scope.check("Embedding Model", probe_embedder)


def _web_pages(scope: Scope, settings: Settings) -> WebPages:
    pages = HttpWebPages(private_hosts=settings.fetch_private_hosts)
    scope.on_drain("web pages", pages.close, _DRAIN_S)
    return pages


def _reader(settings: Settings, files: NatsBlobs, web: WebPages) -> Reader:
    limits = Limits(seconds=settings.ingest_timeout_s, memory_mb=settings.ingest_memory_mb)
    return FileReader(files, web, limits)


def _example_documents() -> list[Document]:
    files = sorted((_HERE / "documents").glob("*.md"))
    return [read_document(file.read_text(encoding="utf-8"), tenant=_SEED_TENANT) for file in files]


def _opened_cache(settings: Settings) -> AbstractAsyncContextManager[Cache]:
    return Cache.connect(
        settings.redis_url, enabled=settings.cache_enabled, prefix=settings.cache_prefix, part="Redis Cache"
    )
