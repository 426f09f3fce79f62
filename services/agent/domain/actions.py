"""Actions that colleagues decided about: which a turn carries, and the hand-over where nobody can say whether one was done."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from libs.contracts.agent import Approval
from libs.contracts.session import Escalation, Message, Priority

_FROM_HIGHEST: list[Priority] = ["urgent", "high", "normal", "low"]
# How much of an action's arguments names it to people, in characters.
_LONGEST = 80
# What a model is told of an action that it asked for; it may ask again in another attempt, after a person's word.
ASKED = {
    "pending": (
        "This has not been done: a colleague must allow it first, and has been asked. Do not ask for it again. Tell the"
        " customer that it waits for a colleague's permission and that they will hear of it here."
    ),
    "approved": "A colleague has allowed this. It is being done apart from this answer; do not ask for it again.",
    "refused": "A colleague has refused this. It has not been done. Do not ask for it again; tell the customer so.",
    "expired": "Nobody allowed this in time. It has not been done. Do not ask for it again; tell the customer so.",
}


def decisions(questions: Sequence[Message]) -> list[Message]:
    """Give those of a turn's messages that tell of a colleague's decision about an action."""
    return [message for message in questions if message.role == "system" and message.metadata.get("approval_id")]


def allows(decision: Message) -> bool:
    """Say whether the colleague allowed the action; every other word is no."""
    return decision.metadata.get("decision") == "approved"


def tool_of(decision: Message) -> str:
    """Give the name of the tool that a decision is about."""
    return str(decision.metadata.get("tool") or "action")


def details(arguments: str) -> str:
    """Give what tells two calls of a tool apart: the values of its arguments that are a text or a number."""
    try:
        values = msgspec.json.decode(arguments, type=dict[str, object])
    except msgspec.MsgspecError:
        return ""
    plain = [str(value) for value in values.values() if isinstance(value, str | int | float)]
    return " ".join(", ".join(plain).split())[:_LONGEST]


def unconfirmed(evidence: list[str]) -> Escalation:
    """Ask for a person who finds out whether these actions were done."""
    return Escalation(reasons=["action_unconfirmed"], priority="high", evidence=evidence)


def merged(first: Escalation | None, second: Escalation | None) -> Escalation | None:
    """Make one of two escalations: all reasons and evidence, the highest priority, the first category that says something."""
    if first is None or second is None:
        return first or second
    return Escalation(
        reasons=list(dict.fromkeys([*first.reasons, *second.reasons])),
        category=second.category if first.category == "general" else first.category,
        priority=min(first.priority, second.priority, key=_FROM_HIGHEST.index),
        score=max(first.score, second.score),
        evidence=list(dict.fromkeys([*first.evidence, *second.evidence])),
    )


def standing(approval: Approval, now: datetime) -> str | None:
    """Say why a call is not to be run; None where a person allowed it."""
    if approval.status == "approved":
        return None
    if approval.status == "refused":
        return "A colleague refused this. It was not done. Tell the customer so."
    if approval.status == "expired" or approval.expires_at <= now:
        return "Nobody allowed this in time. It was not done. Tell the customer so."
    return "Nobody has decided about this yet. It was not done."
