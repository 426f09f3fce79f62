"""A gateway with an admin token over a played knowledge service, and pages that tell when their console complains."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import LOST
from tests.support.system import System, real_servers

from .knowledge_page import TOKEN, KnowledgePage
from .stand_in import StandIn, standing_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

Library = Callable[..., KnowledgePage]


@pytest.fixture(scope="session")
def played(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, StandIn]]:
    """A gateway and a session service whose knowledge service is played by the tests."""
    folder = tmp_path_factory.mktemp("library")
    without = {"agent": 0, "knowledge": 0, "attachments": 0}
    with (
        real_servers(folder / "servers") as servers,
        standing_in(servers.environment["DESKBUS_NATS_URL"]) as knowledge,
        System(servers, folder, folder, without, admin_token=TOKEN) as running,
    ):
        yield running, knowledge


@pytest.fixture
def known(played: tuple[System, StandIn]) -> StandIn:
    played[1].clear()
    return played[1]


@pytest.fixture
def library(
    played: tuple[System, StandIn], known: StandIn, context: Callable[..., BrowserContext]
) -> Iterator[Library]:
    """Open the page, each in a profile of its own; the test fails where a console held an unexpected error."""
    pages: list[KnowledgePage] = []

    def open_(view: str = "", *, token: str | None = TOKEN, expect: str = "", **options: Any) -> KnowledgePage:
        tab = context(**{"viewport": {"width": 1100, "height": 800}, **options}).new_page()
        tab.set_default_timeout(20_000)
        page = KnowledgePage(tab, played[0].url, expect)
        pages.append(page)
        page.go(view)
        return page.sign_in(token) if token else page

    yield open_
    # The first question, without a token, is answered with 401: that is how the page learns that there is one.
    usual = re.compile(r"status of 401")
    for page in pages:
        faults = [text for text in page.complaints if not LOST.search(text) and not usual.search(text)]
        assert [text for text in faults if not page.expected or not re.search(page.expected, text)] == []
