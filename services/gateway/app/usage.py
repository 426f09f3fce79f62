"""What language models were used for and cost, as administrators ask for it."""

from libs.contracts.agent import AskUsage, UsageRow
from libs.contracts.bus_map import USAGE
from libs.contracts.channels import Caller

from ..domain.usage import UsageQuery, UsageSums, summed, windows
from ..ports import Clock


class Usage:
    """Sums of what the agent service keeps of each call of a model."""

    def __init__(self, caller: Caller, tenant: str, now: Clock) -> None:
        self._caller = caller
        self._tenant = tenant
        self._now = now

    async def sums(self, query: UsageQuery) -> UsageSums:
        """Give the sums of some days, in stretches that fit into a message.

        Raises:
            Invalid: the days are in the wrong order, or too many.
        """
        wanted = query.checked(self._now().date())
        rows: list[UsageRow] = []
        for since, until in windows(wanted.since, wanted.until):
            report = await self._caller.call(USAGE, AskUsage(since=since, until=until), tenant=self._tenant)
            rows += report.rows
        return summed(wanted, rows)
