"""Redis (or Valkey) behind a circuit breaker: a dead one costs one time-out, and then nothing until it is back.

The breaker opens with the first command that fails. Only a task of its own then asks Redis: at once, so that a hiccup
ends within milliseconds and is not spoken of, and where that fails after 1, 2, 4 and then every 5 s. Callers get `Away`
without touching the network and serve from memory. It closes when a round trip that writes has succeeded and every
follower has made up in Redis for the writes that Redis has missed.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Protocol, TypeVar
from urllib.parse import quote

import structlog
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from libs.contracts.errors import Internal, Unavailable

T = TypeVar("T")
Command = Callable[[Redis], Awaitable[T]]

TIMEOUT_S = 0.05
LONGEST_KEY = 200
_FAULTS = (RedisError, OSError, TimeoutError)
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 5.0
_SETTLED_S = 5.0  # a failure sooner than this after a return is more than a hiccup
_CLOSE_S = 1.0
_READABLE = 128  # characters of a long key that stay as they are, so that patterns for its beginning match it
_MARK = "#sha256:"
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Away(Exception):
    """Redis cannot be relied on now; the caller serves from memory. Not for clients."""


class Exchange(Protocol):
    """One command and its answer within the link's time-out; raises what the driver raises."""

    async def __call__(self, command: Command[T]) -> T:
        """Make the exchange."""
        ...


class Follower(Protocol):
    """What must make up for missed writes before Redis is relied on again."""

    @property
    def behind(self) -> bool:
        """Whether there are writes that Redis has missed."""
        ...

    async def catch_up(self, exchange: Exchange) -> None:
        """Make up for the writes missed so far; where it raises, they count as missed still."""
        ...

    def resume(self) -> None:
        """Let go of what served meanwhile: from now on Redis does."""
        ...


