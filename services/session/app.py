"""What the session service does: each use case is one transaction, and what it decided is told after the commit."""

from datetime import timedelta

from libs.contracts import session as told
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, NotFound
from libs.contracts.ids import MESSAGE, TICKET, TURN
from libs.runtime.clock import now
from libs.runtime.ids import mint

from .domain.conversation import Conversation, NewMessage
from .domain.session import SessionState
from .domain.turn import Turn
from .ports import Herald, Records, Snapshots, Store

_CLAIM_TRIES = 3
_CLEAN_UP_BATCH = 50
_RETRY_DELAY_S = 0.5  # per attempt after the second, so that a fault that passes has time to


def _session_not_found() -> NotFound:
    return NotFound("session_not_found", "There is no such session: create one with POST /api/sessions and use its id")


class App:
    """The use cases of the session service."""

    def __init__(self, store: Store, herald: Herald, snapshots: Snapshots, lease_s: float) -> None:
        self._store = store
        self._herald = herald
        self._snapshots = snapshots
        self._lease_s = lease_s

    # --- sessions

    async def open_session(self, request: told.OpenSession, ctx: Context) -> told.Session:
        """Open a session; the same id or the same idempotency key gives the one that is there."""
        moment = now()
        state = SessionState(
            session_id=request.session_id, tenant=ctx.tenant, thread_id=request.thread_id, user_id=request.user_id,
            status="active", epoch=0, metadata=request.metadata, last_seq=0, last_ev_seq=0, created_at=moment,
            updated_at=moment, last_activity=moment,
        )  # fmt: skip
        conversation = Conversation(state, moment)
        async with self._store.begin() as records:
            if not await records.insert_session(state, request.idempotency_key):
                return (await _existing(records, request, ctx.tenant)).shown()
            conversation.open()
            await records.save(conversation)
        await self._herald.tell(conversation)
        return state.shown()

    async def get_session(self, request: told.GetSession, ctx: Context) -> told.Session:
        """Read a session: what is kept of it where that is current, else the store."""
        if kept := await self._snapshots.current(ctx.tenant, ctx.key):
            return kept
        async with self._store.begin() as records:
            state = await records.session(ctx.tenant, ctx.key)
        if state is None:
            raise _session_not_found()
        self._snapshots.keep(state)
        return state.shown()

    async def list_sessions(self, request: told.ListSessions, ctx: Context) -> told.SessionPage:
        """List a tenant's sessions, newest first."""
        async with self._store.begin() as records:
            states, total = await records.sessions(ctx.tenant, request)
        return told.SessionPage([state.shown() for state in states], total)

    async def set_status(self, request: told.SetStatus, ctx: Context) -> told.Session:
        """Move a session to a status."""
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            conversation.set_status(request.status, mint(TICKET))
            await records.save(conversation)
        await self._herald.tell(conversation)
        return conversation.state.shown()

    async def delete_session(self, request: told.DeleteSession, ctx: Context) -> told.SessionGone:
        """Delete a session with its messages, turns and events; the others learn it from `session_deleted`."""
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            conversation.delete()
            await records.save(conversation)
        await self._herald.tell(conversation)
        return told.SessionGone(ctx.key)

    async def clean_up(self, request: told.CleanUp, ctx: Context) -> told.CleanedUp:
        """Delete what is not active and has long been idle, a batch at a time, so that nobody waits for it."""
        cutoff = now() - timedelta(days=request.days)
        deleted = 0
        while True:
            async with self._store.begin() as records:
                conversations = await records.lock_idle(ctx.tenant, cutoff, _CLEAN_UP_BATCH, now())
                for conversation in conversations:
                    conversation.delete()
                    await records.save(conversation)
            for conversation in conversations:
                await self._herald.tell(conversation)
            deleted += len(conversations)
            if len(conversations) < _CLEAN_UP_BATCH:
                return told.CleanedUp(deleted, cutoff)

    # --- messages

    async def post_message(self, request: told.PostMessage, ctx: Context) -> told.MessagePosted:
        """Accept a customer's message, once for each `client_message_id`."""
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            known = await records.message_by_client_id(ctx.key, request.client_message_id)
            new = NewMessage(
                message_id=request.message_id, client_message_id=request.client_message_id, content=request.content,
                attachments=request.attachments, turn_id=mint(TURN), traceparent=ctx.traceparent,
            )  # fmt: skip
            message = known or conversation.post(new)
            await records.save(conversation)
        await self._herald.tell(conversation)
        return told.MessagePosted(
            message_id=message.id,
            seq=message.seq,
            client_message_id=request.client_message_id,
            status=conversation.state.status,
            duplicate=known is not None,
            ticket_id=conversation.state.ticket.ticket_id if conversation.state.ticket else None,
        )

    async def give_feedback(self, request: told.GiveFeedback, ctx: Context) -> told.Message:
        """Rate an answer; the message is named by the request, its session found by it."""
        async with self._store.begin() as records:
            found = await records.lock_by_message(ctx.tenant, request.message_id, now())
            if found is None:
                raise NotFound("message_not_found", "There is no such answer")
            conversation, message = found
            rated = conversation.give_feedback(message, request.feedback)
            await records.set_feedback(conversation.state.session_id, message.id, request.feedback)
            await records.save(conversation)
        await self._herald.tell(conversation)
        return rated

    async def history(self, request: told.GetHistory, ctx: Context) -> told.History:
        """Read messages by `seq`."""
        async with self._store.snapshot() as records:
            if await records.session(ctx.tenant, ctx.key) is None:
                raise _session_not_found()
            messages, total = await records.history(ctx.key, request)
        return told.History(messages, total)

    async def events_after(self, request: told.EventsAfter, ctx: Context) -> told.EventsPage:
        """Read the event log after a place, and where the session stands."""
        async with self._store.snapshot() as records:
            state = await records.session(ctx.tenant, ctx.key)
            if state is None:
                raise _session_not_found()
            after = state.last_ev_seq if request.ev_seq is None else request.ev_seq
            events = await records.events_after(ctx.key, after, request.limit)
            turn = await records.open_turn(ctx.key)
        return told.EventsPage(
            events=events, last_ev_seq=state.last_ev_seq, status=state.status, open_turn=_shown_turn(turn)
        )

    # --- turns

    async def claim_turn(self, request: told.ClaimTurn, ctx: Context) -> told.ClaimReply:
        """Lease the turn that has waited longest to an agent; nothing where there is none."""
        for _ in range(_CLAIM_TRIES):
            async with self._store.begin() as records:
                if before := await records.claimed(request):
                    return told.ClaimReply(await self._claimed(records, *before, request))
                conversation = await records.lock_claimable(now())
                if conversation is None:
                    return told.ClaimReply()
                turn = await records.lease(conversation.state.session_id, request, self._lease_s)
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
        return told.ClaimedTurn(
            session_id=state.session_id, tenant=state.tenant, user_id=state.user_id, turn_id=turn.turn_id,
            attempt=turn.attempt, epoch=state.epoch, lease_s=self._lease_s, traceparent=turn.traceparent,
            questions=await records.questions(state.session_id, turn.turn_id),
            history=await records.before_turn(state.session_id, turn.turn_id, request.history_limit),
        )  # fmt: skip

    async def renew_lease(self, request: told.RenewLease, ctx: Context) -> told.LeaseRenewed:
        """Keep a turn.

        Raises:
            Conflict: `lease_lost`.
        """
        async with self._store.begin() as records:
            if not await records.renew(request.turn_id, request.attempt, request.agent_id, self._lease_s):
                raise Conflict("lease_lost", "another attempt has this turn now, or it is settled")
        return told.LeaseRenewed(self._lease_s)

    async def complete_turn(self, request: told.CompleteTurn, ctx: Context) -> told.TurnSettled:
        """Store an answer, in the transaction that checks who gives it; the next turn opens with it.

        Raises:
            Conflict: `lease_lost` or `control_changed`.
        """
        async with self._store.begin() as records:
            conversation, turn = await self._lock_turn(records, request.turn_id, ctx)
            if stored := await records.message_by_id(conversation.state.session_id, request.message_id):
                return told.TurnSettled("completed", stored)  # the first reply was lost
            conversation.check_fence(turn, request.attempt, request.epoch)
            message = conversation.complete(request.message_id, request.answer, turn.created_at, mint(TICKET))
            await self._settle(records, conversation, turn)
        await self._herald.tell(conversation)
        return told.TurnSettled("completed", message)

    async def fail_turn(self, request: told.FailTurn, ctx: Context) -> told.TurnSettled:
        """Give a turn back for another attempt, or up after the last one.

        Raises:
            Conflict: `lease_lost`.
        """
        async with self._store.begin() as records:
            conversation, turn = await self._lock_turn(records, request.turn_id, ctx)
            conversation.check_fence(turn, request.attempt)
            if not (request.counted and turn.exhausted):
                delay = max(0, turn.attempt - turn.spared - 1) * _RETRY_DELAY_S if request.counted else 0.0
                await records.release(turn.turn_id, spared=not request.counted, delay_s=delay)
                message = None
            else:
                message = conversation.fail(mint(MESSAGE), request.code)
                await self._settle(records, conversation, turn)
        await self._herald.tell(conversation)
        if message is None:
            await self._herald.ring(ctx.tenant)
        return told.TurnSettled("failed" if message else "queued", message)

    async def _settle(self, records: Records, conversation: Conversation, turn: Turn) -> None:
        """Save a settled turn; what was said meanwhile is the next one's."""
        seqs = await records.waiting_seqs(conversation.state.session_id)
        if seqs and conversation.state.status == "active":
            conversation.open_turn(mint(TURN), seqs, turn.traceparent)
        await records.save(conversation)

    # --- sweeping

    async def sweep(self) -> None:
        """Seal the turns that have used up their attempts, and ring again for those that nobody holds."""
        while await self._seal_one():
            pass
        async with self._store.begin() as records:
            tenants = await records.tenants_to_ring()
        for tenant in tenants:
            await self._herald.ring(tenant)

    async def _seal_one(self) -> bool:
        async with self._store.begin() as records:
            conversation = await records.lock_exhausted(now())
            if conversation is None or conversation.turn is None:
                return False
            turn = conversation.turn
            conversation.fail(mint(MESSAGE), "agent_lost")
            await self._settle(records, conversation, turn)
        await self._herald.tell(conversation)
        return True

    # --- loading

    async def _lock(self, records: Records, ctx: Context) -> Conversation:
        conversation = await records.lock(ctx.tenant, ctx.key, now())
        if conversation is None:
            raise _session_not_found()
        return conversation

    async def _lock_turn(self, records: Records, turn_id: str, ctx: Context) -> tuple[Conversation, Turn]:
        found = await records.lock_by_turn(ctx.tenant, turn_id, now())
        if found is None:
            raise NotFound("turn_not_found", "There is no such turn")
        return found


async def _existing(records: Records, request: told.OpenSession, tenant: str) -> SessionState:
    state = await records.session(tenant, request.session_id)
    if state is None and request.idempotency_key:
        state = await records.session_by_key(tenant, request.idempotency_key)
    if state is None:
        raise Conflict("session_exists", "This session id is taken")
    return state


def _shown_turn(turn: Turn | None) -> told.OpenTurn | None:
    return told.OpenTurn(turn_id=turn.turn_id, attempt=turn.attempt, agent_id=turn.agent_id) if turn else None
