"""Turns: claimed, kept, completed, given back, called off, and sealed where nobody answers them any more."""

from libs.contracts import session as told
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, NotFound
from libs.contracts.ids import TURN
from libs.runtime.clock import now
from libs.runtime.ids import mint

from ..domain.change import FreshIds
from ..domain.conversation import Conversation
from ..domain.decisions import to_be_answered
from ..domain.session import SessionState
from ..domain.turn import CANCEL_S, Turn
from ..ports import Records
from .use_cases import UseCases, fresh_ids

_CLAIM_TRIES = 3
_RETRY_DELAY_S = 0.5  # per attempt after the second, so that a fault that passes has time to


class Turns(UseCases):
    """What agents ask, and what calls their answers off."""

    async def claim_turn(self, request: told.ClaimTurn, _: Context) -> told.ClaimReply:
        """Lease the turn that has waited longest to an agent; nothing where there is none."""
        for _try in range(_CLAIM_TRIES):
            async with self._store.begin() as records:
                if before := await records.claimed(request):
                    return told.ClaimReply(await self._claimed(records, *before, request))
                conversation = await records.lock_claimable(now())
                if conversation is None:
                    return told.ClaimReply()
                turn = await records.lease(conversation.state.session_id, request)
                if turn is None:  # another agent took it between our look and our lock
                    continue
                conversation.start(turn)
                await records.save(conversation)
                claimed = await self._claimed(records, conversation.state, turn, request)
            await self._herald.tell(conversation)
            return told.ClaimReply(claimed)
        return told.ClaimReply()

    async def _claimed(
        self, records: Records, state: SessionState, turn: Turn, request: told.ClaimTurn
    ) -> told.ClaimedTurn:
        questions, history = await records.for_turn(state.session_id, turn.turn_id, request.history_limit)
        return told.ClaimedTurn(
            session_id=state.session_id, tenant=state.tenant, user_id=state.user_id, turn_id=turn.turn_id,
            attempt=turn.attempt, epoch=state.epoch, lease_s=self._rules.lease_s, traceparent=turn.traceparent,
            questions=to_be_answered(questions), history=history,
        )  # fmt: skip

    async def renew_lease(self, request: told.RenewLease, _: Context) -> told.LeaseRenewed:
        """Keep a turn.

        Raises:
            Conflict: `lease_lost`.
        """
        async with self._store.begin() as records:
            if not await records.renew(request.turn_id, request.attempt, request.agent_id):
                raise Conflict("lease_lost", "another attempt has this turn now, or it is settled")
        return told.LeaseRenewed(self._rules.lease_s)

    async def complete_turn(self, request: told.CompleteTurn, ctx: Context) -> told.TurnSettled:
        """Store an answer, in the transaction that checks who gives it; the next turn opens with it.

        Raises:
            Conflict: `lease_lost` or `control_changed`.
        """
        async with self._store.begin() as records:
            conversation, turn = await self._lock_turn(records, request.turn_id, ctx)
            try:
                conversation.check_fence(turn, request.attempt, request.epoch)
            except Conflict:
                stored = await records.message_by_id(conversation.state.session_id, request.message_id)
                if stored is None:
                    raise
                return _settled(stored)  # the first reply was lost
            if request.answer.escalation:
                conversation.background = await records.for_hand_over(conversation.state.session_id)
            cancelled = request.outcome == "cancelled"
            message = conversation.complete(request.answer, fresh_ids(request.message_id), cancelled=cancelled)
            conversation.go_on(mint(TURN))
            await records.save(conversation)
        await self._herald.tell(conversation)
        return _settled(message)

    async def fail_turn(self, request: told.FailTurn, ctx: Context) -> told.TurnSettled:
        """Give a turn back for another attempt, or up after the last one.

        Raises:
            Conflict: `lease_lost`.
        """
        async with self._store.begin() as records:
            conversation, turn = await self._lock_turn(records, request.turn_id, ctx)
            conversation.check_fence(turn, request.attempt)
            if turn.cancelling or turn.expired or (request.counted and turn.exhausted):
                code = "turn_expired" if turn.expired else request.code
                message = conversation.fail(await self._ids(records, conversation), code)
                conversation.go_on(mint(TURN))
                await records.save(conversation)
            else:
                delay = max(0, turn.attempt - turn.spared - 1) * _RETRY_DELAY_S if request.counted else 0.0
                await records.release(turn.turn_id, spared=not request.counted, delay_s=delay)
                message = None
        await self._herald.tell(conversation)
        if message is None:
            await self._herald.ring(ctx.tenant)
            return told.TurnSettled("queued")
        return _settled(message)

    async def cancel_turn(self, request: told.CancelTurn, ctx: Context) -> told.Cancellation:
        """Call off the open turn: at once where no agent holds it, else its agent has a second to say how far it came.

        Raises:
            NotFound: `turn_not_found` where the turn named was never the session's.
        """
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            turn = conversation.turn
            if turn is None or request.turn_id not in (None, turn.turn_id):
                if request.turn_id and not await records.has_turn(ctx.key, request.turn_id):
                    raise _turn_not_found()
                return told.Cancellation(state="idle", turn_id=request.turn_id)
            state = conversation.cancel(await self._ids(records, conversation))
            conversation.go_on(mint(TURN))
            await records.save(conversation)
        await self._herald.tell(conversation)
        if state == "cancelling":
            self._timers.after(CANCEL_S, lambda: self._seal_called_off(ctx, turn.turn_id))
        return told.Cancellation(state=state, turn_id=turn.turn_id)

    # --- sealing what nobody answers any more

    async def sweep(self) -> None:
        """Seal the turns that nobody is going to answer, and ring again for those that nobody holds."""
        while await self._seal_one():
            pass
        async with self._store.begin() as records:
            tenants = await records.tenants_to_ring()
        for tenant in tenants:
            await self._herald.ring(tenant)

    async def _seal_one(self) -> bool:
        async with self._store.begin() as records:
            conversation = await records.lock_sealable(now())
            if conversation is None or not await self._seal(records, conversation):
                return False
        await self._herald.tell(conversation)
        return True

    async def _seal_called_off(self, ctx: Context, turn_id: str) -> None:
        """Seal a turn whose agent has not said in time how far it came."""
        async with self._store.begin() as records:
            conversation = await records.lock(ctx.tenant, ctx.key, now())
            turn = conversation.turn if conversation else None
            if conversation is None or turn is None or turn.turn_id != turn_id:
                return
            if not await self._seal(records, conversation):
                return
        await self._herald.tell(conversation)

    async def _seal(self, records: Records, conversation: Conversation) -> bool:
        turn = conversation.turn
        if turn is None or not conversation.seal(await self._ids(records, conversation)):
            return False
        conversation.go_on(mint(TURN))
        await records.save(conversation)
        return True

    async def _ids(self, records: Records, conversation: Conversation) -> FreshIds:
        """Mint ids; of a turn that may end with a person, its ticket's background is loaded."""
        if conversation.turn and conversation.turn.may_have_acted:
            conversation.background = await records.for_hand_over(conversation.state.session_id)
        return fresh_ids()

    async def _lock_turn(self, records: Records, turn_id: str, ctx: Context) -> tuple[Conversation, Turn]:
        found = await records.lock_by_turn(ctx.tenant, turn_id, now())
        if found is None:
            raise _turn_not_found()
        return found


def _turn_not_found() -> NotFound:
    return NotFound("turn_not_found", "There is no such turn")


def _settled(message: told.Message) -> told.TurnSettled:
    """Say how the turn stands whose message is stored."""
    return told.TurnSettled("completed" if message.status == "complete" else message.status, message)
