"""Gaps: questions that the documents do not answer, and which of them are the same."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import datetime

from msgspec import Struct

from libs.contracts.session import TurnCompleted

MAX_QUESTION = 500  # characters
_ACCENTS = dict.fromkeys(range(0x0300, 0x0370))  # combining marks of Latin, Greek and Cyrillic letters
_APOSTROPHES = dict.fromkeys(map(ord, "'’ʼ"))
_WORDS = frozenset("LMN")  # letters, marks and numbers, by the first letter of Unicode's categories


# What asks for something, in the languages that most customers write: thanks, complaints and what customers tell of themselves
# are no gaps in the documents, and nobody who writes these should read them.
_ASKS = re.compile(
    r"[?？؟]|^\W*(?:(?:and|so|but|hi|hello|hey|please|und|y|et|bitte|por favor)\W+)*(?:how|what|when|where|who|whom|whose|which|why|can|could|do|does|did"
    r"|is|are|was|were|will|would|should|may|has|have|am|tell me|show me|explain|i (?:want|need|would like) to (?:know|ask)|i have a question"
    r"|wie|was|wann|wo|wer|wem|wen|welche\w*|warum|wieso|weshalb|wohin|woher|kann|können|könnte\w*|darf|ist|sind|gibt|hat|haben|muss"
    r"|cómo|como|qué|que|cuándo|cuando|dónde|donde|quién|quien|cuál\w*|cual\w*|cuánt\w*|cuant\w*|por qué|puedo|puede\w*|hay|es|está\w*|tienen"
    r"|comment|quel\w*|quand|où|qui|que|pourquoi|combien|est-ce|puis-je|peut-on|pouvez|y a-t-il|avez|a-t-on)\b",
    re.IGNORECASE,
)


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
    if not _ASKS.search(looked_for) or not normal_form(question):
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
