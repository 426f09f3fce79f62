"""Evidence: a passage taken apart, and how well it supports an answer to one question.

**Evidence**, z, for a passage is

    s + 0.12 C                 for a question that asks for something to be told
    s + 0.12 C - 0.1 (1 - C)   for one that asks whether something is so ("Do you ship to Canada?")
    s + 0.12                   for one that is not in English
    0.4 less                   for one that asks for a price or a duration where the passage has neither number nor word of one

where s is its relevance score (a cosine) and C the part of the question's content words, weighed by their rarity in the
passages, that it or its title has. The weights were chosen on the tuning half of our own questions and on two FAQ sets
with every second topic taken away (`docs/evals.md`): s alone tells nearly all; C helps a little, and most where one
word decides, because a shop that says nothing of Canada has not said that it ships there. Stems are English, so C says
nothing about other languages; an English model brings their texts near to none of ours, so that little has to be enough.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from libs.contracts.knowledge import Source

from . import excerpt, languages, words
from .sentences import sentences

SHARED_WORDS = 0.12
NOT_SAID = 0.1
KIND_MISSING = 0.4
# With at least this much evidence a question can be answered; see `tests/evals/abstention.py` for what it costs.
LEAST = 0.42
LEAST_FOREIGN = 0.34
# Nothing is said about a question whose best passage is no nearer than unrelated text.
UNRELATED = 0.2
# No passage is that long; a document that was loaded whole must not hold the event loop.
_MAX_PASSAGE = 6_000

_POLITE = (
    r"(?:can|could|will|would) (?:you|we|i) (?:please |kindly |maybe )?(?:tell|explain|help|show|give|send|ask|know)\b"
)
_WHETHER = re.compile(
    rf"(?:^|[,.!?;:]\s*|\b(?:hi|hello|hey|and|so|but|please)\s+)(?!{_POLITE})"
    r"(?:do|does|did|can|could|is|are|will|would|may|has|have)\s+\w+\b",
    re.IGNORECASE,
)


def nearness(source: Source) -> float:
    """How near a source is to what was asked, 0..1: the cosine, by which everything here was fitted, where there is one.

    Without an embedding model, and for files, it is the relevance score.
    """
    return source.relevance_score if source.cosine is None else source.cosine


def related(sources: Sequence[Source]) -> list[Source]:
    """The sources that are nearer than unrelated text, in their order."""
    return [source for source in sources if nearness(source) >= UNRELATED]


class Passage:
    """A passage with what is counted about it."""

    def __init__(self, source: Source) -> None:
        self.rank = source.rank
        self.score = nearness(source)
        self.title = str(source.metadata.get("title", ""))
        # Passages of one document are one place to look; those of nothing named are each their own.
        self.document = str(source.metadata.get("document_id") or f"rank {source.rank}")
        apart = _apart(source.content[:_MAX_PASSAGE], self.title)
        self.sentences, self.sentence_stems, self.title_stems, self.stems = apart


class _Apart(NamedTuple):
    sentences: Sequence[str]
    sentence_stems: Sequence[frozenset[str]]
    title_stems: frozenset[str]
    stems: frozenset[str]


# The same few passages answer most questions; taking one apart costs as much as all else that is done about it.
@lru_cache(maxsize=512)
def _apart(content: str, title: str) -> _Apart:
    parts = tuple(sentences(content))
    stems = tuple(map(words.stems, parts))
    title_stems = words.stems(title)
    return _Apart(parts, stems, title_stems, title_stems.union(*stems))


class Question(NamedTuple):
    """One question, and what of it can be compared.

    Attributes:
        weight: its content words' stems, weighed by their rarity in the passages.
        foreign: it is in another language than English.
        whether: it asks whether something is so.
    """

    text: str
    weight: Mapping[str, float]
    foreign: bool
    whether: bool

    @property
    def least(self) -> float:
        """The evidence that an answer needs."""
        return LEAST_FOREIGN if self.foreign else LEAST


def question(text: str, passages: Sequence[Passage]) -> Question:
    """Read a question before these passages."""
    candidates = [stems for passage in passages for stems in (passage.title_stems, *passage.sentence_stems)]
    return Question(
        text, excerpt.weights(candidates, words.content(text)), is_foreign(text), _WHETHER.search(text) is not None
    )


def is_foreign(text: str) -> bool:
    """Say whether a text is surely in another language than English."""
    return languages.detect(text) not in ("en", None)


def coverage(asked: Question, passage: Passage) -> float:
    """Say how much of a question's words a passage has, by weight: 0..1."""
    return excerpt.coverage(passage.stems, asked.weight)


def of(asked: Question, passage: Passage) -> float:
    """Give the evidence of a passage for a question; see above."""
    if asked.foreign:
        return round(passage.score + SHARED_WORDS, 6)
    share = coverage(asked, passage)
    unsaid = NOT_SAID * (1 - share) if asked.whether else 0.0
    untold = KIND_MISSING if excerpt.lacks(passage.sentences, asked.text) else 0.0
    return round(passage.score + SHARED_WORDS * share - unsaid - untold, 6)


def suffices(asked: Question, passage: Passage) -> bool:
    """Say whether a question can be answered from a passage."""
    return passage.score >= UNRELATED and of(asked, passage) >= asked.least
