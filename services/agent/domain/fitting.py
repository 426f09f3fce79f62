"""Fitting: how much of a prompt has room, by the model's own counter."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from .chat import ChatMessage

# What providers add to a message (its role, its ends), in tokens; no format in use takes more.
_PER_MESSAGE = 8


class DoesNotFit(Exception):
    """The instructions and the questions alone need more tokens than the model takes."""

    def __init__(self, needed: int, tokens: int) -> None:
        super().__init__(f"{needed} tokens are needed, {tokens} are there")
        self.needed = needed
        self.tokens = tokens


class Room(Struct, frozen=True):
    """The tokens that a prompt may have, and the model's counter."""

    tokens: int
    count: Callable[[str], int]


def tokens(messages: Sequence[ChatMessage], fixed: str, room: Room) -> int:
    """Give what messages, and the text that goes with them in every case, take at most."""
    return room.count(fixed) * bool(fixed) + sum(_of(message, room.count) for message in messages)


def least(
    goes_first: Sequence[str], without: Callable[[int], list[ChatMessage]], fixed: str, room: Room
) -> tuple[int, list[ChatMessage]]:
    """Leave out as little as needed.

    Args:
        goes_first: texts that may be left out, in the order in which they go.
        without: gives the messages without so many of them.
        fixed: a text that goes along in every case (the tools).
        room: how many tokens there are.

    Raises:
        DoesNotFit: it does not help to leave all of them out.
    """
    messages = without(0)
    if _surely_fits(messages, fixed, room):
        return 0, messages
    needed, count = tokens(messages, fixed, room), 0
    while needed > room.tokens:
        if count == len(goes_first):
            raise DoesNotFit(needed, room.tokens)
        excess = needed - room.tokens
        # At least one at a time, and many where they are small; then all is counted anew. A text that goes frees a little more
        # than itself.
        while True:
            excess -= room.count(goes_first[count]) + _PER_MESSAGE
            count += 1
            if excess <= 0 or count == len(goes_first):
                break
        messages = without(count)
        needed = tokens(messages, fixed, room)
    return count, messages


def _surely_fits(messages: Sequence[ChatMessage], fixed: str, room: Room) -> bool:
    """Say so without counting: no token is shorter than a byte of UTF-8."""
    return _bytes(fixed) + sum(map(_length, messages)) <= room.tokens


def _length(message: ChatMessage) -> int:
    asked = sum(_bytes(call.id) + _bytes(call.name) + _bytes(call.arguments) for call in message.tool_calls)
    return _bytes(message.content) + asked + _PER_MESSAGE


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else 4 * len(text)


def _of(message: ChatMessage, count: Callable[[str], int]) -> int:
    asked = sum(count(call.id) + count(call.name) + count(call.arguments) for call in message.tool_calls)
    return count(message.content) + asked + _PER_MESSAGE
