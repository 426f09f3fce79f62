"""What builds need: their indexes and models, opened once each and kept open."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

from libs.runtime.cache import Cache

from ..domain import NO_MODEL, Build, EmbeddingModel
from ..ports import Embedder, VectorIndex
from .cached_embedder import CachedEmbedder
from .fastembed_embedder import FastembedEmbedder
from .no_embedder import NoEmbedder
from .qdrant_edge_index import QdrantEdgeIndex

# How many texts are embedded at once: a second one fills the core that the first leaves idle, a third only waits.
_WORKERS = 2


class EngineSettings(Protocol):
    """What of the service's settings says where indexes and models are."""

    @property
    def index_path(self) -> str: ...

    @property
    def qdrant_url(self) -> str | None: ...

    @property
    def qdrant_api_key(self) -> str | None: ...

    @property
    def embedding_path(self) -> str: ...

    @property
    def embedding_threads(self) -> int: ...

    @property
    def cache_ttl_s(self) -> float: ...


@asynccontextmanager
async def opened_engines(settings: EngineSettings, cache: Cache | None = None) -> AsyncIterator[OpenEngines]:
    """Engines that open what is asked for, and close it all at the end."""
    engines = OpenEngines(settings, cache)
    try:
        yield engines
    finally:
        await engines.close()


class OpenEngines:
    """The Engines of a service.

    Args:
        settings: where everything is.
        cache: where the vectors of questions are remembered, for `cache_ttl_s`; None remembers none.
    """

    def __init__(self, settings: EngineSettings, cache: Cache | None = None) -> None:
        self._settings = settings
        self._cache = cache
        self._indexes: dict[str, VectorIndex] = {}
        self._embedders: dict[str, Embedder] = {}
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._at_end = AsyncExitStack()

    async def index(self, build: Build) -> VectorIndex:
        """The index of a build, opened. Raises IndexMismatch, IndexLocked, IndexUnavailable."""
        if (known := self._indexes.get(build.build_id)) is not None:
            return known
        async with self._opening[f"index {build.build_id}"]:
            if build.build_id not in self._indexes:
                index = self._made_index(build)
                try:
                    await index.open(EmbeddingModel(name=build.model, dimension=build.dimension, origin=""))
                except BaseException:
                    await index.close()
                    raise
                self._indexes[build.build_id] = index
            return self._indexes[build.build_id]

    async def embedder(self, model: str) -> Embedder:
        """A model by its name as in `DESKBUS_EMBEDDING_MODEL`, opened. Raises EmbedderFault."""
        if (known := self._embedders.get(model)) is not None:
            return known
        async with self._opening[f"embedder {model}"]:
            if model not in self._embedders:
                embedder = self._made_embedder(model)
                await embedder.open()
                self._at_end.push_async_callback(embedder.close)
                if self._cache is not None and not embedder.model.lexical:
                    embedder = CachedEmbedder(embedder, self._cache, self._settings.cache_ttl_s)
                self._embedders[model] = embedder
            return self._embedders[model]

    async def drop(self, build: Build) -> None:
        """Remove the index of a build with all that it holds; none there is no error. Raises IndexUnavailable."""
        async with self._opening[f"index {build.build_id}"]:
            index = self._indexes.pop(build.build_id, None) or self._made_index(build)
            await index.drop()

    async def close(self) -> None:
        """Close whatever is open, each though another fails. Closing twice does nothing."""
        indexes, self._indexes, self._embedders = self._indexes, {}, {}
        for index in indexes.values():
            self._at_end.push_async_callback(index.close)
        await self._at_end.aclose()

    def _made_embedder(self, model: str) -> Embedder:
        if model == NO_MODEL:
            return NoEmbedder()
        settings = self._settings
        return FastembedEmbedder(
            Path(settings.embedding_path), name=model, threads=settings.embedding_threads, workers=_WORKERS
        )

    def _made_index(self, build: Build) -> VectorIndex:
        settings = self._settings
        if not settings.qdrant_url:
            return QdrantEdgeIndex(Path(settings.index_path) / build.build_id)
        from .qdrant_server_index import QdrantServerIndex  # noqa: PLC0415 - heavy, and only some need it

        return QdrantServerIndex.at(
            settings.qdrant_url, collection=f"knowledge_{build.build_id}", api_key=settings.qdrant_api_key
        )
