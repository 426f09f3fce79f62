"""Leases: an attempt's right to speak and to write, which must be renewed or is lost."""

import asyncio

from libs.contracts.bus_map import RENEW_LEASE
from libs.contracts.channels import Caller
from libs.contracts.errors import Conflict, DeskError, NotFound
from libs.contracts.session import ClaimedTurn, RenewLease
from services.agent.ports import Log

# How soon a renewal that nobody answered is tried again, in seconds.
_RETRY_S = 0.5
_RENEWALS_PER_LEASE = 3


class Lease:
    """The lease of one attempt, on this process's monotonic clock.

    Its end is counted from the moment before it was asked for, so it never outlasts the one in the database.
    """

    def __init__(self, caller: Caller, log: Log, turn: ClaimedTurn, *, agent_id: str, asked_at: float) -> None:
        self._caller = caller
        self._log = log
        self._turn = turn
        self._request = RenewLease(turn_id=turn.turn_id, attempt=turn.attempt, agent_id=agent_id)
        self._clock = asyncio.get_running_loop().time
        self.ends_at = asked_at + turn.lease_s

    def holds(self) -> bool:
        """Say whether it still holds, as far as can be known here."""
        return self._clock() < self.ends_at

    async def keep(self, hold: asyncio.Timeout, *, at_once: bool) -> None:
        """Renew it until cancelled, and move the end of `hold` along; once it is lost, `hold` ends at once.

        `at_once` renews it before anything else: it may have begun long before the claim was answered.
        """
        wait = 0.0 if at_once else self._turn.lease_s / _RENEWALS_PER_LEASE
        while True:
            await asyncio.sleep(wait)
            wait = await self._renew()
            if hold.expired():
                return
            hold.reschedule(self.ends_at)
            if not self.holds():
                return

    async def _renew(self) -> float:
        """Renew it once; give the seconds until the next time."""
        turn, asked_at = self._turn, self._clock()
        try:
            renewed = await self._caller.call(RENEW_LEASE, self._request, tenant=turn.tenant, key=turn.session_id)
        except (Conflict, NotFound):
            self.ends_at = self._clock()
        except DeskError as error:
            self._log.warning("lease_not_renewed", turn=turn.turn_id, attempt=turn.attempt, code=error.code)
            return _RETRY_S
        else:
            self.ends_at = asked_at + renewed.lease_s
        return self._turn.lease_s / _RENEWALS_PER_LEASE
