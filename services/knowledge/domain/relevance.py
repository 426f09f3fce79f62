"""Relevance: the score of a passage, 0..1, with a meaning.

A score of 0.8 says: of the passages that came first with such evidence, four in five were of the right document. It is drawn for the
questions that it was fitted to (`docs/retrieval.md`), of which one in three had no answer: where customers ask more often for what nobody
wrote down, fewer are right. Evidence is

    e = max(d, h) + 1.5 s max(0, d - h) - 0.15 u,    and min(e + 0.4 w, 0.5) where that is more

where d and h are the cosines of the question with passage and headline, w and s the words in common (`overlap`), and u is how near the
headlines of other documents are: if all are near, to be near says little. What a sentence says counts where the text is nearer than its
headline. Words alone can make it as likely as not that a passage is right, and no more: questions about what is not in the documents
share words with what is. The logistic curve over the evidence was fitted; the weights inside are round numbers.
"""

from __future__ import annotations

import math

from msgspec import Struct

from .overlap import Overlap

SAID_IN_TEXT = 1.5
USUAL = 0.15
SAID = 0.4
MOST_BY_WORDS = 0.5

# The logistic curve over the evidence: score 0.5 is at -_AT_ZERO / _SLOPE.
_SLOPE = 12.6
_AT_ZERO = -6.7
# The same over what is shared, where there are only words to go by.
_SLOPE_WORDS = 7.6
_SLOPE_SENTENCE = 0.3
_AT_ZERO_WORDS = -2.9

# Below it nothing counts as found. Of the FAQ set that turns away 1 of 625 answerable questions and 98 of 100 that have nothing to do
# with it; of the paragraphs' answerable ones 1.6 %.
MIN_SCORE = 0.15


class Evidence(Struct, frozen=True, kw_only=True):
    """What speaks for a passage.

    Attributes:
        dense, headline: the cosines of the question with the passage and its headline.
        words, sentence: what the question and the passage share.
        usual: the mean cosine of the question with the headlines of the nearest other documents.
    """

    dense: float
    headline: float
    words: float
    sentence: float
    usual: float

    @property
    def strength(self) -> float:
        """All in one number; see above."""
        said = SAID_IN_TEXT * self.sentence * max(0.0, self.dense - self.headline)
        near = max(self.dense, self.headline) + said - USUAL * self.usual
        return max(near, min(near + SAID * self.words, MOST_BY_WORDS))


def score(evidence: Evidence) -> float:
    """The score of a passage, 0..1."""
    return _logistic(_SLOPE * evidence.strength + _AT_ZERO)


def by_words(common: Overlap) -> float:
    """The score of a passage where there is no embedding model, 0..1."""
    return _logistic(_SLOPE_WORDS * common.words + _SLOPE_SENTENCE * common.sentence + _AT_ZERO_WORDS)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
