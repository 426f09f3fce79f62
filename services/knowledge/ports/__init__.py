"""What the knowledge service needs from the outside: one module for each kind of thing, and all their names here."""

from .documents import BuildStore, DocumentStore, Finish, PassageStore, Stores, VersionStore
from .gaps import CitationStore, GapStore, Library, Meanings
from .index import Embedder, EmbedderFault, Engines, IndexLocked, IndexMismatch, IndexUnavailable, Reranker, VectorIndex
from .reading import Blobs, Log, Reader
from .results import Results

__all__ = [
    "Blobs",
    "BuildStore",
    "CitationStore",
    "DocumentStore",
    "Embedder",
    "EmbedderFault",
    "Engines",
    "Finish",
    "GapStore",
    "IndexLocked",
    "IndexMismatch",
    "IndexUnavailable",
    "Library",
    "Log",
    "Meanings",
    "PassageStore",
    "Reader",
    "Reranker",
    "Results",
    "Stores",
    "VectorIndex",
    "VersionStore",
]
