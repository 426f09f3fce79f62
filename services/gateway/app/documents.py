"""Documents: streamed into the store, given to the knowledge service, listed, looked at, deleted; and the index."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

from msgspec import structs

from libs.contracts import ids
from libs.contracts.bus_map import (
    DELETE_DOCUMENT,
    DOCUMENT_USAGE,
    GET_DOCUMENT,
    IMPORT_SITE,
    INDEX_STATE,
    KNOWLEDGE_HEALTH,
    LIST_DOCUMENTS,
    PUT_DOCUMENT,
    REINDEX,
)
from libs.contracts.channels import Caller
from libs.contracts.documents import (
    AskDocumentUsage,
    AskIndex,
    DeleteDocument,
    DocumentDetail,
    DocumentGone,
    DocumentPage,
    DocumentPut,
    DocumentUsage,
    GetDocument,
    ImportSite,
    IndexState,
    Metadata,
    PutDocument,
    Reindex,
    SiteImported,
)
from libs.contracts.errors import DeskError
from libs.contracts.health import AskHealth

from ..domain.document_outcomes import (
    DocumentOutcome,
    became,
    refused,
)
from ..domain.documents import (
    DetailQuery,
    DocumentLimits,
    DocumentQuery,
    NewDocument,
    NewSite,
    StoredDocument,
    UsageOfDocumentQuery,
    document_not_found,
    document_too_large,
    in_store,
    named,
    text_file,
)
from ..domain.requests import AT_ONCE
from ..domain.uploads import NewFile
from ..ports import BlobStore, Log, Mint
from .arrivals import Arrivals
from .knowledge import ask_knowledge

# The knowledge service reads a few documents at a time; more questions at once would only wait there.
_PUTS_AT_ONCE = 8
_BLOB = "blob"
_PIECE_BYTES = 64 * 1024

# A text or an address; a file in the store with what is said of it; what is refused already.
Given: TypeAlias = NewDocument | tuple[PutDocument, StoredDocument] | DocumentOutcome


class Documents:
    """What administrators do with what answers rest on. No file is ever whole in this process."""

    def __init__(
        self, caller: Caller, blobs: BlobStore, log: Log, *, tenant: str, mint: Mint, limits: DocumentLimits
    ) -> None:
        self.limits = limits
        self._caller = caller
        self._blobs = blobs
        self._log = log
        self._tenant = tenant
        self._mint = mint
        self._arrivals = Arrivals(limits.file_bytes, limits.at_once, lambda: document_too_large(limits))

    # --- taking files

    async def check(self, document_id: str | None = None) -> None:
        """Make sure, before bytes are taken, that somebody will want them.

        Raises:
            Unavailable: the knowledge service is away.
            NotFound: `document_not_found`; there is none of this id.
        """
        if document_id is None:
            await ask_knowledge(self._caller, KNOWLEDGE_HEALTH, AskHealth(), self._tenant)
        else:
            await self.get(document_id, DetailQuery(passages=0))

    async def store(self, file: NewFile, source: AsyncIterator[bytes]) -> StoredDocument:
        """Stream a file into the store; where that fails, nothing of it stays.

        Raises:
            TooLarge: `file_too_large`, the moment the limit is passed.
            Unavailable: the store, or this process, takes no more right now.
        """
        blob = self._mint(_BLOB)
        name, media_type = named(file)
        with self._arrivals.admitted():
            written = await self._blobs.write(blob, self._arrivals.bounded(source))
        return StoredDocument(blob=blob, name=name, media_type=media_type, size=written.size, sha256=written.sha256)

    async def take_back(self, files: Sequence[StoredDocument]) -> None:
        """Remove files that turned out not to be wanted."""
        try:
            for stored in files:
                await self._blobs.delete(stored.blob)
        except DeskError as fault:
            self._log.warning("document_file_left_behind", reason=fault.code)

    # --- giving documents

    async def add(self, new: NewDocument, replacing: str | None = None) -> DocumentPut:
        """Add a document that is text or an address, or give a new version of the one of the id `replacing`.

        Raises:
            Invalid: a bound is broken.
            NotFound: `document_not_found`.
            Unavailable: the knowledge service or the store is away.
        """
        asked = new.put()
        if new.is_long and new.content is not None:
            stored = await self.store(text_file(), _pieces(new.content.encode(errors="replace")))
            return await self.add_file(structs.replace(asked, text=None), stored, replacing)
        return await self._put(asked, replacing)

    async def add_file(self, facts: PutDocument, stored: StoredDocument, replacing: str | None = None) -> DocumentPut:
        """Add a document that is in the store; where it is refused, nothing of it stays there.

        Raises:
            NotFound: `document_not_found`.
            Invalid: a bound is broken.
            Unavailable: the knowledge service is away.
        """
        try:
            return await self._put(in_store(facts, stored), replacing)
        except DeskError as fault:
            if fault.status < 500:  # else it may have been taken, and is being read
                await self.take_back([stored])
            raise

    async def add_each(self, given: Sequence[Given]) -> list[DocumentOutcome]:
        """Add several; one that is refused does not keep the others."""
        slots = asyncio.Semaphore(_PUTS_AT_ONCE)

        async def add(number: int, each: Given) -> DocumentOutcome:
            if isinstance(each, DocumentOutcome):
                return each
            name = (each.shown if isinstance(each, NewDocument) else each[1].name) or f"document {number}"
            async with slots:
                try:
                    put = await (self.add(each) if isinstance(each, NewDocument) else self.add_file(*each))
                except DeskError as fault:
                    return refused(name, fault)
            return became(name, put)

        return await asyncio.gather(*(add(number, each) for number, each in enumerate(given, 1)))

    async def import_site(self, new: NewSite) -> SiteImported:
        """Add the pages that a sitemap names.

        Raises:
            Unavailable: the knowledge service is away.
        """
        asked = ImportSite(sitemap=new.sitemap, limit=new.limit, metadata=new.metadata)
        return await ask_knowledge(self._caller, IMPORT_SITE, asked, self._tenant)

    # --- looking at them

    async def list(self, query: DocumentQuery, filters: Metadata) -> DocumentPage:
        """Give a page of the documents, changed last first.

        Raises:
            Unavailable: the knowledge service is away; never an empty list instead.
        """
        asked = structs.replace(query.asked(filters), limit=min(query.limit, AT_ONCE))
        page = await ask_knowledge(self._caller, LIST_DOCUMENTS, asked, self._tenant)
        documents, total = page.documents, page.total
        while page.documents and (missing := min(query.limit, total - query.offset) - len(documents)) > 0:
            asked = structs.replace(asked, limit=min(missing, AT_ONCE), offset=query.offset + len(documents))
            page = await ask_knowledge(self._caller, LIST_DOCUMENTS, asked, self._tenant)
            documents += page.documents
        return DocumentPage(documents, total)

    async def get(self, document_id: str, query: DetailQuery) -> DocumentDetail:
        """Give a document with its versions and some of its passages.

        Raises:
            NotFound: `document_not_found`.
        """
        asked = GetDocument(document_id=_checked(document_id), passages=query.passages, offset=query.offset)
        return await ask_knowledge(self._caller, GET_DOCUMENT, asked, self._tenant)

    async def usage(self, document_id: str, query: UsageOfDocumentQuery) -> DocumentUsage:
        """Give the answers that cited a document, also of one that is deleted."""
        asked = AskDocumentUsage(
            document_id=_checked(document_id), version=query.version, limit=query.limit, offset=query.offset
        )
        return await ask_knowledge(self._caller, DOCUMENT_USAGE, asked, self._tenant)

    async def delete(self, document_id: str) -> DocumentGone:
        """Delete a document, and count what is left of it.

        Raises:
            NotFound: `document_not_found`.
        """
        return await ask_knowledge(self._caller, DELETE_DOCUMENT, DeleteDocument(_checked(document_id)), self._tenant)

    # --- the index

    async def index(self) -> IndexState:
        """Give what searches rest on."""
        return await ask_knowledge(self._caller, INDEX_STATE, AskIndex(), self._tenant)

    async def reindex(self, model: str | None) -> IndexState:
        """Build the index anew beside the one in use; searches go on meanwhile.

        Raises:
            Conflict: `reindex_running`.
        """
        return await ask_knowledge(self._caller, REINDEX, Reindex(model), self._tenant)

    async def _put(self, asked: PutDocument, replacing: str | None) -> DocumentPut:
        if replacing is not None:
            asked = structs.replace(asked, document_id=_checked(replacing), must_exist=True)
        return await ask_knowledge(self._caller, PUT_DOCUMENT, asked, self._tenant)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), _PIECE_BYTES):
        yield data[start : start + _PIECE_BYTES]


def _checked(document_id: str) -> str:
    if not (ids.is_token(document_id) and len(document_id) <= 100):
        raise document_not_found()
    return document_id
