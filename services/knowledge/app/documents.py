"""Documents: added, replaced, described, listed, and deleted so that it can be proven."""

import asyncio
from typing import Literal

from libs.contracts.context import Context
from libs.contracts.documents import (
    DeleteDocument,
    Document,
    DocumentDetail,
    DocumentGone,
    DocumentPage,
    DocumentPut,
    GetDocument,
    ListDocuments,
    Metadata,
    PutDocument,
)
from libs.contracts.errors import DeskError, FieldError, Invalid, NotFound
from libs.contracts.ids import DOCUMENT
from libs.runtime.ids import mint

from ..domain import is_document_id
from ..domain.givens import content_of, faults, given_from
from ..domain.versions import Buried, Given, is_unchanged
from ..ports import Blobs, DocumentStore, Log
from .ingesting import Ingesting
from .searching import scalars
from .sweeping import Sweeping

Outcome = Literal["added", "replaced", "unchanged"]

_WAIT_S = 2.0
_MOST_LISTED = 100
_MOST_PASSAGES = 200
_MOST_VERSIONS = 50
_FARTHEST = 2**31 - 1


class Documents:
    """The use cases of whoever looks after what is known."""

    def __init__(self, store: DocumentStore, blobs: Blobs, ingesting: Ingesting, sweeping: Sweeping, log: Log) -> None:
        self._store = store
        self._blobs = blobs
        self._ingesting = ingesting
        self._sweeping = sweeping
        self._log = log

    async def put(self, request: PutDocument, ctx: Context) -> DocumentPut:
        """Queue a document or a new version of one, and wait a moment for it to be found.

        Raises:
            Invalid: `invalid_request`, with all its faults.
            NotFound: `document_not_found`, `blob_not_found`.
            Conflict: `document_of_session`.
            Unavailable: it could not be stored.
        """
        if wrong := faults(request):
            raise Invalid("invalid_request", f"{wrong[0].loc[-1]} {wrong[0].msg}", errors=wrong)
        document_id = request.document_id or mint(DOCUMENT)
        if request.must_exist and await self._found(ctx.tenant, document_id) is None:
            raise _not_found()
        given = given_from(request, document_id, await self._content(request))
        outcome = await self.add(ctx.tenant, given)
        return DocumentPut(await self._settled(ctx.tenant, document_id), outcome)

    async def add(self, tenant: str, given: Given) -> Outcome:
        """Queue a version, and say what it is to its document: `added`, `replaced` or `unchanged`.

        Raises:
            Conflict: `document_of_session`.
            Unavailable: it could not be stored.
        """
        before = await self._store.newest(tenant, given.document_id)
        version = await self._store.put(tenant, given, is_unchanged)
        if version is None:
            if given.blob and before and before.blob != given.blob:
                await self._blobs.delete(given.blob)
            return "unchanged"
        self._ingesting.wake()
        return "replaced" if before else "added"

    async def get(self, request: GetDocument, ctx: Context) -> DocumentDetail:
        """Describe a document, with its versions and a page of its passages.

        Raises:
            NotFound: `document_not_found`.
            Invalid: `invalid_request`.
        """
        _check_page(request.passages, request.offset, _MOST_PASSAGES, least=0, field="passages")
        document = await self._found(ctx.tenant, request.document_id)
        if document is None:
            raise _not_found()
        return DocumentDetail(
            document=document,
            versions=await self._store.versions(ctx.tenant, request.document_id, _MOST_VERSIONS),
            passages=await self._store.passages(ctx.tenant, request.document_id, request.passages, request.offset),
        )

    async def list_documents(self, request: ListDocuments, ctx: Context) -> DocumentPage:
        """List a tenant's documents.

        Raises:
            Invalid: `invalid_request`.
        """
        _check_page(request.limit, request.offset, _MOST_LISTED)
        if "\0" in request.search or not _may_be_carried(request.filters):
            return DocumentPage([], 0)
        return DocumentPage(*await self._store.page(ctx.tenant, request))

    async def delete(self, request: DeleteDocument, ctx: Context) -> DocumentGone:
        """Delete a document with its versions, passages and vectors, and count what is left.

        Where the index is away, it is deleted there when it is back (`app.sweeping`).

        Raises:
            NotFound: `document_not_found`.
            Unavailable: it could not be deleted.
        """
        if not is_document_id(request.document_id):
            raise _not_found()
        gone = await self.remove(ctx.tenant, request.document_id)
        if gone is None:
            raise _not_found()
        return gone

    async def remove(self, tenant: str, document_id: str, session_id: str = "") -> DocumentGone | None:
        """Delete a document of a session, or of none; None where there is none.

        Raises:
            Unavailable: it could not be deleted.
        """
        buried = await self._store.bury(tenant, document_id, session_id)
        if buried is None:
            return None
        left = await self._clear(buried)
        return DocumentGone(
            document_id=document_id,
            passages=buried.passages,
            passages_left=await self._store.count_passages(tenant, document_id),
            vectors_left=left,
        )

    async def _clear(self, buried: Buried) -> int | None:
        """Remove what bucket and index hold of a deleted document; give what is left there, None where they are away."""
        try:
            return await self._sweeping.clear(buried)
        except DeskError as fault:
            if not fault.retryable:
                raise
            self._log.warning("deletion_put_off", document=buried.document_id, reason=fault.code)
            return None

    async def _content(self, request: PutDocument) -> tuple[int, str]:
        if request.text is not None:
            return content_of(request.text.replace("\0", "\ufffd"))
        if request.url is not None:
            return 0, content_of(request.url)[1]  # what is there is known when it was fetched
        assert request.blob is not None  # noqa: S101 - one of the three is given
        if request.size is not None and request.sha256 is not None:
            return request.size, request.sha256
        return await self._blobs.digest(request.blob)

    async def _settled(self, tenant: str, document_id: str) -> Document:
        """Wait a moment for a document to be found, or refused; give it as it stands."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _WAIT_S
        while True:
            document = await self._found(tenant, document_id)
            if document is None:
                raise _not_found()
            if document.state not in ("queued", "indexing") or (left := until - loop.time()) <= 0:
                return document
            await self._ingesting.something_done(left)

    async def _found(self, tenant: str, document_id: str) -> Document | None:
        """A document that is nobody's upload."""
        if not is_document_id(document_id):
            return None
        found = await self._store.get(tenant, document_id)
        return None if found is None or found[1] else found[0]


def _check_page(limit: int, offset: int, most: int, *, least: int = 1, field: str = "limit") -> None:
    for name, ok, why in (
        (field, least <= limit <= most, f"must be {least} to {most}"),
        ("offset", 0 <= offset <= _FARTHEST, "must be 0 or more"),
    ):
        if not ok:
            raise Invalid("invalid_request", f"{name} {why}", errors=[FieldError(["query", name], why)])


def _may_be_carried(filters: Metadata) -> bool:
    """Whether a document may carry such metadata; Postgres refuses a text with a zero in it."""
    told = [*filters, *filters.values()]
    return scalars(filters) is not None and not any(isinstance(each, str) and "\0" in each for each in told)


def _not_found() -> NotFound:
    return NotFound("document_not_found", "There is no such document; GET /api/knowledge/documents lists them")
