"""Pages of the web over aiohttp: https only, addresses checked and pinned, redirects followed by hand, all of it bounded."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import socket
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import IO
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.typedefs import URL  # pyright: ignore[reportPrivateImportUsage] - yarl is aiohttp's dependency, not ours
from msgspec import Struct
from protego import Protego

from ..domain.sitemaps import read_sitemap
from ..domain.web import WebAddress, WebRefused, check_addresses, web_address
from ..ports.web import WebFile

AGENT = "Deskbus"
_HEADERS = {
    "User-Agent": f"{AGENT} (+https://github.com/deskbus/deskbus; reads help pages)",
    "Accept": "text/html,application/xhtml+xml,application/pdf,text/markdown,text/plain;q=0.9,*/*;q=0.5",
    # A small answer that unpacks to a huge one is never unpacked.
    "Accept-Encoding": "identity",
}
_REDIRECTS = 5
_ROBOTS_BYTES = 500 * 1024  # RFC 9309, section 2.5
_ROBOTS_S = 3600.0
_SITEMAP_BYTES = 10 * 1024 * 1024
_SITEMAPS = 20
_PIECE = 64 * 1024


class WebLimits(Struct, frozen=True, kw_only=True):
    """Bounds of one fetch: its bytes, and its seconds with all redirects."""

    file_bytes: int = 20 * 1024 * 1024
    seconds: float = 20.0


class _Robots(Struct, frozen=True):
    """What a site allows; None: everything."""

    rules: Protego | None
    until: float


class HttpWebPages:
    """WebPages over aiohttp.

    Args:
        private_hosts: names of hosts that may be asked although they are not public.
        trust: what servers' certificates are checked with, where it is not the system's.
        resolver: who resolves names, where it is not the system.
    """

    def __init__(
        self,
        *,
        limits: WebLimits | None = None,
        private_hosts: Collection[str] = (),
        trust: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._limits = limits or WebLimits()
        self._private_hosts = frozenset(host.lower() for host in private_hosts)
        self._trust = trust
        self._names = resolver
        self._session: aiohttp.ClientSession | None = None
        self._robots: dict[str, _Robots] = {}

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncIterator[WebFile]:
        """Fetch one page or file. Raises WebRefused."""
        with tempfile.TemporaryFile() as file:
            try:
                async with asyncio.timeout(self._limits.seconds):
                    fetched = await self._fetch(web_address(url), file, self._limits.file_bytes, obeying=True)
            except TimeoutError as fault:
                raise WebRefused(
                    "url_timed_out", f"The page did not come within {self._limits.seconds:g} s.", retryable=True
                ) from fault
            yield fetched

    async def pages_of(self, sitemap: str, limit: int) -> list[str]:
        """Give the addresses that a sitemap names, at most `limit`. Raises WebRefused."""
        first = web_address(sitemap)
        waiting, seen = [first.url], 0
        pages: dict[str, None] = {}
        while waiting and seen < _SITEMAPS and len(pages) < limit:
            text = await self._text(waiting.pop(0))
            seen += 1
            # 50,000 addresses are half a second's work.
            sitemaps, found = await asyncio.to_thread(_named, text, first.host)
            waiting += sitemaps
            pages.update(dict.fromkeys(found))
        return list(pages)[:limit]

    async def close(self) -> None:
        """Let go of the connections. Closing twice does nothing."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _text(self, url: str) -> str:
        with tempfile.TemporaryFile() as file:
            try:
                async with asyncio.timeout(self._limits.seconds):
                    await self._fetch(web_address(url), file, _SITEMAP_BYTES, obeying=True)
            except TimeoutError as fault:
                raise WebRefused("url_timed_out", "The sitemap did not come in time.", retryable=True) from fault
            return file.read().decode("utf-8", "replace")

    async def _fetch(self, address: WebAddress, file: IO[bytes], most: int, *, obeying: bool) -> WebFile:
        """Fetch what an address leads to; each step on the way is checked like the first."""
        for _ in range(_REDIRECTS + 1):
            if obeying and not await self._allowed(address):
                raise WebRefused("url_forbidden", f"The robots.txt of {address.host} does not allow this page.")
            async with self._asked(address) as response:
                if response.status in (301, 302, 303, 307, 308):
                    address = web_address(urljoin(address.url, response.headers.get("Location", "")))
                    continue
                if response.status != 200:
                    raise WebRefused(
                        "url_status", f"The page answers with status {response.status}.",
                        retryable=response.status >= 500 or response.status == 429,
                    )  # fmt: skip
                size, digest = await _take(response, file, most)
                content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return WebFile(
                    url=address.url, name=address.name, media_type=content_type or None, size=size, sha256=digest,
                    content=file,
                )  # fmt: skip
        raise WebRefused("url_status", f"The page redirects more than {_REDIRECTS} times.")

    @asynccontextmanager
    async def _asked(self, address: WebAddress) -> AsyncIterator[aiohttp.ClientResponse]:
        if _is_literal(address.host):  # a literal address is connected to without asking a resolver
            check_addresses(address.host, [address.host], self._private_hosts)
        try:
            async with self._opened().get(URL(address.url, encoded=True), allow_redirects=False) as response:
                yield response
        except aiohttp.ClientConnectorDNSError as fault:
            if isinstance(fault.os_error, _NotPublic):
                raise fault.os_error.refusal from fault
            raise WebRefused(
                "url_unreachable", f"There is no host {address.host}: is the address right?", retryable=True
            ) from fault
        except (aiohttp.ClientSSLError, ssl.SSLError) as fault:
            raise WebRefused("url_unreachable", f"The certificate of {address.host} cannot be trusted.") from fault
        except (aiohttp.ClientError, OSError) as fault:
            raise WebRefused("url_unreachable", f"{address.host} does not answer.", retryable=True) from fault

    async def _allowed(self, address: WebAddress) -> bool:
        """Whether the site's robots.txt allows a page (RFC 9309: none is yes; one that cannot be read is no)."""
        known = self._robots.get(address.origin)
        if known is None or known.until < time.monotonic():
            known = _Robots(await self._rules(address), time.monotonic() + _ROBOTS_S)
            self._robots[address.origin] = known
        return known.rules is None or bool(known.rules.can_fetch(address.url, AGENT))

    async def _rules(self, address: WebAddress) -> Protego | None:
        with tempfile.TemporaryFile() as file:
            try:
                await self._fetch(web_address(f"{address.origin}/robots.txt"), file, _ROBOTS_BYTES, obeying=False)
            except WebRefused as refusal:
                if refusal.code == "url_status" and not refusal.retryable:
                    return None
                if refusal.code != "url_too_large":
                    raise
                file.seek(0)
            return Protego.parse(file.read(_ROBOTS_BYTES).decode("utf-8", "replace"))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_CheckedResolver(self._names or aiohttp.ThreadedResolver(), self._private_hosts),
                ssl=self._trust or True,
                limit_per_host=2,
                force_close=True,  # no connection outlives the check of its address
                use_dns_cache=False,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


