"""What models have cost, summed for whoever pays."""

from datetime import date
from typing import Protocol

from libs.contracts.agent import AskUsage, UsageReport, UsageRow
from libs.contracts.context import Context
from libs.contracts.errors import Invalid

MOST_DAYS = 366


class UsageSums(Protocol):
    """Adds up settled calls. Raises DeskError where it cannot work."""

    async def sums(self, tenant: str, since: date, until: date) -> list[UsageRow]:
        """Give a row for each day, in UTC, and model that has any, in this order; both days are included."""
        ...


class UsageDesk:
    """Answers what models have cost."""

    def __init__(self, sums: UsageSums) -> None:
        self._sums = sums

    async def usage(self, request: AskUsage, ctx: Context) -> UsageReport:
        """Give a tenant's sums by day and model.

        Raises:
            Invalid: `invalid_range`: it ends before it begins, or is longer than 366 days.
        """
        if request.since > request.until:
            raise Invalid("invalid_range", "The first day must not be after the last")
        if (request.until - request.since).days >= MOST_DAYS:
            raise Invalid("invalid_range", f"At most {MOST_DAYS} days can be summed at once")
        return UsageReport(await self._sums.sums(ctx.tenant, request.since, request.until))
