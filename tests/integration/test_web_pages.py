"""Pages fetched from real servers over TLS, by names that a resolver of the test knows."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from services.knowledge.adapters.web_pages import HttpWebPages, WebLimits
from services.knowledge.domain.web import WebRefused

HOST = "help.example"
PAGE = b"<h1>Returns</h1><p>Within 30 days.</p>"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Names(AbstractResolver):
    """Knows a few names, and counts how often it was asked."""

    def __init__(self, **known: str) -> None:
        self.known = {name.replace("_", "."): address for name, address in known.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in self.known:
            raise OSError(None, "unknown name")
        return [ResolveResult(hostname=host, host=self.known[host], port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


class Site:
    """A site whose pages the test says."""

    def __init__(self) -> None:
        self.pages: dict[str, Handler | bytes] = {"/returns": PAGE}
        self.asked: list[str] = []
        self.port = 0
        self.authority = trustme.CA()

    def url(self, path: str, host: str = HOST) -> str:
        return f"https://{host}:{self.port}{path}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        page = self.pages.get(request.path)
        if page is None:
            raise web.HTTPNotFound
        if isinstance(page, bytes):
            return web.Response(body=page, content_type="text/html")
        return await page(request)

    @property
    def trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
        return context


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    site.authority.issue_cert(HOST, "other.example").configure_cert(server)  # pyright: ignore[reportUnknownMemberType]
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        listening = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server)
        await listening.start()
        _, site.port = runner.addresses[0]
        yield site
    finally:
        await runner.cleanup()


@pytest.fixture
async def pages(site: Site) -> AsyncIterator[HttpWebPages]:
    names = Names(help_example="127.0.0.1", other_example="127.0.0.1")
    pages = HttpWebPages(
        private_hosts=[HOST],
        trust=site.trust,
        resolver=names,
        limits=WebLimits(file_bytes=100_000, seconds=10),
    )
    try:
        yield pages
    finally:
        await pages.close()


async def refusal(pages: HttpWebPages, url: str) -> str:
    with pytest.raises(WebRefused) as refused:
        async with pages.fetch(url):
            pass
    return refused.value.code


async def test_a_page_is_fetched(site: Site, pages: HttpWebPages) -> None:
    async with pages.fetch(site.url("/returns")) as fetched:
        assert fetched.content.read() == PAGE
        assert (fetched.size, fetched.name, fetched.media_type) == (len(PAGE), "returns", "text/html")
    assert fetched.content.closed


async def test_what_robots_forbid_is_not_asked_for(site: Site, pages: HttpWebPages) -> None:
    site.pages |= {"/robots.txt": b"User-agent: *\nDisallow: /internal\n", "/internal/a": PAGE}
    assert await refusal(pages, site.url("/internal/a")) == "url_forbidden"
    async with pages.fetch(site.url("/returns")):
        pass
    assert site.asked == ["/robots.txt", "/returns"]


async def test_robots_that_cannot_be_read_forbid(site: Site, pages: HttpWebPages) -> None:
    async def broken(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    site.pages["/robots.txt"] = broken
    assert await refusal(pages, site.url("/returns")) == "url_status"
    assert site.asked == ["/robots.txt"]


async def test_the_limit_of_bytes(site: Site, pages: HttpWebPages) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with pytest.raises(ConnectionError):
            while True:
                await response.write(b"x" * 10_000)
        return response

    site.pages |= {"/most": b"x" * 100_000, "/more": b"x" * 100_001, "/endless": endless}
    async with pages.fetch(site.url("/most")) as fetched:
        assert fetched.size == 100_000
    assert await refusal(pages, site.url("/more")) == "url_too_large"
    assert await refusal(pages, site.url("/endless")) == "url_too_large"


async def test_the_limit_of_time(site: Site) -> None:
    async def slow(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    site.pages["/slow"] = slow
    pages = HttpWebPages(
        private_hosts=[HOST], trust=site.trust, resolver=Names(help_example="127.0.0.1"), limits=WebLimits(seconds=0.5)
    )
    assert await refusal(pages, site.url("/slow")) == "url_timed_out"
    await pages.close()


async def test_a_host_of_a_private_network_is_refused(site: Site, pages: HttpWebPages) -> None:
    assert await refusal(pages, site.url("/returns", "other.example")) == "url_private"
    assert await refusal(pages, site.url("/returns", "127.0.0.1")) == "url_private"
    assert await refusal(pages, site.url("/returns", "[::1]")) == "url_private"
    assert site.asked == []


async def test_each_redirect_is_checked(site: Site, pages: HttpWebPages) -> None:
    def to(where: str) -> Handler:
        async def moved(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": where})

        return moved

    site.pages |= {
        "/moved": to("/returns"),
        "/inside": to(site.url("/returns", "other.example")),
        "/metadata": to("https://169.254.169.254/latest"),
        "/plain": to(f"http://{HOST}:{site.port}/returns"),
        "/file": to("file:///etc/passwd"),
        "/round": to("/round"),
    }
    async with pages.fetch(site.url("/moved")) as fetched:
        assert fetched.url == site.url("/returns")
    assert await refusal(pages, site.url("/inside")) == "url_private"
    assert await refusal(pages, site.url("/metadata")) == "url_private"
    assert await refusal(pages, site.url("/plain")) == "url_invalid"
    assert await refusal(pages, site.url("/file")) == "url_invalid"
    assert await refusal(pages, site.url("/round")) == "url_status"


async def test_what_is_not_there(site: Site, pages: HttpWebPages) -> None:
    assert await refusal(pages, site.url("/nothing")) == "url_status"
    assert await refusal(pages, site.url("/returns", "nobody.example")) == "url_unreachable"


async def test_a_certificate_that_nobody_vouches_for(site: Site) -> None:
    pages = HttpWebPages(private_hosts=[HOST], resolver=Names(help_example="127.0.0.1"))
    assert await refusal(pages, site.url("/returns")) == "url_unreachable"
    await pages.close()


async def test_what_comes_compressed_is_not_unpacked(site: Site, pages: HttpWebPages) -> None:
    async def compressed(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    site.pages["/bomb"] = compressed
    assert await refusal(pages, site.url("/bomb")) == "url_invalid"


async def test_the_pages_of_a_sitemap(site: Site, pages: HttpWebPages) -> None:
    named = "".join(f"<url><loc>{site.url(f'/{number}')}</loc></url>" for number in range(5))
    foreign = "<url><loc>https://elsewhere.example/</loc></url>"
    site.pages |= {
        "/index.xml": (
            f"<sitemapindex><sitemap><loc>{site.url('/pages.xml')}</loc></sitemap>"
            "<sitemap><loc>https://elsewhere.example/s.xml</loc></sitemap></sitemapindex>"
        ).encode(),
        "/pages.xml": f"<urlset>{foreign}{named}</urlset>".encode(),
    }
    assert await pages.pages_of(site.url("/index.xml"), 3) == [site.url(f"/{number}") for number in range(3)]
    assert await pages.pages_of(site.url("/pages.xml"), 100) == [site.url(f"/{number}") for number in range(5)]
