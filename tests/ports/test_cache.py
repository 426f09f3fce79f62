"""What every cache promises: in Redis, in memory, and in the twin that serves while Redis is away."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from redis import Redis as BlockingRedis

from deploy.local.ports import free_port
from deploy.local.servers import Servers
from libs.contracts.errors import Unavailable
from libs.runtime.cache import Cache, Versioned
from libs.runtime.cache_memory import MemoryStore, glob, glob_literal
from libs.runtime.redis import redis_url_from


class Snapshot(Struct):
    id: str
    count: int = 0


@pytest.fixture
def prefix() -> str:
    return f"test_{uuid.uuid4().hex}:"


@pytest.fixture(params=["memory", "redis", "redis away"])
async def cache(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[Cache]:
    if request.param == "memory":
        yield Cache(MemoryStore(), prefix)
        return
    if request.param == "redis":
        url = request.getfixturevalue("servers").environment["DESKBUS_REDIS_URL"]
        patience = 5.0  # what is asked here is what it answers, not how fast
    else:
        url, patience = f"redis://127.0.0.1:{free_port()}/0", 0.05
    async with Cache.connect(url, prefix=prefix, timeout_s=patience) as connected:
        yield connected
        await connected.clear_pattern("*")


async def test_what_was_set_is_got(cache: Cache) -> None:
    value = {"text": "ö\n\x00", "numbers": [1, 2.5, None], "nested": {"true": True}}
    assert await cache.get("key") is None
    await cache.set("key", value)
    assert await cache.get("key") == value
    await cache.set("key", "another")
    assert await cache.get("key", str) == "another"


async def test_values_come_back_as_the_type_asked_for(cache: Cache) -> None:
    await cache.set("key", Snapshot("sess_1", 3))
    assert await cache.get("key", Snapshot) == Snapshot("sess_1", 3)
    assert await cache.get("key") == {"id": "sess_1", "count": 3}


async def test_a_value_of_another_shape_is_a_miss(cache: Cache) -> None:
    await cache.set("key", {"surprise": 1})
    assert await cache.get("key", Snapshot) is None
    assert await cache.get("key", list[str]) is None


async def test_nobody_changes_what_is_kept_from_outside(cache: Cache) -> None:
    value = ["a"]
    await cache.set("key", value)
    value.append("b")
    got = await cache.get("key", list[str])
    assert got == ["a"]
    got.append("c")
    assert await cache.get("key") == ["a"]


async def test_r11_a_second_is_a_second(cache: Cache) -> None:
    await cache.set("short", 1, ttl_s=1)
    await cache.set("shorter", 1, ttl_s=0.05)
    await cache.set("long", 1, ttl_s=30)
    await asyncio.sleep(1.1)
    assert [await cache.get(key) for key in ("short", "shorter", "long")] == [None, None, 1]


async def test_no_time_removes(cache: Cache) -> None:
    await cache.set("key", 1)
    await cache.set("key", 2, ttl_s=0)
    assert await cache.get("key") is None


@pytest.mark.parametrize("ttl_s", [float("nan"), float("inf")])
async def test_a_time_without_end_is_refused(cache: Cache, ttl_s: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        await cache.set("key", 1, ttl_s=ttl_s)


async def test_what_json_cannot_tell_is_refused(cache: Cache) -> None:
    with pytest.raises(TypeError):
        await cache.set("key", object())


async def test_r11_delete_removes_and_says_whether(cache: Cache) -> None:
    await cache.set("key", 1)
    assert await cache.delete("key") is True
    assert await cache.get("key") is None
    assert await cache.delete("key") is False


async def test_r11_a_pattern_clears_what_matches_and_counts(cache: Cache) -> None:
    for key in ("search:a:1", "search:a:2", "search:b:1", "other"):
        await cache.set(key, key)
    assert await cache.clear_pattern("search:a:*") == 2
    assert await cache.get("search:a:1") is None
    assert await cache.get("search:b:1") == "search:b:1"
    assert await cache.clear_pattern("nothing*") == 0
    assert await cache.clear_pattern("*") == 2


async def test_many_keys_are_cleared(cache: Cache) -> None:
    await asyncio.gather(*(cache.set(f"many:{number}", number) for number in range(1500)))
    assert await cache.clear_pattern("many:*") == 1500


async def test_long_keys(cache: Cache) -> None:
    keys = ["search:" + "x" * 1000, "search:" + "x" * 1001, "ö" * 200, "ö" * 201, "", "with\nline and *[\\"]
    for number, key in enumerate(keys):
        await cache.set(key, number)
    assert [await cache.get(key) for key in keys] == list(range(len(keys)))
    assert await cache.clear_pattern("search:*") == 2
    assert await cache.clear_pattern(glob_literal("with\nline and *[\\")) == 1


async def test_nothing_is_kept_where_it_is_switched_off() -> None:
    async with Cache.connect("redis://unused", enabled=False) as cache:
        await cache.set("key", 1)
        assert await cache.get("key") is None
        assert await cache.delete("key") is False
        assert await cache.clear_pattern("*") == 0
        await cache.ping()
        assert "switched off" in await cache.probe()


async def test_ping_and_probe_tell_the_truth(servers: Servers, prefix: str) -> None:
    async with Cache.connect(servers.environment["DESKBUS_REDIS_URL"], prefix=prefix, timeout_s=5) as cache:
        await cache.ping()
        assert await cache.probe() == "Redis answers"
        assert await cache.clear_pattern("*") == 0  # a ping leaves nothing
    async with Cache.connect(f"redis://127.0.0.1:{free_port()}/0") as cache:
        with pytest.raises(Unavailable):
            await cache.ping()
        with pytest.raises(Unavailable) as fault:
            await cache.probe()
        assert "memory serves meanwhile" in fault.value.detail


async def test_prefixes_and_databases_keep_apart(servers: Servers, prefix: str) -> None:
    url = servers.environment["DESKBUS_REDIS_URL"]
    async with (
        Cache.connect(url, prefix=prefix + "a*:", timeout_s=5) as one,
        Cache.connect(url, prefix=prefix + "ab:", timeout_s=5) as other,
        Cache.connect(redis_url_from(url, db=1), prefix=prefix + "a*:", timeout_s=5) as elsewhere,
    ):
        for number, cache in enumerate((one, other, elsewhere)):
            await cache.set("key", number)
        assert [await cache.get("key") for cache in (one, other, elsewhere)] == [0, 1, 2]
        assert await one.clear_pattern("*") == 1
        assert [await cache.get("key") for cache in (one, other, elsewhere)] == [None, 1, 2]
        assert [await cache.clear_pattern("*") for cache in (other, elsewhere)] == [1, 1]


async def test_r43_one_replica_reads_what_another_wrote_also_after_a_restart(servers: Servers) -> None:
    url, prefix = servers.environment["DESKBUS_REDIS_URL"], f"session_{uuid.uuid4().hex}:"
    async with Cache.connect(url, prefix=prefix, timeout_s=5) as one, Cache.connect(url, prefix=prefix) as two:
        await one.set("sess_1", Snapshot("sess_1", 7))
        assert await two.get("sess_1", Snapshot) == Snapshot("sess_1", 7)
    async with Cache.connect(url, prefix=prefix, timeout_s=5) as three:
        assert await three.get("sess_1", Snapshot) == Snapshot("sess_1", 7)
    with BlockingRedis.from_url(url) as raw:
        assert raw.get(f"{prefix}sess_1") == b'{"id":"sess_1","count":7}'
        assert 3590 < raw.ttl(f"{prefix}sess_1") <= 3600
        raw.delete(f"{prefix}sess_1")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pattern=st.text("ab-^*?[]\\ö", max_size=8), names=st.sets(st.text("ab-^]*\\ö", max_size=5), min_size=1, max_size=30)
)
def test_globs_match_what_redis_matches(servers: Servers, prefix: str, pattern: str, names: set[str]) -> None:
    url = servers.environment["DESKBUS_REDIS_URL"]
    with BlockingRedis.from_url(url) as raw:
        stored = [(prefix + name).encode() for name in names]
        raw.mset(dict.fromkeys(stored, b""))
        try:
            full = (prefix + pattern).encode()
            matches = glob(full)
            assert {name for name in stored if matches(name)} == set(raw.scan_iter(match=full, count=1000))
        finally:
            raw.delete(*stored)


# --- values of a version


async def test_an_older_value_never_takes_the_place_of_a_newer_one(cache: Cache) -> None:
    assert await cache.set_newer("key", {"at": 7}, 7) is True
    assert await cache.set_newer("key", {"at": 6}, 6) is False
    assert await cache.set_newer("key", {"another": 7}, 7) is False
    assert await cache.get("key", Versioned[dict[str, int]]) == Versioned(7, {"at": 7})
    assert await cache.set_newer("key", {"at": 10}, 10) is True
    assert await cache.get("key", Versioned[dict[str, int]]) == Versioned(10, {"at": 10})


async def test_what_is_left_for_something_deleted_keeps_out_what_comes_late(cache: Cache) -> None:
    await cache.set_newer("key", Snapshot("sess_1"), 3)
    assert await cache.set_newer("key", None, 4) is True
    assert await cache.set_newer("key", Snapshot("sess_1"), 3) is False
    assert await cache.get("key", Versioned[Snapshot | None]) == Versioned(4, None)


async def test_a_version_ends_with_its_time(cache: Cache) -> None:
    await cache.set_newer("key", "new", 9, ttl_s=0.05)
    await asyncio.sleep(0.1)
    assert await cache.set_newer("key", "old", 1) is True


async def test_a_value_without_a_version_gives_way(cache: Cache) -> None:
    await cache.set("key", {"value": 1, "version": 99})
    assert await cache.set_newer("key", "value", 0) is True
    await cache.set("key", "plain again")
    assert await cache.get("key") == "plain again"


async def test_of_many_writers_the_newest_stays(cache: Cache) -> None:
    versions = random.Random(1).sample(range(200), 200)
    await asyncio.gather(*(cache.set_newer("key", version, version) for version in versions))
    assert await cache.get("key", Versioned[int]) == Versioned(199, 199)


@pytest.mark.parametrize(("version", "ttl_s"), [(-1, 1.0), (2**53 + 1, 1.0), (1, 0.0), (1, float("nan"))])
async def test_a_version_or_time_that_cannot_be_compared_is_refused(cache: Cache, version: int, ttl_s: float) -> None:
    with pytest.raises(ValueError, match="version"):
        await cache.set_newer("key", 1, version, ttl_s)


async def test_a_version_is_kept_nowhere_where_it_is_switched_off() -> None:
    async with Cache.connect("redis://unused", enabled=False) as cache:
        assert await cache.set_newer("key", 1, 1) is False


async def test_r43_a_version_in_redis_is_plain_json_with_a_time_to_live(servers: Servers, prefix: str) -> None:
    url = servers.environment["DESKBUS_REDIS_URL"]
    async with Cache.connect(url, prefix=prefix, timeout_s=5) as cache:
        await cache.set_newer("sess_1", Snapshot("sess_1", 7), 12, ttl_s=60)
        with BlockingRedis.from_url(url) as raw:
            assert raw.get(f"{prefix}sess_1") == b'{"version":12,"value":{"id":"sess_1","count":7}}'
            assert 50 < raw.ttl(f"{prefix}sess_1") <= 60
        await cache.delete("sess_1")
