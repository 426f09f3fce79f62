"""An embedder that remembers the vectors of questions, for itself and for every replica with the same model."""

import asyncio
from collections.abc import Sequence

from libs.runtime.cache import Cache

from ..domain import EmbeddingModel, Vector, vector_key
from ..ports import Embedder


class CachedEmbedder:
    """An Embedder over another one. Passages are not remembered: each is embedded once.

    Equal questions at the same time are embedded once; whoever gives up takes nothing from the others.

    Args:
        embedder: opened and closed by whoever made it.
        cache: where vectors are kept, as lists of numbers.
        ttl_s: for how many seconds.
    """

    def __init__(self, embedder: Embedder, cache: Cache, ttl_s: float) -> None:
        self._embedder = embedder
        self._cache = cache
        self._ttl_s = ttl_s
        self._under_way: dict[str, asyncio.Task[Vector]] = {}
        self.open = embedder.open
        self.close = embedder.close
        self.count_tokens = embedder.count_tokens

    @property
    def model(self) -> EmbeddingModel:
        return self._embedder.model

    async def embed_query(self, text: str) -> Vector:
        key = vector_key(self.model.name, text)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._found(key, text))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return await self._embedder.embed_passages(texts)

    async def _found(self, key: str, text: str) -> Vector:
        kept = await self._cache.get(key, Vector)
        if kept is not None and len(kept) == self.model.dimension:
            return kept
        vector = await self._embedder.embed_query(text)
        await self._cache.set(key, vector, self._ttl_s)
        return vector
