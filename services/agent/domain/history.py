"""History: what was said before the questions, as those read it who answer them."""

from collections.abc import Sequence

from libs.contracts.session import Message, Role

# A colleague's words are ours, but not the model's own.
_SPEAKERS: dict[Role, str] = {
    "user": "Customer",
    "assistant": "Assistant",
    "operator": "Colleague",
    "system": "System",
}


def said(messages: Sequence[Message]) -> list[Message]:
    """Give the messages that say something: an answer that was stopped before its first word is none."""
    return [message for message in messages if message.content.strip() or message.attachments]


def told_to_colleagues(messages: Sequence[Message]) -> list[Message]:
    """Give the messages among which are some that a colleague has answered, and that no turn of ours has read."""
    return list(messages) if any(message.role == "operator" for message in messages) else []


def transcript(messages: Sequence[Message]) -> list[str]:
    """Write messages as a model is shown them, one line each, so that nobody can write a line in another's name."""
    return [f"{_speaker(message)}: {' '.join(message.content.split())}" for message in messages]


def _speaker(message: Message) -> str:
    stopped = " (stopped before the end)" if message.status == "cancelled" else ""
    return _SPEAKERS[message.role] + stopped
