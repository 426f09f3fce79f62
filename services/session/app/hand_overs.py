"""Operators: conversations handed over to them, their queue, replies and notes."""

from libs.contracts import operators
from libs.contracts import session as told
from libs.contracts.context import Context
from libs.contracts.errors import NotFound
from libs.runtime.clock import now

from ..domain.control import NewReply
from ..domain.hand_over import BACKGROUND, LAST_NOTES
from .conversations import known_message, posted
from .use_cases import UseCases, fresh_ids, session_not_found


class HandOvers(UseCases):
    """What operators ask."""

    async def take_over(self, request: operators.TakeOver, ctx: Context) -> told.Session:
        """Put an operator in charge of a conversation.

        Raises:
            Malformed: `session_ended`.
            Conflict: `claimed_by_another`.
        """
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            if conversation.state.ticket is None:
                conversation.background = await records.for_hand_over(ctx.key)
            conversation.take_over(request.operator, fresh_ids(), force=request.force)
            await records.save(conversation)
        await self._herald.tell(conversation)
        return conversation.state.shown()

    async def reply(self, request: operators.Reply, ctx: Context) -> told.MessagePosted:
        """Accept an operator's message, once for each `client_message_id`.

        Raises:
            Conflict: `not_in_control`, `client_message_id_taken`.
        """
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            known = await known_message(records, ctx, request.client_message_id, "operator")
            new = NewReply(
                message_id=request.message_id, client_message_id=request.client_message_id, content=request.content,
                operator=request.operator,
            )  # fmt: skip
            message = known or conversation.reply(new)
            await records.save(conversation)
        await self._herald.tell(conversation)
        return posted(conversation, message, duplicate=known is not None)

    async def release(self, request: operators.Release, ctx: Context) -> told.Session:
        """Return a conversation to the agent; with `answer` it takes up what nobody has answered.

        An action that a colleague has allowed is carried out in any case.

        Raises:
            Conflict: `not_escalated`, `claimed_by_another`.
        """
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            waiting = await records.waiting_seqs(ctx.key, allowed_only=not request.answer)
            conversation.release(request.operator, fresh_ids(), waiting)
            await records.save(conversation)
        await self._herald.tell(conversation)
        return conversation.state.shown()

    async def resolve_session(self, request: operators.ResolveSession, ctx: Context) -> told.Session:
        """Close a conversation's ticket and end it.

        Raises:
            Conflict: `not_escalated`, `claimed_by_another`.
        """
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            conversation.resolve(request.operator, fresh_ids())
            await records.save(conversation)
        await self._herald.tell(conversation)
        return conversation.state.shown()

    async def add_note(self, request: operators.AddNote, ctx: Context) -> operators.Note:
        """Keep a note of a conversation, whatever its status; the same id keeps it once."""
        async with self._store.begin() as records:
            conversation = await self._lock(records, ctx)
            if known := await records.note(ctx.key, request.note_id):
                return known
            note = operators.Note(
                note_id=request.note_id, content=request.content, operator=request.operator, created_at=now()
            )
            conversation.add_note(note)
            await records.insert_note(ctx.key, note)
            await records.save(conversation)
        await self._herald.tell(conversation)
        return note

    async def list_notes(self, request: operators.ListNotes, ctx: Context) -> operators.Notes:
        """Read some of a conversation's notes."""
        async with self._store.snapshot() as records:
            if await records.session(ctx.tenant, ctx.key) is None:
                raise session_not_found()
            notes = await records.notes(ctx.key, request.after, request.limit + 1)
        return operators.Notes(notes[: request.limit], len(notes) > request.limit)

    async def list_tickets(self, request: operators.ListTickets, ctx: Context) -> operators.TicketPage:
        """List a tenant's tickets, the most urgent first and the oldest of these first."""
        async with self._store.snapshot() as records:
            tickets, total, more = await records.tickets(ctx.tenant, request)
        return operators.TicketPage(tickets, total, more)

    async def get_ticket(self, _: operators.GetTicket, ctx: Context) -> operators.TicketPacket:
        """Read a ticket with all that whoever takes it needs to know.

        Raises:
            NotFound: `ticket_not_found`.
        """
        async with self._store.snapshot() as records:
            found = await records.ticket(ctx.tenant, ctx.key)
            state = await records.session(ctx.tenant, found.ticket.session_id) if found else None
            if found is None or state is None:
                raise NotFound("ticket_not_found", "There is no such ticket")
            last = told.GetHistory(limit=BACKGROUND, order="desc")
            messages, _total = await records.history(state.session_id, last)
            notes = await records.last_notes(state.session_id, LAST_NOTES)
        return operators.TicketPacket(
            ticket=found.ticket, session=state.shown(), summary=found.summary, sources=found.sources,
            messages=messages[::-1], notes=notes,
        )  # fmt: skip
