"""A cache of JSON values: in Redis, with a bounded twin in memory that serves while Redis is away.

A cache may forget at any time, and never holds the only copy of anything. Values hold nothing of the process that wrote
them: every replica reads what another has written. `cache_redis` has the rule by which old values do not come back.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar, overload

import msgspec
from msgspec import Struct

from .cache_memory import NoStore, glob_literal
from .cache_redis import RedisStore
from .redis import TIMEOUT_S, RedisLink, key_name

T = TypeVar("T")

PREFIX = "cs_agent:"
TTL_S = 3600.0


class Store(Protocol):
    """Where bytes are kept by name. `get`, `put`, `delete` and `clear` never fail because a server is away."""

    async def get(self, name: bytes) -> bytes | None:
        """Give a value, None where there is none or its time is over."""
        ...

    async def put(self, name: bytes, value: bytes, ttl_s: float) -> None:
        """Keep a value for `ttl_s` seconds at most, more than 0."""
        ...

    async def put_newer(self, name: bytes, value: bytes, version: int, ttl_s: float) -> bool:
        """Keep a `Versioned` unless one of this version or a later one is there; say whether it was kept."""
        ...

    async def delete(self, name: bytes) -> bool:
        """Remove a value; say whether there was one."""
        ...

    async def clear(self, pattern: bytes) -> int:
        """Remove the values whose names match; give their number."""
        ...

    async def ping(self) -> None:
        """Make a round trip; raises Unavailable where the server is away."""
        ...

    async def probe(self) -> str:
        """Give a detail for readiness; raises Unavailable where the server is away."""
        ...

    async def close(self) -> None:
        """Let go; closing twice does nothing."""
        ...


class Versioned(Struct, Generic[T], frozen=True):
    """What `set_newer` keeps and `get(key, Versioned[...])` gives: a value, and which of its states it is."""

    version: int
    value: T


class Cache:
    """JSON values by key.

    Args:
        store: where they are kept.
        prefix: before every key, so that uses of one database keep apart.
    """

    def __init__(self, store: Store, prefix: str = PREFIX) -> None:
        self._store = store
        self._prefix = prefix
        self.ping = store.ping
        self.probe = store.probe
        self.close = store.close

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        url: str,
        *,
        enabled: bool = True,
        prefix: str = PREFIX,
        part: str = "cache",
        connections: int = 10,
        timeout_s: float = TIMEOUT_S,
        outage_ttl_s: float = 60.0,
    ) -> "AsyncIterator[Cache]":
        """Open a cache for a `with` block. A Redis that is absent is no error.

        Args:
            url: see `RedisLink` and `redis_url_from`.
            enabled: where not, nothing is kept and every `get` misses.
            prefix: before every key.
            part: what the log and readiness call it.
            connections: to Redis at most.
            timeout_s: for one exchange with Redis.
            outage_ttl_s: the longest that the twin keeps a value while Redis is away.

        Raises:
            Internal: `redis_url_unusable`.
        """
        if not enabled:
            yield cls(NoStore(), prefix)
            return
        async with RedisLink.connect(url, part, connections=connections, timeout_s=timeout_s) as link:
            yield cls(RedisStore(link, prefix, outage_ttl_s=outage_ttl_s), prefix)

    @overload
    async def get(self, key: str) -> Any: ...
    @overload
    async def get(self, key: str, kind: type[T]) -> T | None: ...
    async def get(self, key: str, kind: Any = Any) -> Any:
        """Give a value as `kind`, None where there is none; one of another shape, as older code may have left, is none."""
        value = await self._store.get(key_name(self._prefix, key))
        try:
            return None if value is None else msgspec.json.decode(value, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    async def set(self, key: str, value: object, ttl_s: float = TTL_S) -> None:
        """Keep a value for `ttl_s` seconds at most; 0 or less removes it.

        Raises:
            TypeError: the value cannot be told in JSON.
            ValueError: the time is not finite.
        """
        if not math.isfinite(ttl_s):
            raise ValueError("ttl_s must be finite")
        encoded = msgspec.json.encode(value)
        name = key_name(self._prefix, key)
        if ttl_s > 0:
            await self._store.put(name, encoded, ttl_s)
        else:
            await self._store.delete(name)

    async def set_newer(self, key: str, value: object, version: int, ttl_s: float = TTL_S) -> bool:
        """Keep a value as a `Versioned`, unless one of this version or a later one is there; say whether it was kept.

        Raises:
            TypeError: the value cannot be told in JSON.
            ValueError: the time is not finite and above 0, or the version is not in 0..2^53.
        """
        if not (math.isfinite(ttl_s) and ttl_s > 0 and 0 <= version <= 2**53):
            raise ValueError("ttl_s must be finite and above 0, version in 0..2^53")
        encoded = msgspec.json.encode(Versioned(version, value))
        return await self._store.put_newer(key_name(self._prefix, key), encoded, version, ttl_s)

    async def delete(self, key: str) -> bool:
        """Remove a value; say whether there was one (while Redis is away: in the twin)."""
        return await self._store.delete(key_name(self._prefix, key))

    async def clear_pattern(self, pattern: str) -> int:
        """Remove the values whose keys match a glob of Redis; give their number (while Redis is away: in the twin).

        Put text that is not yours through `glob_literal`. Of a key over 200 characters the first 128 can be matched.
        """
        return await self._store.clear((glob_literal(self._prefix) + pattern).encode(errors="surrogatepass"))
