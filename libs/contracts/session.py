"""What the session service is asked and tells: sessions, messages, turns and their event log.

Times are aware UTC. `seq` numbers a session's messages densely from 1, `ev_seq` its events.
"""

from datetime import datetime
from typing import Any, Literal

from msgspec import Raw, Struct

from .knowledge import Source

SessionStatus = Literal["active", "escalated", "ended"]
Role = Literal["user", "assistant", "operator", "system"]
MessageStatus = Literal["complete", "cancelled", "failed"]


Rating = Literal["up", "down"]
Controller = Literal["agent", "operator", "nobody"]
Priority = Literal["low", "normal", "high", "urgent"]


class Escalation(Struct, frozen=True, kw_only=True):
    """Why a person should take over.

    Attributes:
        reasons: stable words such as `asked_for_person` or `legal`, for people and machines.
        category: what it is about: `general`, `billing`, `legal`, `security`, `complaint`, `urgent`.
        score: how much speaks for a person, 0..1; says nothing about the answer (`confidence`) nor about what was found
            (`relevance_score`).
        evidence: what the customer wrote that says so, or what happened, in their order.
    """

    reasons: list[str]
    category: str = "general"
    priority: Priority = "normal"
    score: float = 1.0
    evidence: list[str] = []


class Ticket(Struct, frozen=True, kw_only=True):
    """A hand-over to people that is open or was.

    Attributes:
        operator: who has taken the conversation over; None while nobody has.
        score, evidence: as the `Escalation` had them.
        claimed_at: when that was.
        closed_at: when the conversation went back to the agent, or ended.
    """

    ticket_id: str
    session_id: str
    reasons: list[str]
    category: str
    priority: Priority
    created_at: datetime
    status: Literal["open", "closed"] = "open"
    operator: str | None = None
    claimed_at: datetime | None = None
    closed_at: datetime | None = None
    score: float = 1.0
    evidence: list[str] = []


class Session(Struct, frozen=True, kw_only=True):
    """A conversation, as clients see it.

    Attributes:
        escalation: its open ticket.
        controller: who may speak for us: the agent, the operator that the ticket names, or nobody (it waits for one).
    """

    session_id: str
    thread_id: str
    status: SessionStatus
    created_at: datetime
    updated_at: datetime
    last_activity: datetime
    user_id: str | None = None
    metadata: dict[str, Any] = {}
    escalation: Ticket | None = None
    controller: Controller = "agent"


class Feedback(Struct, frozen=True, kw_only=True):
    """What a customer thinks of an answer; the last word counts."""

    rating: Rating
    comment: str | None = None


class AttachmentRef(Struct, frozen=True):
    """An upload, as a message names it; `size` in bytes."""

    attachment_id: str
    filename: str
    content_type: str
    size: int


class Message(Struct, frozen=True, kw_only=True):
    """One message of a session, as it is stored and shown.

    Attributes:
        confidence: how well the sources support an answer, 0..1; None for what is not an answer.
        processing_time: seconds from the first question's acceptance to the stored answer.
        turn_id: the turn that this message belongs to: the one that answers it, or the one that it answers.
        metadata: facts about how an answer came to be: `model`, `attempt`, `error` and the like; of an operator's
            message, `operator`.
    """

    id: str
    seq: int
    role: Role
    content: str
    timestamp: datetime
    status: MessageStatus = "complete"
    attachments: list[AttachmentRef] = []
    sources: list[Source] = []
    tools_used: list[str] = []
    confidence: float | None = None
    processing_time: float | None = None
    turn_id: str | None = None
    client_message_id: str | None = None
    metadata: dict[str, Any] = {}
    feedback: Feedback | None = None


# --- sessions


class OpenSession(Struct, frozen=True, kw_only=True):
    """Open a session under an id that the caller minted, so that asking twice opens one.

    A second request with the same idempotency key gives the first one's session.
    """

    session_id: str
    thread_id: str
    user_id: str | None = None
    metadata: dict[str, Any] = {}
    idempotency_key: str | None = None


class GetSession(Struct, frozen=True):
    """Ask for the session that the subject names."""


class Mark(Struct, frozen=True):
    """A place in a list by time: the thing with this id, made at this time. What is made later never moves it."""

    created_at: datetime
    id: str


