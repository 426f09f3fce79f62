"""The circuit breaker: when it opens, how it is tried, and what it does not count."""

import pytest

from services.agent.domain.breaker import Breaker, BreakerRules

RULES = BreakerRules(window=20, cool_down_s=30.0)


def breaker(failures: int, successes: int, *, now: float = 0.0) -> Breaker:
    """Give one that has seen these calls."""
    seen = Breaker(RULES)
    for number in range(failures + successes):
        ticket = seen.admit(now)
        assert ticket
        seen.failed(ticket, now) if number >= successes else seen.succeeded(ticket)
    return seen


@pytest.mark.parametrize(
    ("failures", "successes", "state"),
    [(10, 10, "open"), (9, 11, "closed"), (19, 0, "closed"), (20, 0, "open"), (10, 9, "closed"), (0, 20, "closed")],
)
def test_it_opens_when_half_of_20_calls_failed(failures: int, successes: int, state: str) -> None:
    assert breaker(failures, successes).state(0.0) == state


def test_only_the_latest_calls_count() -> None:
    assert breaker(9, 100).state(0.0) == "closed"
    assert breaker(10, 100).state(0.0) == "open"


def test_open_it_admits_nobody_until_it_has_cooled_down() -> None:
    opened = breaker(20, 0, now=100.0)
    assert opened.admit(129.9) is None
    assert opened.state(129.9) == "open"
    assert opened.state(130.0) == "half-open"
    assert opened.admit(130.0)


def test_half_open_it_admits_one_at_a_time() -> None:
    opened = breaker(20, 0)
    probe = opened.admit(30.0)
    assert probe
    assert opened.admit(31.0) is None
    opened.abandoned(probe)
    assert opened.admit(32.0)


def test_a_probe_that_goes_well_closes_it_and_clears_what_it_knew() -> None:
    opened = breaker(20, 0)
    probe = opened.admit(30.0)
    assert probe
    opened.succeeded(probe)
    assert opened.state(30.0) == "closed"
    for _ in range(19):
        ticket = opened.admit(31.0)
        assert ticket
        opened.failed(ticket, 31.0)
    assert opened.state(31.0) == "closed"


def test_a_probe_that_fails_opens_it_anew() -> None:
    opened = breaker(20, 0)
    probe = opened.admit(30.0)
    assert probe
    opened.failed(probe, 35.0)
    assert opened.admit(64.9) is None
    assert opened.admit(65.0)


def test_calls_of_an_earlier_state_change_nothing() -> None:
    opened = Breaker(RULES)
    late = [opened.admit(0.0) for _ in range(3)]
    for _ in range(20):
        ticket = opened.admit(0.0)
        assert ticket
        opened.failed(ticket, 0.0)
    assert all(late)
    for ticket in late:
        assert ticket
        opened.succeeded(ticket)
    assert opened.state(1.0) == "open"
    probe = opened.admit(30.0)
    assert late[0]
    opened.abandoned(late[0])
    assert opened.admit(30.0) is None, "the probe is still on its way"
    assert probe
    opened.succeeded(probe)
    opened.failed(late[0], 30.0)
    assert opened.state(30.0) == "closed"


def test_what_was_cancelled_counts_as_nothing() -> None:
    seen = breaker(10, 9)
    for _ in range(50):
        ticket = seen.admit(0.0)
        assert ticket
        seen.abandoned(ticket)
    assert seen.state(0.0) == "closed"
    ticket = seen.admit(0.0)
    assert ticket
    seen.failed(ticket, 0.0)
    assert seen.state(0.0) == "open"


def test_a_call_that_goes_well_never_opens_it() -> None:
    seen = breaker(10, 9)
    ticket, other = seen.admit(0.0), seen.admit(0.0)
    assert ticket
    assert other
    seen.succeeded(ticket)
    assert seen.state(0.0) == "closed"
    seen.failed(other, 0.0)
    assert seen.state(0.0) == "open"
