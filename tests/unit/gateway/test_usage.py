"""Sums of what models were used for: which days, by what, and that nothing is lost or counted twice."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, to_builtins

from libs.contracts.agent import UsageRow
from libs.contracts.errors import Invalid
from services.gateway.domain.reading import read_as
from services.gateway.domain.usage import DAYS_AT_ONCE, MOST_DAYS, UsageQuery, Wanted, summed, windows

TODAY = date(2026, 5, 4)
DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 5))
ROWS = st.lists(
    st.builds(
        UsageRow, day=DAYS, tenant=st.sampled_from(["default", "other"]), model=st.sampled_from(["a/1", "b/2", "c"]),
        calls=st.integers(0, 99), failed=st.integers(0, 9), prompt_tokens=st.integers(0, 10**9),
        completion_tokens=st.integers(0, 10**9), cost_usd=st.floats(0, 1000),
    ),
    max_size=30,
)  # fmt: skip


def row(day, model, tenant="default", calls=1, cost=0.1):
    return UsageRow(
        day=date(2026, 5, day), tenant=tenant, model=model, calls=calls, failed=1, prompt_tokens=10,
        completion_tokens=5, cost_usd=cost,
    )  # fmt: skip


def test_without_a_word_the_last_thirty_days_by_day_and_model():
    wanted = UsageQuery().checked(TODAY)
    assert wanted == Wanted(since=date(2026, 4, 5), until=TODAY, by=["day", "model"])
    assert (wanted.until - wanted.since).days + 1 == 30


@pytest.mark.parametrize(("query", "since", "until"), [
    ({"since": "2026-05-01"}, date(2026, 5, 1), TODAY),
    ({"until": "2026-03-31"}, date(2026, 3, 2), date(2026, 3, 31)),
    ({"since": "2026-05-04"}, TODAY, TODAY),
    ({"until": "0001-01-03"}, date(1, 1, 1), date(1, 1, 3)),
    ({"since": "2030-01-01", "until": "2030-01-01"}, date(2030, 1, 1), date(2030, 1, 1)),
])  # fmt: skip
def test_days_that_are_left_out(query, since, until):
    wanted = read_as(UsageQuery, query, where="query", lax=True).checked(TODAY)
    assert (wanted.since, wanted.until) == (since, until)


@pytest.mark.parametrize(("by", "keys"), [
    ("model", ["model"]), ("tenant,day", ["day", "tenant"]), ("day,model,tenant", ["day", "model", "tenant"]),
    ("day,day", ["day"]), ("", []),
])  # fmt: skip
def test_what_sums_are_by(by, keys):
    assert UsageQuery(by=by).checked(TODAY).by == keys


@pytest.mark.parametrize(("query", "field"), [
    ({"by": "week"}, "by"), ({"by": "day,"}, "by"), ({"by": "day, model"}, "by"), ({"by": "Day"}, "by"),
    ({"since": "2026-05-05"}, "since"), ({"since": "2026-05-02", "until": "2026-05-01"}, "since"),
    ({"since": "yesterday"}, "since"), ({"until": "2026-02-30"}, "until"), ({"until": "2026-05-04T00:00:00Z"}, "until"),
    ({"since": "2026-1-1"}, "since"), ({"since": ""}, "since"),
])  # fmt: skip
def test_what_cannot_be_summed_names_its_field(query, field):
    with pytest.raises(Invalid) as caught:
        read_as(UsageQuery, query, where="query", lax=True).checked(TODAY)
    assert (caught.value.code, caught.value.errors[0].loc) == ("invalid_request", ["query", field])
    if field != "by" and "date" not in caught.value.detail:
        assert "YYYY-MM-DD" in caught.value.detail or "until" in caught.value.detail


def test_so_many_days_and_not_one_more():
    first = TODAY - timedelta(days=MOST_DAYS - 1)
    assert UsageQuery(since=first).checked(TODAY).since == first
    with pytest.raises(Invalid, match="365 days before until"):
        UsageQuery(since=first - timedelta(days=1)).checked(TODAY)


@given(since=st.dates(), length=st.integers(0, MOST_DAYS - 1))
def test_days_are_asked_for_in_stretches_that_leave_none_out(since, length):
    until = date.fromordinal(min(since.toordinal() + length, date.max.toordinal()))
    days = [
        date.fromordinal(each)
        for first, last in windows(since, until)
        for each in range(first.toordinal(), last.toordinal() + 1)
    ]
    assert days == [date.fromordinal(each) for each in range(since.toordinal(), until.toordinal() + 1)]
    assert all((last - first).days < DAYS_AT_ONCE for first, last in windows(since, until))


def test_a_stretch_is_thirty_one_days():
    assert len(list(windows(TODAY, TODAY + timedelta(days=30)))) == 1
    assert len(list(windows(TODAY, TODAY + timedelta(days=31)))) == 2


def test_rows_carry_only_what_they_are_by():
    rows = [row(2, "b"), row(1, "b", calls=2), row(2, "a", "other"), row(2, "b", "other", calls=4, cost=0.2)]
    by_model = summed(Wanted(since=TODAY, until=TODAY, by=["model"]), rows)
    assert [(each.model, each.calls, each.cost_usd) for each in by_model.rows] == [("a", 1, 0.1), ("b", 7, 0.4)]
    assert by_model.rows[0].day is UNSET
    assert "day" not in to_builtins(by_model)["rows"][0]
    assert set(to_builtins(by_model)["total"]) == {"calls", "failed", "prompt_tokens", "completion_tokens", "cost_usd"}
    by_day = summed(Wanted(since=TODAY, until=TODAY, by=["day", "tenant"]), rows)
    assert [(each.day.day, each.tenant, each.calls) for each in by_day.rows] == [  # pyright: ignore[reportAttributeAccessIssue]
        (1, "default", 2), (2, "default", 1), (2, "other", 5),
    ]  # fmt: skip
    assert summed(Wanted(since=TODAY, until=TODAY, by=[]), rows).rows == [by_model.total]


def test_cents_are_not_made_up():
    rows = [row(1, "a", cost=0.1) for _ in range(10)]
    assert summed(Wanted(since=TODAY, until=TODAY, by=["day"]), rows).total.cost_usd == 1.0
    assert summed(Wanted(since=TODAY, until=TODAY, by=["day"]), [row(1, "a", cost=1.5e-7)]).total.cost_usd == 1.5e-7


def test_nothing_was_used():
    told = summed(Wanted(since=TODAY, until=TODAY, by=["day"]), [])
    assert (told.rows, told.total.calls, told.total.cost_usd) == ([], 0, 0.0)


@given(rows=ROWS, by=st.lists(st.sampled_from(["day", "model", "tenant"]), unique=True))
def test_the_rows_of_any_sum_come_to_the_same_total(rows, by):
    told = summed(UsageQuery(by=",".join(by)).checked(TODAY), rows)
    for name in ("calls", "failed", "prompt_tokens", "completion_tokens"):
        assert sum(getattr(each, name) for each in told.rows) == getattr(told.total, name) == sum(
            getattr(each, name) for each in rows
        )  # fmt: skip
    names = [tuple(str(getattr(each, key)) for key in told.by) for each in told.rows]
    assert names == sorted(set(names))
