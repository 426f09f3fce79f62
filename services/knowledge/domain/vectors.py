"""Vectors, the index's points, and what the index finds for a question."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import TypeAlias

from msgspec import Struct

from libs.contracts.documents import Metadata

# A unit-length embedding; its dimension is the model's. Empty where there is no model: then only words count.
Vector: TypeAlias = list[float]

# The name of no model: passages are then found by their words alone.
NO_MODEL = "none"

_POINTS = uuid.UUID("6f0f4c0e-6d0b-5f0e-9d53-1a7b6f6c2d11")  # the name space of point ids; changing it orphans points
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class EmbeddingModel(Struct, frozen=True, kw_only=True):
    """Which model makes the vectors. Vectors of different models have nothing to say to each other.

    Attributes:
        name: as `DESKBUS_EMBEDDING_MODEL` names it.
        dimension: the length of each vector; 0 where there is no model.
        origin: how the model was obtained, for readiness and logs.
    """

    name: str
    dimension: int
    origin: str

    @property
    def lexical(self) -> bool:
        """Whether there is no model, so that passages are found by their words alone."""
        return not self.dimension

    @property
    def vector_name(self) -> str:
        """A name for its vectors in an index, which may become the name of a file."""
        plain = _UNSAFE.sub("-", self.name).strip("-.")
        if plain == self.name:
            return plain
        return f"{plain[-60:]}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"


class SparseVector(Struct, frozen=True):
    """Words and their weights. A question's and a passage's are compared by what they share.

    Attributes:
        indices: 32-bit hashes of word stems, each once.
        values: their weights, in the same order.
    """

    indices: list[int]
    values: list[float]


NO_WORDS = SparseVector([], [])


class Point(Struct, frozen=True, kw_only=True):
    """A passage in the index, with what searches filter by. Its text stays in the document store.

    Attributes:
        session_id: whose upload it is part of; empty for what every session finds.
        vector: its meaning; empty where there is no model.
        headline: the meaning of its title and heading, which other passages may share; empty where it is not compared.
        words: its words; none where it is to be found by meaning alone.
        metadata: what searches may filter by.
    """

    passage_id: str
    document_id: str
    tenant: str
    session_id: str = ""
    version: int
    vector: Vector
    headline: Vector = []
    words: SparseVector = NO_WORDS
    metadata: Metadata = {}

    @property
    def point_id(self) -> uuid.UUID:
        """The same for the same passage of the same tenant, so that indexing twice changes nothing."""
        return uuid.uuid5(_POINTS, f"{self.tenant}/{self.passage_id}")


class Candidate(Struct, frozen=True, kw_only=True):
    """A passage that the index finds, with all of its scores.

    Attributes:
        cosine: of the question's and the passage's vectors, cut off at 0 and 1; 0 where the question has none.
        headline: the same for its headline; 0 where it has none.
        lexical: BM25 of the words that they share, over the tenant's passages; 0 where they share none.
    """

    passage_id: str
    document_id: str
    cosine: float
    headline: float = 0.0
    lexical: float


def clipped(cosine: float) -> float:
    """A cosine as a score: rounding can pass 1, and less than nothing in common is nothing in common."""
    return min(1.0, max(0.0, cosine))
