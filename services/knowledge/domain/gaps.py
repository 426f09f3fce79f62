"""Gaps: questions that the documents do not answer, and which of them are the same."""

from __future__ import annotations

import hashlib
import re
import struct
import unicodedata
from collections.abc import Iterable
from datetime import datetime

import numpy as np
from msgspec import Struct

from libs.contracts.session import FeedbackGiven, TurnCompleted

from .vectors import Vector

MAX_QUESTION = 500  # characters
MAX_ANSWER = 20_000  # characters
# How near two questions are that mean the same: the cosine of their embeddings. Measured on 625 questions about 125 topics
# with the int8 MiniLM, one after the other: at 0.7 they became 318 gaps, 4 % of those that joined one joined a wrong one; at
# 0.65 it were 255 and 6 %, at 0.75 it were 410 and 3 %.
SAME_MEANING = 0.7
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


def rated_down(event: FeedbackGiven, at: datetime) -> Unanswered | None:
    """Give the question whose answer was rated down; None for any other rating, and for what is no question."""
    question = bounded(event.question)
    if event.feedback.rating != "down" or not event.turn_id or not _ASKS.search(event.question):
        return None
    return Unanswered(turn_id=event.turn_id, question=question, asked_at=at) if normal_form(question) else None


class Meaning(Struct, frozen=True):
    """What a question means, as a model sees it: its embedding, and the model's name."""

    model: str
    vector: Vector

    @property
    def packed(self) -> bytes:
        """The vector as little-endian float32."""
        return struct.pack(f"<{len(self.vector)}f", *self.vector)


def nearest(meaning: Meaning, gaps: Iterable[tuple[str, bytes]], at_least: float = SAME_MEANING) -> str | None:
    """Give the id of the gap whose question means the same; None where none is near enough.

    Args:
        meaning: of the question.
        gaps: ids and packed vectors of the same model.
        at_least: the cosine that the nearest must have.
    """
    known = [(gap_id, packed) for gap_id, packed in gaps if len(packed) == 4 * len(meaning.vector)]
    if not known:
        return None
    vectors = np.frombuffer(b"".join(packed for _, packed in known), "<f4").reshape(len(known), -1)
    cosines = vectors @ np.asarray(meaning.vector, "<f4")
    best = int(cosines.argmax())
    return known[best][0] if cosines[best] >= at_least else None


def faq_text(question: str, answer: str) -> str:
    """Write a question and its answer as a document of Markdown that is one passage."""
    return f"# {question}\n\n{answer.strip()}\n"


def bounded(text: str) -> str:
    """Give a question on one line, cut at a bound."""
    line = " ".join(text.replace("\0", " ").split())
    return line if len(line) <= MAX_QUESTION else line[: MAX_QUESTION - 1].rstrip() + "…"


def normal_form(text: str) -> str:
    """Give a text without what makes no other question of it: case, accents, punctuation, white space."""
    letters = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold().translate(_ACCENTS)
    spaced = "".join(each if unicodedata.category(each)[0] in _WORDS else " " for each in letters)
    return unicodedata.normalize("NFC", " ".join(spaced.split()))
