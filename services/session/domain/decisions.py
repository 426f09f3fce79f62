"""What becomes of an action that the agent asked for: a colleague's yes or no, as a message that the agent answers."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from libs.contracts.agent import Approval
from libs.contracts.errors import Malformed
from libs.contracts.ids import APPROVAL, MESSAGE, is_id
from libs.contracts.session import Message

from .hand_over import shortened
from .turn import MOST_DECISIONS, MOST_QUESTIONS

# What the agent answers beside the customer's messages.
ROLE: Literal["system"] = "system"
_DESCRIPTION = 300
_COMMENT = 500
_TOOL = 100
_SAID = {
    "approved": "A colleague allowed the requested action: {what}.",
    "refused": "A colleague did not allow the requested action: {what}.",
    "expired": "Nobody allowed the requested action in time: {what}.",
}


class Decision(Struct, frozen=True, kw_only=True):
    """What is told of a decision.

    Attributes:
        message_id: the same for the same approval, and nothing that a client could name: it is told once.
    """

    message_id: str
    content: str
    metadata: dict[str, Any]


def decision_of(approval: Approval) -> Decision:
    """Put a decision into words.

    Raises:
        Malformed: `bad_approval` where it is not decided, or has no id of ours.
    """
    if approval.status not in _SAID or not is_id(APPROVAL, approval.approval_id):
        raise Malformed("bad_approval", "This approval is not decided, or its id is none of ours")
    what = shortened(approval.description, _DESCRIPTION).rstrip(" .") or shortened(approval.tool, _TOOL)
    content = _SAID[approval.status].format_map({"what": what})
    if comment := shortened(approval.comment or "", _COMMENT):
        content += f" Comment: {comment}"
    return Decision(
        message_id=f"{MESSAGE}{approval.approval_id.removeprefix(APPROVAL)}",
        content=content,
        metadata={
            "approval_id": approval.approval_id,
            "decision": approval.status,
            "tool": approval.tool[:_TOOL],
            "operator": approval.operator,
        },
    )


def is_allowed(message: Message) -> bool:
    """Say whether a message tells of an action that a colleague has allowed: it waits until the agent has taken it up."""
    return message.role == ROLE and message.metadata.get("decision") == "approved"


def to_be_answered(questions: Sequence[Message]) -> list[Message]:
    """Give the messages of a turn that an agent is given, oldest first: the last questions, and decisions before them.

    A long wait's questions need not fit into one reply; an action that was allowed must not get lost among them.
    """
    asked = [message for message in questions if message.role != ROLE][-MOST_QUESTIONS:]
    decided = [message for message in questions if message.role == ROLE][-MOST_DECISIONS:]
    return sorted([*asked, *decided], key=lambda message: message.seq)
