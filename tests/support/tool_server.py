"""A CRM over HTTP for tests: it counts what it was asked to do by idempotency key, and fails in the ways of real ones."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import Counter
from typing import Any, Self

from aiohttp import web

SECRET = "s3cret-token"
ORDER = {"order": "A-1042", "status": "shipped", "items": ["kettle"], "total": 39.9}


class ToolServer:
    """Listens on a port of its own while it is entered.

    Attributes:
        url: where it is.
        requests: what came: method, raw path with query, headers, body.
        effects: how often a refund was made for each idempotency key, as far as it honours them.
        forgetful: whether it does not honour keys.
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.effects: Counter[str] = Counter()
        self.forgetful = False
        self.well = True
        # Set by a test for answers that are to come when it says.
        self.release = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._noted])
        app.router.add_get("/health", self._health)
        app.router.add_route("*", "/api/users/{user}/orders/{order}", self._order)
        app.router.add_route("*", "/api/refunds", self._refund)
        app.router.add_route("*", "/answers/{kind}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release.set()
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _noted(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.read()
        self.requests.append(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": dict(request.headers),
                "body": json.loads(body) if body else None,
            }
        )
        return await handler(request)

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if self.well else 503)

    async def _order(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {SECRET}":
            return web.json_response({"error": "bad key"}, status=401)
        if (request.match_info["user"], request.match_info["order"]) != ("ann", "A-1042"):
            return web.json_response({"error": "no such order"}, status=404)
        return web.json_response(ORDER, headers={"Set-Cookie": "who=ann"})

    async def _refund(self, request: web.Request) -> web.StreamResponse:
        key = request.headers["Idempotency-Key"]
        if self.forgetful or key not in self.effects:
            self.effects[key] += 1
        if request.query.get("then") == "hang":
            await self.release.wait()
        if request.query.get("then") == "drop" and request.transport:
            request.transport.close()
        if request.query.get("then") == "fail":
            return web.Response(status=500)
        return web.json_response({"refund": key})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if kind.isdecimal():
            return web.Response(
                status=int(kind), text="stack trace and customer words", headers={"Location": "/health"}
            )
        if kind == "hang":
            await self.release.wait()
        if kind == "drop" and request.transport:
            request.transport.close()
        if kind == "trickle":
            return await self._trickle(request)
        return _ANSWERS[kind]()

    async def _trickle(self, request: web.Request) -> web.StreamResponse:
        """Answer without an end, as fast as it is read."""
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        try:
            while not self.release.is_set():
                await response.write(b"x" * 65536)
        except ConnectionError:
            self.effects["trickle ended"] += 1
        return response


def _text(text: str, kind: str = "text/plain; charset=utf-8") -> web.Response:
    return web.Response(body=text.encode(), headers={"Content-Type": kind})


_ANSWERS = {
    "hang": lambda: _text("late"),
    "drop": lambda: _text("never"),
    "text": lambda: _text("In stock: 7"),
    "empty": lambda: web.Response(status=204),
    "html": lambda: _text("<h1>Sign in</h1>", "text/html"),
    "image": lambda: web.Response(body=b"\x89PNG\x00\x01", headers={"Content-Type": "image/png"}),
    "binary": lambda: web.Response(body=b"\xff\xfe\x00\x01", headers={"Content-Type": "text/plain"}),
    "nul": lambda: _text("one\0two"),
    "bad_json": lambda: _text('{"a": ', "application/json"),
    "problem_json": lambda: _text('{ "a" : 1 }', "application/vnd.api+json"),
    "latin": lambda: web.Response(body="café".encode("latin-1"), headers={"Content-Type": "text/plain; charset=iso-8859-1"}),
    "charset": lambda: web.Response(body=b"abc", headers={"Content-Type": "text/plain; charset=utf-7"}),
    "untyped": lambda: web.Response(body=b"abc", headers={"Content-Type": ""}),
    "zipped": lambda: web.Response(
        body=zlib.compress(b"0" * 50_000_000), headers={"Content-Type": "text/plain", "Content-Encoding": "deflate"}
    ),
    "long_4000": lambda: _text("y" * 4000),
    "long_4001": lambda: _text("y" * 4001),
    "huge": lambda: _text("[" + ",".join(["1234567"] * 100_000) + "]", "application/json"),
}  # fmt: skip
