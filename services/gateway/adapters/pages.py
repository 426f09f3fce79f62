"""The chat page: `GET /chat` and what it loads. Files of this gateway, read once, with no say over what they do."""

import hashlib
from pathlib import Path

from aiohttp import web
from msgspec import Struct

from libs.contracts.errors import NotFound

_FOLDER = Path(__file__).parents[1] / "pages"
_PAGE = "chat.html"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_HEADERS = {
    # Everything from here and nothing inline: text that slips into the page as markup still cannot run or call home.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # A session's id is a capability; no address of this page is told to the sites that an answer links to.
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
        api: what the paths of the API begin with; the page learns it here.
    """

    def __init__(self, api: str = "/api") -> None:
        self._files = {
            path.name: _file(path.read_bytes(), _TYPES[path.suffix])
            for path in _FOLDER.iterdir()
            if path.suffix in _TYPES
        }
        page = (_FOLDER / _PAGE).read_bytes()
        self._page = _file(page.replace(b'content="api"', b'content="%b"' % api.strip("/").encode()), "text/html")

    async def chat_page(self, request: web.Request) -> web.Response:
        """`GET /chat`."""
        return _serve(request, self._page)

    async def chat_asset(self, request: web.Request) -> web.Response:
        """`GET /chat/assets/{name}`."""
        name = request.match_info["name"]
        if name not in self._files:
            raise NotFound("asset_not_found", "The chat page has no such file; it begins at /chat")
        return _serve(request, self._files[name])


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
