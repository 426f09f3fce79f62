"""A session as it is stored, and which status may follow which."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from libs.contracts import session as told

# escalated -> active returns the customer to the agent; ended is final.
TRANSITIONS: dict[str, set[str]] = {
    "active": {"escalated", "ended"},
    "escalated": {"active", "ended"},
    "ended": set(),
}


class SessionState(Struct, kw_only=True):
    """A session as it is stored."""

    session_id: str
    tenant: str
    thread_id: str
    user_id: str | None
    status: told.SessionStatus
    epoch: int
    metadata: dict[str, Any]
    last_seq: int
    last_ev_seq: int
    created_at: datetime
    updated_at: datetime
    last_activity: datetime
    ticket: told.Ticket | None = None

    @property
    def operator(self) -> str | None:
        """Who has taken the conversation over, where somebody has."""
        return self.ticket.operator if self.status == "escalated" and self.ticket else None

    @property
    def controller(self) -> told.Controller:
        """Who may speak for us."""
        if self.status == "active":
            return "agent"
        return "operator" if self.operator is not None else "nobody"

    def shown(self) -> told.Session:
        """Give the session as clients see it."""
        return told.Session(
            session_id=self.session_id,
            thread_id=self.thread_id,
            user_id=self.user_id,
            status=self.status,
            metadata=self.metadata,
            created_at=self.created_at,
            updated_at=self.updated_at,
            last_activity=self.last_activity,
            escalation=self.ticket,
            controller=self.controller,
        )
