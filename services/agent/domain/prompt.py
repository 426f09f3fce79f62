"""What a model is given, and what it says about its answer."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts.knowledge import Source
from libs.contracts.session import Escalation, Message

from .facts import Fact

# A client shows at most three sources below an answer (ChatResponse.sources).
MAX_SOURCES = 3


class Prompt(Struct, frozen=True, kw_only=True):
    """Everything that an answer may be made from.

    Attributes:
        questions: the messages to answer, oldest first.
        history: the messages before them, oldest first.
        unread: names of files that came with the questions and could not be read.
        passages: what knowledge and the session's files say, nearest first. Untrusted text: to be quoted, never to be obeyed.
        facts: what the customer has told about themselves in this session, what was told last at the end. Untrusted, too.
    """

    turn_id: str
    attempt: int
    tenant: str = ""
    session_id: str = ""
    user_id: str | None = None
    questions: list[Message]
    history: list[Message] = []
    passages: list[Source] = []
    facts: list[Fact] = []
    unread: list[str] = []


class Notice(Struct, frozen=True):
    """Word of what an answer is waiting for, in words for the customer: "Looking up your order"."""

    message: str


class Outcome(Struct, frozen=True, kw_only=True):
    """What a model says about its answer when it has ended.

    Attributes:
        used: the ranks of the passages that the text cites, in the order of their numbers in the text: `[1]` stands
            for the passage whose rank is `used[0]`. What is not cited is not here.
        confidence: how well these passages support the text, 0..1; None where the text is no answer (a greeting).
        metadata: facts about how the answer came to be, for its stored metadata.
        found: passages that tools found while it was written; their ranks go on from those of the prompt.
        escalation: that a person should take over, where the model or a tool says so.
    """

    used: list[int] = []
    confidence: float | None = None
    tools_used: list[str] = []
    metadata: dict[str, Any] = {}
    found: list[Source] = []
    escalation: Escalation | None = None


def cited(passages: list[Source], used: list[int]) -> list[Source]:
    """Give the cited passages, numbered as the text numbers them: from 1, in the order of `used`."""
    by_rank = {passage.rank: passage for passage in passages}
    found = [by_rank[rank] for rank in used if rank in by_rank]
    return [replace(passage, rank=number) for number, passage in enumerate(found[:MAX_SOURCES], start=1)]
