"""What operators send and are answered over HTTP. Unknown fields are ignored, wrong types refused."""

import hashlib
from typing import Annotated, Literal

from msgspec import Meta, Struct

from libs.contracts import ids
from libs.contracts.agent import KnownFact
from libs.contracts.errors import NotFound
from libs.contracts.knowledge import Source
from libs.contracts.operators import Note, TicketPacket
from libs.contracts.session import Message, MessagePosted, Session, SessionStatus, Ticket

from . import limits

OPERATOR_CHARACTERS = 80
NOTE_CHARACTERS = 4000
NOBODY_IN_PARTICULAR = "operator"


class TakeOverOrder(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/sessions/{id}/takeover`.

    Attributes:
        operator: the name that the customer and the other operators see.
        force: take it from another operator too.
    """

    operator: str | None = None
    force: bool = False


class NewReply(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/sessions/{id}/reply`."""

    message: str
    client_message_id: str | None = None
    operator: str | None = None


class ReleaseOrder(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/sessions/{id}/release`.

    Attributes:
        answer: whether the agent takes up what nobody has answered.
    """

    operator: str | None = None
    answer: bool = True


class ResolveOrder(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/sessions/{id}/resolve`."""

    operator: str | None = None


class NewNote(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/sessions/{id}/notes`; `content` is another name of `note`, one of them must be there."""

    note: str | None = None
    content: str | None = None
    operator: str | None = None

    def checked(self) -> str:
        """Give the note's text.

        Raises:
            Invalid: there is none, or it breaks its bounds.
        """
        text = self.note if self.note is not None else self.content
        if text is None:
            raise limits.invalid("note", "is missing")
        return limits.check_content(text, NOTE_CHARACTERS, "note", code="invalid_note")


def keyed_note_id(session_id: str, key: str) -> str:
    """Give the id of the note that a client wrote under a key of its own: the same for the same key in the same session."""
    digest = hashlib.sha256(f"{session_id} {key}".encode()).hexdigest()
    return f"{ids.NOTE}_{digest[:26].upper()}"


class EscalationQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/escalations`.

    Attributes:
        claimed: those that an operator has taken, or those that wait; both where it is absent.
        cursor: from the `Link` of the page before.
    """

    status: Literal["open", "closed"] | None = None
    claimed: bool | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: str | None = None


class Replied(Struct, frozen=True, kw_only=True):
    """An operator's message is stored; `duplicate` where it already was."""

    session_id: str
    message_id: str
    seq: int
    client_message_id: str
    duplicate: bool
    status: SessionStatus
    ticket_id: str | None


class Packet(Struct, frozen=True, kw_only=True):
    """What an operator needs to know before taking a conversation over.

    Attributes:
        summary: what it is about, as it was at the hand-over.
        messages: the last ones, oldest first.
        sources: what the agent had tried, at the hand-over.
        facts: what the customer has told about themselves.
        notes: what operators have told each other; never for the customer.
        missing: the names of fields that could not be filled now; `facts` while no agent answers.
    """

    ticket: Ticket
    session: Session
    summary: str
    messages: list[Message]
    sources: list[Source]
    facts: list[KnownFact]
    notes: list[Note]
    missing: list[str]


def check_operator(name: str | None) -> str:
    """Give an operator's name without the white space around it; a usual one where none is given.

    Raises:
        Invalid: it is blank, too long, or not printable.
    """
    if name is None:
        return NOBODY_IN_PARTICULAR
    name = name.strip()
    if not 0 < len(name) <= OPERATOR_CHARACTERS or not name.isprintable():
        raise limits.invalid("operator", f"must have 1 to {OPERATOR_CHARACTERS} printable characters")
    return name


def check_ticket_id(text: str) -> str:
    """Give the id of a ticket that somebody named.

    Raises:
        NotFound: `ticket_not_found`; it is not of the form of our ids.
    """
    if not ids.is_id(ids.TICKET, text):
        raise NotFound("ticket_not_found", "There is no such ticket: take the id from GET /api/escalations")
    return text


def replied(session_id: str, posted: MessagePosted) -> Replied:
    """Say what became of a reply."""
    return Replied(
        session_id=session_id, message_id=posted.message_id, seq=posted.seq,
        client_message_id=posted.client_message_id, duplicate=posted.duplicate, status=posted.status,
        ticket_id=posted.ticket_id,
    )  # fmt: skip


def packet(told: TicketPacket, facts: list[KnownFact] | None) -> Packet:
    """Put a packet together; without `facts` where nobody could tell them."""
    return Packet(
        ticket=told.ticket, session=told.session, summary=told.summary, messages=told.messages, sources=told.sources,
        facts=facts or [], notes=told.notes, missing=["facts"] if facts is None else [],
    )  # fmt: skip