class _NotPublic(OSError):
    """Carries a refusal through aiohttp's connector."""

    def __init__(self, refusal: WebRefused) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class _CheckedResolver(AbstractResolver):
    """Resolves names and gives only addresses that were checked: what is connected to is what was looked at."""

    def __init__(self, resolver: AbstractResolver, private_hosts: Collection[str]) -> None:
        self._resolver = resolver
        self._private_hosts = private_hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        try:
            check_addresses(host.lower().rstrip("."), [each["host"] for each in found], self._private_hosts)
        except WebRefused as refusal:
            raise _NotPublic(refusal) from refusal
        return found

    async def close(self) -> None:
        await self._resolver.close()


async def _take(response: aiohttp.ClientResponse, file: IO[bytes], most: int) -> tuple[int, str]:
    """Write a body into a file; gives its size and sha256. Blocking writes of 64 KiB to a temporary file are short."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise WebRefused("url_invalid", "The page comes compressed, though it was asked for as it is.")
    digest, size = hashlib.sha256(), 0
    too_large = (response.content_length or 0) > most
    async for piece in response.content.iter_chunked(_PIECE):
        if too_large or size + len(piece) > most:
            file.write(piece[: max(0, most - size)])
            raise WebRefused("url_too_large", f"The page is larger than {most // 1024:,} KiB.")
        size += len(piece)
        digest.update(piece)
        file.write(piece)
    file.seek(0)
    return size, digest.hexdigest()


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _named(sitemap: str, host: str) -> tuple[list[str], list[str]]:
    """Give the sitemaps and the pages of a host that a sitemap names."""
    named = read_sitemap(sitemap)
    return (
        [url for url in named.sitemaps if _host_of(url) == host],
        [url for url in named.pages if _host_of(url) == host],
    )


def _host_of(url: str) -> str:
    try:
        return web_address(url).host
    except WebRefused:
        return ""
