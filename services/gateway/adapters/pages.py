"""The pages, `GET /chat`, `/operator` and `/knowledge`, and what they load: files of this gateway, read once, that cannot ask for more.

A page learns of its gateway from `<meta name="deskbus-..." content="...">` tags, whose contents are filled in here.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web
from msgspec import Struct

from libs.contracts.errors import NotFound

from ..domain.limits import USUAL, Limits

_FOLDER = Path(__file__).parents[1] / "pages"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_META = re.compile(r'(<meta name="deskbus-([a-z-]+)" content=")[^"]*(">)')

_HEADERS = {
    # Everything from here and nothing inline: text that slips into the page as markup still cannot run or call home.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # A session's id is a capability; no address of these pages is told to the sites that an answer links to.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Kept, but asked for anew each time: modules import each other by fixed names, so old must never meet new.
    "Cache-Control": "no-cache",
}


class _File(Struct, frozen=True):
    """A file as it is served."""

    content: bytes
    content_type: str
    etag: str


class Pages:
    """One method for each operation of the route table that gives a file.

    Args:
        api: what the paths of the API begin with; the pages learn it here.
        limits: what a client may send; the pages learn it here.

    Raises:
        ValueError: a page asks for a fact that there is none of.
    """

    def __init__(self, api: str = "/api", limits: Limits = USUAL) -> None:
        facts = {
            "api": api.strip("/"),
            "message-characters": str(limits.message_characters),
            "files": str(limits.files_per_message),
        }
        paths = list(_FOLDER.iterdir())
        self._pages = {path.stem: _page(path, facts) for path in paths if path.suffix == ".html"}
        self._assets = {
            path.name: _file(path.read_bytes(), _TYPES[path.suffix]) for path in paths if path.suffix in _TYPES
        }

    async def chat_page(self, request: web.Request) -> web.Response:
        """`GET /chat`."""
        return _serve(request, self._pages["chat"])

    async def chat_asset(self, request: web.Request) -> web.Response:
        """`GET /chat/assets/{name}`."""
        return self._asset(request)

    async def operator_page(self, request: web.Request) -> web.Response:
        """`GET /operator`."""
        return _serve(request, self._pages["operator"])

    async def operator_asset(self, request: web.Request) -> web.Response:
        """`GET /operator/assets/{name}`: the pages share their modules."""
        return self._asset(request)

    async def knowledge_page(self, request: web.Request) -> web.Response:
        """`GET /knowledge`."""
        return _serve(request, self._pages["knowledge"])

    async def knowledge_asset(self, request: web.Request) -> web.Response:
        """`GET /knowledge/assets/{name}`."""
        return self._asset(request)

    def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._assets:
            raise NotFound(
                "asset_not_found", "The pages have no such file; they begin at /chat, /operator and /knowledge"
            )
        return _serve(request, self._assets[name])


def _page(path: Path, facts: Mapping[str, str]) -> _File:
    """Read a page and tell it the facts that its meta tags ask for."""

    def fill(tag: re.Match[str]) -> str:
        if tag[2] not in facts:
            raise ValueError(f"{path.name} asks for deskbus-{tag[2]}; there are {', '.join(sorted(facts))}")
        return tag[1] + facts[tag[2]] + tag[3]

    return _file(_META.sub(fill, path.read_text(encoding="utf-8")).encode(), "text/html")


def _file(content: bytes, content_type: str) -> _File:
    return _File(content, content_type, hashlib.sha256(content).hexdigest()[:32])


def _serve(request: web.Request, file: _File) -> web.Response:
    """Give a file, or the word that the browser's copy is still the same."""
    known = {tag.value for tag in request.if_none_match or ()}
    if file.etag in known or "*" in known:
        response = web.Response(status=304)
    else:
        response = web.Response(body=file.content, content_type=file.content_type, charset="utf-8")
    response.headers.update(_HEADERS)
    response.etag = file.etag
    return response
