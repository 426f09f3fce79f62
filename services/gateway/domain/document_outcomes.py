"""What became of documents that were given: taken, still being read, or refused and why."""

from typing import Literal

from msgspec import Struct

from libs.contracts.documents import Document, DocumentPut
from libs.contracts.errors import DeskError, FieldError, Invalid

_PENDING = ("queued", "indexing")


class DocumentFault(Struct, frozen=True):
    """Why a document was refused: a stable code, and a sentence for people."""

    code: str
    detail: str


class DocumentOutcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one of several documents.

    Attributes:
        name: its file's name, title, id or address, or its number.
        document: as it stands; absent where nothing was stored.
        outcome: what the request was to it.
        error: why it is refused; absent where it is not.
    """

    name: str
    document: Document | None = None
    outcome: Literal["added", "replaced", "unchanged"] | None = None
    error: DocumentFault | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it is still to be seen what becomes of it."""
        return self.error is None and self.document is not None and self.document.state in _PENDING


class DocumentOutcomes(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to `POST /api/knowledge/documents`.

    Attributes:
        document: the one that was given, as it stands.
        outcome: what the request was to it.
        documents: what became of several, in the order in which they were given.
    """

    document: Document | None = None
    outcome: Literal["added", "replaced", "unchanged"] | None = None
    documents: list[DocumentOutcome] | None = None

    @property
    def status(self) -> int:
        """Of several: 200 where none was taken, 202 where one of them is still being read, else 201."""
        told = self.documents or []
        if all(each.error for each in told):
            return 200
        return 202 if any(each.is_pending for each in told) else 201


def refused(name: str, fault: DeskError) -> DocumentOutcome:
    """Tell of a document that nothing was stored of."""
    return DocumentOutcome(name=name, error=DocumentFault(fault.code, fault.detail))


def became(name: str, put: DocumentPut) -> DocumentOutcome:
    """Tell what became of a document."""
    fault = rejection(put.document)
    error = None if fault is None else DocumentFault(fault.code, fault.detail)
    return DocumentOutcome(name=name, document=put.document, outcome=put.outcome, error=error)


def is_pending(put: DocumentPut) -> bool:
    """Whether a document is still being read."""
    return put.document.state in _PENDING


def rejection(document: Document) -> Invalid | None:
    """Give the error for a document whose newest version cannot be used; None for any other."""
    if document.state != "rejected":
        return None
    reason = FieldError(["body"], document.reason or "rejected")
    return Invalid("document_rejected", document.error or "This document cannot be read", errors=[reason])
