"""Rows of the session schema, read as what the domain knows."""

from typing import Any

import msgspec

from libs.contracts.knowledge import Source
from libs.contracts.operators import Note
from libs.contracts.session import AttachmentRef, Feedback, Message, Ticket
from libs.runtime.work import Row

from ..domain.hand_over import HandOver
from ..domain.session import SessionState
from ..domain.turn import Turn


def to_json(value: Any) -> str:
    """Write a column of JSON."""
    return msgspec.json.encode(value).decode()


def to_state(row: Row, ticket: Ticket | None) -> SessionState:
    """Read a session, and its open ticket."""
    return SessionState(
        session_id=row["id"], tenant=row["tenant"], thread_id=row["thread_id"], user_id=row["user_id"],
        status=row["status"], epoch=row["control_epoch"], metadata=msgspec.json.decode(row["metadata"]),
        last_seq=row["last_seq"], last_ev_seq=row["last_ev_seq"], created_at=row["created_at"],
        updated_at=row["updated_at"], last_activity=row["last_activity"], ticket=ticket,
    )  # fmt: skip


def to_ticket(row: Row) -> Ticket:
    """Read a ticket."""
    return Ticket(
        ticket_id=row["id"], session_id=row["session_id"], status=row["status"], category=row["category"],
        reasons=msgspec.json.decode(row["reasons"], type=list[str]), priority=row["priority"],
        created_at=row["created_at"], operator=row["operator"], claimed_at=row["claimed_at"],
        closed_at=row["closed_at"], score=row["score"],
        evidence=msgspec.json.decode(row["evidence"], type=list[str]),
    )  # fmt: skip


def to_hand_over(row: Row) -> HandOver:
    """Read a ticket with what was known at the hand-over."""
    sources = msgspec.json.decode(row["sources"], type=list[Source])
    return HandOver(ticket=to_ticket(row), summary=row["summary"], sources=sources, seq=row["seq"])


def to_note(row: Row) -> Note:
    """Read a note."""
    return Note(note_id=row["id"], content=row["content"], operator=row["operator"], created_at=row["created_at"])


def to_turn(row: Row) -> Turn:
    """Read a turn; one that was looked up also says how it stands by Postgres's clock."""
    return Turn(
        turn_id=row["id"], status=row["status"], answers_seq=list(row["answers_seq"]), attempt=row["attempt"],
        spared=row["spared"], agent_id=row["agent_id"], traceparent=row["traceparent"], created_at=row["created_at"],
        held=row.get("held", False), joinable=row.get("joinable", False), acting=row.get("acting", False),
        cancelling=row.get("cancelling", False),
        overdue=row.get("overdue", False), expired=row.get("expired", False), waiting=list(row.get("waiting", ())),
    )  # fmt: skip


def to_message(row: Row) -> Message:
    """Read a message."""
    return Message(
        id=row["id"], seq=row["seq"], role=row["role"], status=row["status"], content=row["content"],
        timestamp=row["created_at"], attachments=msgspec.json.decode(row["attachments"], type=list[AttachmentRef]),
        sources=msgspec.json.decode(row["sources"], type=list[Source]),
        tools_used=msgspec.json.decode(row["tools_used"]), confidence=row["confidence"],
        processing_time=row["processing_time"], turn_id=row["turn_id"], client_message_id=row["client_message_id"],
        metadata=msgspec.json.decode(row["metadata"]),
        feedback=msgspec.json.decode(row["feedback"], type=Feedback) if row["feedback"] else None,
    )  # fmt: skip
