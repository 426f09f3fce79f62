"""What the embedded engine and the server have in common: what they keep of a point, and a search in two rounds.

The first finds the best by meaning and the best by words, the second what the other says of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, cast

from services.knowledge.domain import Candidate, EmbeddingModel, Point, clipped
from services.knowledge.domain.facts import facts

WORDS = "words"  # the name of the vector of words
_HEADLINE = "-headline"
# By what points are compared: their meaning, that of their headline, their words.
Kind = Literal["meaning", "headline", "words"]
PAYLOAD = ["passage_id", "document_id"]


def vector_names(model: EmbeddingModel) -> dict[Kind, str]:
    """The names of the vectors that points have."""
    if model.lexical:
        return {"words": WORDS}
    return {"meaning": model.vector_name, "headline": model.vector_name + _HEADLINE, "words": WORDS}


def models(sizes: Mapping[str, int]) -> dict[str, int]:
    """The models whose vectors a collection holds, of all its vectors and their sizes."""
    return {name: size for name, size in sizes.items() if not name.endswith(_HEADLINE)}


class Scored(NamedTuple):
    """A point with one score."""

    point_id: str
    score: float
    passage_id: str
    document_id: str

    @classmethod
    def of(cls, point_id: object, score: float, payload: object) -> Scored:
        """As the engine gives it; without a payload where only the score was asked for."""
        told = cast("dict[str, str]", payload or {})
        return cls(str(point_id), score, told.get("passage_id", ""), told.get("document_id", ""))


class Union:
    """Points with their scores.

    Args:
        limit: how many of the best by each it takes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._points: dict[str, Scored] = {}
        self._scores: dict[Kind, dict[str, float]] = {"meaning": {}, "headline": {}, "words": {}}

    def take_best(self, kind: Kind, found: Iterable[Scored]) -> None:
        """Take the best of what was found in one or more scopes."""
        best = sorted(found, key=lambda each: (-each.score, each.passage_id))[: self._limit]
        self.take(kind, best)
        self._points |= {each.point_id: each for each in best}

    def take(self, kind: Kind, found: Iterable[Scored]) -> None:
        """Take scores of points that are in it."""
        self._scores[kind] |= {each.point_id: each.score for each in found}

    def without(self, kind: Kind) -> list[str]:
        """The points whose score of a kind is not known."""
        known = self._scores[kind]
        return [point_id for point_id in self._points if point_id not in known]

    def candidates(self) -> list[Candidate]:
        """All of them, nearest in meaning first, then by words, then by id."""
        meaning, headline, words = (self._scores[kind] for kind in ("meaning", "headline", "words"))
        every = (
            Candidate(
                passage_id=point.passage_id,
                document_id=point.document_id,
                cosine=clipped(meaning.get(point_id, 0.0)),
                headline=clipped(headline.get(point_id, 0.0)),
                lexical=max(0.0, words.get(point_id, 0.0)),
            )
            for point_id, point in self._points.items()
        )
        return sorted(every, key=lambda each: (-each.cosine, -each.lexical, each.passage_id))


def payload(point: Point) -> dict[str, str | int | list[str]]:
    """What is kept of a point beside its vectors."""
    return {
        "passage_id": point.passage_id,
        "document_id": point.document_id,
        "tenant": point.tenant,
        "session_id": point.session_id,
        "version": point.version,
        "facts": facts(point),
    }
