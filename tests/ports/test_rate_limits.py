"""What the rate limiter promises: in Redis, in this process, and while Redis is away; and its arithmetic."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis as BlockingRedis

from deploy.local.ports import free_port
from deploy.local.servers import Servers
from libs.contracts.errors import Unavailable
from libs.runtime import rate_limits
from libs.runtime.rate_limits import RateLimiter, gcra

HOUR_S = 3600.0
STEPS = st.lists(st.integers(0, 3_000), min_size=1, max_size=80)


@pytest.fixture(params=["this process", "redis", "redis away"])
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[RateLimiter]:
    prefix = f"test_{uuid.uuid4().hex}:"
    url, patience = "", 0.05
    if request.param == "redis":
        url, patience = request.getfixturevalue("servers").environment["DESKBUS_REDIS_URL"], 5.0
    elif request.param == "redis away":
        url = f"redis://127.0.0.1:{free_port()}/0"
    async with RateLimiter.connect(url, prefix=prefix, timeout_s=patience) as connected:
        yield connected


async def test_both_sides_of_the_limit(limiter: RateLimiter) -> None:
    decisions = [await limiter.check("key", 5, HOUR_S) for _ in range(6)]
    assert [decision.allowed for decision in decisions] == [True] * 5 + [False]
    assert [decision.remaining for decision in decisions] == [4, 3, 2, 1, 0, 0]
    assert {decision.limit for decision in decisions} == {5}
    refused = decisions[-1]
    assert 0 < refused.retry_after_s <= HOUR_S / 5
    assert refused.retry_after_s < refused.reset_s <= HOUR_S
    assert decisions[0].retry_after_s == 0
    assert 0 < decisions[0].reset_s <= HOUR_S / 5


async def test_a_burst_of_its_own(limiter: RateLimiter) -> None:
    decisions = [await limiter.check("key", 3600, HOUR_S, burst=2) for _ in range(3)]
    assert [(decision.allowed, decision.limit) for decision in decisions] == [(True, 2), (True, 2), (False, 2)]
    assert 0 < decisions[-1].retry_after_s <= 1


async def test_waiting_as_told_is_enough_and_gives_one(limiter: RateLimiter) -> None:
    for _ in range(2):
        assert (await limiter.check("key", 2, 1.0)).allowed
    refused = await limiter.check("key", 2, 1.0)
    assert not refused.allowed
    await asyncio.sleep(refused.retry_after_s + 0.002)
    assert (await limiter.check("key", 2, 1.0)).allowed


async def test_after_a_rest_all_of_it_is_there(limiter: RateLimiter) -> None:
    for _ in range(4):
        last = await limiter.check("key", 4, 0.2)
    await asyncio.sleep(last.reset_s + 0.01)
    assert (await limiter.check("key", 4, 0.2)).remaining == 3


async def test_keys_do_not_count_for_each_other(limiter: RateLimiter) -> None:
    long = "x" * 500
    for key in ("a", "b", long + "1", long + "2"):
        assert (await limiter.check(key, 1, HOUR_S)).allowed
        assert not (await limiter.check(key, 1, HOUR_S)).allowed


async def test_at_once_no_more_pass_than_one_after_another(limiter: RateLimiter) -> None:
    decisions = await asyncio.gather(*(limiter.check("key", 10, HOUR_S) for _ in range(60)))
    assert sum(decision.allowed for decision in decisions) == 10
    assert sorted(decision.remaining for decision in decisions if decision.allowed) == list(range(10))


async def test_another_limit_for_the_same_key_takes_effect(limiter: RateLimiter) -> None:
    for _ in range(5):
        await limiter.check("key", 5, HOUR_S)
    # a fuller rate: what was counted at the slow one does not hold it up for an hour
    assert (await limiter.check("key", 1000, 1.0)).retry_after_s <= 0.001


@pytest.mark.parametrize(("limit", "period_s", "burst"), [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, float("nan"), 1)])
async def test_nonsense_is_refused(limiter: RateLimiter, limit: int, period_s: float, burst: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        await limiter.check("key", limit, period_s, burst)


async def test_replicas_share_their_counts(servers: Servers) -> None:
    url, prefix = servers.environment["DESKBUS_REDIS_URL"], f"test_{uuid.uuid4().hex}:"
    async with (
        RateLimiter.connect(url, prefix=prefix, timeout_s=5) as one,
        RateLimiter.connect(url, prefix=prefix, timeout_s=5) as two,
    ):
        work = [replica.check("key", 10, HOUR_S) for replica in (one, two) for _ in range(30)]
        assert sum(decision.allowed for decision in await asyncio.gather(*work)) == 10
        assert await one.probe() == "Redis answers"


async def test_counts_leave_redis_when_they_no_longer_matter(servers: Servers) -> None:
    url, prefix = servers.environment["DESKBUS_REDIS_URL"], f"test_{uuid.uuid4().hex}:"
    async with RateLimiter.connect(url, prefix=prefix, timeout_s=5) as limiter:
        decision = await limiter.check("key", 10, 100.0)
        with BlockingRedis.from_url(url) as raw:
            assert 0 < raw.pttl(f"{prefix}key") <= decision.reset_s * 1000 + 1
            raw.set(f"{prefix}key", "not a number", px=1000)
        assert (await limiter.check("key", 10, 100.0)).remaining == 9


async def test_keys_counted_here_are_bounded() -> None:
    limiter = RateLimiter(None, max_keys=3)
    for key in "abc":
        await limiter.check(key, 1, HOUR_S)
    assert not (await limiter.check("a", 1, HOUR_S)).allowed
    await limiter.check("d", 1, HOUR_S)
    assert not (await limiter.check("a", 1, HOUR_S)).allowed  # seen lately
    assert (await limiter.check("b", 1, HOUR_S)).allowed  # forgotten
    assert await limiter.probe() == "counted in this process"


async def test_away_is_told() -> None:
    async with RateLimiter.connect(f"redis://127.0.0.1:{free_port()}/0") as limiter:
        with pytest.raises(Unavailable) as fault:
            await limiter.probe()
    assert "each replica" in fault.value.detail


# --- the arithmetic


@given(steps=STEPS, interval=st.integers(1, 2_000), burst=st.integers(1, 12))
def test_no_window_lets_more_pass_than_burst_and_rate(steps: list[int], interval: int, burst: int) -> None:
    tat, passed = 0, []
    for now in itertools.accumulate(steps, initial=1_000_000):
        cell = gcra(tat, now, interval, burst)
        tat = cell.tat
        assert now <= tat <= now + interval * burst
        if cell.allowed:
            passed.append(now)
    for first, last in itertools.combinations(range(len(passed)), 2):
        assert last - first + 1 <= burst + (passed[last] - passed[first]) / interval


@given(steps=STEPS, interval=st.integers(1, 2_000), burst=st.integers(1, 12))
def test_who_keeps_to_the_rate_always_passes(steps: list[int], interval: int, burst: int) -> None:
    tat = 0
    for now in itertools.accumulate((interval + step for step in steps), initial=1_000_000):
        cell = gcra(tat, now, interval, burst)
        tat = cell.tat
        assert cell.allowed


@given(tat=st.integers(0, 10**7), now=st.integers(0, 10**7), interval=st.integers(1, 10**6), burst=st.integers(1, 50))
def test_the_wait_is_exact(tat: int, now: int, interval: int, burst: int) -> None:
    cell = gcra(tat, now, interval, burst)
    if cell.allowed:
        assert cell.wait == 0
    else:
        assert 0 < cell.wait <= interval
        assert gcra(cell.tat, now + cell.wait, interval, burst).allowed
        assert not gcra(cell.tat, now + cell.wait - 1, interval, burst).allowed


@given(limit=st.integers(1, 10**6), period_s=st.floats(0.001, 10**6))
async def test_the_interval_is_never_shorter_than_asked_for(limit: int, period_s: float) -> None:
    decision = await RateLimiter(None, clock=lambda: 1.0).check("key", limit, period_s, burst=1)
    assert decision.allowed
    assert decision.remaining == 0
    assert decision.reset_s >= period_s / limit - 1e-9
    assert decision.reset_s <= period_s / limit + 2e-6


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.integers(-2_000, 3_000), max_size=40), interval=st.integers(1, 2_000), burst=st.integers(1, 12)
)
def test_redis_and_python_decide_alike(servers: Servers, steps: list[int], interval: int, burst: int) -> None:
    """The script with its clock in our hands, at today's magnitude, also where the clock is set back."""
    script = rate_limits._SCRIPT
    # the server's own clock, which goes on meanwhile, must not end the key either
    for part, ours in (("redis.call('TIME')", "{ARGV[3], ARGV[4]}"), ("math.ceil((tat - now) / 1000)", "60000")):
        assert part in script
        script = script.replace(part, ours)
    key = f"test_{uuid.uuid4().hex}"
    tat = 0
    with BlockingRedis.from_url(servers.environment["DESKBUS_REDIS_URL"]) as raw:
        for now in itertools.accumulate(steps, initial=1_790_000_000_123_456):
            allowed, wait, rest = raw.eval(script, 1, key, interval, burst, *divmod(now, 1_000_000))
            cell = gcra(tat, now, interval, burst)
            tat = cell.tat if cell.allowed else tat  # a refusal stores nothing in Redis
            assert (allowed == 1, wait, rest) == (cell.allowed, cell.wait, cell.tat - now)
        raw.delete(key)
