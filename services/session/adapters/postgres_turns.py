"""Turns in Postgres, and their leases by its clock."""

from libs.contracts.session import ClaimTurn
from libs.runtime.work import Work

from ..domain.turn import MAX_ATTEMPTS, Turn, TurnRules
from .postgres_rows import to_turn


class TurnRecords:
    """The turns within one transaction."""

    def __init__(self, work: Work, rules: TurnRules) -> None:
        self._work = work
        self._rules = rules

    async def lease(self, session_id: str, claim: ClaimTurn) -> Turn | None:
        row = await self._work.row("lease_turn", session_id, claim.agent_id, claim.claim_id, self._rules.lease_s)
        return to_turn(row) if row else None

    async def renew(self, turn_id: str, attempt: int, agent_id: str) -> bool:
        renewed = await self._work.value("renew_lease", turn_id, attempt, agent_id, self._rules.lease_s)
        return renewed is not None

    async def release(self, turn_id: str, *, spared: bool, delay_s: float) -> None:
        await self._work.do("release_turn", turn_id, int(spared), delay_s)

    async def tenants_to_ring(self) -> list[str]:
        return [row["tenant"] for row in await self._work.rows("turns_to_ring", MAX_ATTEMPTS)]

    async def open_turn(self, session_id: str) -> Turn | None:
        row = await self._work.row("open_turn", session_id)
        return to_turn(row) if row else None

    async def has_turn(self, session_id: str, turn_id: str) -> bool:
        return await self._work.value("has_turn", session_id, turn_id) is not None
