"""Relevance: the score of a passage, 0..1, with a meaning.

A score of 0.8 says: of the passages that came first with such evidence, four in five were of the right document. It is drawn for the
questions that it was fitted to (`docs/retrieval.md`), of which four in ten had no answer: where customers ask more often for what nobody
wrote down, fewer are right. Evidence is

    e = (max(d, h) + 0.5 min(d, h)) / 1.5 - 0.4 max(0, u - 0.3),    and then    e + min(1, 1.25 w) max(0, 0.5 - e)

where d and h are the cosines of the question with passage and headline, w the words in common (`overlap`), each the most that a passage of
the document has, and u is how near other documents are: if all are near, to be near says little. Words in common carry e a part of the way
to 0.5 and no further: questions about what is not in the documents share words with what is. It is a part of the way, and no step up to
0.5, so that no two strengths become one. More of d, h and w is never less of e. The weights are round numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_right

from msgspec import Struct

from .overlap import Overlap

LESSER = 0.5
CROWDED = 0.4
CROWDED_FROM = 0.3
SAID = 1.25
MOST_BY_WORDS = 0.5

# Strength, and the score there: fitted, then rounded; straight between them, so that no two strengths share a score.
_CURVE = ((0.0, 0.0), (0.3, 0.04), (0.5, 0.66), (0.75, 0.94), (1.0, 0.99))
# A logistic curve over what is shared, where there are only words to go by.
_SLOPE_WORDS = 7.6
_SLOPE_SENTENCE = 0.3
_AT_ZERO_WORDS = -2.9

# Below it nothing counts as found. Of the FAQ set that turns away none of 625 answerable questions and 98 of 100 that have nothing to do
# with it; of the paragraphs' answerable ones 5 %.
MIN_SCORE = 0.28


class Evidence(Struct, frozen=True, kw_only=True):
    """What speaks for a passage.

    Attributes:
        dense, headline: the cosines of the question with the passage and its headline.
        words: what the question and the passage share.
        usual: the mean cosine of the question with the nearest other documents, each at its nearest passage.
    """

    dense: float
    headline: float
    words: float
    usual: float

    @property
    def strength(self) -> float:
        """All in one number, at most 1; see above."""
        more, less = max(self.dense, self.headline), min(self.dense, self.headline)
        near = (more + LESSER * less) / (1 + LESSER) - CROWDED * max(0.0, self.usual - CROWDED_FROM)
        return near + min(1.0, SAID * self.words) * max(0.0, MOST_BY_WORDS - near)

    def together(self, other: Evidence) -> Evidence:
        """The most of each that two passages of one document have: a document is cut where it is long, not where it is right."""
        return Evidence(
            dense=max(self.dense, other.dense),
            headline=max(self.headline, other.headline),
            words=max(self.words, other.words),
            usual=self.usual,
        )


def score(evidence: Evidence) -> float:
    """The score of a passage, 0..1."""
    strength = min(max(evidence.strength, 0.0), 1.0)
    at = min(bisect_right(_CURVE, strength, key=lambda point: point[0]), len(_CURVE) - 1)
    (left, low), (right, high) = _CURVE[at - 1 : at + 1]
    return low + (high - low) * (strength - left) / (right - left)


def by_words(common: Overlap) -> float:
    """The score of a passage where there is no embedding model, 0..1."""
    value = _SLOPE_WORDS * common.words + _SLOPE_SENTENCE * common.sentence + _AT_ZERO_WORDS
    return 1 / (1 + math.exp(-value))
