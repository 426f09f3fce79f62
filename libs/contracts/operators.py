"""What operators ask of the session service: conversations handed over to them, their replies, notes and tickets."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from .knowledge import Source
from .session import Controller, Message, Priority, Session, SessionStatus, Ticket


class TakeOver(Struct, frozen=True, kw_only=True):
    """Put an operator in charge of a conversation, whoever was before; the agent may not speak from then on.

    Attributes:
        operator: the name that the customer and the other operators see.
        force: take it from another operator too; otherwise that is refused with `claimed_by_another`.
    """

    operator: str
    force: bool = False


class Reply(Struct, frozen=True, kw_only=True):
    """Add an operator's message. The same `client_message_id` always gives the same message."""

    message_id: str
    client_message_id: str
    content: str
    operator: str


class Release(Struct, frozen=True, kw_only=True):
    """Return a conversation to the agent; with `answer` it takes up what nobody has answered."""

    operator: str
    answer: bool = True


class ResolveSession(Struct, frozen=True, kw_only=True):
    """Close a conversation's ticket and end it."""

    operator: str


class Note(Struct, frozen=True, kw_only=True):
    """What operators tell each other about a conversation; its customer never sees it."""

    note_id: str
    content: str
    operator: str
    created_at: datetime


class AddNote(Struct, frozen=True, kw_only=True):
    """Add a note; the same id adds it once."""

    note_id: str
    content: str
    operator: str


class ListNotes(Struct, frozen=True, kw_only=True):
    """Ask for a conversation's notes, oldest first; those after the one with this id."""

    after: str | None = None
    limit: int = 25


class Notes(Struct, frozen=True):
    """Some of a conversation's notes, and whether there are more after these."""

    notes: list[Note]
    more: bool = False


class TicketMark(Struct, frozen=True):
    """A place in the queue of tickets."""

    priority: Priority
    created_at: datetime
    id: str


class ListTickets(Struct, frozen=True, kw_only=True):
    """Ask for a tenant's tickets, the most urgent first and the oldest of these first.

    Attributes:
        claimed: those that an operator has taken, or those that wait; None for both.
    """

    status: Literal["open", "closed"] | None = None
    claimed: bool | None = None
    limit: int = 20
    after: TicketMark | None = None


class TicketPage(Struct, frozen=True):
    """Some of a tenant's tickets, how many there are in all, and whether there are more after these."""

    tickets: list[Ticket]
    total: int
    more: bool = False


class GetTicket(Struct, frozen=True):
    """Ask for the ticket that the subject names."""


class TicketPacket(Struct, frozen=True, kw_only=True):
    """What an operator needs to know before taking a conversation over.

    Attributes:
        summary: what it is about, in a few sentences, as it was at the hand-over.
        sources: what the agent had tried, at the hand-over.
        messages: the last ones, oldest first, as they are now.
        notes: what operators have told each other, the last ones, oldest first.
    """

    ticket: Ticket
    session: Session
    summary: str = ""
    sources: list[Source] = []
    messages: list[Message] = []
    notes: list[Note] = []


# --- events


class ControlChanged(Struct, frozen=True, kw_only=True):
    """Somebody else may speak for us from here on: every answer begun under an older epoch is void.

    Attributes:
        status: the session's.
        operator: who is in charge, where one is.
        with_status: whether a `session_status_changed` before it tells of the same change.
    """

    controller: Controller
    previous: Controller
    epoch: int
    status: SessionStatus
    operator: str | None = None
    with_status: bool = False


class NoteAdded(Struct, frozen=True):
    """An operator wrote a note: for other operators only."""

    note: Note
