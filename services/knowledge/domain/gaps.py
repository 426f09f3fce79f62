"""Gaps: questions that the documents do not answer, and which of them are the same."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import datetime

from msgspec import Struct

from libs.contracts.session import TurnCompleted

MAX_QUESTION = 500  # characters
_ACCENTS = dict.fromkeys(range(0x0300, 0x0370))  # combining marks of Latin, Greek and Cyrillic letters
_APOSTROPHES = dict.fromkeys(map(ord, "'’ʼ"))
_WORDS = frozenset("LMN")  # letters, marks and numbers, by the first letter of Unicode's categories


class Unanswered(Struct, frozen=True, kw_only=True):
    """A question that a turn did not answer, in the customer's words."""

    turn_id: str
    question: str
    asked_at: datetime

    @property
    def folded(self) -> str:
        """sha256 (hex) of the question's normal form: equal means that it is the same question."""
        return hashlib.sha256(normal_form(self.question).encode()).hexdigest()


def unanswered(event: TurnCompleted) -> Unanswered | None:
    """Give what an answer says that it has not found in the documents; None where it has answered."""
    metadata = event.message.metadata
    looked_for = metadata.get("looked_for")
    if metadata.get("abstained") is not True or not isinstance(looked_for, str):
        return None
    question = bounded(looked_for)
    if not normal_form(question):
        return None
    return Unanswered(turn_id=event.turn_id, question=question, asked_at=event.message.timestamp)


def bounded(text: str) -> str:
    """Give a question on one line, cut at a bound."""
    line = " ".join(text.replace("\0", " ").split())
    return line if len(line) <= MAX_QUESTION else line[: MAX_QUESTION - 1].rstrip() + "…"


def normal_form(text: str) -> str:
    """Give a text without what makes no other question of it: case, accents, punctuation, white space."""
    letters = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold().translate(_ACCENTS)
    spaced = "".join(each if unicodedata.category(each)[0] in _WORDS else " " for each in letters)
    return unicodedata.normalize("NFC", " ".join(spaced.split()))
