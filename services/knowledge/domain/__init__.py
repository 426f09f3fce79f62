"""The rules of knowledge, pure and synchronous: documents, passages, and what is near enough to be an answer."""

from .builds import CHUNKING, Build, BuildState, mismatch
from .chunking import Measure, Piece, Size, embedded_text
from .documents import (
    Document,
    Entry,
    MalformedDocument,
    Reading,
    Unreadable,
    is_document_id,
    read_document,
    sameness,
)
from .gaps import MAX_ANSWER, MAX_QUESTION, Meaning, Unanswered, faq_text, nearest, normal_form, rated_down, unanswered
from .passages import FoundPassage, Passage, filterable, guessed_tokens, metadata, split
from .searches import normalised, result_key, threshold, vector_key
from .vectors import (
    NO_MODEL,
    NO_WORDS,
    Candidate,
    EmbeddingModel,
    Point,
    SparseVector,
    Vector,
    clipped,
)

__all__ = [
    "CHUNKING",
    "MAX_ANSWER",
    "MAX_QUESTION",
    "NO_MODEL",
    "NO_WORDS",
    "Build",
    "BuildState",
    "Candidate",
    "Document",
    "EmbeddingModel",
    "Entry",
    "FoundPassage",
    "MalformedDocument",
    "Meaning",
    "Measure",
    "Passage",
    "Piece",
    "Point",
    "Reading",
    "Size",
    "SparseVector",
    "Unanswered",
    "Unreadable",
    "Vector",
    "clipped",
    "embedded_text",
    "faq_text",
    "filterable",
    "guessed_tokens",
    "is_document_id",
    "metadata",
    "mismatch",
    "nearest",
    "normal_form",
    "normalised",
    "rated_down",
    "read_document",
    "result_key",
    "sameness",
    "split",
    "threshold",
    "unanswered",
    "vector_key",
]
