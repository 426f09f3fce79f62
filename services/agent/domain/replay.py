"""Replays: what a turn was asked and answered, read from a stored conversation, and how another answer differs."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from msgspec import Struct

from libs.contracts.knowledge import Source
from libs.contracts.session import Answer, ClaimedTurn, Message

from .steps import Step, ToolResult
from .tools import BadArguments, failed, read_arguments, reranked

# As a first attempt, so that what was called then is asked for again. Nothing that is answered again is stored: the
# fences are read by nobody.
_ATTEMPT, _EPOCH, _LEASE_S = 1, 0, 3600.0
# What the session service gives an agent at most, of the messages that a turn answers.
_MOST_QUESTIONS, _MOST_DECISIONS = 20, 50
_NOT_RECORDED = "This cannot be looked up now. Do not ask for it again; go on without it."


class StoredTurn(Struct, frozen=True, kw_only=True):
    """A turn as it was.

    Attributes:
        turn: what its agent was given.
        answer: the stored answer.
        earlier: all messages before it, also those that its agent was not given.
    """

    turn: ClaimedTurn
    answer: Message
    earlier: list[Message]


class Side(Struct, frozen=True, kw_only=True):
    """One of two answers to the same turn.

    Attributes:
        sources: the passages that it cites, as `document@version#passage`.
        seconds: of the stored answer from the acceptance of the first question, of the new one from the beginning of
            its writing; None where that is not known.
        degraded: why another model than the wanted one answered; empty where it did not.
        error: what went wrong, where it is an apology or none at all.
    """

    model: str
    text: str
    sources: list[str]
    abstained: bool
    escalated: bool
    confidence: float | None
    tools_used: list[str]
    cost_usd: float
    seconds: float | None
    degraded: str = ""
    error: str = ""


class Comparison(Struct, frozen=True, kw_only=True):
    """The stored answer beside the new one.

    Attributes:
        similarity: of the two texts, word by word, 0 (nothing in common) to 1 (the same): the ratio of Ratcliff and
            Obershelp's pattern matching ("Pattern Matching: The Gestalt Approach", Dr. Dobb's Journal, 1988).
        changed: which of `answer`, `sources`, `abstention`, `escalation`, `tools` differ.
        notes: which calls of tools were not as recorded.
    """

    session_id: str
    turn_id: str
    question: str
    before: Side
    after: Side
    similarity: float
    changed: list[str]
    notes: list[str] = []


def stored_turns(
    tenant: str, session_id: str, user_id: str | None, messages: Sequence[Message], history: int
) -> list[StoredTurn]:
    """Give the turns of a conversation that were answered, each with the messages that its agent was given.

    Args:
        tenant: whose it is.
        session_id: which one.
        user_id: whom it is with; None where nobody knows.
        messages: all of the session's, oldest first.
        history: how many messages before the questions are given.
    """
    answered: dict[str | None, int] = {
        one.turn_id: one.seq for one in messages if one.role == "assistant" and one.turn_id
    }
    found: list[StoredTurn] = []
    for answer in messages:
        if answer.role != "assistant" or not answer.turn_id or answer.status != "complete":
            continue
        asked = [one for one in messages if one.turn_id == answer.turn_id and one.role in ("user", "system")]
        if not asked:
            continue
        earlier = [one for one in messages if _was_there(one, answer, asked[-1], answered)]
        shown = [one for one in earlier if one.status != "failed" and one.content]
        turn = ClaimedTurn(
            session_id=session_id, tenant=tenant, user_id=user_id, turn_id=answer.turn_id, attempt=_ATTEMPT,
            epoch=_EPOCH, lease_s=_LEASE_S, questions=_given(asked), history=shown[max(0, len(shown) - history) :],
        )  # fmt: skip
        found.append(StoredTurn(turn=turn, answer=answer, earlier=earlier))
    return found


def _was_there(one: Message, answer: Message, last_asked: Message, answered: Mapping[str | None, int]) -> bool:
    """Say whether a message of another turn, or of none, was in the conversation when a turn was taken up.

    An answer is written later than questions that waited while it was: these have a lower number, but were not there.
    """
    if one.turn_id == answer.turn_id or one.seq > answer.seq:
        return False
    if one.role in ("assistant", "operator"):
        return True
    if one.turn_id in answered:
        return answered[one.turn_id] < answer.seq
    return one.seq < last_asked.seq


def _given(asked: Sequence[Message]) -> list[Message]:
    said = [one for one in asked if one.role == "user"][-_MOST_QUESTIONS:]
    decided = [one for one in asked if one.role == "system"][-_MOST_DECISIONS:]
    return sorted([*said, *decided], key=lambda one: one.seq)


# --- sides


def stored_side(message: Message) -> Side:
    """Give a stored answer as a side."""
    usage = message.metadata.get("usage", {})
    return _side(message, "ticket_id" in message.metadata, float(usage.get("cost_usd", 0.0)), message.processing_time)


def new_side(answer: Answer, cost_usd: float, seconds: float) -> Side:
    """Give an answer that nobody stores as a side."""
    return _side(answer, answer.escalation is not None, cost_usd, seconds)


def failed_side(model: str, text: str, code: str, cost_usd: float, seconds: float) -> Side:
    """Give what was said by an answer that broke off."""
    return Side(
        model=model, text=text, sources=[], abstained=False, escalated=False, confidence=None, tools_used=[],
        cost_usd=cost_usd, seconds=round(seconds, 3), error=code,
    )  # fmt: skip


def _side(said: Answer | Message, escalated: bool, cost_usd: float, seconds: float | None) -> Side:
    metadata: dict[str, Any] = said.metadata
    return Side(
        model=str(metadata.get("model", "")),
        text=said.content,
        sources=[_name_of(source) for source in said.sources],
        abstained=bool(metadata.get("abstained")),
        escalated=escalated,
        confidence=said.confidence,
        tools_used=said.tools_used,
        cost_usd=cost_usd,
        seconds=None if seconds is None else round(seconds, 3),
        degraded=str(metadata.get("degraded", {}).get("reason", "")),
        error=str(metadata.get("error", {}).get("code", "")),
    )


def _name_of(source: Source) -> str:
    found = source.metadata
    return f"{found.get('document_id', '')}@{found.get('version', '')}#{found.get('chunk', '')}"


def compare(stored: StoredTurn, after: Side, notes: Sequence[str] = ()) -> Comparison:
    """Say how a new answer to a turn differs from the stored one."""
    before = stored_side(stored.answer)
    differing = {
        "answer": before.text != after.text,
        "sources": before.sources != after.sources,
        "abstention": before.abstained != after.abstained,
        "escalation": before.escalated != after.escalated,
        "tools": sorted(before.tools_used) != sorted(after.tools_used),
    }
    similar = SequenceMatcher(None, before.text.split(), after.text.split(), autojunk=False).ratio()
    return Comparison(
        session_id=stored.turn.session_id, turn_id=stored.turn.turn_id, before=before, after=after,
        question=" / ".join(message.content for message in stored.turn.questions),
        similarity=round(similar, 3), changed=[name for name, differs in differing.items() if differs],
        notes=list(notes),
    )  # fmt: skip


# --- tools


class Recording:
    """The results that the tools of one turn gave.

    Attributes:
        notes: which calls were not as recorded, in words.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.notes: list[str] = []
        self._steps = [(step.call.name, _arguments(step), step.result) for step in steps if step.result is not None]
        self._used: set[int] = set()

    def result(self, name: str, arguments: dict[str, Any], next_rank: int) -> ToolResult:
        """Give what a tool gave for the same arguments, else the next of its results that was not given yet."""
        calls = [(place, told) for place, (tool, told, _) in enumerate(self._steps) if tool == name]
        same = [place for place, told in calls if told == arguments]
        fresh = [place for place, _ in calls if place not in self._used]
        place = next((place for place in same if place in fresh), None)
        if place is None and same:
            place = same[-1]
        if place is None and fresh:
            place = fresh[0]
            self.notes.append(f"{name}: other arguments than recorded")
        if place is None:
            self.notes.append(f"{name}: not recorded")
            return failed(_NOT_RECORDED)
        self._used.add(place)
        result = self._steps[place][2]
        return reranked(result, next_rank)


def _arguments(step: Step) -> dict[str, Any] | None:
    try:
        return read_arguments(step.call.arguments)
    except BadArguments:
        return None
