"""Values in Redis, and in a bounded twin in memory while Redis is away.

Values that are no longer true do not come back (the rule):

1. A write (set, delete, clear) that Redis has not confirmed, because it was away, failed, or the caller gave up, is
   remembered, and from then on nothing is read from Redis.
2. When Redis answers again, every key and pattern so remembered is first removed from it; a key that was set meanwhile
   too, since another replica may have written a newer value. Only then is Redis read again, and the twin is emptied, so
   that nothing old waits in it for the next outage.
3. At most 10,000 keys and 16 patterns are remembered; beyond that the whole prefix is removed.
4. While Redis is away replicas do not see each other's writes: the twin keeps nothing longer than `outage_ttl_s`, which
   is the longest that one replica may serve what another has changed.

What is left: a process that dies during an outage forgets what it has to make up for, and a replica that reaches Redis
before the one that has to make up for a write can read the old value until that one is back (within 5 s). A caller who
cannot bear that puts a version into the key.
"""

import asyncio
from collections.abc import Sequence
from typing import TypeVar, cast

from redis.asyncio import Redis

from libs.contracts.errors import Unavailable

from .cache_memory import MemoryStore, glob_literal
from .redis import Away, Command, Exchange, RedisLink

T = TypeVar("T")

_MOST_KEYS = 10_000
_MOST_PATTERNS = 16
_BATCH = 500
# A value of a version begins with it (`Versioned` of the cache). Compared and set in one step, whoever else writes.
_SET_NEWER = """
local kept = redis.call('GET', KEYS[1])
local version = kept and string.match(kept, '^{"version":(%d+),')
if version and tonumber(version) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
"""


class RedisStore:
    """Values in Redis; in the twin while Redis is away. See the module for the rule.

    Args:
        link: the database; closed with the store.
        prefix: of all names that this store is given.
        outage_ttl_s: the longest that the twin keeps a value.
        twin: what serves while Redis is away.
    """

    def __init__(
        self, link: RedisLink, prefix: str, *, outage_ttl_s: float = 60.0, twin: MemoryStore | None = None
    ) -> None:
        self._link = link
        self._everything = glob_literal(prefix).encode() + b"*"
        self._outage_ttl_s = outage_ttl_s
        self._twin = MemoryStore() if twin is None else twin  # an empty one is false
        self._missed_names: set[bytes] = set()
        self._missed_patterns: set[bytes] = set()
        self.close = link.close
        link.follow(self)

    async def get(self, name: bytes) -> bytes | None:
        """Give a value, None where there is none."""
        try:
            value = await self._link.ask(lambda redis: redis.get(name))
        except Away:
            return await self._twin.get(name)
        return value.encode() if isinstance(value, str) else value

    async def put(self, name: bytes, value: bytes, ttl_s: float) -> None:
        """Keep a value."""
        milliseconds = max(1, round(ttl_s * 1000))
        try:
            await self._write(lambda redis: redis.set(name, value, px=milliseconds), name=name)
        except Away:
            await self._twin.put(name, value, min(ttl_s, self._outage_ttl_s))

    async def put_newer(self, name: bytes, value: bytes, version: int, ttl_s: float) -> bool:
        """Keep a value unless one of this version or a later one is there."""
        milliseconds = max(1, round(ttl_s * 1000))

        async def run(redis: Redis) -> int:
            return cast("int", await redis.register_script(_SET_NEWER)([name], [value, version, milliseconds]))

        try:
            return await self._write(run, name=name) == 1
        except Away:
            return await self._twin.put_newer(name, value, version, min(ttl_s, self._outage_ttl_s))

    async def delete(self, name: bytes) -> bool:
        """Remove a value."""
        try:
            return await self._write(lambda redis: redis.unlink(name), name=name) > 0
        except Away:
            return await self._twin.delete(name)

    async def clear(self, pattern: bytes) -> int:
        """Remove the values whose names match."""
        try:
            return await self._scan_and_unlink(pattern, self._link.ask)
        except Away:
            self._miss(pattern=pattern)
            return await self._twin.clear(pattern)
        except asyncio.CancelledError:
            self._miss(pattern=pattern)
            raise

    async def _write(self, command: Command[T], *, name: bytes) -> T:
        try:
            return await self._link.ask(command)
        except (Away, asyncio.CancelledError):  # a caller who gives up does not know either whether it took place
            self._miss(name=name)
            raise

    async def ping(self) -> None:
        """Make a round trip; raises Unavailable."""
        await self._link.ping()

    async def probe(self) -> str:
        """Say how Redis is, or what serves in its place; raises Unavailable."""
        try:
            await self._link.ping()
        except Unavailable as away:
            detail = f"Redis does not answer; a bounded store in memory serves meanwhile ({len(self._twin)} entries)"
            raise Unavailable(away.code, detail) from None
        return "Redis answers"

    # --- making up for missed writes

    def _miss(self, *, name: bytes | None = None, pattern: bytes | None = None) -> None:
        """Remember a write that Redis may not have seen, and do not read from it before it is made up for."""
        if name is not None:
            self._missed_names.add(name)
        if pattern is not None:
            self._missed_patterns.add(pattern)
        if len(self._missed_names) > _MOST_KEYS or len(self._missed_patterns) > _MOST_PATTERNS:
            self._missed_patterns = {self._everything}
        if self._everything in self._missed_patterns:
            self._missed_names.clear()
        self._link.suspect()

    @property
    def behind(self) -> bool:
        """Whether there are writes that Redis has missed."""
        return bool(self._missed_names or self._missed_patterns)

    async def catch_up(self, exchange: Exchange) -> None:
        """Remove from Redis whatever was written meanwhile."""
        names, self._missed_names = self._missed_names, set()
        patterns, self._missed_patterns = self._missed_patterns, set()
        try:
            for pattern in patterns:
                await self._scan_and_unlink(pattern, exchange)
            await _unlink(list(names), exchange)
        except BaseException:
            self._missed_names |= names
            self._missed_patterns |= patterns
            raise

    def resume(self) -> None:
        """Empty the twin: what it holds would be old by the next outage."""
        self._twin.forget()

    async def _scan_and_unlink(self, pattern: bytes, exchange: Exchange) -> int:
        cursor, removed = 0, 0
        while True:
            cursor, names = await exchange(lambda redis, at=cursor: _scan(redis, at, pattern))
            removed += await _unlink(names, exchange)
            if cursor == 0:
                return removed


async def _scan(redis: Redis, cursor: int, pattern: bytes) -> tuple[int, Sequence[bytes | str]]:
    return await redis.scan(cursor, match=pattern, count=_BATCH)  # pyright: ignore[reportUnknownMemberType]


async def _unlink(names: Sequence[bytes | str], exchange: Exchange) -> int:
    removed = 0
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        removed += await exchange(lambda redis, batch=batch: redis.unlink(*batch))
    return removed
