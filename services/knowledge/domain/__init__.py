"""The rules of knowledge, pure and synchronous: documents, passages, and what is near enough to be an answer."""

from .documents import Document, MalformedDocument, is_document_id, next_version, read_document
from .gaps import MAX_QUESTION, Unanswered, normal_form, unanswered
from .passages import MAX_CHARACTERS, MAX_WORDS, FoundPassage, Passage, metadata, split
from .searches import normalised, result_key, threshold, vector_key
from .vectors import MIN_SCORE, EmbeddingModel, Hit, Point, Vector, clipped, in_order, supported

__all__ = [
    "MAX_CHARACTERS",
    "MAX_QUESTION",
    "MAX_WORDS",
    "MIN_SCORE",
    "Document",
    "EmbeddingModel",
    "FoundPassage",
    "Hit",
    "MalformedDocument",
    "Passage",
    "Point",
    "Unanswered",
    "Vector",
    "clipped",
    "in_order",
    "is_document_id",
    "metadata",
    "next_version",
    "normal_form",
    "normalised",
    "read_document",
    "result_key",
    "split",
    "supported",
    "threshold",
    "unanswered",
    "vector_key",
]
