"""A whole conversation as a download: `GET /api/sessions/{id}/export`."""

from contextlib import aclosing

from aiohttp import web

from ..app.export import Export
from ..domain.reading import read_as
from ..domain.requests import ExportQuery
from ..domain.transcript import transcript
from ..domain.uploads import download_disposition
from .downloads import send_whole


class ExportHttp:
    """One method for each operation of the route table that exports."""

    def __init__(self, export: Export) -> None:
        self._export = export

    async def export(self, request: web.Request) -> web.StreamResponse:
        """`GET /api/sessions/{id}/export`: streamed; what keeps the first page from us can still be told."""
        query = read_as(ExportQuery, dict(request.query), where="query")
        session = await self._export.session(request.match_info["id"])
        written = transcript(query.format)
        response = web.StreamResponse()
        response.headers["Content-Type"] = written.content_type
        name = f"conversation-{session.session_id}.{written.extension}"
        response.headers["Content-Disposition"] = download_disposition(name)
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response.headers["Cache-Control"] = "private, no-store"
        async with aclosing(self._export.pieces(session, written)) as pieces:
            first = await anext(pieces) + await anext(pieces)
            await response.prepare(request)
            await send_whole(request, response, first, pieces)
        return response
