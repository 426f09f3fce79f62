"""Sessions and what is said in them."""

from datetime import timedelta

from libs.contracts import session as told
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, NotFound
from libs.contracts.ids import TURN
from libs.runtime.clock import now
from libs.runtime.ids import mint

from ..domain.conversation import Conversation, NewMessage
from ..domain.pages import PAGE_BYTES, first_of_size
from ..domain.session import SessionState
from ..domain.turn import Turn
from ..ports import Records
from .use_cases import UseCases, fresh_ids, session_not_found

_CLEAN_UP_BATCH = 50


class Conversations(UseCases):
    """Sessions and messages."""

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

    async def get_session(self, _: told.GetSession, ctx: Context) -> told.Session:
        """Read a session: what is kept of it where that is current, else the store."""
        if kept := await self._snapshots.current(ctx.tenant, ctx.key):
            return kept
        async with self._store.begin() as records:
            state = await records.session(ctx.tenant, ctx.key)
        if state is None:
            raise session_not_found()
        self._snapshots.keep(state)
        return state.shown()

    async def list_sessions(self, request: told.ListSessions, ctx: Context) -> told.SessionPage:
        """List a tenant's sessions, newest first."""
        async with self._store.snapshot() as records:
            states, total, more = await records.sessions(ctx.tenant, request)
        return told.SessionPage([state.shown() for state in states], total, more)

    async def set_status(self, request: told.SetStatus, ctx: Context) -> told.Session:
        """Move a session to a status.

        Raises:
            Conflict: `invalid_transition`.
        """
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            before, waiting = conversation.state.status, list[int]()
            if (before, request.status) == ("escalated", "active"):
                waiting = await records.waiting_seqs(ctx.key)
            elif (before, request.status) == ("active", "escalated"):
                conversation.background = await records.for_hand_over(ctx.key)
            conversation.set_status(request.status, fresh_ids(), waiting)
            await records.save(conversation)
        await self._herald.tell(conversation)
        return conversation.state.shown()

    async def delete_session(self, _: told.DeleteSession, ctx: Context) -> told.SessionGone:
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
        """Accept a customer's message, once for each `client_message_id`.

        Raises:
            Malformed: `session_ended`.
            Conflict: `client_message_id_taken`.
        """
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            known = await known_message(records, ctx, request.client_message_id, "user")
            new = NewMessage(
                message_id=request.message_id, client_message_id=request.client_message_id, content=request.content,
                attachments=request.attachments, turn_id=mint(TURN), traceparent=ctx.traceparent,
            )  # fmt: skip
            message = known or conversation.post(new, self._rules.policy)
            await records.save(conversation)
        await self._herald.tell(conversation)
        return posted(conversation, message, duplicate=known is not None)

    async def give_feedback(self, request: told.GiveFeedback, ctx: Context) -> told.Message:
        """Rate an answer; the message is named by the request, its session found by it."""
        async with self._store.begin() as records:
            found = await records.lock_by_message(ctx.tenant, request.message_id, now())
            if found is None:
                raise NotFound("message_not_found", "There is no such answer")
            conversation, message = found
            question = ""
            if request.feedback.rating == "down" and message.turn_id:
                question = await records.question_of(conversation.state.session_id, message.turn_id)
            rated = conversation.give_feedback(message, request.feedback, question)
            await records.set_feedback(conversation.state.session_id, message.id, request.feedback)
            await records.save(conversation)
        await self._herald.tell(conversation)
        return rated

    async def history(self, request: told.GetHistory, ctx: Context) -> told.History:
        """Read messages by `seq`."""
        async with self._store.snapshot() as records:
            if await records.session(ctx.tenant, ctx.key) is None:
                raise session_not_found()
            messages, total = await records.history(ctx.key, request)
        return told.History(messages, total)

    async def events_after(self, request: told.EventsAfter, ctx: Context) -> told.EventsPage:
        """Read the event log after a place, and where the session stands."""
        async with self._store.snapshot() as records:
            state = await records.session(ctx.tenant, ctx.key)
            if state is None:
                raise session_not_found()
            after = state.last_ev_seq if request.ev_seq is None else request.ev_seq
            events = first_of_size(await records.events_after(ctx.key, after, request.limit), PAGE_BYTES)
            turn = await records.open_turn(ctx.key)
        return told.EventsPage(
            events=events, last_ev_seq=state.last_ev_seq, status=state.status, open_turn=_shown_turn(turn),
            controller=state.controller, last_seq=state.last_seq,
        )  # fmt: skip


async def known_message(records: Records, ctx: Context, client_message_id: str, role: told.Role) -> told.Message | None:
    """Give the message that is stored under its client's own id already.

    Raises:
        Conflict: `client_message_id_taken` where the other side of the conversation has used that id.
    """
    known = await records.message_by_client_id(ctx.key, client_message_id)
    if known and known.role != role:
        raise Conflict("client_message_id_taken", "This client_message_id names another message: use a new one")
    return known


def posted(conversation: Conversation, message: told.Message, *, duplicate: bool) -> told.MessagePosted:
    """Acknowledge a message."""
    state = conversation.state
    return told.MessagePosted(
        message_id=message.id,
        seq=message.seq,
        client_message_id=message.client_message_id or "",
        status=state.status,
        duplicate=duplicate,
        ticket_id=state.ticket.ticket_id if state.ticket else None,
    )


async def _existing(records: Records, request: told.OpenSession, tenant: str) -> SessionState:
    state = await records.session(tenant, request.session_id)
    if state is None and request.idempotency_key:
        state = await records.session_by_key(tenant, request.idempotency_key)
    if state is None:
        raise Conflict("session_exists", "This session id is taken")
    return state


def _shown_turn(turn: Turn | None) -> told.OpenTurn | None:
    return told.OpenTurn(turn_id=turn.turn_id, attempt=turn.attempt, agent_id=turn.agent_id) if turn else None
