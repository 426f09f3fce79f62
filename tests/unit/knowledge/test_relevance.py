"""What a score says, and what it is made of."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.domain import relevance
from services.knowledge.domain.relevance import Evidence


def evidence(dense: float = 0.3, headline: float = 0.3, words: float = 0.0, usual: float = 0.3) -> Evidence:
    return Evidence(dense=dense, headline=headline, words=words, usual=usual)


SHARE = st.floats(0, 1)


def test_more_evidence_is_a_higher_score() -> None:
    weak = relevance.score(evidence())
    assert weak < relevance.MIN_SCORE
    assert relevance.score(evidence(dense=0.4)) > weak
    assert relevance.score(evidence(headline=0.4)) > weak
    assert relevance.score(evidence(words=0.3)) > weak
    assert relevance.score(evidence(0.9, 0.9)) > 0.9


@given(SHARE, SHARE, SHARE, SHARE, SHARE)
def test_a_score_never_falls_with_more_evidence(
    dense: float, headline: float, words: float, usual: float, more: float
) -> None:
    def grown(value: float) -> float:
        return max(value, more)

    score = relevance.score(evidence(dense, headline, words, usual))
    assert 0 <= score <= 1
    for stronger in (
        evidence(grown(dense), headline, words, usual),
        evidence(dense, grown(headline), words, usual),
        evidence(dense, headline, grown(words), usual),
        evidence(dense, headline, words, min(usual, more)),
    ):
        assert relevance.score(stronger) >= score - 1e-9


def test_nothing_and_everything_are_at_the_ends_of_the_scale() -> None:
    assert relevance.score(evidence(0, 0, usual=1)) == relevance.score(evidence(0, 0, usual=0)) == 0
    assert relevance.score(evidence(1, 1, usual=0)) == pytest.approx(0.99)


def test_words_alone_carry_a_score_to_where_nearness_would_and_no_further() -> None:
    most = relevance.score(evidence(0.5, 0.5, usual=0))
    assert relevance.score(evidence(words=0.8)) == relevance.score(evidence(words=1.0)) == pytest.approx(most)
    assert relevance.score(evidence(words=0.79)) < most
    assert relevance.score(evidence(0.6, 0.6, words=1.0)) == relevance.score(evidence(0.6, 0.6)) > most


def test_with_the_same_words_the_nearer_still_has_the_higher_score() -> None:
    scores = [relevance.score(evidence(near, near, words=0.6)) for near in (0.3, 0.4, 0.45, 0.49, 0.5)]
    assert all(one < other for one, other in pairwise(scores))


def test_to_be_near_says_less_where_all_documents_are() -> None:
    some, many = (relevance.score(evidence(0.6, 0.6, usual=usual)) for usual in (0.31, 0.5))
    none = relevance.score(evidence(0.6, 0.6, usual=0))
    assert relevance.score(evidence(0.6, 0.6, usual=relevance.CROWDED_FROM)) == none > some > many
