"""Redis absent at start, lost, frozen, full and back again: what is served meanwhile, and what does not come back."""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
from redis import Redis as BlockingRedis
from structlog.testing import capture_logs

from deploy.local.ports import free_port
from deploy.local.servers import Servers
from libs.contracts.errors import Unavailable
from libs.runtime.cache import Cache
from libs.runtime.cache_memory import MemoryStore
from libs.runtime.cache_redis import RedisStore
from libs.runtime.rate_limits import RateLimiter
from libs.runtime.redis import RedisLink

PATIENCE_S = 20.0
# Long enough for a busy machine not to lose Redis by itself, short enough to wait for a frozen one.
TIMEOUT_S = 0.5


class Valkey:
    """One server of this module's own, to be killed, frozen and filled."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.url = servers.environment["DESKBUS_REDIS_URL"]

    def kill(self) -> None:
        self._servers.kill("valkey")

    def start(self) -> None:
        self._servers.start("valkey")

    def freeze(self) -> None:
        os.kill(self._servers.pid("valkey"), signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._servers.pid("valkey"), signal.SIGCONT)

    def told(self, *command: str) -> object:
        with BlockingRedis.from_url(self.url) as raw:
            return raw.execute_command(*command)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    others = {"DESKBUS_NATS_URL": "nats://not-needed", "DESKBUS_DATABASE_URL": "postgresql://not-needed"}
    with Servers(tmp_path_factory.mktemp("valkey"), environ=others) as servers:
        yield Valkey(servers)


@pytest.fixture
def valkey(server: Valkey) -> Iterator[Valkey]:
    server.start()
    yield server
    with suppress(LookupError):
        server.thaw()
    server.start()
    server.told("CONFIG", "SET", "maxmemory", "256mb", "maxmemory-policy", "allkeys-lru")


@pytest.fixture
def prefix() -> str:
    return f"test_{uuid.uuid4().hex}:"


@pytest.fixture
async def cache(valkey: Valkey, prefix: str) -> AsyncIterator[Cache]:
    async with Cache.connect(valkey.url, prefix=prefix, timeout_s=TIMEOUT_S) as connected:
        yield connected


async def is_up(part: Cache | RateLimiter) -> bool:
    try:
        await part.probe()
    except Unavailable:
        return False
    return True


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.02)


def of_the_link(logs: list[dict[str, object]]) -> list[tuple[object, object]]:
    return [(line["log_level"], line["event"]) for line in logs if str(line["event"]).startswith("redis_")]


# --- R10: absent, lost, back


async def test_r10_absent_at_start_then_there_then_lost_without_a_restart(valkey: Valkey, prefix: str) -> None:
    valkey.kill()
    with capture_logs() as logs:
        async with Cache.connect(valkey.url, prefix=prefix, timeout_s=TIMEOUT_S) as cache:
            await cache.set("key", "kept in memory")
            assert await cache.get("key") == "kept in memory"
            with pytest.raises(Unavailable):
                await cache.ping()
            with pytest.raises(Unavailable) as fault:
                await cache.probe()
            assert fault.value.detail == (
                "Redis does not answer; a bounded store in memory serves meanwhile (1 entries)"
            )
            for _ in range(20):
                assert not await is_up(cache)
            assert of_the_link(logs) == [("warning", "redis_away")]

            valkey.start()
            await until(lambda: is_up(cache))
            await cache.ping()
            await cache.set("key", "kept in Redis")
            assert valkey.told("GET", f"{prefix}key") == b'"kept in Redis"'
            assert of_the_link(logs) == [("warning", "redis_away"), ("info", "redis_back")]

            valkey.kill()
            assert not await is_up(cache)
            await cache.set("key", "again in memory")
            assert await cache.get("key") == "again in memory"
            assert not await is_up(cache)
            assert of_the_link(logs)[2:] == [("warning", "redis_away")]
    assert not [line for line in logs if "exc_info" in line or line["log_level"] in {"error", "critical"}]


async def test_r10_it_comes_back_by_itself_while_nobody_asks(valkey: Valkey, prefix: str) -> None:
    valkey.told("SET", f"{prefix}key", '"old"')
    async with Cache.connect(valkey.url, prefix=prefix, timeout_s=TIMEOUT_S) as cache:
        valkey.kill()
        await cache.delete("key")
        valkey.start()

        async def removed() -> bool:
            return valkey.told("EXISTS", f"{prefix}key") == 0

        await until(removed)


async def test_r10_an_open_breaker_does_not_touch_the_network() -> None:
    """Against a server that accepts and never answers, where every touch would cost the whole time-out."""
    accepted = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        await reader.read()
        writer.close()

    port = free_port()
    async with (
        await asyncio.start_server(silent, "127.0.0.1", port),
        Cache.connect(f"redis://127.0.0.1:{port}/0") as cache,
    ):
        tried, begun = accepted, time.monotonic()
        assert tried > 0
        for number in range(200):
            await cache.set("key", number)
            assert await cache.get("key") == number
        # only the task that looks whether it is back: at once, after 1, 2, 4, and then every 5 s
        assert accepted - tried <= 2 + (time.monotonic() - begun)


async def test_r10_a_frozen_redis_costs_its_time_out_once(valkey: Valkey, cache: Cache) -> None:
    await cache.set("key", 1)
    valkey.freeze()
    begun = time.monotonic()
    await asyncio.gather(*(cache.get(f"key{number}") for number in range(100)))  # more than there are connections
    for number in range(500):
        await cache.get(f"key{number}")
    assert time.monotonic() - begun < 10 * TIMEOUT_S
    valkey.thaw()
    await until(lambda: is_up(cache))
    assert await cache.get("key") == 1


async def test_r10_many_callers_take_turns_at_few_connections(valkey: Valkey, prefix: str) -> None:
    """Whoever waits for a connection gets one in time: nobody takes a busy moment here for an outage."""
    async with Cache.connect(valkey.url, prefix=prefix, connections=4, timeout_s=TIMEOUT_S) as cache:
        await cache.set("key", 1)

        async def read_often() -> set[object]:
            return {await cache.get("key") for _ in range(30)}

        assert await asyncio.gather(*(read_often() for _ in range(64))) == [{1}] * 64


async def test_r10_a_hiccup_is_not_spoken_of(valkey: Valkey, prefix: str) -> None:
    with capture_logs() as logs:
        async with RedisLink.connect(valkey.url, "test", timeout_s=PATIENCE_S) as link:
            link._back_at = float("-inf")  # it has served for a while
            link.suspect()
            while link.away_s is not None:
                await asyncio.sleep(0)
    assert of_the_link(logs) == [("debug", "redis_back"), ("debug", "redis_back")]  # the first is the start


async def test_r10_a_redis_that_fails_again_and_again_is_spoken_of(valkey: Valkey) -> None:
    with capture_logs() as logs:
        async with RedisLink.connect(valkey.url, "test", timeout_s=PATIENCE_S) as link:
            link.suspect()  # just after its return
            while link.away_s is not None:
                await asyncio.sleep(0.01)
    assert of_the_link(logs)[1:] == [("warning", "redis_away"), ("info", "redis_back")]


async def test_r10_a_full_redis_counts_as_away(valkey: Valkey, cache: Cache) -> None:
    await cache.set("key", "old")
    valkey.told("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction")
    await cache.set("key", "new")
    assert await cache.get("key") == "new"
    assert not await is_up(cache)
    valkey.told("CONFIG", "SET", "maxmemory", "256mb", "maxmemory-policy", "allkeys-lru")
    await until(lambda: is_up(cache))
    assert await cache.get("key") is None


# --- R11: the twin is a cache like any other


@pytest.fixture
async def lost(valkey: Valkey, cache: Cache) -> Cache:
    """A cache whose Redis holds old values and has gone."""
    for key in ("search:1", "search:2", "session:1", "untouched"):
        await cache.set(key, "old")
    valkey.kill()
    return cache


@asynccontextmanager
async def bounded(url: str, prefix: str, twin: MemoryStore, outage_ttl_s: float = 60) -> AsyncIterator[Cache]:
    async with RedisLink.connect(url, "test", timeout_s=TIMEOUT_S) as link:
        yield Cache(RedisStore(link, prefix, twin=twin, outage_ttl_s=outage_ttl_s), prefix)


async def test_r11_time_to_live_delete_and_pattern_clear_hold_while_redis_is_away(lost: Cache) -> None:
    await lost.set("short", 1, ttl_s=1)
    await lost.set("long", 1)
    await lost.set("search:1", "new")
    await lost.set("search:2", "new")
    assert await lost.get("short") == 1
    await asyncio.sleep(1.05)
    assert await lost.get("short") is None
    assert await lost.delete("long") is True
    assert await lost.get("long") is None
    assert await lost.clear_pattern("search:*") == 2
    assert await lost.get("search:1") is None


async def test_r11_more_keys_than_the_twin_holds_are_evicted(valkey: Valkey, prefix: str) -> None:
    valkey.kill()
    twin = MemoryStore(max_entries=100)
    async with bounded(valkey.url, prefix, twin) as cache:
        for number in range(500):
            await cache.set(f"key{number}", number)
        assert len(twin) == 100
        assert await cache.get("key0") is None
        assert await cache.get("key499") == 499


async def test_r11_the_twin_keeps_nothing_longer_than_a_replica_may_be_behind(valkey: Valkey, prefix: str) -> None:
    valkey.kill()
    async with bounded(valkey.url, prefix, MemoryStore(), outage_ttl_s=0.2) as cache:
        await cache.set("key", 1, ttl_s=3600)
        await asyncio.sleep(0.25)
        assert await cache.get("key") is None


async def test_r11_after_a_clear_without_redis_a_repeated_query_finds_the_new(
    valkey: Valkey, lost: Cache, prefix: str
) -> None:
    """A document is uploaded while Redis is down: the results cleared then do not come back with Redis."""

    async def search() -> str:
        found = await lost.get("search:1", str)
        if found is None:
            await lost.set("search:1", found := "new")
        return found

    await lost.clear_pattern("search:*")
    assert await search() == "new"
    valkey.start()
    assert await search() == "new"
    await until(lambda: is_up(lost))
    assert await search() == "new"
    assert await lost.get("search:2") is None
    assert await lost.get("untouched") == "old"
    assert valkey.told("GET", f"{prefix}search:1") == b'"new"'


async def test_r11_what_was_deleted_or_set_without_redis_is_not_undone(valkey: Valkey, lost: Cache) -> None:
    await lost.delete("search:1")
    await lost.set("session:1", "new")
    valkey.start()
    await until(lambda: is_up(lost))
    assert await lost.get("search:1") is None
    assert await lost.get("session:1") in {None, "new"}
    assert await lost.get("untouched") == "old"


async def test_r11_another_replica_does_not_see_it_either(valkey: Valkey, lost: Cache, prefix: str) -> None:
    await lost.delete("search:1")
    valkey.start()
    await until(lambda: is_up(lost))
    async with Cache.connect(valkey.url, prefix=prefix, timeout_s=TIMEOUT_S) as other:
        assert await other.get("search:1") is None
        assert await other.get("search:2") == "old"


async def test_r11_the_twin_of_one_outage_does_not_serve_in_the_next(valkey: Valkey, lost: Cache) -> None:
    await lost.set("key", "of the first outage")
    valkey.start()
    await until(lambda: is_up(lost))
    await lost.set("key", "newer")
    valkey.kill()
    assert await lost.get("key") is None


async def test_r11_beyond_what_can_be_remembered_everything_of_the_prefix_goes(
    valkey: Valkey, lost: Cache, prefix: str
) -> None:
    for number in range(10_001):
        await lost.delete(f"key{number}")
    valkey.start()
    valkey.told("SET", "of_another_prefix", "1")
    await until(lambda: is_up(lost))
    assert await lost.get("untouched") is None
    assert valkey.told("GET", "of_another_prefix") == b"1"


async def test_r11_many_patterns_are_bounded_too(valkey: Valkey, lost: Cache) -> None:
    for number in range(17):
        await lost.clear_pattern(f"{number}*")
    valkey.start()
    await until(lambda: is_up(lost))
    assert await lost.get("untouched") is None


async def test_r11_a_clear_that_redis_never_confirmed_is_made_up_for(valkey: Valkey, cache: Cache) -> None:
    await cache.set("key", "old")
    valkey.freeze()
    await cache.clear_pattern("*")
    valkey.thaw()
    await until(lambda: is_up(cache))
    assert await cache.get("key") is None


@pytest.mark.parametrize("how", ["delete", "clear"])
async def test_r11_a_write_that_the_caller_gave_up_is_made_up_for(valkey: Valkey, cache: Cache, how: str) -> None:
    await cache.set("key", "old")
    valkey.freeze()
    write = asyncio.create_task(cache.delete("key") if how == "delete" else cache.clear_pattern("*"))
    await asyncio.sleep(0.05)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    valkey.kill()  # it never sees the write that was on its way
    valkey.start()
    await until(lambda: is_up(cache))
    assert await cache.get("key") is None


async def test_r11_under_load_no_old_value_is_ever_read_again(valkey: Valkey, prefix: str) -> None:
    """Versions only go up while Redis dies, freezes and returns under one writer and many readers."""
    written, ended = 0, False
    async with Cache.connect(valkey.url, prefix=prefix) as cache:  # 50 ms: hiccups of this machine are welcome

        async def write() -> None:
            nonlocal written
            while not ended:
                await cache.delete("version")
                written += 1
                await cache.set("version", written)
                await asyncio.sleep(0.002)

        async def read() -> None:
            while not ended:
                newest = written  # all before it were deleted before it was written
                found = await cache.get("version", int)
                assert found is None or found >= newest, f"{found} after {newest}"
                await asyncio.sleep(0.001)

        async with asyncio.TaskGroup() as tasks:
            for work in (write, read, read, read):
                tasks.create_task(work())
            for _ in range(2):
                await asyncio.to_thread(valkey.kill)
                await asyncio.sleep(0.3)
                await asyncio.to_thread(valkey.start)
                await until(lambda: is_up(cache))
                await asyncio.sleep(0.2)
                valkey.freeze()
                await asyncio.sleep(0.3)
                valkey.thaw()
                await until(lambda: is_up(cache))
            ended = True
    assert written > 50


# --- rate limits


async def test_r10_limits_hold_without_redis_and_are_shared_again_after(valkey: Valkey, prefix: str) -> None:
    async with RateLimiter.connect(valkey.url, prefix=prefix, timeout_s=TIMEOUT_S) as limiter:
        assert [(await limiter.check("key", 2, 3600)).allowed for _ in range(3)] == [True, True, False]
        valkey.kill()
        assert [(await limiter.check("key", 2, 3600)).allowed for _ in range(3)] == [True, True, False]
        assert not await is_up(limiter)
        valkey.start()
        await until(lambda: is_up(limiter))
        assert not (await limiter.check("key", 2, 3600)).allowed
        assert (await limiter.check("another", 2, 3600)).allowed
        assert valkey.told("EXISTS", f"{prefix}another") == 1
