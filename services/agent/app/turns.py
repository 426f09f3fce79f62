"""Turns: those that this agent is answering, how each ends, and how far each is."""

import asyncio

from libs.contracts import ids
from libs.contracts.agent import AskSnapshot, Snapshot
from libs.contracts.bus_map import FAIL_TURN
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, DeskError, NotFound
from libs.contracts.session import FailTurn, TurnRevoked
from services.agent.ports import Mint

from .attempt import Attempt, Ending
from .claims import Claim
from .lease import Lease
from .withdrawal import Outcomes
from .writing import Means

# How long a turn may take to be given back while the process stops, in seconds.
_GIVE_BACK_S = 2.0
# How many revocations are kept of attempts that have not begun here.
_MOST_EARLY = 256


class Turns:
    """The turns under way in this process.

    Args:
        outcomes: what came of allowed actions; None where none can have been done.
    """

    def __init__(self, means: Means, mint: Mint, outcomes: Outcomes | None = None) -> None:
        self._means = means
        self._mint = mint
        self._outcomes = outcomes
        self._attempts: dict[str, Attempt] = {}
        self._early: dict[tuple[str, str, int], bool] = {}

    async def answer(self, claim: Claim) -> None:
        """Answer a claimed turn, whatever happens. When cancelled, give it back first. One log line each."""
        turn, means, clock = claim.turn, self._means, asyncio.get_running_loop().time
        lease = Lease(means.caller, means.log, turn, agent_id=means.agent_id, asked_at=claim.asked_at)
        attempt = Attempt(means, turn, lease, self._mint(ids.MESSAGE), self._outcomes)
        self._attempts[turn.turn_id] = attempt
        if (wanted := self._early.pop((turn.tenant, turn.turn_id, turn.attempt), None)) is not None:
            attempt.revoke(wanted=wanted)
        ending, started = Ending("given_back"), clock()
        try:
            ending = await self._run(attempt, renew_at_once=claim.repeated)
        except asyncio.CancelledError:
            # An answer on its way may be stored already: then its lease runs out, or has ended.
            if not (attempt.storing or attempt.revoked):
                await self._give_back(attempt)
            raise
        finally:
            if self._attempts.get(turn.turn_id) is attempt:
                del self._attempts[turn.turn_id]
            self._report(attempt, ending, clock() - started)

    async def snapshot(self, request: AskSnapshot, ctx: Context) -> Snapshot:
        """Say how far a turn is; attempt 0 where it is not answered here."""
        attempt = self._attempts.get(request.turn_id)
        if attempt is None or attempt.turn.tenant != ctx.tenant:
            return Snapshot(turn_id=request.turn_id)
        return attempt.broadcast.snapshot()

    def revoke(self, revoked: TurnRevoked, tenant: str) -> None:
        """Stop an attempt at once; one that is not under way here is not touched.

        It may be heard before the reply to the claim, and then stops the attempt as it begins.
        """
        attempt = self._attempts.get(revoked.turn_id)
        if attempt and (attempt.turn.tenant, attempt.turn.attempt) == (tenant, revoked.attempt):
            attempt.revoke(wanted=revoked.wanted)
            return
        self._early[tenant, revoked.turn_id, revoked.attempt] = revoked.wanted
        if len(self._early) > _MOST_EARLY:
            del self._early[next(iter(self._early))]

    async def _run(self, attempt: Attempt, *, renew_at_once: bool) -> Ending:
        """Run an attempt; one that fails is told to the session, so that the next begins at once."""
        try:
            ending = await attempt.run(renew_at_once=renew_at_once)
        except Exception:
            self._means.log.exception("attempt_failed", turn=attempt.turn.turn_id, attempt=attempt.turn.attempt)
            ending = Ending("failed", "internal")
        if ending.outcome == "failed":
            await self._fail(attempt, ending.code)
        return ending

    async def _give_back(self, attempt: Attempt) -> None:
        try:
            async with asyncio.timeout(_GIVE_BACK_S):
                await self._fail(attempt, "agent_draining", counted=False)
        except TimeoutError:
            self._means.log.warning("turn_not_given_back", turn=attempt.turn.turn_id, code="timed_out")

    async def _fail(self, attempt: Attempt, code: str, *, counted: bool = True) -> None:
        turn = attempt.turn
        request = FailTurn(turn_id=turn.turn_id, attempt=turn.attempt, code=code, counted=counted)
        try:
            await self._means.caller.call(FAIL_TURN, request, tenant=turn.tenant, key=turn.session_id)
        except (Conflict, NotFound):
            return  # another attempt has it, or it is over: nothing is left to give back
        except DeskError as error:
            self._means.log.warning("turn_not_given_back", turn=turn.turn_id, code=error.code)

    def _report(self, attempt: Attempt, ending: Ending, seconds: float) -> None:
        turn = attempt.turn
        self._means.log.info(
            "turn",
            turn=turn.turn_id,
            session=turn.session_id,
            tenant=turn.tenant,
            trace=turn.traceparent[3:35],  # the trace id within "00-<trace id>-<span id>-01"
            attempt=turn.attempt,
            outcome=ending.outcome,
            code=ending.code,
            ms=round(seconds * 1000, 1),
            tokens=attempt.broadcast.pieces,
        )
