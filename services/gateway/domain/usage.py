"""What language models were used for and what that cost, summed as somebody wants to see it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from math import fsum
from typing import Literal, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from libs.contracts.agent import UsageRow

from . import limits

Key = Literal["day", "model", "tenant"]
KEYS: tuple[Key, ...] = get_args(Key)
MOST_DAYS = 366
USUAL_DAYS = 30
# So many days of a tenant's rows fit into one message of the bus, however many models it uses.
DAYS_AT_ONCE = 31

# A billionth of a dollar: less than any token costs, more than floats make up.
_COST_DIGITS = 9


class UsageQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/usage`.

    Attributes:
        since: the first day, in UTC; where it is absent, the one with which there are 30.
        until: the last day, in UTC; today where it is absent.
        by: what there is a row for each of: some of `day`, `model` and `tenant`, with commas between them.
    """

    since: date | None = None
    until: date | None = None
    by: str = "day,model"

    def checked(self, today: date) -> "Wanted":
        """Give what is asked for.

        Raises:
            Invalid: the days are in the wrong order, or too many, or it is by something else.
        """
        named = self.by.split(",") if self.by else []
        if not set(named) <= set(KEYS):
            raise limits.invalid("by", "must be some of day, model and tenant, with commas between them", where="query")
        until = self.until or today
        since = self.since or date.fromordinal(max(until.toordinal() - USUAL_DAYS + 1, 1))
        if since > until:
            raise limits.invalid("since", "must not be after until, which is today where it is absent", where="query")
        if (until - since).days >= MOST_DAYS:
            raise limits.invalid("since", f"must be at most {MOST_DAYS - 1} days before until", where="query")
        return Wanted(since=since, until=until, by=[key for key in KEYS if key in named])


class Wanted(Struct, frozen=True, kw_only=True):
    """Sums that were asked for, from one day up to and with another; `by` in the order of `KEYS`."""

    since: date
    until: date
    by: list[Key]


class UsageSum(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sum over calls of language models: those of a day, model or tenant where it names one.

    Attributes:
        calls: how many there were, with retries and fallbacks.
        failed: how many of them came to nothing.
        cost_usd: in US dollars, as far as prices are known.
    """

    day: date | UnsetType = UNSET
    model: str | UnsetType = UNSET
    tenant: str | UnsetType = UNSET
    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class UsageSums(Struct, frozen=True, kw_only=True):
    """What models were used for from one day up to and with another, in UTC.

    Attributes:
        by: what there is a row for each of.
        rows: in the order of what they are by; none for what was not used.
        total: over all rows.
    """

    since: date
    until: date
    by: list[Key]
    rows: list[UsageSum]
    total: UsageSum


def windows(since: date, until: date) -> Iterator[tuple[date, date]]:
    """Give the stretches in which so many days are asked for, each from one day up to and with another."""
    rest = timedelta(days=DAYS_AT_ONCE - 1)
    while (until - since) > rest:
        yield since, since + rest
        since += timedelta(days=DAYS_AT_ONCE)
    yield since, until


def summed(wanted: Wanted, rows: Sequence[UsageRow]) -> UsageSums:
    """Sum rows by what was asked for."""
    groups: dict[tuple[date | str, ...], list[UsageRow]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, key) for key in wanted.by), []).append(row)
    return UsageSums(
        since=wanted.since, until=wanted.until, by=wanted.by, total=_sum(rows),
        rows=[_named(dict(zip(wanted.by, names, strict=True)), of) for names, of in sorted(groups.items(), key=_name)],
    )  # fmt: skip


def _name(group: tuple[tuple[date | str, ...], list[UsageRow]]) -> list[str]:
    return [str(name) for name in group[0]]


def _named(names: dict[Key, date | str], rows: Iterable[UsageRow]) -> UsageSum:
    return msgspec.structs.replace(_sum(rows), **names)


def _sum(rows: Iterable[UsageRow]) -> UsageSum:
    rows = list(rows)
    return UsageSum(
        calls=sum(row.calls for row in rows), failed=sum(row.failed for row in rows),
        prompt_tokens=sum(row.prompt_tokens for row in rows),
        completion_tokens=sum(row.completion_tokens for row in rows),
        cost_usd=round(fsum(row.cost_usd for row in rows), _COST_DIGITS),
    )  # fmt: skip
