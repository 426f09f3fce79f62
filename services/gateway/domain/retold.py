"""A stored answer, told again in the frames in which it would have come."""

from typing import Any

from libs.contracts.frames import Cancelled, Complete, Error, Escalation, Frame, Start, Text
from libs.contracts.session import Message


def retold(answer: Message, cursor: str) -> list[Frame]:
    """Give the frames of an answer from `start` to its end; `cursor` leads on from there."""
    turn_id, attempt = answer.turn_id or "", _attempt(answer.metadata)
    frames: list[Frame] = []
    if answer.status == "failed":
        frames.append(Error(code="turn_failed", message=answer.content, retryable=True, turn_id=turn_id))
    if "ticket_id" in answer.metadata:
        frames.append(_escalation(answer.metadata, turn_id, attempt))
    frames.append(Start(turn_id=turn_id, attempt=attempt))
    if answer.content:
        frames.append(Text(content=answer.content, offset=0, turn_id=turn_id, attempt=attempt))
    frames.append(_end(answer, turn_id, attempt))
    for frame in frames:
        frame.cursor = cursor
    return frames


def _end(answer: Message, turn_id: str, attempt: int) -> Frame:
    if answer.status == "cancelled":
        return Cancelled(turn_id=turn_id, attempt=attempt, reason="cancelled", message=answer)
    return Complete(
        turn_id=turn_id, attempt=attempt, message=answer, confidence=answer.confidence,
        processing_time=answer.processing_time, requires_escalation="ticket_id" in answer.metadata,
    )  # fmt: skip


def _attempt(metadata: dict[str, Any]) -> int:
    attempt = metadata.get("attempt")
    return attempt if isinstance(attempt, int) else 1


def _escalation(metadata: dict[str, Any], turn_id: str, attempt: int) -> Escalation:
    return Escalation(
        required=True, reason=metadata.get("reasons", []), ticket_id=metadata["ticket_id"],
        priority=metadata.get("priority", "normal"), category=metadata.get("category", "general"), turn_id=turn_id,
        attempt=attempt,
    )  # fmt: skip
