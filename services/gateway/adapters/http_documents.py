"""What administrators do with documents over HTTP: give, list, look at, delete; and the index."""

from http import HTTPStatus

from aiohttp import web

from libs.contracts.documents import DocumentPut, PutDocument
from libs.contracts.errors import DeskError

from ..app.documents import Documents
from ..domain.document_forms import (
    form_documents,
    metadata_filters,
)
from ..domain.document_outcomes import (
    DocumentOutcome,
    DocumentOutcomes,
    is_pending,
    refused,
    rejection,
)
from ..domain.documents import (
    DOCUMENTS_AT_ONCE,
    DetailQuery,
    DocumentQuery,
    NewDocument,
    NewDocuments,
    NewIndex,
    NewSite,
    StoredDocument,
    UsageOfDocumentQuery,
    document_too_large,
    too_many_documents,
)
from ..domain.limits import Limits, invalid
from ..domain.reading import read_as
from .bodies import json_response, read_body
from .lists import link_next, list_response
from .problem import UnsupportedMedia
from .uploads_form import Form

_FILES = ("files", "file")
_FORM_BYTES = 1024 * 1024  # what a form may have beside its file
_FIELDS_OF_A_FILE = 5  # itself, title, source, metadata, document_id
# What aiohttp says where a client names no type at all.
_JSON = {"application/json", "application/octet-stream"}


class DocumentHttp:
    """One method for each operation of the route table about documents and the index."""

    def __init__(self, documents: Documents, limits: Limits) -> None:
        self._documents = documents
        self._depth = limits.json_depth

    # --- giving documents

    async def add_documents(self, request: web.Request) -> web.Response:
        """`POST /api/knowledge/documents`."""
        if request.content_type == "multipart/form-data":
            files = await self._files(request, DOCUMENTS_AT_ONCE)
            if len(files) == 1:
                return _told(await self._documents.add_file(*files[0]), HTTPStatus.CREATED)
            return _told_each(await self._documents.add_each(files))
        new = read_as(NewDocuments, await self._body(request))
        if new.documents is None:
            return _told(await self._documents.add(new), HTTPStatus.CREATED)
        return _told_each(
            await self._documents.add_each([_one(number, each) for number, each in enumerate(new.documents)])
        )

    async def put_document(self, request: web.Request) -> web.Response:
        """`PUT /api/knowledge/documents/{document_id}`."""
        document_id = request.match_info["document_id"]
        if request.content_type == "multipart/form-data":
            if (request.content_length or 0) > self._documents.limits.file_bytes + _FORM_BYTES:
                raise document_too_large(self._documents.limits)
            ((facts, stored),) = await self._files(request, 1, document_id)
            return _told(await self._documents.add_file(facts, stored, document_id), HTTPStatus.OK)
        new = read_as(NewDocument, await self._body(request))
        return _told(await self._documents.add(new, document_id), HTTPStatus.OK)

    async def import_site(self, request: web.Request) -> web.Response:
        """`POST /api/knowledge/sites`."""
        new = read_as(NewSite, await read_body(request, self._depth))
        return json_response(await self._documents.import_site(new), HTTPStatus.ACCEPTED)

    async def _body(self, request: web.Request) -> object:
        if request.content_type not in _JSON:
            raise UnsupportedMedia(
                "unsupported_media_type", "Send documents as JSON, or files as multipart/form-data in the field files"
            )
        return await read_body(request, self._depth)

    async def _files(
        self, request: web.Request, most: int, document_id: str | None = None
    ) -> list[tuple[PutDocument, StoredDocument]]:
        """Take a form's files into the store; where the form is refused, nothing of them stays there."""

        async def check(form: Form[StoredDocument]) -> None:
            if not form.files:
                await self._documents.check(document_id)

        form = Form(
            self._documents.store, files_in=_FILES, most=most, before_file=check, too_many=too_many_documents,
            parts=_FIELDS_OF_A_FILE * most + 1,
        )  # fmt: skip
        try:
            await form.read(request)
            if not form.files:
                raise invalid("files", "is missing: send a file in it")
            return list(zip(form_documents(form.fields, len(form.files)), form.files, strict=True))
        except BaseException:
            await self._documents.take_back(form.files)
            raise

    # --- looking at them

    async def list_documents(self, request: web.Request) -> web.Response:
        """`GET /api/knowledge/documents`."""
        query = read_as(DocumentQuery, dict(request.query), where="query", lax=True)
        page = await self._documents.list(query, metadata_filters(request.query.items()))
        shown = query.offset + len(page.documents)
        following = {"limit": query.limit, "offset": shown} if page.documents and shown < page.total else None
        return list_response(request, page.documents, page.total, following)

    async def get_document(self, request: web.Request) -> web.Response:
        """`GET /api/knowledge/documents/{document_id}`."""
        query = read_as(DetailQuery, dict(request.query), where="query", lax=True)
        return json_response(await self._documents.get(request.match_info["document_id"], query))

    async def document_usage(self, request: web.Request) -> web.Response:
        """`GET /api/knowledge/documents/{document_id}/usage`."""
        query = read_as(UsageOfDocumentQuery, dict(request.query), where="query", lax=True)
        usage = await self._documents.usage(request.match_info["document_id"], query)
        response = json_response(usage)
        response.headers["X-Total-Count"] = str(usage.total)
        shown = query.offset + len(usage.answers)
        more = usage.answers and shown < usage.total
        link_next(request, response, {"limit": query.limit, "offset": shown} if more else None)
        return response

    async def delete_document(self, request: web.Request) -> web.Response:
        """`DELETE /api/knowledge/documents/{document_id}`."""
        return json_response(await self._documents.delete(request.match_info["document_id"]))

    # --- the index

    async def index_state(self, _: web.Request) -> web.Response:
        """`GET /api/knowledge/index`."""
        return json_response(await self._documents.index())

    async def reindex(self, request: web.Request) -> web.Response:
        """`POST /api/knowledge/reindex`."""
        new = read_as(NewIndex, await read_body(request, self._depth))
        return json_response(await self._documents.reindex(new.model), HTTPStatus.ACCEPTED)


def _one(number: int, given: object) -> NewDocument | DocumentOutcome:
    """Read one of several documents; one that cannot be read is told as refused."""
    try:
        return read_as(NewDocument, given)
    except DeskError as fault:
        return refused(f"document {number + 1}", fault)


def _told(put: DocumentPut, status: HTTPStatus) -> web.Response:
    """Give what became of one document.

    Raises:
        Invalid: `document_rejected`.
    """
    if (fault := rejection(put.document)) is not None:
        raise fault
    return json_response(put, HTTPStatus.ACCEPTED if is_pending(put) else status)


def _told_each(outcomes: list[DocumentOutcome]) -> web.Response:
    told = DocumentOutcomes(documents=outcomes)
    return json_response(told, told.status)
