"""Pages of the web, as the knowledge service needs them."""

from contextlib import AbstractAsyncContextManager
from typing import IO, Protocol

from msgspec import Struct


class WebFile(Struct, frozen=True, kw_only=True):
    """A page or file as it was fetched; `content` stands at its beginning, and is gone with its context.

    Attributes:
        url: where it was found in the end, after redirects.
        media_type: what the server said that it is; None where it said nothing.
        sha256: of the content, in hexadecimal.
    """

    url: str
    name: str
    media_type: str | None
    size: int
    sha256: str
    content: IO[bytes]


class WebPages(Protocol):
    """Fetches pages from public hosts, as their robots.txt allows.

    Both raise `domain.web.WebRefused`, which says why in words.
    """

    def fetch(self, url: str) -> AbstractAsyncContextManager[WebFile]:
        """Fetch one page or file."""
        ...

    async def pages_of(self, sitemap: str, limit: int) -> list[str]:
        """Give the addresses that a sitemap names, those of the same host only, at most `limit`."""
        ...
