"""What the agent service is asked and tells: running attempts, memories, approvals, and what models cost."""

from datetime import date, datetime
from typing import Any, Literal

from msgspec import Struct

from .frames import Sources, Status, Text


class TurnFrame(Struct, frozen=True, kw_only=True):
    """A frame of a running attempt, for whoever watches the session."""

    turn_id: str
    attempt: int
    epoch: int
    frame: Status | Sources | Text


class AskSnapshot(Struct, frozen=True):
    """Ask the agent that the subject names how far a turn is."""

    turn_id: str


class Snapshot(Struct, frozen=True, kw_only=True):
    """The text of a running attempt so far; attempt 0 where this agent does not run the turn."""

    turn_id: str
    attempt: int = 0
    text: str = ""
    sources: Sources | None = None


class AskFacts(Struct, frozen=True):
    """Ask what is remembered of the session that the subject names."""


class KnownFact(Struct, frozen=True):
    """Something that a customer has told about themselves: `email`, `phone`, `order` and the like."""

    kind: str
    value: str


class KnownFacts(Struct, frozen=True):
    """What is remembered of a session, what was told last at the end."""

    facts: list[KnownFact]


# --- memories

MemoryKind = Literal["user_info", "preference", "fact", "context"]


class MemoryItem(Struct, frozen=True, kw_only=True):
    """Something that is remembered of a user.

    Attributes:
        label: what it is: `email`, `phone`, `order`, `name`, `language` and the like.
        importance: 0..1; decays with the time since it was last used, and what is least important goes first.
        session_id: where it was told last.
    """

    memory_id: str
    kind: MemoryKind
    label: str
    value: str
    importance: float
    created_at: datetime
    last_used_at: datetime
    session_id: str | None = None


class ListMemories(Struct, frozen=True):
    """Ask what is remembered of a user across sessions. Users are named by others, so their ids stand in the payload."""

    user_id: str


class MemoryList(Struct, frozen=True):
    """What is remembered of a user, the most important first."""

    memories: list[MemoryItem]


class EraseMemories(Struct, frozen=True):
    """Forget what is remembered of a user; only the one memory, where it is named."""

    user_id: str
    memory_id: str | None = None


class MemoriesErased(Struct, frozen=True):
    """How many were forgotten."""

    erased: int


class MemoryChanged(Struct, frozen=True, kw_only=True):
    """Memories were learned or forgotten; never what they say.

    Attributes:
        change: `learned`, `erased` (by the user or an operator) or `cleared` (with its session).
        labels: of what was learned or forgotten.
    """

    change: Literal["learned", "erased", "cleared"]
    count: int
    labels: list[str] = []
    user_id: str | None = None


# --- approvals


class Approval(Struct, frozen=True, kw_only=True):
    """An action that a model asked for and that a person allows or refuses.

    Attributes:
        arguments: as the model gave them, checked against the tool's schema; what the server adds is not here.
        description: what the tool does, from its declaration.
        expires_at: after which it counts as refused.
        operator: who decided; None while nobody has, and where it expired.
    """

    approval_id: str
    session_id: str
    turn_id: str
    tool: str
    description: str
    arguments: dict[str, Any]
    status: Literal["pending", "approved", "refused", "expired"] = "pending"
    requested_at: datetime
    expires_at: datetime
    operator: str | None = None
    comment: str | None = None
    decided_at: datetime | None = None


class ListApprovals(Struct, frozen=True, kw_only=True):
    """Ask for a tenant's approvals, oldest first; those after the one with this id."""

    status: Literal["pending", "approved", "refused", "expired"] | None = None
    session_id: str | None = None
    limit: int = 50
    after: str | None = None


class ApprovalPage(Struct, frozen=True):
    """Some of a tenant's approvals, how many there are in all, and whether there are more after these."""

    approvals: list[Approval]
    total: int
    more: bool = False


class DecideApproval(Struct, frozen=True, kw_only=True):
    """Allow or refuse the action that the subject names. The same word again changes nothing; another one is refused."""

    approve: bool
    operator: str
    comment: str | None = None


class ApprovalRequested(Struct, frozen=True):
    """An action waits for a person's word."""

    approval: Approval


class ApprovalDecided(Struct, frozen=True):
    """A person allowed or refused an action, or nobody did in time."""

    approval: Approval


# --- what models cost


class UsageRecorded(Struct, frozen=True, kw_only=True):
    """One call of a language model, settled.

    Attributes:
        call: the how-manieth of its attempt, from 1, with retries and fallbacks.
        model: the deployment that was asked, as settings name it.
        purpose: `answer`, `summary` or `replay`.
        outcome: `completed`, `failed`, `cut` (it broke off after its first token), `cancelled`.
        code: what went wrong, stable; empty where nothing did.
        prompt_tokens, completion_tokens: as the provider counted them; `estimated` where it did not say.
        cost_usd: by the price list in settings or the library's; 0 where no price is known.
        first_token_ms: to the first piece of text or of a tool call; None where none came.
    """

    usage_id: str
    session_id: str
    turn_id: str
    attempt: int
    call: int
    model: str
    purpose: str = "answer"
    outcome: Literal["completed", "failed", "cut", "cancelled"]
    code: str = ""
    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False
    cost_usd: float = 0.0
    first_token_ms: float | None = None
    duration_ms: float = 0.0


class AskUsage(Struct, frozen=True, kw_only=True):
    """Ask for a tenant's sums from one day up to and with another, in UTC."""

    since: date
    until: date


class UsageRow(Struct, frozen=True, kw_only=True):
    """What one model was used for on one day."""

    day: date
    tenant: str
    model: str
    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class UsageReport(Struct, frozen=True):
    """A tenant's sums, a row for each day and model that has any."""

    rows: list[UsageRow]
