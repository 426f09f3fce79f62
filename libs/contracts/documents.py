"""What the knowledge service is asked and tells of documents: adding, replacing, deleting, where they are used, the index."""

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

# What a document carries beside its text, and what a search may filter by.
Scalar: TypeAlias = str | int | float | bool
Metadata: TypeAlias = dict[str, Scalar]

# queued: stored, and waiting to be read; indexing: being read; ready: found by searches; replaced: a newer version is;
# rejected: it cannot be used, `error` says why.
VersionState = Literal["queued", "indexing", "ready", "replaced", "rejected"]


class Document(Struct, frozen=True, kw_only=True):
    """A text that answers may rest on, as it stands.

    Attributes:
        source: where a reader finds it: a path or an address.
        language: ISO 639-1; empty where it is not known.
        media_type: what the newest version's file was.
        version: the one that searches find; 0 where none is found yet.
        newest_version: the one given last, and `state` what became of it.
        reason: a stable code of why the newest version was rejected; `error` says the same to people.
        passages: how many the found version has.
    """

    document_id: str
    title: str
    source: str
    metadata: Metadata = {}
    language: str = ""
    media_type: str = ""
    version: int
    newest_version: int
    state: VersionState
    reason: str | None = None
    error: str | None = None
    passages: int = 0
    characters: int = 0
    created_at: datetime
    updated_at: datetime


class DocumentVersion(Struct, frozen=True, kw_only=True):
    """One version of a document.

    Attributes:
        sha256: of the content as it was given, in hexadecimal.
        notes: what was left out when it was read, for people.
    """

    version: int
    state: VersionState
    sha256: str
    size: int
    passages: int = 0
    reason: str | None = None
    error: str | None = None
    notes: list[str] = []
    created_at: datetime
    indexed_at: datetime | None = None


class DocumentPassage(Struct, frozen=True, kw_only=True):
    """A passage of the version that searches find; `heading` are the headings above it, joined by " > "."""

    position: int
    heading: str
    text: str


class PutDocument(Struct, frozen=True, kw_only=True):
    """Add a document, or give a new version of it. Exactly one of `text`, `blob` and `url` is given.

    The same content under the same id changes nothing. The answer comes when it is found by searches, or after a
    second or two as it stands: asking again with the same request is how to go on waiting.

    Attributes:
        document_id: letters, digits, `_` and `-`, 100 at most; a new one where it is None.
        must_exist: refuse with `document_not_found` where there is none of this id.
        title: what the file itself says, where None; its name, where it says nothing.
        text: Markdown, at most 500,000 bytes; longer ones come as a blob.
        blob: the name of an object in the bucket `documents`, which is removed when it was read.
        name: the file's name, for its type and display; never a path.
        media_type: what the sender says that it is.
        url: an https address that is fetched; again when the same is asked for later.
    """

    document_id: str | None = None
    must_exist: bool = False
    title: str | None = None
    source: str | None = None
    metadata: Metadata = {}
    text: str | None = None
    blob: str | None = None
    sha256: str | None = None
    size: int | None = None
    name: str = ""
    media_type: str | None = None
    url: str | None = None


class ImportSite(Struct, frozen=True, kw_only=True):
    """Add the pages that a sitemap names, those of its own host only; each becomes a document, as by `PutDocument.url`.

    Attributes:
        sitemap: its https address.
        limit: how many pages at most, 1 to 1,000.
    """

    sitemap: str
    limit: int = 100
    metadata: Metadata = {}


class SiteImported(Struct, frozen=True, kw_only=True):
    """The documents that the pages become, as they stand; they are fetched one after the other from now on."""

    documents: list[str]


class DocumentPut(Struct, frozen=True):
    """The document as it stands, and what the request was to it."""

    document: Document
    outcome: Literal["added", "replaced", "unchanged"]


class GetDocument(Struct, frozen=True, kw_only=True):
    """Ask for one document with its versions and so many of its passages."""

    document_id: str
    passages: int = 50
    offset: int = 0


class DocumentDetail(Struct, frozen=True, kw_only=True):
    """A document with its versions, the newest first, and a page of its passages."""

    document: Document
    versions: list[DocumentVersion]
    passages: list[DocumentPassage]


class ListDocuments(Struct, frozen=True, kw_only=True):
    """Ask for a tenant's documents, changed last first.

    Attributes:
        search: what the title or source contains, without case.
        state: of the newest version.
        filters: metadata keys and the values that they must have.
    """

    limit: int = 20
    offset: int = 0
    search: str = ""
    state: VersionState | None = None
    filters: Metadata = {}


class DocumentPage(Struct, frozen=True):
    """Some of a tenant's documents, and how many there are in all."""

    documents: list[Document]
    total: int


class DeleteDocument(Struct, frozen=True):
    """Delete a document with its versions, passages and vectors."""

    document_id: str


class DocumentGone(Struct, frozen=True, kw_only=True):
    """What was deleted, and what was counted afterwards: both are 0 where the deletion is proven.

    Attributes:
        vectors_left: None where the index is away: it is deleted there as soon as it is back.
    """

    document_id: str
    passages: int
    passages_left: int
    vectors_left: int | None


class Reindex(Struct, frozen=True):
    """Cut all documents into passages anew, embed them by `model`, and switch to them; searches go on meanwhile.

    Attributes:
        model: its name as in `DESKBUS_EMBEDDING_MODEL`; None for the one in use.
    """

    model: str | None = None


class AskIndex(Struct, frozen=True):
    """Ask what searches rest on."""


class Rebuilding(Struct, frozen=True, kw_only=True):
    """An index that is being built beside the one in use; `done` and `documents` are counts of documents."""

    model: str
    dimension: int
    done: int
    documents: int
    started_at: datetime
    error: str | None = None


class IndexState(Struct, frozen=True, kw_only=True):
    """What searches rest on.

    Attributes:
        engine: `embedded` or `qdrant`.
        origin: how the model was obtained.
    """

    engine: str
    model: str
    dimension: int
    origin: str
    passages: int
    vectors: int
    rebuilding: Rebuilding | None = None


class AskDocumentUsage(Struct, frozen=True, kw_only=True):
    """Ask for the answers that cited a document, or one version of it, newest first; also of a deleted one."""

    document_id: str
    version: int | None = None
    limit: int = 20
    offset: int = 0


class Citation(Struct, frozen=True, kw_only=True):
    """An answer that cited a document.

    Attributes:
        outdated: whether the version that it cited is found no more.
    """

    session_id: str
    turn_id: str
    message_id: str
    version: int
    passages: list[int]
    outdated: bool
    answered_at: datetime


class DocumentUsage(Struct, frozen=True, kw_only=True):
    """Some of the answers that cited a document, how many in all, and how many of these cited what is outdated."""

    answers: list[Citation]
    total: int
    outdated: int


class DocumentIndexed(Struct, frozen=True, kw_only=True):
    """A version of a document is found by searches now, and no other of it. `replaced` is the one before, or None."""

    document_id: str
    version: int
    replaced: int | None
    title: str
    passages: int


class DocumentRejected(Struct, frozen=True, kw_only=True):
    """A version of a document cannot be used; what was found before goes on being found."""

    document_id: str
    version: int
    reason: str
    error: str


class DocumentDeleted(Struct, frozen=True, kw_only=True):
    """A document is gone, with all its versions."""

    document_id: str
