"""What administrators ask over HTTP of the questions that the documents do not answer."""

from aiohttp import web

from ..app.knowledge import Knowledge
from ..domain.limits import Limits
from ..domain.reading import read_as
from ..domain.requests import GapQuery, NewAnswer
from .bodies import json_response, read_body
from .lists import list_response


class KnowledgeHttp:
    """One method for each operation of the route table about gaps."""

    def __init__(self, knowledge: Knowledge, limits: Limits) -> None:
        self._knowledge = knowledge
        self._depth = limits.json_depth

    async def list_gaps(self, request: web.Request) -> web.Response:
        """`GET /api/knowledge/gaps`."""
        query = read_as(GapQuery, dict(request.query), where="query", lax=True)
        page = await self._knowledge.gaps(query)
        shown = query.offset + len(page.gaps)
        following = {"limit": query.limit, "offset": shown} if page.gaps and shown < page.total else None
        return list_response(request, page.gaps, page.total, following)

    async def dismiss_gap(self, request: web.Request) -> web.Response:
        """`POST /api/knowledge/gaps/{gap_id}/dismiss`."""
        return json_response(await self._knowledge.dismiss(request.match_info["gap_id"]))

    async def reopen_gap(self, request: web.Request) -> web.Response:
        """`POST /api/knowledge/gaps/{gap_id}/reopen`."""
        return json_response(await self._knowledge.reopen(request.match_info["gap_id"]))

    async def answer_gap(self, request: web.Request) -> web.Response:
        """`POST /api/knowledge/gaps/{gap_id}/answer`."""
        new = read_as(NewAnswer, await read_body(request, self._depth))
        return json_response(await self._knowledge.answer(request.match_info["gap_id"], new))
