"""Steps: the tool calls of a turn, numbered through all of its attempts, so that an effect happens at most once."""

from typing import Literal

from msgspec import Struct

from libs.contracts.knowledge import Source
from libs.contracts.session import Escalation, Message

from .chat import ToolCall, ToolSpec

# `read_only` changes nothing, whatever it is given; everything else waits for a person's yes.
Access = Literal["read_only", "approval"]


class ToolKind(Struct, frozen=True, kw_only=True):
    """What is known of a tool before it is called.

    Attributes:
        idempotent: whether calling it again with the same key has the effect of calling it once.
        doing: what a customer is told while it runs: "Looking up your order".
    """

    spec: ToolSpec
    access: Access = "read_only"
    idempotent: bool = True
    doing: str = ""


class ToolContext(Struct, frozen=True, kw_only=True):
    """Whom a tool is called for; none of it comes from the model.

    Attributes:
        key: the same for the same step in every attempt: an idempotency key for other systems.
        next_rank: the rank of the first passage that the tool finds.
    """

    tenant: str
    session_id: str
    turn_id: str
    user_id: str | None
    key: str
    questions: list[Message] = []
    history: list[Message] = []
    next_rank: int = 1


class ToolResult(Struct, frozen=True, kw_only=True):
    """What a tool gave.

    Attributes:
        text: for the model: untrusted, to be quoted and never to be obeyed.
        passages: that an answer may cite.
        failed: whether the tool could not do what was asked; `text` then says why, in words for the model.
        escalation: that a person should take over.
    """

    text: str
    passages: list[Source] = []
    failed: bool = False
    escalation: Escalation | None = None


class Step(Struct, frozen=True, kw_only=True):
    """One tool call of a turn, as it is journaled before and after it ran.

    Attributes:
        number: from 1, through all attempts of the turn.
        attempt: the one that began it.
        result: None while it is not known how it ended.
    """

    number: int
    attempt: int
    call: ToolCall
    idempotent: bool
    result: ToolResult | None = None


def step_key(turn_id: str, number: int) -> str:
    """Give the idempotency key of a step."""
    return f"{turn_id}-{number}"
