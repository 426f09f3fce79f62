"""What operators do: take conversations over, answer, give them back, write notes, look at what waits for them."""

from libs.contracts import ids
from libs.contracts.agent import AskFacts, KnownFact
from libs.contracts.bus_map import (
    ADD_NOTE,
    GET_TICKET,
    LIST_NOTES,
    LIST_TICKETS,
    RECALL,
    RELEASE,
    REPLY,
    RESOLVE_SESSION,
    TAKE_OVER,
)
from libs.contracts.channels import Caller, Req, Res, Rpc
from libs.contracts.errors import DeskError, NotFound
from libs.contracts.operators import (
    AddNote,
    GetTicket,
    ListNotes,
    ListTickets,
    Note,
    Release,
    Reply,
    ResolveSession,
    TakeOver,
    TicketPage,
)
from libs.contracts.session import Session

from ..domain import limits
from ..domain.marks import read_ticket_cursor
from ..domain.operators import (
    EscalationQuery,
    NewNote,
    NewReply,
    Packet,
    ReleaseOrder,
    Replied,
    ResolveOrder,
    TakeOverOrder,
    check_operator,
    check_ticket_id,
    keyed_note_id,
    packet,
    replied,
)
from ..ports import Mint

_MOST_NOTES = 1000


class Operators:
    """What operators ask; the session service decides who may speak."""

    def __init__(self, caller: Caller, tenant: str, mint: Mint, *, limits: limits.Limits) -> None:
        self._caller = caller
        self._tenant = tenant
        self._mint = mint
        self._limits = limits

    async def take_over(self, session_id: str, order: TakeOverOrder) -> Session:
        """Put an operator in charge.

        Raises:
            Conflict: `claimed_by_another`, unless forced.
            Malformed: `session_ended`.
        """
        asked = TakeOver(operator=check_operator(order.operator), force=order.force)
        return await self._ask(TAKE_OVER, asked, session_id)

    async def reply(self, session_id: str, new: NewReply) -> Replied:
        """Store an operator's message; the same `client_message_id` gives the same one.

        Raises:
            Conflict: `not_in_control`; another operator is in charge, or nobody.
        """
        own_id = limits.check_token(new.client_message_id, "client_message_id")
        asked = Reply(
            message_id=self._mint(ids.MESSAGE),
            client_message_id=own_id or self._mint(ids.MESSAGE),
            content=limits.check_content(new.message, self._limits.message_characters),
            operator=check_operator(new.operator),
        )
        return replied(session_id, await self._ask(REPLY, asked, session_id))

    async def release(self, session_id: str, order: ReleaseOrder) -> Session:
        """Give a conversation back to the agent.

        Raises:
            Conflict: `not_escalated`, or `claimed_by_another`.
        """
        asked = Release(operator=check_operator(order.operator), answer=order.answer)
        return await self._ask(RELEASE, asked, session_id)

    async def resolve(self, session_id: str, order: ResolveOrder) -> Session:
        """Close a conversation's ticket and end it.

        Raises:
            Conflict: `not_escalated`, or `claimed_by_another`.
        """
        return await self._ask(RESOLVE_SESSION, ResolveSession(operator=check_operator(order.operator)), session_id)

    async def add_note(self, session_id: str, new: NewNote, idempotency_key: str | None = None) -> Note:
        """Store a note for the other operators; the same key gives the same one."""
        key = limits.check_token(idempotency_key, "Idempotency-Key", where="header")
        note_id = keyed_note_id(session_id, key) if key else self._mint(ids.NOTE)
        note = AddNote(note_id=note_id, content=new.checked(), operator=check_operator(new.operator))
        return await self._ask(ADD_NOTE, note, session_id)

    async def notes(self, session_id: str) -> list[Note]:
        """Give a conversation's notes, oldest first: at most a thousand."""
        page = await self._ask(LIST_NOTES, ListNotes(), session_id)
        notes = page.notes
        while page.more and len(notes) < _MOST_NOTES:
            page = await self._ask(LIST_NOTES, ListNotes(after=notes[-1].note_id), session_id)
            notes += page.notes
        return notes

    async def tickets(self, query: EscalationQuery) -> TicketPage:
        """Give a page of the queue: the most urgent first, the oldest of these first.

        Raises:
            Invalid: `invalid_cursor`.
        """
        asked = ListTickets(
            status=query.status, claimed=query.claimed, limit=query.limit, after=read_ticket_cursor(query.cursor)
        )
        return await self._caller.call(LIST_TICKETS, asked, tenant=self._tenant)

    async def packet(self, ticket_id: str) -> Packet:
        """Give all that is known about a hand-over; what the agent remembers only while an agent is there.

        Raises:
            NotFound: `ticket_not_found`.
        """
        ticket_id = check_ticket_id(ticket_id)
        told = await self._caller.call(GET_TICKET, GetTicket(), tenant=self._tenant, key=ticket_id)
        return packet(told, await self._facts(told.session.session_id))

    async def _facts(self, session_id: str) -> list[KnownFact] | None:
        try:
            known = await self._caller.call(RECALL, AskFacts(), tenant=self._tenant, key=session_id)
        except DeskError:
            # The packet says that they are missing: without an agent an operator is needed all the more.
            return None
        return known.facts

    async def _ask(self, channel: Rpc[Req, Res], asked: Req, session_id: str) -> Res:
        try:
            return await self._caller.call(channel, asked, tenant=self._tenant, key=limits.check_session_id(session_id))
        except NotFound as fault:
            raise limits.advise(fault) from fault
