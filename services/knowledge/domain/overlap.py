"""Overlap: which of a question's words its candidate passages have, weighed by how rare each is among the candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from . import lexical
from .spelling import nearest

# About 2 KB each, and the text.
_CACHED_PASSAGES = 16_384
# So many words of a question are looked for as if they were misspelt: each is compared with all words of all candidates.
MOST_CORRECTED = 8


class Analysis(NamedTuple):
    """The words of a passage.

    Attributes:
        places: for each stem a bit for each sentence that it stands in; the lowest bit is the headline's.
        sentences: how many sentences there are.
        length: how many content words there are.
    """

    places: Mapping[str, int]
    sentences: int
    length: int


class Overlap(NamedTuple):
    """What a question and a passage share, as parts of the question's words weighed by rarity, 0..1.

    Attributes:
        words: BM25's score by the greatest that a passage could have; words that stand often count more.
        sentence: the share of the words that one sentence has with its headline.
    """

    words: float
    sentence: float


@lru_cache(maxsize=_CACHED_PASSAGES)
def analysis(title: str, heading: str, text: str) -> Analysis:
    """Take a passage apart. The same passages are candidates again and again, and this is most of a search's work."""
    parts = [lexical.words(sentence) for sentence in lexical.sentences(text)]
    name = lexical.language([word for part in parts for word in part]) or "en"
    places: dict[str, int] = {}
    length = 0
    for at, part in enumerate([lexical.words(f"{title}\n{heading}"), *parts]):
        content = lexical.stems_in(name, part)
        length += len(content)
        for one in content:
            places[one] = places.get(one, 0) | 1 << at
    return Analysis(places, len(parts), length)


def overlaps(question: str, passages: Sequence[Analysis]) -> list[Overlap]:
    """What the question shares with each passage. Rarity is counted among these passages: the index's own is not needed."""
    asked = lexical.terms(question)
    having = [_first(term.stems, passages) for term in asked]
    unknown = [at for at, each in enumerate(having) if not any(each)]
    known = {one for passage in passages for one in passage.places} if unknown else ()
    for at in unknown[:MOST_CORRECTED]:
        having[at] = _first(nearest(asked[at].stems[0], known), passages)
    rarity = [rarity_of(sum(one is not None for one in each), len(passages)) for each in having]
    whole = sum(rarity) or 1.0
    return [_overlap(passage, [each[at] for each in having], rarity, whole) for at, passage in enumerate(passages)]


def rarity_of(having: int, of: int) -> float:
    """BM25's weight of a word that `having` of so many passages have (always above 0)."""
    return math.log(1 + (of - having + 0.5) / (having + 0.5))


def _first(stems: Sequence[str], passages: Sequence[Analysis]) -> list[str | None]:
    """For each passage the first of the stems that it has, None where it has none."""
    return [next((one for one in stems if one in passage.places), None) for passage in passages]


def _overlap(passage: Analysis, having: Sequence[str | None], rarity: Sequence[float], whole: float) -> Overlap:
    shared = [(one, weight) for one, weight in zip(having, rarity, strict=True) if one is not None]
    if not shared:
        return Overlap(0.0, 0.0)
    places = [(passage.places[one], weight) for one, weight in shared]
    # How many sentences have a word says as much as how often it stands there.
    score = sum(weight * lexical.saturated(place.bit_count(), passage.length) for place, weight in places)
    best = [sum(weight for place, weight in places if place >> at & 1) for at in range(1, passage.sentences + 1)]
    return Overlap(score / (whole * (lexical.K1 + 1)), max(best, default=0.0) / whole)