class ListSessions(Struct, frozen=True, kw_only=True):
    """Ask for a tenant's sessions, newest first; those `after` a mark, or past an offset."""

    user_id: str | None = None
    status: SessionStatus | None = None
    limit: int = 20
    offset: int = 0
    after: Mark | None = None


class SessionPage(Struct, frozen=True):
    """Some of a tenant's sessions, how many there are in all, and whether there are more after these."""

    sessions: list[Session]
    total: int
    more: bool = False


class SetStatus(Struct, frozen=True):
    """Move a session to a status; the one that it already has changes nothing."""

    status: SessionStatus


class DeleteSession(Struct, frozen=True):
    """Delete the session that the subject names, and all that belongs to it."""


class SessionGone(Struct, frozen=True):
    """The session is deleted."""

    session_id: str


class CleanUp(Struct, frozen=True):
    """Delete a tenant's sessions that are not active and have been idle for this many days."""

    days: int = 30


class CleanedUp(Struct, frozen=True):
    """How many sessions were deleted; the idle time was counted up to `cutoff`."""

    sessions_deleted: int
    cutoff: datetime


# --- messages


class PostMessage(Struct, frozen=True, kw_only=True):
    """Add a customer's message. The same `client_message_id` always gives the same message."""

    message_id: str
    client_message_id: str
    content: str
    attachments: list[AttachmentRef] = []


class MessagePosted(Struct, frozen=True):
    """The message is stored; `duplicate` where it already was."""

    message_id: str
    seq: int
    client_message_id: str
    status: SessionStatus
    duplicate: bool = False
    ticket_id: str | None = None


class GiveFeedback(Struct, frozen=True, kw_only=True):
    """Rate a stored answer; rating it again replaces what was said."""

    message_id: str
    feedback: Feedback


class GetHistory(Struct, frozen=True, kw_only=True):
    """Ask for messages by `seq`: from the oldest (`asc`) or the newest (`desc`), between two `seq`, past an offset."""

    limit: int = 50
    offset: int = 0
    order: Literal["asc", "desc"] = "asc"
    after_seq: int | None = None
    before_seq: int | None = None


class History(Struct, frozen=True):
    """Some of a session's messages, and how many there are in all between the two `seq`."""

    messages: list[Message]
    total: int


# --- the event log


class EventRecord(Struct, frozen=True, kw_only=True):
    """One row of a session's event log: its place, what happened, and the event's payload as it was written."""

    ev_seq: int
    type: str
    time: datetime
    payload: Raw
    version: int = 1


class EventsAfter(Struct, frozen=True, kw_only=True):
    """Ask for the events after one; None asks only where the log stands now."""

    ev_seq: int | None = None
    limit: int = 500


class OpenTurn(Struct, frozen=True, kw_only=True):
    """The turn that is under way: which attempt, and the agent that holds its lease (None while it waits)."""

    turn_id: str
    attempt: int
    agent_id: str | None = None


class EventsPage(Struct, frozen=True, kw_only=True):
    """Events in order, and where the session stood when they were read, in one snapshot."""

    events: list[EventRecord]
    last_ev_seq: int
    status: SessionStatus
    open_turn: OpenTurn | None = None
    controller: Controller = "agent"
    last_seq: int = 0


# --- turns


class ClaimTurn(Struct, frozen=True, kw_only=True):
    """An agent's free slot asks for work. Asking again with the same `claim_id` gives the same turn."""

    agent_id: str
    claim_id: str
    history_limit: int = 10


class ClaimedTurn(Struct, frozen=True, kw_only=True):
    """A turn under a lease.

    Attributes:
        epoch: the session's control epoch; an answer given under another one is refused.
        lease_s: seconds until the lease runs out, counted from the claim.
        questions: the messages to answer, oldest first.
        history: the messages before them, oldest first.
    """

    session_id: str
    tenant: str
    turn_id: str
    attempt: int
    epoch: int
    lease_s: float
    questions: list[Message]
    history: list[Message] = []
    user_id: str | None = None
    traceparent: str = ""


class ClaimReply(Struct, frozen=True):
    """The turn claimed, or None where there is nothing to do."""

    turn: ClaimedTurn | None = None


class RenewLease(Struct, frozen=True, kw_only=True):
    """Keep a turn; refused with `lease_lost` where another attempt holds it."""

    turn_id: str
    attempt: int
    agent_id: str


class LeaseRenewed(Struct, frozen=True):
    """The lease holds for `lease_s` more seconds."""

    lease_s: float


