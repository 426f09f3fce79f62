"""Rate limits by the generic cell rate algorithm, shared through Redis, local while Redis is away.

Source: the GCRA of ITU-T Recommendation I.371 (virtual scheduling), with the quantities of redis-cell: one number a key,
the theoretical arrival time (TAT) of the next request, at which the bucket would be full again.
"""

import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import NamedTuple, cast

from msgspec import Struct
from redis.asyncio import Redis

from libs.contracts.errors import Unavailable

from .redis import TIMEOUT_S, Away, RedisLink, key_name

PREFIX = "cs_limit:"
_SECOND = 1_000_000  # microseconds: exact as whole numbers, and below 2**53 in Lua until the year 2255
_MOST_KEYS = 10_000

# The same arithmetic as `gcra`, in one atomic step and by Redis's clock, which all replicas share.
_SCRIPT = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = tonumber(redis.call('GET', KEYS[1]) or '') or now
tat = math.min(math.max(tat, now), now + interval * burst)
local wait = tat + interval - interval * burst - now
if wait > 0 then
  return {0, wait, tat - now}
end
tat = tat + interval
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
return {1, 0, tat - now}
"""


class Decision(Struct, frozen=True):
    """Whether a request may pass, and what to tell its sender.

    Attributes:
        limit: requests that may pass at once after a rest.
        remaining: how many of these are left now.
        reset_s: seconds until all of them are.
        retry_after_s: seconds until the next one may pass; 0 where this one may.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: float
    retry_after_s: float


class Cell(NamedTuple):
    """What the arithmetic gives, in microseconds: the new TAT and, where refused, how long to wait."""

    allowed: bool
    tat: int
    wait: int


def gcra(tat: int, now: int, interval: int, burst: int) -> Cell:
    """Decide about one request: the virtual scheduling algorithm of ITU-T I.371.

    In any window of `t` microseconds at most `burst + t / interval` requests pass. A TAT further away than this rate
    can have made it (the clock was set back, the limit was raised) is brought down to the furthest that it can.

    Args:
        tat: the theoretical arrival time so far, in microseconds.
        now: the time by the same clock.
        interval: microseconds between requests at the full rate (T, the emission interval).
        burst: requests that may pass at once after a rest (the tolerance is `(burst - 1) * interval`).
    """
    tat = min(max(tat, now), now + interval * burst)
    wait = tat + interval - interval * burst - now
    return Cell(False, tat, wait) if wait > 0 else Cell(True, tat + interval, 0)


class RateLimiter:
    """Counts requests by key.

    Args:
        link: the Redis that replicas share; None counts in this process only.
        prefix: before every key.
        max_keys: counted here at most while Redis is away, the least recently seen forgotten.
        clock: monotonic seconds, for what is counted here.
    """

    def __init__(
        self,
        link: RedisLink | None,
        prefix: str = PREFIX,
        *,
        max_keys: int = _MOST_KEYS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._link = link
        self._prefix = prefix
        self._max_keys = max_keys
        self._clock = clock
        self._tats: OrderedDict[bytes, int] = OrderedDict()

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, *, prefix: str = PREFIX, part: str = "rate limits", timeout_s: float = TIMEOUT_S
    ) -> "AsyncIterator[RateLimiter]":
        """Open a limiter for a `with` block, with a Redis link of its own; without a URL it counts here only.

        Raises:
            Internal: `redis_url_unusable`.
        """
        if not url:
            yield cls(None, prefix)
            return
        async with RedisLink.connect(url, part, timeout_s=timeout_s) as link:
            yield cls(link, prefix)

    async def check(self, key: str, limit: int, period_s: float, burst: int | None = None) -> Decision:
        """Count a request, and say whether it may pass; one that may not does not count.

        While Redis is away each replica counts for itself, from nothing.

        Args:
            key: whose requests are counted together.
            limit: requests that may pass in `period_s` seconds, in the long run.
            period_s: see `limit`.
            burst: requests that may pass at once after a rest; `limit` where not given.

        Raises:
            ValueError: a number is not above 0, or not finite.
        """
        burst = limit if burst is None else burst
        if limit < 1 or burst < 1 or not 0 < period_s < math.inf:
            raise ValueError("limit, burst and period_s must be above 0 and finite")
        # Rounded up: the rate may be lower than asked for by parts of a millionth, never higher.
        interval = -int(-period_s * _SECOND // limit)
        name = key_name(self._prefix, key)
        try:
            allowed, wait, rest = await self._shared(name, interval, burst)
        except Away:
            allowed, wait, rest = self._local(name, interval, burst)
        remaining = (interval * burst - rest) // interval
        return Decision(allowed, burst, remaining, rest / _SECOND, wait / _SECOND)

    async def _shared(self, name: bytes, interval: int, burst: int) -> tuple[bool, int, int]:
        """Decide in Redis. Raises Away."""
        if self._link is None:
            raise Away

        async def run(redis: Redis) -> list[int]:
            return cast("list[int]", await redis.register_script(_SCRIPT)([name], [interval, burst]))

        allowed, wait, rest = await self._link.ask(run)
        return allowed == 1, wait, rest

    def _local(self, name: bytes, interval: int, burst: int) -> tuple[bool, int, int]:
        now = int(self._clock() * _SECOND)
        cell = gcra(self._tats.pop(name, now), now, interval, burst)
        self._tats[name] = cell.tat
        if len(self._tats) > self._max_keys:
            self._tats.popitem(last=False)
        return cell.allowed, cell.wait, cell.tat - now

    async def probe(self) -> str:
        """Say how requests are counted; raises Unavailable where replicas cannot share their counts."""
        if self._link is None:
            return "counted in this process"
        try:
            await self._link.ping()
        except Unavailable as away:
            raise Unavailable(away.code, "Redis does not answer; each replica counts for itself meanwhile") from None
        return "Redis answers"