class RedisLink:
    """One Redis database. Made by `connect`, or by `open` and `close`.

    Args:
        url: `redis://`, `rediss://` or `unix://`, the database number in its path.
        part: what it serves, for the log and the readiness page.
        connections: at most, 2 at least; one is kept for finding out whether Redis is there.
        timeout_s: for a whole exchange: connecting where needed, the command and its answer; also for a free connection.

    Raises:
        Internal: `redis_url_unusable`.
    """

    def __init__(self, url: str, part: str, *, connections: int = 10, timeout_s: float = TIMEOUT_S) -> None:
        try:
            pool = ConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
                url,
                max_connections=max(2, connections),
                socket_timeout=None,  # the exchange's own time-out is stricter, and spares the driver a task per command
                socket_connect_timeout=None,
                retry=Retry(NoBackoff(), 0),
                protocol=2,  # no greeting on each new connection
                driver_info=None,
            )
        except (ValueError, TypeError) as error:
            # The URL may hold a password: it is not shown.
            hint = "it must be like redis://:PASSWORD@HOST:6379/0, rediss://... or unix:///PATH?db=0"
            raise Internal("redis_url_unusable", f"The Redis URL for the {part} cannot be used: {hint}") from error
        self._redis = Redis.from_pool(pool)
        # Turns are given in order; the driver's own blocking pool starves those who wait (measured at 32 tasks).
        self._turns = asyncio.Semaphore(max(2, connections) - 1)
        self._part = part
        self._timeout_s = timeout_s
        self._followers: list[Follower] = []
        self._watcher: asyncio.Task[None] | None = None
        self._trying = asyncio.Lock()
        self._tripped = asyncio.Event()
        self._away_since: float | None = monotonic()
        self._back_at = float("-inf")
        self._told = False

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, part: str, *, connections: int = 10, timeout_s: float = TIMEOUT_S
    ) -> "AsyncIterator[RedisLink]":
        """Open a link for a `with` block; see the class. A Redis that is absent is no error."""
        link = cls(url, part, connections=connections, timeout_s=timeout_s)
        await link.open()
        try:
            yield link
        finally:
            await link.close()

    async def open(self) -> None:
        """Try Redis once, and go on trying in the background while it is away."""
        self._tripped.set()
        await self.try_again()
        self._watcher = asyncio.create_task(self._watch(), name=f"redis {self._part}")

    async def close(self) -> None:
        """Stop trying and let go of the connections; closing twice does nothing."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            self._away_since = self._away_since or monotonic()
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        with suppress(*_FAULTS):
            async with asyncio.timeout(_CLOSE_S):
                await self._redis.aclose()

    def follow(self, follower: Follower) -> None:
        """Have somebody make up for missed writes before Redis is relied on again."""
        self._followers.append(follower)

    @property
    def away_s(self) -> float | None:
        """For how many seconds Redis has been away; None while it serves."""
        return None if self._away_since is None else monotonic() - self._away_since

    # --- asking

    async def ask(self, command: Command[T]) -> T:
        """Give Redis a command.

        Raises:
            Away: it was not asked, or it failed; a write that failed may have taken place all the same.
        """
        if self._away_since is not None:
            raise Away
        await self._take_turn()
        try:
            if self._away_since is not None:  # while this one waited
                raise Away
            return await self._exchange(command)
        except _FAULTS as fault:
            self.suspect()
            raise Away from fault
        finally:
            self._turns.release()

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._turns.acquire()
        except TimeoutError as busy:  # we ask too much: nothing against Redis
            raise Away from busy

    async def _exchange(self, command: Command[T]) -> T:
        async with asyncio.timeout(self._timeout_s):
            return await command(self._redis)

    def suspect(self) -> None:
        """Rely on Redis no more until it has answered and its followers have caught up."""
        if self._away_since is None:
            self._away_since = monotonic()
            self._tripped.set()

    async def ping(self) -> None:
        """Make an honest round trip, also while Redis counts as away.

        Raises:
            Unavailable: `redis_unavailable`.
        """
        async with self._trying:
            if self._away_since is not None:
                await self._try_again()
            else:
                try:
                    await self._exchange(_write_and_remove)
                except _FAULTS:
                    self.suspect()
            if self._away_since is not None:
                raise Unavailable("redis_unavailable", "Redis does not answer")

    # --- coming back

    async def _watch(self) -> None:
        while True:
            await self._tripped.wait()
            pause = 0.0
            if monotonic() - self._back_at < _SETTLED_S:
                pause = _FIRST_PAUSE_S
                self._tell("FailedAgain")
            while self._away_since is not None:
                await asyncio.sleep(pause)
                await self.try_again()
                pause = min(max(2 * pause, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)

    async def try_again(self) -> None:
        """Find out whether Redis is back, and catch up; does nothing while it serves. Never raises."""
        async with self._trying:
            if self._away_since is not None:
                await self._try_again()

    async def _try_again(self) -> None:
        try:
            await self._recover()
        except Exception as error:
            # Whatever it was, memory goes on serving, and the next attempt comes.
            self._tell(type(error).__name__)
            return
        away_s = round(self.away_s or 0.0, 3)
        (_log.info if self._told else _log.debug)("redis_back", part=self._part, away_s=away_s)
        self._away_since, self._told, self._back_at = None, False, monotonic()
        self._tripped.clear()

    async def _recover(self) -> None:
        # Idle connections may lead nowhere: after a network fault they look alive and answer nothing.
        await self._exchange(lambda redis: redis.connection_pool.disconnect(inuse_connections=False))
        await self._exchange(_write_and_remove)
        while any(follower.behind for follower in self._followers):  # writes may be missed while others are made up for
            for follower in self._followers:
                await follower.catch_up(self._exchange)
        # Nothing may wait between the last look and the return, or a write could be missed for good.
        for follower in self._followers:
            follower.resume()

    def _tell(self, reason: str) -> None:
        """Warn once an outage."""
        if not self._told:
            self._told = True
            _log.warning("redis_away", part=self._part, reason=reason, meanwhile="memory serves")


async def _write_and_remove(redis: Redis) -> None:
    """Write, so that a full or read-only Redis counts as away; in one transaction, so that nobody sees it."""
    async with redis.pipeline(transaction=True) as transaction:
        transaction.set("cs_ping", b"1", px=1000)
        transaction.unlink("cs_ping")
        await transaction.execute()


def redis_url_from(
    url: str = "", *, host: str = "127.0.0.1", port: int = 6379, password: str = "", db: int | None = None
) -> str:
    """Give the URL of a database from what settings say: a URL, or host, port and password.

    Args:
        url: where set, host, port and password are not looked at.
        host: a name or an address.
        port: TCP.
        password: empty for none.
        db: the database number; None leaves that of the URL. It takes the place of the path of a `redis(s)://` URL, and
            is added as `?db=` to a `unix://` one.
    """
    if not url:
        user = f":{quote(password, safe='')}@" if password else ""
        return f"redis://{user}{f'[{host}]' if ':' in host else host}:{port}/{db or 0}"
    if db is None:
        return url
    place, _, query = url.partition("?")
    options = [option for option in query.split("&") if option and not option.startswith("db=")]
    if place.startswith("unix:"):
        options.append(f"db={db}")
    else:
        scheme, _, rest = place.partition("://")
        place = f"{scheme}://{rest.split('/', 1)[0]}/{db}"
    return place + ("?" + "&".join(options) if options else "")


def key_name(prefix: str, key: str) -> bytes:
    """Give the name of a key in Redis: prefix and key, the end of one over 200 characters as its SHA-256.

    The first 128 characters of a long key stay, so that patterns for its beginning still match. A key that looks like a
    shortened one is shortened itself: two keys have one name only where SHA-256 collides.
    """
    raw = key.encode(errors="surrogatepass")
    if len(key) > LONGEST_KEY or key[_READABLE:].startswith(_MARK):
        beginning = key[:_READABLE].encode(errors="surrogatepass")
        raw = beginning + _MARK.encode() + hashlib.sha256(raw).hexdigest().encode()
    return prefix.encode() + raw
