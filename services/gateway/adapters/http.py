"""The HTTP operations: read the request, ask the use case, write the answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import web

from libs.contracts.errors import NotFound, Unauthenticated, Unavailable

from ..app.cancellation import Cancellation
from ..app.chat import Chat
from ..app.hubs import Hubs
from ..app.knowledge import Knowledge
from ..app.platform import Platform
from ..app.sessions import Sessions
from ..domain.access import may_administer, prefers_async
from ..domain.limits import Limits, check_message_id
from ..domain.marks import session_cursor
from ..domain.reading import read_as
from ..domain.replies import Accepted
from ..domain.requests import (
    CancelOrder,
    CleanUpOrder,
    Draft,
    HistoryQuery,
    NewFeedback,
    NewMessage,
    NewSearch,
    NewSession,
    NewStatus,
    Opinion,
    SessionQuery,
)
from .bodies import form_fields, json_response, read_body
from .event_stream import EventStreams, asks_for_events
from .lists import link_next, list_response
from .problem import UnsupportedMedia
from .uploads import Files

_FORMS = {"application/x-www-form-urlencoded"}
# What aiohttp says where a client names no type at all.
_JSON = {"application/json", "application/octet-stream"}


class Http:
    """One method for each operation of the route table."""

    def __init__(
        self, sessions: Sessions, chat: Chat, knowledge: Knowledge, platform: Platform, hubs: Hubs, *,
        cancellation: Cancellation, streams: EventStreams, files: Files, limits: Limits,
        figures: Callable[[], Awaitable[str]] | None = None,
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._chat = chat
        self._knowledge = knowledge
        self._figures = figures
        self._platform = platform
        self._hubs = hubs
        self._cancellation = cancellation
        self._streams = streams
        self._files = files
        self._limits = limits

    async def _read(self, request: web.Request) -> Any:
        """Read a body of JSON."""
        return await read_body(request, self._limits.json_depth)

    # --- sessions

    async def open_session(self, request: web.Request) -> web.Response:
        """`POST /api/sessions`."""
        new = read_as(NewSession, await self._read(request))
        return json_response(await self._sessions.open(new, request.headers.get("Idempotency-Key")))

    async def get_session(self, request: web.Request) -> web.Response:
        """`GET /api/sessions/{id}`."""
        return json_response(await self._sessions.get(request.match_info["id"]))

    async def list_sessions(self, request: web.Request) -> web.Response:
        """`GET /api/sessions`."""
        query = read_as(SessionQuery, dict(request.query), where="query", lax=True)
        page = await self._sessions.list(query)
        following = None
        if "offset" in request.query and query.cursor is None:
            if query.offset + query.limit < page.total:
                following = {"limit": query.limit, "offset": query.offset + query.limit}
        elif page.more and page.sessions:
            last = page.sessions[-1]
            following = {"limit": query.limit, "cursor": session_cursor(last.created_at, last.session_id)}
        return list_response(request, page.sessions, page.total, following)

    async def set_status(self, request: web.Request) -> web.Response:
        """`PATCH /api/sessions/{id}/status`, with the status as query or in the body."""
        if "status" in request.query:
            new = read_as(NewStatus, {"status": request.query["status"]}, where="query")
        else:
            new = read_as(NewStatus, await self._read(request))
        return json_response(await self._sessions.set_status(request.match_info["id"], new))

    async def delete_session(self, request: web.Request) -> web.Response:
        """`DELETE /api/sessions/{id}`."""
        return json_response(await self._sessions.delete(request.match_info["id"]))

    async def clean_up(self, request: web.Request) -> web.Response:
        """`POST /api/sessions/cleanup`, with the days as query or in the body."""
        if "days" in request.query:
            order = read_as(CleanUpOrder, {"days": request.query["days"]}, where="query", lax=True)
        else:
            order = read_as(CleanUpOrder, await self._read(request))
        return json_response(await self._sessions.clean_up(order))

    # --- chat

    async def send_message(self, request: web.Request) -> web.StreamResponse:
        """`POST /api/chat/sessions/{id}/messages`."""
        wait = not prefers_async(request.headers.getall("Prefer", ()))
        if wait and asks_for_events(request.headers.getall("Accept", ())):
            return await self._streams.stream_answer(request, self._draft(request))
        async with self._draft(request) as draft:
            reply = await self._chat.send(request.match_info["id"], draft, wait=wait)
        response = json_response(reply, HTTPStatus.ACCEPTED if isinstance(reply, Accepted) else HTTPStatus.OK)
        if isinstance(reply, Accepted):
            response.headers["Location"] = reply.links["messages"]
        if not wait:
            response.headers["Preference-Applied"] = "respond-async"
        return response

    @asynccontextmanager
    async def _draft(self, request: web.Request) -> AsyncIterator[Draft]:
        """Read a message; the files that come with it stay where it is accepted."""
        if request.content_type == "multipart/form-data":
            async with self._files.message(request) as draft:
                yield draft
        else:
            yield (await self._new_message(request)).draft(self._limits)

    async def _new_message(self, request: web.Request) -> NewMessage:
        if request.content_type in _FORMS:
            return read_as(NewMessage, await form_fields(request))
        if request.content_type in _JSON:
            return read_as(NewMessage, await self._read(request))
        raise UnsupportedMedia(
            "unsupported_media_type", "Send the message as JSON, as a form, or as multipart/form-data"
        )

    async def history(self, request: web.Request) -> web.Response:
        """`GET /api/chat/sessions/{id}/messages`."""
        query = read_as(HistoryQuery, dict(request.query), where="query", lax=True)
        page = await self._chat.history(request.match_info["id"], query)
        response = json_response(page)
        following = None
        if page.messages and query.offset + len(page.messages) < page.total:
            if "offset" in request.query:
                following = {"offset": query.offset + query.limit}
            else:
                following = {"after_seq" if query.order == "asc" else "before_seq": page.messages[-1].seq}
        link_next(request, response, following)
        return response

    async def cancel(self, request: web.Request) -> web.Response:
        """`POST /api/chat/sessions/{id}/cancel`."""
        order = read_as(CancelOrder, await self._read(request))
        return json_response(await self._cancellation.cancel(request.match_info["id"], order))

    async def search(self, request: web.Request) -> web.Response:
        """`POST /api/chat/search`."""
        return json_response(await self._knowledge.search(read_as(NewSearch, await self._read(request))))

    async def give_feedback(self, request: web.Request) -> web.Response:
        """`POST /api/chat/messages/{message_id}/feedback`."""
        feedback = read_as(NewFeedback, await self._read(request)).checked()
        message_id = check_message_id(request.match_info["message_id"])
        return json_response(await self._chat.rate(Opinion(message_id, feedback)))

    # --- platform

    async def figures(self, _: web.Request) -> web.Response:
        """`GET /metrics`: in Prometheus's text format."""
        if self._figures is None:
            raise NotFound("not_found", "There are no metrics here")
        text = await self._figures()
        return web.Response(body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def card(self, _: web.Request) -> web.Response:
        """`GET /`."""
        return json_response(self._platform.card(connected=len(self._hubs)))

    async def alive(self, _: web.Request) -> web.Response:
        """`GET /health` and `/health/live`: this process answers."""
        return json_response({"status": "healthy"})

    async def ready(self, _: web.Request) -> web.Response:
        """`GET /health/ready`."""
        readiness = await self._platform.readiness()
        unhealthy = readiness.status == "unhealthy"
        return json_response(readiness, HTTPStatus.SERVICE_UNAVAILABLE if unhealthy else HTTPStatus.OK)


def require_admin(request: web.Request, token: str | None) -> None:
    """Let administrators pass.

    Raises:
        Unauthenticated: `admin_required`.
    """
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    given = request.headers.get("X-Admin-Token") or (bearer.strip() if scheme.lower() == "bearer" else None)
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if not may_administer(token, given, request.remote or "", forwarded=forwarded):
        raise Unauthenticated("admin_required", "This needs the admin token, as Authorization: Bearer or X-Admin-Token")


def refuse_while(draining: Callable[[], bool]) -> None:
    """Refuse new work while the gateway is on its way out.

    Raises:
        Unavailable: `draining`.
    """
    if draining():
        raise Unavailable("draining", "This gateway is restarting; try again in a moment")
