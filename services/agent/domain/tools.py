"""Tools: what an answer can be looked up with. All of them only read."""

from collections.abc import Sequence

from libs.contracts.session import Message

from . import files
from .facts import Fact

SEARCH_KNOWLEDGE = "search_knowledge"
READ_ATTACHMENT = "read_attachment"
RECALL = "recall"
ALL = (SEARCH_KNOWLEDGE, READ_ATTACHMENT, RECALL)


def looked_up(questions: Sequence[Message], known: Sequence[Fact]) -> list[str]:
    """Name the tools that had something to say to a turn's questions, or were asked for it."""
    used = [SEARCH_KNOWLEDGE]
    if files.named(questions):
        used.append(READ_ATTACHMENT)
    if known:
        used.append(RECALL)
    return used
