"""What operators ask over HTTP; all of it for administrators only."""

from aiohttp import web

from ..app.operators import Operators
from ..domain.limits import Limits
from ..domain.marks import ticket_cursor
from ..domain.operators import EscalationQuery, NewNote, NewReply, ReleaseOrder, ResolveOrder, TakeOverOrder
from ..domain.reading import read_as
from .bodies import json_response, read_body
from .lists import list_response


class OperatorHttp:
    """One method for each operation of the route table that operators have."""

    def __init__(self, operators: Operators, limits: Limits) -> None:
        self._operators = operators
        self._depth = limits.json_depth

    # --- conversations

    async def take_over(self, request: web.Request) -> web.Response:
        """`POST /api/sessions/{id}/takeover`."""
        order = read_as(TakeOverOrder, await read_body(request, self._depth))
        return json_response(await self._operators.take_over(request.match_info["id"], order))

    async def reply(self, request: web.Request) -> web.Response:
        """`POST /api/sessions/{id}/reply`."""
        new = read_as(NewReply, await read_body(request, self._depth))
        return json_response(await self._operators.reply(request.match_info["id"], new))

    async def release(self, request: web.Request) -> web.Response:
        """`POST /api/sessions/{id}/release`."""
        order = read_as(ReleaseOrder, await read_body(request, self._depth))
        return json_response(await self._operators.release(request.match_info["id"], order))

    async def resolve(self, request: web.Request) -> web.Response:
        """`POST /api/sessions/{id}/resolve`."""
        order = read_as(ResolveOrder, await read_body(request, self._depth))
        return json_response(await self._operators.resolve(request.match_info["id"], order))

    async def add_note(self, request: web.Request) -> web.Response:
        """`POST /api/sessions/{id}/notes`."""
        new = read_as(NewNote, await read_body(request, self._depth))
        key = request.headers.get("Idempotency-Key")
        return json_response(await self._operators.add_note(request.match_info["id"], new, key))

    async def list_notes(self, request: web.Request) -> web.Response:
        """`GET /api/sessions/{id}/notes`."""
        notes = await self._operators.notes(request.match_info["id"])
        return list_response(request, notes, len(notes))

    # --- the queue

    async def list_escalations(self, request: web.Request) -> web.Response:
        """`GET /api/escalations`."""
        query = read_as(EscalationQuery, dict(request.query), where="query", lax=True)
        page = await self._operators.tickets(query)
        following = None
        if page.more and page.tickets:
            last = page.tickets[-1]
            following = {"limit": query.limit, "cursor": ticket_cursor(last.priority, last.created_at, last.ticket_id)}
        return list_response(request, page.tickets, page.total, following)

    async def get_escalation(self, request: web.Request) -> web.Response:
        """`GET /api/escalations/{ticket_id}`."""
        return json_response(await self._operators.packet(request.match_info["ticket_id"]))
