"""One attempt to answer a turn: write, store, or stop where it is revoked."""

import asyncio
from typing import Literal

from msgspec import Struct

from libs.contracts.bus_map import COMPLETE_TURN
from libs.contracts.errors import Conflict, DeskError, NotFound
from libs.contracts.session import Answer, ClaimedTurn, CompleteTurn

from .broadcast import Broadcast
from .lease import Lease
from .withdrawal import Outcomes, with_outcomes
from .writing import Fault, Means, Writing

# How soon an answer that could not be stored is offered again, in seconds; only the end of the lease stops this.
_STORE_AGAIN_S = 0.5
# How soon what does not stop is told so again, in seconds.
_CANCEL_AGAIN_S = 0.1


class Ending(Struct, frozen=True):
    """How an attempt ended, and the fault's code.

    `answered`, `handed_over`, `apologised`, `cancelled` (what was told is stored), `revoked` (nothing is), `failed`,
    `refused` or `lease_lost`.
    """

    outcome: str
    code: str = ""


class Attempt:
    """One attempt. `storing` says that its answer is on its way and may be stored already.

    Args:
        outcomes: what came of allowed actions; None where none can have been done.
    """

    def __init__(
        self, means: Means, turn: ClaimedTurn, lease: Lease, message_id: str, outcomes: Outcomes | None = None
    ) -> None:
        self.turn = turn
        self.storing = False
        self._means = means
        self._lease = lease
        self._message_id = message_id
        self._outcomes = outcomes
        self._revocation: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.broadcast = Broadcast(
            means.announcer, turn, interval_s=means.limits.text_interval_s, may_speak=self._may_speak
        )
        self._writing = Writing(means, turn, self.broadcast)

    @property
    def revoked(self) -> bool:
        """Whether it was stopped from outside."""
        return self._revocation.done()

    def revoke(self, *, wanted: bool) -> None:
        """Say nothing more from this moment on; where `wanted`, store what was told as cancelled, else nothing.

        It comes too late for an answer that is on its way to being stored. A person who was asked for comes all the
        same: a hand-over that is decided is stopped only where it is not `wanted`.
        """
        if not (self.revoked or self.storing or (wanted and self._writing.handing_over)):
            self._revocation.set_result(wanted)

    async def run(self, *, renew_at_once: bool) -> Ending:
        """Answer for as long as the lease holds; once it is lost nothing more is said or stored."""
        ending = Ending("lease_lost")
        try:
            async with asyncio.timeout_at(self._lease.ends_at) as hold, asyncio.TaskGroup() as beside:
                keeper = beside.create_task(self._lease.keep(hold, at_once=renew_at_once))
                teller = beside.create_task(self.broadcast.run())
                writing = beside.create_task(self._write())
                ending = await self._settle(writing)
                keeper.cancel()
                teller.cancel()
                await _end(writing)
        except TimeoutError:
            # Only the lease's end comes out as this: every other time-out inside is dealt with there.
            return ending
        return ending

    def _may_speak(self) -> bool:
        return self._lease.holds() and not self.revoked

    async def _write(self) -> Answer | Fault:
        """Write the answer and tell all of it."""
        try:
            answer = await self._writing.answer()
        except Fault as fault:
            return fault
        await self.broadcast.flush()
        return answer

    async def _settle(self, writing: asyncio.Task[Answer | Fault]) -> Ending:
        """Store what is being written once it is there, or stop it where it is revoked.

        What is stopped may take a while to let go of what it holds; what was told is stored without waiting for that.
        """
        await asyncio.wait([writing, self._revocation], return_when=asyncio.FIRST_COMPLETED)
        if self.revoked:
            writing.cancel()
            return await self._withdraw(wanted=self._revocation.result())
        written = writing.result()
        return Ending("failed", written.code) if isinstance(written, Fault) else await self._store(written)

    async def _withdraw(self, *, wanted: bool) -> Ending:
        """Store what was told, where that is wanted; what it cites is not known before an answer's end.

        What became of actions that colleagues allowed is added: that must not get lost with the answer.
        """
        if not wanted:
            return Ending("revoked")
        metadata = {"model": self._means.model.name, "attempt": self.turn.attempt}
        told = Answer(content=self.broadcast.told, metadata=metadata)
        return await self._store(await with_outcomes(told, self.turn, self._outcomes), "cancelled")

    async def _store(self, answer: Answer, outcome: Literal["completed", "cancelled"] = "completed") -> Ending:
        """Store the answer, however long it takes while the lease holds; the message's id makes repeating safe."""
        turn, log = self.turn, self._means.log
        request = CompleteTurn(
            turn_id=turn.turn_id,
            attempt=turn.attempt,
            epoch=turn.epoch,
            message_id=self._message_id,
            answer=answer,
            outcome=outcome,
        )
        self.storing = True
        while True:
            try:
                settled = await self._means.caller.call(COMPLETE_TURN, request, tenant=turn.tenant, key=turn.session_id)
            except (Conflict, NotFound) as refusal:
                return Ending("refused", refusal.code)
            except DeskError as error:
                if not error.retryable:
                    self.storing = False
                    raise
                log.warning("answer_not_stored", turn=turn.turn_id, attempt=turn.attempt, code=error.code)
                await asyncio.sleep(_STORE_AGAIN_S)
            else:
                return Ending("cancelled") if settled.status == "cancelled" else _ending_of(answer)


async def _end(task: asyncio.Task[Answer | Fault]) -> None:
    """Cancel a task until it has ended: a driver can swallow a cancellation, as `asyncio.wait_for` of 3.11 does."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_CANCEL_AGAIN_S)


def _ending_of(answer: Answer) -> Ending:
    """Say how an attempt ended whose answer is stored."""
    if answer.escalation:
        return Ending("handed_over")
    fault = answer.metadata.get("error")
    return Ending("apologised", fault["code"]) if fault else Ending("answered")
