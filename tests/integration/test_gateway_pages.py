"""The pages that the gateway serves, and what they learn of it."""

import re
from pathlib import Path

import pytest

from services.gateway.adapters import pages
from services.gateway.domain.limits import Limits
from tests.unit.gateway.edge import gateway

FOLDER = Path(pages.__file__).parents[1] / "pages"
PAGES = {"chat": "main.js", "operator": "operator.js", "knowledge": "knowledge.js"}
TALK = [name for name in PAGES if name != "knowledge"]


def facts(page: str) -> dict[str, str]:
    return dict(re.findall(r'<meta name="deskbus-([a-z-]+)" content="([^"]*)">', page))


@pytest.mark.parametrize("name", TALK)
async def test_a_page_learns_the_limits_of_its_gateway(name: str) -> None:
    async with gateway() as desk, desk.client.get(f"/{name}") as response:
        assert response.content_type == "text/html"
        usual = facts(await response.text())
    assert usual == {"api": "api", "message-characters": "4000", "files": "5"}
    limits = Limits(message_characters=120, files_per_message=2)
    async with gateway(limits=limits) as desk, desk.client.get(f"/{name}") as response:
        assert facts(await response.text()) == {"api": "api", "message-characters": "120", "files": "2"}


@pytest.mark.parametrize("name", PAGES)
async def test_pages_and_their_files_may_do_nothing_but_talk_to_their_server(name: str) -> None:
    async with gateway() as desk:
        for path in (f"/{name}", f"/{name}/assets/{PAGES[name]}", f"/{name}/assets/chat.css"):
            async with desk.client.get(path) as response:
                assert response.status == 200
                policy = response.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
                assert "unsafe" not in policy
                etag = response.headers["ETag"]
            async with desk.client.get(path, headers={"If-None-Match": etag}) as response:
                assert response.status == 304
        async with desk.client.get(f"/{name}/assets/{name}.html") as response:
            assert (response.status, (await response.json())["code"]) == (404, "asset_not_found")


async def test_a_page_that_asks_for_what_there_is_not_stops_the_start(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<meta name="deskbus-nothing" content="1">', encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.html asks for deskbus-nothing; there are api"):
        pages._page(page, {"api": "api"})


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_every_module_that_it_loads(name: str) -> None:
    """Otherwise a browser learns of each only when the one before it has come."""
    page = (FOLDER / f"{name}.html").read_text(encoding="utf-8")
    named = re.findall(rf'<link rel="modulepreload" href="{name}/assets/([\w.]+)">', page)
    loaded, waiting = {PAGES[name]}, [PAGES[name]]
    while waiting:
        module = (FOLDER / waiting.pop()).read_text(encoding="utf-8")
        further = set(re.findall(r'from "\./([\w.]+)"', module)) - loaded
        loaded |= further
        waiting += further
    assert sorted(named) == sorted(loaded - {PAGES[name]})


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*")), ids=lambda path: path.name)
def test_a_page_is_made_of_short_files_without_a_way_to_make_markup_of_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", text) or path.suffix != ".html"
