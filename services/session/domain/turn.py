"""A turn: one answer under way or given, and the rules by which turns are dealt out."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from libs.contracts.session import Escalation

MAX_ATTEMPTS = 5
# An agent is given the last of the messages that a turn answers: all of a long wait need not fit into one reply.
MOST_QUESTIONS = 20
MOST_DECISIONS = 50  # of colleagues, beside these
CANCEL_S = 1.0  # that an agent has to say how far it came with an answer that was called off
# An allowed action may have been carried out, and no agent is there to say so.
UNCONFIRMED_ANSWER = (
    "It is not certain whether this was carried out. A colleague will find out and get back to you here."
)
UNCONFIRMED = Escalation(reasons=["action_unconfirmed"], priority="high")

FAILED_ANSWER = (
    "I'm sorry, something went wrong on our side and I couldn't finish this answer. "
    "Please send your question again in a moment, or ask to talk to a person."
)
TurnStatus = Literal["queued", "running", "completed", "failed", "cancelled"]
TurnPolicy = Literal["coalesce", "supersede"]


class TurnRules(Struct, frozen=True, kw_only=True):
    """How turns are dealt out.

    Attributes:
        lease_s: seconds without a renewal after which another agent may take a turn.
        policy: what becomes of an open turn when a further message arrives: `coalesce` lets it finish and answers the
            message with the next, `supersede` answers all together in a new one.
        window_s: seconds after its first message before which a turn is not dealt out; what arrives by then joins it.
        deadline_s: seconds after which a turn is given up, whoever works on it.
    """

    lease_s: float = 15.0
    policy: TurnPolicy = "coalesce"
    window_s: float = 0.0
    deadline_s: float = 900.0


class Turn(Struct, kw_only=True):
    """One answer under way or given; its lease is Postgres's business, which says how it stood when it was read.

    Attributes:
        held: an agent holds it: running, under a lease that has not run out.
        joinable: nobody has had it yet, and its window is open.
        acting: it answers a colleague's yes: what was allowed may be under way.
        cancelling: the customer has called it off, and its agent is to say how far it came.
        overdue: the agent's time for that is over.
        expired: the turn is past its deadline.
        waiting: the `seq` of the messages that wait beside it for the next turn.
        opens_in_s: seconds until it may be claimed, known where it was opened just now.
    """

    turn_id: str
    status: TurnStatus
    answers_seq: list[int]
    attempt: int = 0
    spared: int = 0
    agent_id: str | None = None
    traceparent: str = ""
    created_at: datetime
    held: bool = False
    joinable: bool = False
    acting: bool = False
    cancelling: bool = False
    overdue: bool = False
    expired: bool = False
    waiting: list[int] = []
    opens_in_s: float = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether no further attempt is due."""
        return self.attempt - self.spared >= MAX_ATTEMPTS

    @property
    def open(self) -> bool:
        """Whether it is still to be answered."""
        return self.status in ("queued", "running")

    @property
    def may_have_acted(self) -> bool:
        """Whether what a colleague has allowed may have been carried out, wholly or in part."""
        return self.acting and self.attempt > 0

    @property
    def gives_way(self) -> bool:
        """Whether a further message may supersede it: not where it can join it, or the customer has called it off.

        Nor where it carries out what a colleague has allowed: that would be begun a second time.
        """
        return not (self.joinable or self.cancelling or self.acting)

    @property
    def to_be_sealed(self) -> bool:
        """Whether nobody is going to answer it any more."""
        return self.overdue if self.cancelling else self.expired or (self.exhausted and not self.held)
