"""A hand-over to people: the ticket, and what whoever takes it needs to know of the conversation."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts.knowledge import Source
from libs.contracts.session import Escalation, Message, Priority, Ticket

# the queue's order
RANKS: dict[Priority, int] = {"urgent": 0, "high": 1, "normal": 2, "low": 3}
BACKGROUND = 20  # messages that a summary looks back on, and a packet shows
# With the messages they must fit into one reply of the broker, 1 MB, also where each is as long as it may be.
LAST_NOTES = 10
_SHORT = 160
_MOST_EVIDENCE = 5
_EVIDENCE = 200  # characters of each
_QUOTED_EVIDENCE = 3  # of them, in a summary
_QUOTED = 80
_MOST_SOURCES = 20


class HandOver(Struct, frozen=True, kw_only=True):
    """A ticket as it is stored, with what was known of the conversation when it was opened.

    Attributes:
        sources: what the agent had tried.
        seq: of the last message before the hand-over.
    """

    ticket: Ticket
    summary: str = ""
    sources: list[Source] = []
    seq: int = 0


def summarise(escalation: Escalation, messages: Sequence[Message], total: int) -> str:
    """Say in a few sentences what a conversation is about: the same words for the same conversation.

    Args:
        escalation: why it is handed over.
        messages: the first question and the last messages, oldest first.
        total: how many messages there are in all.
    """
    why = ", ".join(reason.replace("_", " ") for reason in escalation.reasons) or "no reason given"
    sentences = [
        f"Handed over for: {why} (category {escalation.category}, priority {escalation.priority}).",
        f"The conversation has {total} message{'' if total == 1 else 's'}.",
    ]
    if escalation.evidence:
        quoted = "; ".join(f'"{shortened(each, _QUOTED)}"' for each in escalation.evidence[:_QUOTED_EVIDENCE])
        sentences.append(f"Evidence: {quoted}.")
    questions = [message for message in messages if message.role == "user"]
    if questions:
        sentences.append(f'First question: "{shortened(questions[0].content)}"')
    if len(questions) > 1:
        sentences.append(f'Last question: "{shortened(questions[-1].content)}"')
    if answer := next((message for message in reversed(messages) if _is_answer(message)), None):
        confidence = "" if answer.confidence is None else f" (confidence {answer.confidence:.2f})"
        sentences.append(f'The agent last answered{confidence}: "{shortened(answer.content)}"')
    return " ".join(sentences)


def sources_tried(messages: Sequence[Message]) -> list[Source]:
    """Give the distinct sources of the agent's last answers, the newest answer's first."""
    found: dict[tuple[object, ...], Source] = {}
    for message in reversed(messages):
        if _is_answer(message):
            for source in message.sources:
                found.setdefault(_passage(source), source)
    return list(found.values())[:_MOST_SOURCES]


def bounded(escalation: Escalation) -> Escalation:
    """Give an escalation as it may be stored: a few short pieces of evidence, and a score within 0..1."""
    lines = (shortened(each, _EVIDENCE) for each in escalation.evidence)
    evidence = [line for line in lines if line][:_MOST_EVIDENCE]
    return replace(escalation, evidence=evidence, score=min(1.0, max(0.0, escalation.score)))


def shortened(text: str, most: int = _SHORT) -> str:
    """Give a text on one line, cut at a number of characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _is_answer(message: Message) -> bool:
    return message.role == "assistant" and message.status == "complete"


def _passage(source: Source) -> tuple[object, ...]:
    document = source.metadata.get("document_id")
    return (str(document), str(source.metadata.get("chunk"))) if document is not None else (source.content,)
