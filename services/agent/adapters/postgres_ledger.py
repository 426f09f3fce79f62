"""What models cost, in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from libs.contracts.agent import UsageRow
from libs.contracts.bus_map import USAGE_RECORDED
from libs.contracts.channels import encode
from libs.runtime.postgres import Database
from services.agent.domain.spending import Budget, Entry, Scope, Spend

RELEASED_AFTER_S = 600.0


class PostgresLedger:
    """Ledger over the agent's schema.

    All that names a session is written under its lock, shared: side by side with other writers, never with
    `PostgresMemories.forget`. Of a forgotten session a call is kept without it, and no event tells of it.

    Args:
        told: called after a commit that logged events: the relay's `wake`.
        released_after_s: after which a reservation that nobody settled counts no more, in seconds.
    """

    def __init__(
        self, database: Database, told: Callable[[], None], *, released_after_s: float = RELEASED_AFTER_S
    ) -> None:
        self._database = database
        self._told = told
        self._released_after_s = released_after_s

    async def reserve(
        self, tenant: str, session_id: str, usage_id: str, spend: Spend, budgets: Mapping[Scope, Budget]
    ) -> Scope | None:
        session, day = budgets.get("session", Budget()), budgets.get("tenant", Budget())
        async with self._database.begin() as work:
            await work.do("share_session_lightly", tenant, session_id)
            row = await work.row(
                "reserve", tenant, session_id, usage_id, spend.tokens, spend.cost_usd,
                session.tokens, session.cost_usd, day.tokens, day.cost_usd,
            )  # fmt: skip
            assert row is not None  # noqa: S101 - a select without from always gives a row
            passed: Scope | None = row["passed"]
            if passed and row["taken"]:
                await work.do("give_back", tenant, session_id, spend.tokens, spend.cost_usd, row["taken"])
        return passed

    async def spent_in_turn(self, tenant: str, session_id: str, turn_id: str) -> Spend:
        async with self._database.connection() as work:
            row = await work.row("spent_in_turn", tenant, session_id, turn_id)
        assert row is not None  # noqa: S101 - a sum without groups always gives a row
        return Spend(tokens=row["tokens"], cost_usd=row["cost_usd"])

    async def settle(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        # One statement cannot settle a call twice.
        calls = list({entry.usage.usage_id: entry for entry in entries}.values())
        tenants = [entry.tenant for entry in calls]
        async with self._database.begin() as work:
            await work.do("share_sessions", tenants, [entry.usage.session_id for entry in calls])
            payloads = [encode(entry.usage).decode() for entry in calls]
            await work.do("settle", tenants, payloads, USAGE_RECORDED.name, USAGE_RECORDED.version)
        self._told()

    async def sums(self, tenant: str, since: date, until: date) -> list[UsageRow]:
        async with self._database.connection() as work:
            rows = await work.rows("sum_usage", tenant, since, until)
        return [UsageRow(tenant=tenant, **row) for row in rows]

    async def sweep(self) -> None:
        """Release what was set aside and never settled, and drop counters and events that nobody needs any more."""
        async with self._database.connection() as work:
            await work.do("release_reservations", self._released_after_s)
            await work.do("drop_old_days")
            await work.do("drop_old_events")