class Answer(Struct, frozen=True, kw_only=True):
    """What an agent found to say; with `escalation` the conversation goes to a person."""

    content: str
    sources: list[Source] = []
    confidence: float | None = None
    tools_used: list[str] = []
    metadata: dict[str, Any] = {}
    escalation: Escalation | None = None


class CompleteTurn(Struct, frozen=True, kw_only=True):
    """Store a turn's answer; refused where attempt or epoch are not the current ones.

    Attributes:
        outcome: `cancelled` where the turn was revoked: the answer is what had been said by then, perhaps nothing.
    """

    turn_id: str
    attempt: int
    epoch: int
    message_id: str
    answer: Answer
    outcome: Literal["completed", "cancelled"] = "completed"


class FailTurn(Struct, frozen=True, kw_only=True):
    """Give a turn back: the next attempt starts at once, after the last the turn is sealed as failed.

    Attributes:
        code: what went wrong, stable.
        counted: False gives the attempt back as well (an agent that drains has not failed).
    """

    turn_id: str
    attempt: int
    code: str
    counted: bool = True


class TurnSettled(Struct, frozen=True):
    """How the turn stands; the stored answer where there is one."""

    status: Literal["queued", "completed", "failed", "cancelled"]
    message: Message | None = None


class CancelTurn(Struct, frozen=True, kw_only=True):
    """Call off the session's open turn; only that one, where it is named."""

    turn_id: str | None = None


class Cancellation(Struct, frozen=True, kw_only=True):
    """What became of a wish to cancel.

    Attributes:
        state: `idle` where no such turn was open, `cancelling` where its agent has a second to say how far it came,
            `cancelled` where that is stored.
    """

    state: Literal["idle", "cancelling", "cancelled"]
    turn_id: str | None = None


# --- events


class SessionOpened(Struct, frozen=True):
    """A session was opened."""

    session: Session


class SessionStatusChanged(Struct, frozen=True):
    """A session's status changed."""

    status: SessionStatus
    previous: SessionStatus
    epoch: int
    controller: Controller | None = None


class MessageAdded(Struct, frozen=True):
    """A message was stored, whoever wrote it."""

    message: Message


class TurnStarted(Struct, frozen=True, kw_only=True):
    """An agent took a turn; `attempt` above 1 means that what the one before said is void."""

    turn_id: str
    attempt: int
    epoch: int
    agent_id: str
    answers_seq: list[int]


class TurnCompleted(Struct, frozen=True, kw_only=True):
    """A turn's answer is stored; `ticket` where it handed the conversation over."""

    turn_id: str
    attempt: int
    answers_seq: list[int]
    message: Message
    ticket: Ticket | None = None


class SessionDeleted(Struct, frozen=True):
    """A session was deleted with all that belongs to it: the last event of its log, whatever came before."""

    session_id: str


class SessionEscalated(Struct, frozen=True):
    """A conversation was handed to people; `summary` says what it is about."""

    ticket: Ticket
    summary: str = ""


class FeedbackGiven(Struct, frozen=True, kw_only=True):
    """An answer was rated; `question` is what it had answered, where it was rated `down`, at most 2,000 characters."""

    message_id: str
    feedback: Feedback
    turn_id: str | None = None
    question: str = ""


class TurnFailed(Struct, frozen=True, kw_only=True):
    """A turn was given up after its last attempt; the stored message says so to the customer."""

    turn_id: str
    attempt: int
    answers_seq: list[int]
    code: str
    message: Message


class TurnCancelled(Struct, frozen=True, kw_only=True):
    """A turn was called off.

    Attributes:
        reason: `cancelled` by the client, `superseded` by a further message, or what became of the session:
            `taken_over`, `escalated`, `ended`.
        message: what had been said by then, as it is stored, perhaps empty; None where it is void.
    """

    turn_id: str
    attempt: int
    answers_seq: list[int]
    reason: str
    message: Message | None = None


# --- live


class TurnRevoked(Struct, frozen=True, kw_only=True):
    """An attempt is to stop at once; where `wanted`, what it has said is to be stored as cancelled."""

    turn_id: str
    attempt: int
    wanted: bool = False


# --- doorbells


class TurnReady(Struct, frozen=True):
    """There may be a turn to claim."""


class OutboxReady(Struct, frozen=True):
    """There may be events to publish."""
