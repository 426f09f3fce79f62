"""Files over HTTP: `POST /api/chat/upload`, `GET /api/attachments/{id}` and its content, and the files of a message."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiohttp import web

from libs.contracts.channels import encode
from libs.contracts.errors import DeskError

from ..app.uploads import Uploads
from ..domain.limits import Limits, check_session_id, invalid
from ..domain.reading import read_as
from ..domain.requests import Draft, NewMessage
from ..domain.uploads import StoredFile, check_attachment_ids, download_disposition, download_type, too_large
from .downloads import send_whole
from .problem import UnsupportedMedia
from .uploads_form import Form

_LISTS = ("attachments", "attachment_ids")
_FORM_BYTES = 256 * 1024  # what a form may have beside its file


class Files:
    """One method for each operation of the route table, and the reading of a message's form."""

    def __init__(self, uploads: Uploads, limits: Limits) -> None:
        self._uploads = uploads
        self._limits = limits

    async def upload(self, request: web.Request) -> web.Response:
        """`POST /api/chat/upload`; the session id may also stand in the query."""
        if request.content_type != "multipart/form-data":
            raise UnsupportedMedia("unsupported_media_type", "Send the file as multipart/form-data")
        if (request.content_length or 0) > self._uploads.limits.file_bytes + _FORM_BYTES:
            raise too_large(self._uploads.limits)
        given = {"session_id": [request.query["session_id"]]} if "session_id" in request.query else None
        form = Form(self._uploads.store, files_in=("file",), most=1, before_file=self._check_early, fields=given)
        try:
            await form.read(request)
            session_id = await self._uploads.check_session(form.first("session_id") or "")
            if not form.files:
                raise invalid("file", "is missing")
            reply = await self._uploads.upload(session_id, form.files[0])
        except BaseException:
            await self._uploads.take_back(form.first("session_id") or "", form.files)
            raise
        return _json(reply)

    @asynccontextmanager
    async def message(self, request: web.Request) -> AsyncIterator[Draft]:
        """Read a message's form; its files are registered once all of it is well, and taken back where it is refused."""
        session_id = check_session_id(request.match_info["id"])
        most = self._limits.files_per_message
        form = Form(
            self._uploads.store, files_in=("attachments",), most=most, before_file=self._check_early,
            fields={"session_id": [session_id]},
        )  # fmt: skip
        try:
            await form.read(request)
            draft = read_as(NewMessage, _message_fields(form)).draft(self._limits)
            files = [stored.attachment_id for stored in form.files]
            named = check_attachment_ids([*draft.attachment_ids, *files], most)
            await self._uploads.attach(session_id, form.files)
        except BaseException:
            await self._uploads.take_back(session_id, form.files)
            raise
        try:
            yield Draft(draft.content, draft.client_message_id, named)
        except DeskError as fault:
            if _surely_not_stored(fault):
                await self._uploads.take_back(session_id, form.files)
            raise

    async def _check_early(self, form: Form[StoredFile]) -> None:
        """Refuse a file for a session that is not there before its bytes are taken, where that is known by then."""
        session_id = form.first("session_id")
        if session_id is not None and not form.files:
            await self._uploads.check_session(session_id)

    async def attachment(self, request: web.Request) -> web.Response:
        """`GET /api/attachments/{id}`."""
        session_id = request.query.get("session_id", "")
        return _json(await self._uploads.describe(session_id, request.match_info["id"]))

    async def attachment_content(self, request: web.Request) -> web.StreamResponse:
        """`GET /api/attachments/{id}/content`: as a download, whatever it is."""
        session_id = request.query.get("session_id", "")
        attachment = await self._uploads.describe(session_id, request.match_info["id"])
        response = web.StreamResponse()
        response.content_type = download_type(attachment)
        response.content_length = attachment.size
        response.headers["Content-Disposition"] = download_disposition(attachment.filename)
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response.headers["Cache-Control"] = "private, no-store"
        async with aclosing(self._uploads.content(attachment)) as pieces:
            # whatever keeps the first piece from us can still be told
            first = await anext(pieces, b"")
            await response.prepare(request)
            await send_whole(request, response, first, pieces)
        return response


def _message_fields(form: Form[StoredFile]) -> dict[str, Any]:
    """Give a form's fields as those of a message; an empty one of attachments counts as none."""
    fields: dict[str, Any] = {name: values[-1] for name, values in form.fields.items() if name not in _LISTS}
    for name in _LISTS:
        fields[name] = [value for value in form.fields.get(name, []) if value]
    return fields


def _surely_not_stored(fault: DeskError) -> bool:
    """Whether a message was refused before it was sent on; wherever it may be stored, its files must stay."""
    return fault.status in {422, 429} or fault.code == "attachments_unavailable"


def _json(value: object) -> web.Response:
    return web.Response(body=encode(value), content_type="application/json")
