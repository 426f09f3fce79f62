"""Assembly: the messages that a language model is given, made from a turn's material. The same material gives the same bytes.

The system message holds our instructions and nothing else. What others wrote (customers, pages, files, colleagues, tools) stands
in the other messages, quoted (`quoting`). The order is that in which a conversation reads: history, then one last user message with
the facts, the passages and, at its end, the questions; then what tools were asked and gave. User and assistant take turns, as some
models insist.

Where there is too little room, the oldest history goes first, then the lowest-ranked passages, then the least important facts, then
the results of the earliest tool calls; never the questions.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct, json

from libs.contracts.knowledge import Source
from libs.contracts.session import Message

from . import quoting
from .chat import ChatMessage, ToolCall, ToolSpec
from .fitting import Room, least
from .prompt import Prompt
from .quoting import block, safe
from .steps import ToolResult

# Longer ones are cut: a document that was loaded whole, a system that answers with all it has.
_LONGEST_PASSAGE = 6_000
_LONGEST_RESULT = 12_000
_LEFT_OUT = "(left out: there was no room for it)"
# Numbers in an earlier answer counted other passages.
_CITATION = re.compile(r"[ \t]?\[\d{1,3}\]")
_NOT_SHOWN = "{} not shown."
_BEGINS = "The conversation begins here."
_STOPPED = "The answer above was stopped before its end."

# Who says what, as models see it.
_Turn: TypeAlias = tuple[Literal["user", "assistant"], str]


class Exchange(Struct, frozen=True, kw_only=True):
    """What a model wrote, the tools that it asked for in the same breath, and what these gave, in the same order."""

    text: str = ""
    calls: list[ToolCall] = []
    results: list[ToolResult] = []


class Material(Struct, frozen=True, kw_only=True):
    """All that a request to a model is made from.

    Attributes:
        system: the instructions (`instructions.Instructions.system`).
        exchanges: with tools, in their order, those of earlier attempts first.
        tools: that the model may call; with none, what tools gave is told in the customer's message.
    """

    system: str
    prompt: Prompt
    exchanges: Sequence[Exchange] = ()
    tools: Sequence[ToolSpec] = ()


class Dropped(Struct, frozen=True, kw_only=True):
    """What there was no room for: how many messages of the history, passages, facts and results of tools."""

    history: int = 0
    passages: int = 0
    facts: int = 0
    results: int = 0


class Assembled(Struct, frozen=True, kw_only=True):
    """The messages, and what was left out."""

    messages: list[ChatMessage]
    dropped: Dropped = Dropped()


def assemble(material: Material, room: Room) -> Assembled:
    """Make the messages of a request.

    Raises:
        DoesNotFit: the instructions and the questions alone need more room than there is.
    """
    prompt = material.prompt
    history = [_earlier(message) for message in prompt.history]
    passages = [_passage(source) for source in sorted(prompt.passages, key=lambda source: source.rank)]
    known = sorted(prompt.facts, key=lambda fact: fact.importance)
    facts = [block("fact", safe(fact.value), about=fact.label) for fact in known]
    results = [_results(exchange) for exchange in material.exchanges]
    goes_first = [
        *("".join(text for _, text in turns) for turns in history), *passages[::-1], *facts, *(text for given in results for text in given),
    ]  # fmt: skip
    kinds = (len(history), len(passages), len(facts), len(goes_first) - len(history) - len(passages) - len(facts))
    questions = _questions(prompt)

    def without(count: int) -> list[ChatMessage]:
        past, pages, forgotten, given = _shares(count, kinds)
        last = "\n\n".join([*facts[forgotten:], *passages[: len(passages) - pages], *questions])
        turns = _window(history[past:], _missing(prompt.history, past))
        turns.append(("user", last))
        return _messages(material, turns, _left(results, given))

    fixed = json.encode(list(material.tools)).decode() if material.tools else ""
    count, messages = least(goes_first, without, fixed, room)
    past, pages, forgotten, given = _shares(count, kinds)
    return Assembled(messages=messages, dropped=Dropped(history=past, passages=pages, facts=forgotten, results=given))


def _messages(material: Material, turns: list[_Turn], results: list[list[str]]) -> list[ChatMessage]:
    """Put instructions, conversation, and the exchanges with tools together."""
    system = ChatMessage(role="system", content=material.system)
    told = list(zip(material.exchanges, results, strict=True))
    if not material.tools:
        # Some providers refuse calls in a request that offers no tools; so what they gave is told.
        for exchange, texts in told:
            turns.append(("assistant", safe(exchange.text)))
            turns.extend(("user", text) for text in texts)
        return [system, *_joined(turns)]
    messages = [system, *_joined(turns)]
    for exchange, texts in told:
        messages.append(ChatMessage(role="assistant", content=safe(exchange.text), tool_calls=exchange.calls))
        for call, text in zip(exchange.calls, texts, strict=True):
            messages.append(ChatMessage(role="tool", content=text, tool_call_id=call.id))
    return messages


def _joined(turns: Iterable[_Turn]) -> list[ChatMessage]:
    """Make one message of what the same side says in a row."""
    said: list[tuple[Literal["user", "assistant"], list[str]]] = []
    for role, text in turns:
        if not text.strip():
            continue
        if said and said[-1][0] == role:
            said[-1][1].append(text)
        else:
            said.append((role, [text]))
    return [ChatMessage(role=role, content="\n\n".join(texts)) for role, texts in said]


def _missing(history: Sequence[Message], dropped: int) -> int:
    """Say how many messages came before those that are shown: with what was dropped, what the agent was not given."""
    if dropped < len(history):
        return history[dropped].seq - 1
    return history[-1].seq if history else 0


def _window(history: Sequence[Sequence[_Turn]], missing: int) -> list[_Turn]:
    """Begin with the customer, and say how much is missing."""
    turns = [turn for message in history for turn in message if turn[1].strip()]
    if missing:
        many = "1 earlier message is" if missing == 1 else f"{missing} earlier messages are"
        turns.insert(0, ("user", block("event", _NOT_SHOWN.format(many))))
    elif turns and turns[0][0] != "user":
        turns.insert(0, ("user", block("event", _BEGINS)))
    return turns


def _earlier(message: Message) -> list[_Turn]:
    """Give a message of the history; a colleague's words are ours, but not the model's own."""
    if message.role == "assistant":
        turns: list[_Turn] = [("assistant", safe(_CITATION.sub("", message.content)))]
        if message.status == "cancelled":
            turns.append(("user", block("event", _STOPPED)))
        return turns
    return [("user", _words(message) if message.role == "user" else _of_others(message))]


def _questions(prompt: Prompt) -> list[str]:
    """Give what is to be answered, and which files are missing from it."""
    unread = [block("unread_file", quoting.name(filename)) for filename in prompt.unread]
    asked = [
        block("customer_message", _words(message)) if message.role == "user" else _of_others(message)
        for message in prompt.questions
    ]
    return [*unread, *asked]


def _words(message: Message) -> str:
    files = [block("file", quoting.name(attachment.filename)) for attachment in message.attachments]
    return "\n".join([safe(message.content), *files] if message.content.strip() else files)


def _of_others(message: Message) -> str:
    return block("colleague_message" if message.role == "operator" else "event", safe(message.content))


def _passage(source: Source) -> str:
    title = str(source.metadata.get("title", ""))
    return block("passage", safe(source.content, _LONGEST_PASSAGE), n=source.rank, title=title)


def _results(exchange: Exchange) -> list[str]:
    """Give what the tools of an exchange gave, with the passages that they found."""
    given: list[str] = []
    for call, result in zip(exchange.calls, exchange.results, strict=True):
        text = "\n\n".join(filter(None, [safe(result.text, _LONGEST_RESULT), *map(_passage, result.passages)]))
        given.append(block("tool_result", text, tool=call.name, outcome="failed" if result.failed else "done"))
    return given


def _left(results: Sequence[Sequence[str]], given: int) -> list[list[str]]:
    """Put a word in the place of the first so many results: a call without its result is refused by providers."""
    left: list[list[str]] = []
    for texts in results:
        gone = min(given, len(texts))
        given -= gone
        left.append([_LEFT_OUT] * gone + list(texts[gone:]))
    return left


def _shares(count: int, kinds: Sequence[int]) -> list[int]:
    """Say how many of each kind go, where so many go in all."""
    shares: list[int] = []
    for most in kinds:
        shares.append(min(count, most))
        count -= shares[-1]
    return shares
