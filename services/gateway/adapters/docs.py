"""The documents that say how to talk to Deskbus, in debug only. They need no other host."""

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from libs.contracts.channels import encode

from ..domain.limits import Limits
from ..routes import Route
from .openapi.asyncapi import frames_document
from .openapi.document import document

_PAGE = Path(__file__).with_name("docs.html").read_text(encoding="utf-8")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


class Docs:
    """`GET /docs`, `/openapi.json` and `/asyncapi.json`, written once."""

    def __init__(self, routes: Iterable[Route], version: str, limits: Limits) -> None:
        self._openapi = encode(document(list(routes), version, limits))
        self._asyncapi = encode(frames_document(version, limits))
        self._policy = _policy(_PAGE)

    async def docs(self, _: web.Request) -> web.Response:
        """`GET /docs`."""
        response = web.Response(text=_PAGE, content_type="text/html")
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def openapi(self, _: web.Request) -> web.Response:
        """`GET /openapi.json`."""
        return web.Response(body=self._openapi, content_type="application/json")

    async def asyncapi(self, _: web.Request) -> web.Response:
        """`GET /asyncapi.json`."""
        return web.Response(body=self._asyncapi, content_type="application/json")


def _policy(page: str) -> str:
    """Let the page run and show what it holds itself, by its digest, and nothing else."""
    digests = {
        kind: "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for kind, text in _INLINE.findall(page)
    }
    return (
        f"default-src 'none'; script-src {digests['script']}; style-src {digests['style']}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
