"""The operations that the agent service answers for, told to administrators."""

from libs.contracts.agent import Approval

from ...domain import limits
from ...domain.approvals import ApprovalOrder, ApprovalQuery
from ...domain.memories import Erased, Remembered
from ...domain.usage import MOST_DAYS, UsageQuery, UsageSums
from .operation import Answer, Operation

_AWAY = {503: ("agent_unavailable",)}
_OF_USER = {
    "user_id": {
        "minLength": 1, "maxLength": limits.TOKEN_CHARACTERS,
        "description": "The user's id as it was given when a session was opened; in the path `/` stands as `%2F`",
    },
}  # fmt: skip

AGENT = {
    "list_memories": Operation(
        tag="Memories", summary="List what is remembered of a user across sessions, the most important first",
        description="Empty where nobody is known by that id.", places=_OF_USER,
        answers={200: Answer(description="All of it", kind=Remembered)},
        faults={422: ("invalid_request",), **_AWAY},
    ),
    "erase_memories": Operation(
        tag="Memories", summary="Forget all that is remembered of a user", places=_OF_USER,
        answers={200: Answer(description="How many there were", kind=Erased)},
        faults={422: ("invalid_request",), **_AWAY},
    ),
    "erase_memory": Operation(
        tag="Memories", summary="Forget one memory of a user", places=_OF_USER,
        answers={200: Answer(description="It is forgotten", kind=Erased)},
        faults={404: ("memory_not_found",), 422: ("invalid_request",), **_AWAY},
    ),
    "list_approvals": Operation(
        tag="Approvals", summary="List actions that the agent asked for and that people decide on, the oldest first",
        description="`status=pending` is what waits for a person's word.", query=ApprovalQuery,
        answers={200: Answer(description="A page of them", kind=list[Approval], headers=("X-Total-Count", "Link"))},
        faults={400: ("invalid_session_id",), 404: ("session_not_found",), 422: ("invalid_cursor",), **_AWAY},
    ),
    "decide_approval": Operation(
        tag="Approvals", summary="Allow an action, or refuse it",
        description="The same word again changes nothing. The agent then acts, or does not, and tells the customer.",
        body=ApprovalOrder, body_required=True,
        answers={200: Answer(description="The action as it is decided now", kind=Approval)},
        faults={404: ("approval_not_found",), 409: ("already_decided", "approval_expired"), **_AWAY},
    ),
    "usage": Operation(
        tag="Usage", summary="Sum what language models were used for, and what that cost",
        description=f"Days are in UTC, at most {MOST_DAYS} at once. Rows carry only what they are `by`.",
        query=UsageQuery, answers={200: Answer(description="The sums", kind=UsageSums)}, faults=_AWAY,
    ),
}  # fmt: skip
