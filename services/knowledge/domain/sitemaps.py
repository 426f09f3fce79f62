"""Sitemaps (sitemaps.org, version 0.9): the pages that a site tells of."""

from __future__ import annotations

import html
import re

from msgspec import Struct

# Read by pattern and not by a parser of XML: nothing is expanded, and a sitemap that breaks off gives what it has.
# Nothing in the patterns can be matched in two ways: a stranger's sitemap must not cost more than its length.
_LOCATION = re.compile(
    r"<(?!(?:image|video|news):)(?:\w++:)?loc>\s*+(?:<!\[CDATA\[\s*+)?([^<>\s\]]{1,2000}+)\s*+(?:\]\]>\s*+)?</(?:\w++:)?loc>",
    re.IGNORECASE,
)
_INDEX = re.compile(r"<(?:\w++:)?sitemapindex[\s>]", re.IGNORECASE)


class Sitemap(Struct, frozen=True):
    """What a sitemap names: pages, or, where it is an index, further sitemaps; each once, in its order."""

    pages: list[str]
    sitemaps: list[str]


def read_sitemap(text: str) -> Sitemap:
    """Read a sitemap of XML, or one of plain text with an address on each line."""
    if "<" not in text:
        lines = [line.strip().removeprefix("\ufeff") for line in text.splitlines()]
        return Sitemap(_once([line for line in lines if line.startswith("https://")]), [])
    named = _once([html.unescape(found) for found in _LOCATION.findall(text)])
    return Sitemap([], named) if _INDEX.search(text) else Sitemap(named, [])


def _once(urls: list[str]) -> list[str]:
    return list(dict.fromkeys(urls))
