"""A turn: one answer under way or given."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

MAX_ATTEMPTS = 5
FAILED_ANSWER = (
    "I'm sorry, something went wrong on our side and I couldn't finish this answer. "
    "Please send your question again in a moment, or ask to talk to a person."
)
TurnStatus = Literal["queued", "running", "completed", "failed", "cancelled"]


class Turn(Struct, kw_only=True):
    """One answer under way or given; its lease is Postgres's business."""

    turn_id: str
    status: TurnStatus
    answers_seq: list[int]
    attempt: int = 0
    spared: int = 0
    agent_id: str | None = None
    traceparent: str = ""
    created_at: datetime

    @property
    def exhausted(self) -> bool:
        """Whether no further attempt is due."""
        return self.attempt - self.spared >= MAX_ATTEMPTS
