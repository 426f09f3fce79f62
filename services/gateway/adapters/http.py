"""The HTTP operations: read the request, ask the use case, write the answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from libs.contracts.channels import encode
from libs.contracts.errors import Malformed, NotFound, Unauthenticated, Unavailable

from ..app.chat import Chat
from ..app.hubs import Hubs
from ..app.knowledge import Knowledge
from ..app.platform import Platform
from ..app.sessions import Sessions
from ..domain.access import may_administer
from ..domain.limits import Limits, check_message_id
from ..domain.reading import read_as, read_json
from ..domain.replies import Accepted
from ..domain.requests import (
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
from .problem import TooSlow, UnsupportedMedia
from .uploads import Files

_FORMS = {"application/x-www-form-urlencoded"}
# How long a body may take to arrive, where it is not 30 s.
BODY_S = web.AppKey("body_s", float)
# What aiohttp says where a client names no type at all.
_JSON = {"application/json", "application/octet-stream"}


class Http:
    """One method for each operation of the route table."""

    def __init__(
        self, sessions: Sessions, chat: Chat, knowledge: Knowledge, platform: Platform, hubs: Hubs, *,
        files: Files, limits: Limits, figures: Callable[[], Awaitable[str]] | None = None,
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._chat = chat
        self._knowledge = knowledge
        self._figures = figures
        self._platform = platform
        self._hubs = hubs
        self._files = files
        self._limits = limits

    async def _read(self, request: web.Request) -> Any:
        """Read a body of JSON."""
        return read_json(await _body(request), self._limits.json_depth)

    # --- sessions

    async def open_session(self, request: web.Request) -> web.Response:
        """`POST /api/sessions`."""
        new = read_as(NewSession, await self._read(request))
        return _json(await self._sessions.open(new, request.headers.get("Idempotency-Key")))

    async def get_session(self, request: web.Request) -> web.Response:
        """`GET /api/sessions/{id}`."""
        return _json(await self._sessions.get(request.match_info["id"]))

    async def list_sessions(self, request: web.Request) -> web.Response:
        """`GET /api/sessions`."""
        query = read_as(SessionQuery, dict(request.query), where="query", lax=True)
        page = await self._sessions.list(query)
        response = _json(page.sessions)
        response.headers["X-Total-Count"] = str(page.total)
        if query.offset + query.limit < page.total:
            following = request.rel_url.update_query(limit=query.limit, offset=query.offset + query.limit)
            response.headers["Link"] = f'<{following}>; rel="next"'
        return response

    async def set_status(self, request: web.Request) -> web.Response:
        """`PATCH /api/sessions/{id}/status`, with the status as query or in the body."""
        if "status" in request.query:
            new = read_as(NewStatus, {"status": request.query["status"]}, where="query")
        else:
            new = read_as(NewStatus, await self._read(request))
        return _json(await self._sessions.set_status(request.match_info["id"], new))

    async def delete_session(self, request: web.Request) -> web.Response:
        """`DELETE /api/sessions/{id}`."""
        return _json(await self._sessions.delete(request.match_info["id"]))

    async def clean_up(self, request: web.Request) -> web.Response:
        """`POST /api/sessions/cleanup`, with the days as query or in the body."""
        if "days" in request.query:
            order = read_as(CleanUpOrder, {"days": request.query["days"]}, where="query", lax=True)
        else:
            order = read_as(CleanUpOrder, await self._read(request))
        return _json(await self._sessions.clean_up(order))

    # --- chat

    async def send_message(self, request: web.Request) -> web.Response:
        """`POST /api/chat/sessions/{id}/messages`."""
        wait = "respond-async" not in request.headers.get("Prefer", "").lower()
        async with self._draft(request) as draft:
            reply = await self._chat.send(request.match_info["id"], draft, wait=wait)
        response = _json(reply, HTTPStatus.ACCEPTED if isinstance(reply, Accepted) else HTTPStatus.OK)
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
            return read_as(NewMessage, await _form_fields(request))
        if request.content_type in _JSON:
            return read_as(NewMessage, await self._read(request))
        raise UnsupportedMedia(
            "unsupported_media_type", "Send the message as JSON, as a form, or as multipart/form-data"
        )

    async def history(self, request: web.Request) -> web.Response:
        """`GET /api/chat/sessions/{id}/messages`."""
        query = read_as(HistoryQuery, dict(request.query), where="query", lax=True)
        return _json(await self._chat.history(request.match_info["id"], query))

    async def search(self, request: web.Request) -> web.Response:
        """`POST /api/chat/search`."""
        return _json(await self._knowledge.search(read_as(NewSearch, await self._read(request))))

    async def give_feedback(self, request: web.Request) -> web.Response:
        """`POST /api/chat/messages/{message_id}/feedback`."""
        feedback = read_as(NewFeedback, await self._read(request)).checked()
        message_id = check_message_id(request.match_info["message_id"])
        return _json(await self._chat.rate(Opinion(message_id, feedback)))

    # --- platform

    async def figures(self, _: web.Request) -> web.Response:
        """`GET /metrics`: in Prometheus's text format."""
        if self._figures is None:
            raise NotFound("not_found", "There are no metrics here")
        text = await self._figures()
        return web.Response(body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def card(self, _: web.Request) -> web.Response:
        """`GET /`."""
        return _json(self._platform.card(connected=len(self._hubs)))

    async def alive(self, _: web.Request) -> web.Response:
        """`GET /health` and `/health/live`: this process answers."""
        return _json({"status": "healthy"})

    async def ready(self, _: web.Request) -> web.Response:
        """`GET /health/ready`."""
        readiness = await self._platform.readiness()
        unhealthy = readiness.status == "unhealthy"
        return _json(readiness, HTTPStatus.SERVICE_UNAVAILABLE if unhealthy else HTTPStatus.OK)


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


def _json(value: object, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")


@asynccontextmanager
async def _arriving(request: web.Request) -> AsyncIterator[None]:
    """Wait for a body no longer than an honest client takes.

    Raises:
        TooSlow: `body_timeout`.
    """
    seconds = request.app.get(BODY_S, 30.0)
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as fault:
        raise TooSlow("body_timeout", f"The request's body did not arrive within {seconds:g} s") from fault


async def _body(request: web.Request) -> bytes:
    try:
        async with _arriving(request):
            return await request.read()
    except web.RequestPayloadError as fault:
        raise Malformed("bad_body", "The request's body broke off or cannot be read") from fault


async def _form_fields(request: web.Request) -> dict[str, object]:
    """Read a form; an empty field of attachments counts as none."""
    try:
        async with _arriving(request):
            form = await request.post()
    except (ValueError, LookupError, AssertionError, HttpProcessingError, web.RequestPayloadError) as fault:
        raise Malformed("bad_form", "The form cannot be read") from fault
    fields: dict[str, object] = {name: value for name, value in form.items() if isinstance(value, str)}
    for name in ("attachments", "attachment_ids"):
        fields[name] = [str(value) for value in form.getall(name, []) if value != ""]
    return fields
