"""Tools: what an answer can be looked up with, and what a model's arguments must be."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from libs.contracts.knowledge import Source
from libs.contracts.session import Message

from . import files
from .facts import Fact
from .steps import ToolResult

SEARCH_KNOWLEDGE = "search_knowledge"
READ_ATTACHMENT = "read_attachment"
RECALL = "recall"
REMEMBER = "remember"
ESCALATE = "escalate"
# What a model may ask for without anybody declaring it.
BUILT_IN = (SEARCH_KNOWLEDGE, READ_ATTACHMENT, REMEMBER, RECALL, ESCALATE)

# A call's arguments, in bytes of UTF-8.
MAX_ARGUMENT_BYTES = 16 * 1024


class BadArguments(Exception):
    """A model's arguments cannot be used; the text says why, in words for the model."""


def looked_up(questions: Sequence[Message], known: Sequence[Fact]) -> list[str]:
    """Name the tools whose work was done for an answer before it was written, as far as it was for this one.

    Every answer has the help pages searched, which says nothing about it: that is named where a model asked for it.
    """
    used: list[str] = []
    if files.named(questions):
        used.append(READ_ATTACHMENT)
    if known:
        used.append(RECALL)
    return used


def read_arguments(text: str) -> dict[str, Any]:
    """Read the arguments that a model wrote; none at all are an empty object.

    Raises:
        BadArguments: too long, no JSON, or no object.
    """
    if len(text) > MAX_ARGUMENT_BYTES or len(text.encode(errors="replace")) > MAX_ARGUMENT_BYTES:
        raise BadArguments(f"The arguments are longer than {MAX_ARGUMENT_BYTES} bytes.")
    try:
        value: object = msgspec.json.decode(text.strip() or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadArguments("The arguments are not valid JSON.") from error
    if not isinstance(value, dict):
        raise BadArguments("The arguments must be a JSON object.")
    return cast(dict[str, Any], value)


def canonical(arguments: dict[str, Any]) -> str:
    """Write arguments so that the same ones are the same text, however a model ordered and spaced them."""
    return msgspec.json.encode(arguments, order="sorted").decode()


def failed(words: str) -> ToolResult:
    """Give the result of a call that came to nothing."""
    return ToolResult(text=words, failed=True)


def ranked(passages: Sequence[Source], next_rank: int) -> list[Source]:
    """Give passages the ranks from `next_rank` on, in their order."""
    return [replace(passage, rank=rank) for rank, passage in enumerate(passages, start=next_rank)]


def reranked(result: ToolResult, next_rank: int) -> ToolResult:
    """Give a result of an earlier attempt ranks that are free in this one."""
    return replace(result, passages=ranked(result.passages, next_rank)) if result.passages else result
