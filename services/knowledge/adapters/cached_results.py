"""Results of searches in the cache."""

from libs.contracts.knowledge import SearchResult
from libs.runtime.cache import Cache


class CachedResults:
    """A Results over a cache that replicas share.

    Args:
        cache: where results are kept, as they go over the bus.
        ttl_s: for how many seconds.
    """

    def __init__(self, cache: Cache, ttl_s: float) -> None:
        self._cache = cache
        self._ttl_s = ttl_s

    async def get(self, key: str) -> SearchResult | None:
        return await self._cache.get(key, SearchResult)

    async def keep(self, key: str, result: SearchResult) -> None:
        await self._cache.set(key, result, self._ttl_s)
