"""What clients are answered over HTTP."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from libs.contracts.health import CheckResult
from libs.contracts.knowledge import Source
from libs.contracts.session import Message, MessagePosted, Rating, Session, Ticket

_SHOWN_SOURCES = 3
WITH_A_PERSON = "Your message has been passed on: a member of our team will answer you here."


class ChatResponse(Struct, frozen=True, kw_only=True):
    """A stored answer, or the word that a person will give one."""

    message: str
    message_id: str
    seq: int
    sources: list[Source]
    requires_escalation: bool
    confidence: float
    session_id: str
    turn_id: str | None
    timestamp: datetime
    processing_time: float | None
    metadata: dict[str, Any]


class Accepted(Struct, frozen=True, kw_only=True):
    """The message is stored and its answer not there yet; `links` say where it will be."""

    session_id: str
    message_id: str
    client_message_id: str
    seq: int
    links: dict[str, str]
    status: Literal["accepted"] = "accepted"
    detail: str = "The message is stored; its answer will be in the conversation"


class HistoryPage(Struct, frozen=True, kw_only=True):
    """Some of a session's messages."""

    messages: list[Message]
    total: int
    session_id: str


class CancelReply(Struct, frozen=True, kw_only=True):
    """What became of a wish to cancel.

    Attributes:
        turn_id: the answer that it was about, where there is one.
        status: `cancelled` where the answer was stopped, `cancelling` where its agent has not yet said how far it came,
            `idle` where nothing was under way any more.
        message: the answer as it is stored, where it is: what had been said by then, perhaps nothing.
    """

    session_id: str
    turn_id: str | None
    status: Literal["idle", "cancelled", "cancelling"]
    message: Message | None = None


class Exported(Struct, frozen=True, kw_only=True):
    """A whole conversation, as its export writes it."""

    session: Session
    exported_at: datetime
    messages: list[Message]


class Deleted(Struct, frozen=True, kw_only=True):
    """The session is deleted, with all that belongs to it."""

    session_id: str
    message: str = "The session has been deleted with everything that belongs to it"


class CleanedUp(Struct, frozen=True, kw_only=True):
    """How many sessions were deleted: those that were not active and had been idle since before the cutoff."""

    message: str
    sessions_deleted: int
    cutoff_date: datetime


class Rated(Struct, frozen=True, kw_only=True):
    """The rating of an answer as it is stored."""

    message_id: str
    rating: Rating
    comment: str | None


class Readiness(Struct, frozen=True, kw_only=True):
    """How the whole system is."""

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    checks: list[CheckResult]


class Card(Struct, frozen=True, kw_only=True):
    """The system's calling card, at `GET /`."""

    name: str
    version: str
    environment: str
    status: str
    docs: str
    metrics: str
    health: str
    stats: dict[str, float]


def answered(session_id: str, answer: Message) -> ChatResponse:
    """Give a stored answer; `seq` is dense, so the answer's own counts the messages so far.

    One that was cancelled is what had been said by then, and says so.
    """
    cancelled = {"cancelled": True} if answer.status == "cancelled" else {}
    return ChatResponse(
        message=answer.content,
        message_id=answer.id,
        seq=answer.seq,
        sources=answer.sources[:_SHOWN_SOURCES],
        requires_escalation="ticket_id" in answer.metadata,
        confidence=0.0 if cancelled else answer.confidence or 0.0,
        session_id=session_id,
        turn_id=answer.turn_id,
        timestamp=answer.timestamp,
        processing_time=answer.processing_time,
        metadata={**answer.metadata, **cancelled, "message_count": answer.seq, "tools_used": answer.tools_used},
    )


def handed_over(session_id: str, posted: MessagePosted, ticket: Ticket | None, now: datetime) -> ChatResponse:
    """Say that a person will answer, and under which ticket, where that is known."""
    return ChatResponse(
        message=WITH_A_PERSON,
        message_id=posted.message_id,
        seq=posted.seq,
        sources=[],
        requires_escalation=True,
        confidence=0.0,
        session_id=session_id,
        turn_id=None,
        timestamp=now,
        processing_time=None,
        metadata={**ticket_facts(ticket), "message_count": posted.seq, "tools_used": []},
    )


def ticket_facts(ticket: Ticket | None) -> dict[str, Any]:
    """Give what an answer's metadata says about a hand-over, in the words in which stored answers say it."""
    if ticket is None:
        return {}
    return {
        "ticket_id": ticket.ticket_id, "reasons": ticket.reasons, "category": ticket.category,
        "priority": ticket.priority,
    }  # fmt: skip


def accepted(session_id: str, posted: MessagePosted, api: str = "/api") -> Accepted:
    """Say that the message is stored, and where its answer will be."""
    return Accepted(
        session_id=session_id,
        message_id=posted.message_id,
        client_message_id=posted.client_message_id,
        seq=posted.seq,
        links={
            "messages": f"{api}/chat/sessions/{session_id}/messages?after_seq={posted.seq}",
            "websocket": f"/ws?session_id={session_id}",
        },
    )


def readiness(version: str, checks: list[CheckResult]) -> Readiness:
    """Judge the system by its checks: unhealthy where a required one fails, degraded where another does."""
    failed = [check for check in checks if not check.ok]
    required = any(check.required for check in failed)
    status: Literal["healthy", "degraded", "unhealthy"] = (
        "unhealthy" if required else "degraded" if failed else "healthy"
    )
    return Readiness(status=status, version=version, checks=checks)
