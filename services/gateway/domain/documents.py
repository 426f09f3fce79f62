"""Documents as administrators give and list them: their bounds, and what became of each."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from libs.contracts.channels import encode
from libs.contracts.documents import ListDocuments, Metadata, PutDocument, VersionState
from libs.contracts.errors import Invalid, NotFound, TooLarge

from .limits import TOKEN_CHARACTERS, invalid
from .requests import Offset
from .uploads import MIB, NewFile

# As JSON in a message of the bus, which takes 1 MB; what is longer goes as an object of the store.
TEXT_BYTES = 400_000
DOCUMENTS_AT_ONCE = 100
NAME_CHARACTERS = 255
SEARCH_CHARACTERS = 200

_TEXT_TYPE = "text/markdown"


class DocumentLimits(Struct, frozen=True, kw_only=True):
    """How large a document's file may be, and how many arrive at the same time."""

    file_bytes: int = 32 * MIB
    at_once: int = 16


class StoredDocument(Struct, frozen=True, kw_only=True):
    """A file or text whose bytes are in the store under `blob`, and nothing else is known of it yet."""

    blob: str
    name: str
    media_type: str | None
    size: int
    sha256: str


class NewDocument(Struct, frozen=True, kw_only=True):
    """A document in the body of `POST` or `PUT`; exactly one of `content` and `url` is there.

    Attributes:
        content: Markdown or plain text.
        url: an https address that is fetched.
        document_id: letters, digits, `_` and `-`, 100 at most; a new one where it is absent.
        title: what the content says of itself, where absent.
        source: where a reader finds it: a path or an address.
    """

    content: str | None = None
    url: str | None = None
    document_id: str | None = None
    title: str | None = None
    source: str | None = None
    metadata: Metadata | None = None

    def put(self, stored: StoredDocument | None = None) -> PutDocument:
        """Give the request; `stored` is where the content is, if it is too long for a message.

        Raises:
            Invalid: there is neither content nor address, or both, or the content is blank.
        """
        if (self.content is None) == (self.url is None):
            raise invalid("content", "or url must be given, one of them")
        if self.content is not None and not self.content.strip("\0 \t\r\n"):
            raise invalid("content", "must not be blank")
        facts = PutDocument(
            document_id=self.document_id,
            title=self.title,
            source=self.source,
            metadata=self.metadata or {},
            url=self.url,
        )
        if self.content is None:
            return facts
        if stored is None:
            return msgspec.structs.replace(facts, text=self.content)
        return in_store(facts, stored)

    @property
    def is_long(self) -> bool:
        """Whether the content is too long for a message."""
        return self.content is not None and len(encode(self.content)) > TEXT_BYTES

    @property
    def shown(self) -> str:
        """What to call it when it is told what became of it."""
        return self.title or self.document_id or self.url or ""


class NewDocuments(NewDocument, frozen=True, kw_only=True):
    """The body of `POST /api/knowledge/documents`: one document, or several as `documents`."""

    documents: Annotated[list[Any], Meta(min_length=1, max_length=DOCUMENTS_AT_ONCE)] | None = None


class DocumentQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/knowledge/documents`.

    Attributes:
        search: what the title or source contains, whatever its case.
        state: of the newest version.
    """

    search: Annotated[str, Meta(max_length=SEARCH_CHARACTERS)] = ""
    state: VersionState | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    offset: Offset = 0

    def asked(self, filters: Metadata) -> ListDocuments:
        """Give the request."""
        return ListDocuments(
            limit=self.limit, offset=self.offset, search=self.search.strip(), state=self.state, filters=filters
        )


class DetailQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/knowledge/documents/{document_id}`.

    Attributes:
        passages: how many passages of the version that is found.
        offset: how many are left out before them.
    """

    passages: Annotated[int, Meta(ge=0, le=100)] = 50
    offset: Offset = 0


class UsageOfDocumentQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/knowledge/documents/{document_id}/usage`; without `version` of all versions."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    offset: Offset = 0


class NewSite(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/knowledge/sites`.

    Attributes:
        sitemap: its https address; pages of other hosts are left out.
        limit: how many pages at most.
        metadata: what each of the documents carries.
    """

    sitemap: Annotated[str, Meta(min_length=1, max_length=2000)]
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    metadata: Metadata = {}


class NewIndex(Struct, frozen=True):
    """The body of `POST /api/knowledge/reindex`; without `model` by the one in use."""

    model: Annotated[str, Meta(min_length=1, max_length=500)] | None = None


def in_store(facts: PutDocument, stored: StoredDocument) -> PutDocument:
    """Give a request whose content is in the store."""
    return msgspec.structs.replace(
        facts, blob=stored.blob, sha256=stored.sha256, size=stored.size, name=stored.name, media_type=stored.media_type
    )


def named(file: NewFile) -> tuple[str, str | None]:
    """Give a file's name for display, and the type that its sender says it is; the name is never a path."""
    name = file.filename.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in name if char.isprintable()).strip()[-NAME_CHARACTERS:]
    kind = file.content_type.strip()
    return shown or "file", kind if 0 < len(kind) <= TOKEN_CHARACTERS and kind.isprintable() else None


def text_file() -> NewFile:
    """Give the file that a long text is stored as."""
    return NewFile("content.md", _TEXT_TYPE)


def document_too_large(limits: DocumentLimits) -> TooLarge:
    """Give the error for a file over the limit."""
    return TooLarge("file_too_large", f"A document's file may have at most {limits.file_bytes / MIB:g} MiB")


def too_many_documents(most: int) -> Invalid:
    """Give the error for a form with too many files."""
    return invalid("files", f"must be at most {most} a request")


def document_not_found() -> NotFound:
    """Give the error for a document that is not there."""
    return NotFound("document_not_found", "There is no such document; GET /api/knowledge/documents lists them")
