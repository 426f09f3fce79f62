"""What every request goes through: a name and a trace, errors in one form, CORS, a line in the log."""

import asyncio
from time import perf_counter

from aiohttp import web
from aiohttp.helpers import RequestKey
from aiohttp.typedefs import Handler, Middleware

from libs.contracts.errors import DeskError
from libs.runtime import tracing
from libs.runtime.log import Logger
from libs.runtime.metrics import HTTP

from ..app.platform import Statistics
from ..domain.access import is_request_id
from ..ports import Mint
from .pacing import Pacing, tell
from .problem import RATE, REQUEST_ID, TRACE_ID, from_http, internal, respond

_STARTED = RequestKey("started", float)
# What proxies write into their logs for it, too.
_CLIENT_GONE = 499

_EXPOSED = (
    "X-Request-ID, X-Process-Time, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
    "Retry-After, Link, X-Total-Count"
)
_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
_HEADERS = "Accept, Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-Admin-Token, X-Request-ID, traceparent"


class Edge:
    """The outermost layer of the gateway."""

    def __init__(
        self, pacing: Pacing, *, mint: Mint, log: Logger, statistics: Statistics, cors_origins: list[str]
    ) -> None:
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._pacing = pacing
        self._mint = mint
        self._log = log
        self._statistics = statistics
        self._origins = set(cors_origins)

    @property
    def middleware(self) -> Middleware:
        """Give the middleware that belongs around all others."""

        @web.middleware
        async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._handle(request, handler)

        return handle

    async def drained(self) -> None:
        """Wait until no request is being handled; an open socket is one."""
        await self._idle.wait()

    async def prepare(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Set the headers that every answer carries, errors and sockets too (an `on_response_prepare` signal)."""
        headers = response.headers
        headers["X-Request-ID"] = request.get(REQUEST_ID, "")
        headers["X-Process-Time"] = f"{perf_counter() - request.get(_STARTED, perf_counter()):.6f}"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Server"] = "deskbus"
        if (rate := request.get(RATE)) is not None:
            tell(rate, headers)
        origin = request.headers.get("Origin")
        if self._origins:
            headers.add("Vary", "Origin")
        if origin in self._origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Credentials"] = "true"
            headers["Access-Control-Expose-Headers"] = _EXPOSED

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("X-Request-ID", "")
        request[REQUEST_ID] = given if is_request_id(given) else self._mint("req")
        request[TRACE_ID] = tracing.trace_id(tracing.follow(request.headers.get("traceparent")))
        request[_STARTED] = perf_counter()
        self._in_flight += 1
        self._idle.clear()
        try:
            response = self._preflight(request) or await self._answer(request, handler)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()
        self._tell(request, response)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            await self._pacing.check(request)
            return await handler(request)
        except DeskError as fault:
            return respond(request, fault)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            allow = error.allowed_methods if isinstance(error, web.HTTPMethodNotAllowed) else None
            return respond(request, from_http(error, request.client_max_size), set(allow or ()))
        except ConnectionError:
            if request.transport is not None and not request.transport.is_closing():
                raise
            # The client has gone, which is no fault to be logged: whatever is answered, nobody reads it.
            return web.Response(status=_CLIENT_GONE)
        except Exception as error:
            self._log.error("request_failed", request_id=request[REQUEST_ID], exc_info=error)
            return respond(request, internal())

    def _preflight(self, request: web.Request) -> web.Response | None:
        """Answer a browser's question whether it may ask (the headers of `prepare` say from where)."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        response = web.Response(status=204)
        if request.headers.get("Origin") in self._origins:
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _HEADERS
            response.headers["Access-Control-Max-Age"] = "600"
        return response

    def _tell(self, request: web.Request, response: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        path = resource.canonical if resource else "-"
        failed = response.status >= 500
        self._statistics.errors += failed
        seconds = perf_counter() - request[_STARTED]
        method = request.method if request.method in _METHODS else "other"
        HTTP.labels(method, path, str(response.status)).observe(seconds)
        quiet = path.startswith("/health") and not failed
        write = self._log.debug if quiet else self._log.warning if failed else self._log.info
        write(
            "request", method=request.method, path=path, session=request.match_info.get("id", ""),
            status=response.status, ms=round(seconds * 1000, 1),
            request_id=request[REQUEST_ID], trace=request[TRACE_ID],
        )  # fmt: skip
