"""Fusion: candidates that the index found by meaning and by words, put into one order by one rule.

**Order**. A candidate's place is decided by

    d + 0.9 h + 0.4 w + 0.3 s

where d is the cosine of question and passage, h that of question and headline (the title and the headings above), and w and s are the
question's words that the passage and its best sentence have (`overlap`). It needs no switch between questions that are put in other
words and questions that repeat the text: passages of one article share a headline, so that h decides between articles and
w and s between their passages; where nobody's words are shared, w and s are about 0 for all.

The weights were chosen for two public sets together, as round numbers in the middle of a region where all is about as good;
`docs/retrieval.md` tells how, and what else was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from . import relevance
from .overlap import Analysis, Overlap, analysis, overlaps
from .passages import FoundPassage
from .relevance import Evidence
from .vectors import Candidate

HEADLINE = 0.9
WORDS = 0.4
SENTENCE = 0.3

# How many candidates the index gives by each of its two ways, and of how many the text is read.
CANDIDATES = 50
SHORTLIST = 40
# How many other documents tell what is usual for a question.
_OTHERS = 5


class Ranked(Struct, frozen=True, kw_only=True):
    """A passage with its place among the others.

    Attributes:
        order: what the place was decided by; comparable within one search only.
        score: see `relevance`; never more than that of the passage before it.
        cosine: of question and passage, 0..1.
    """

    found: FoundPassage
    order: float
    score: float
    cosine: float


def shortlist(candidates: Sequence[Candidate], most: int = SHORTLIST) -> list[Candidate]:
    """The candidates that are worth reading, by what the index knows: the text of others need not be loaded."""
    strongest = max((each.lexical for each in candidates), default=0.0) or 1.0
    return sorted(
        candidates,
        key=lambda each: (-(_near(each) + (WORDS + SENTENCE) * each.lexical / strongest), each.passage_id),
    )[:most]


def rank(
    question: str, candidates: Sequence[Candidate], texts: Mapping[str, FoundPassage], *, by_words: bool = False
) -> list[Ranked]:
    """Put candidates in order, the most relevant first; those that have no text any more are left out.

    Args:
        question: as it was asked.
        candidates: see `shortlist`.
        texts: the passages by their ids.
        by_words: there is no embedding model, so that the cosines of all candidates are 0.
    """
    kept = [(each, texts[each.passage_id]) for each in candidates if each.passage_id in texts]
    shared = overlaps(question, [read(found) for _, found in kept])
    placed = [
        (_near(each) + WORDS * common.words + SENTENCE * common.sentence, each, common, found)
        for (each, found), common in zip(kept, shared, strict=True)
    ]
    placed.sort(key=lambda one: (-one[0], one[1].passage_id))
    usual = usual_cosine([each for _, each, _, _ in placed])
    evidence = pooled([(each.document_id, _evidence(each, common, usual)) for _, each, common, _ in placed])
    ranked: list[Ranked] = []
    for (order, each, common, found), known in zip(placed, evidence, strict=True):
        own = relevance.by_words(common) if by_words else relevance.score(known)
        score = min(own, ranked[-1].score) if ranked else own
        ranked.append(Ranked(found=found, order=order, score=score, cosine=each.cosine))
    return ranked


def read(found: FoundPassage) -> Analysis:
    """The words of a passage."""
    return analysis(found.passage.title, found.passage.heading, found.passage.text)


def usual_cosine(placed: Sequence[Candidate]) -> float:
    """How near the nearest documents are to the question, but for the first candidate's document."""
    nearest: dict[str, float] = {}
    for each in placed:
        if each.document_id != placed[0].document_id:
            nearest[each.document_id] = max(nearest.get(each.document_id, 0.0), each.cosine)
    return sum(sorted(nearest.values(), reverse=True)[:_OTHERS]) / _OTHERS


def pooled(placed: Sequence[tuple[str, Evidence]]) -> list[Evidence]:
    """The evidence for each passage, given with its document, together with what its document's passages below it say."""
    known: dict[str, Evidence] = {}
    upwards: list[Evidence] = []
    for document, own in reversed(placed):
        known[document] = own.together(known[document]) if document in known else own
        upwards.append(known[document])
    return upwards[::-1]


def _near(candidate: Candidate) -> float:
    return candidate.cosine + HEADLINE * candidate.headline


def _evidence(candidate: Candidate, common: Overlap, usual: float) -> Evidence:
    return Evidence(
        dense=candidate.cosine,
        headline=candidate.headline,
        words=common.words,
        usual=usual,
    )
