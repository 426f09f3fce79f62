"""A headless Chromium, the real system behind it, and pages that tell when their console complains.

Where Chromium or its driver is missing, every test here is skipped with the reason: `make browser` brings the driver.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.ports import free_port
from tests.support.system import System, real_servers

from .chat_page import ChatPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# A connection that fails is what several tests are about, and the browser says so by itself.
LOST = re.compile(r"WebSocket connection to|net::ERR_CONNECTION_REFUSED")

Open = Callable[..., ChatPage]


def chromium_path() -> str | None:
    """Find the browser: CHROMIUM where it is set, else the usual names and the usual place."""
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "/usr/bin/chromium"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    driver = pytest.importorskip("playwright.sync_api", reason="the browser's driver is missing: run `make browser`")
    path = chromium_path()
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium), or set CHROMIUM to its path")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def system(chromium: Browser, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """The system as `make run` makes it: the extractive model over the example documents."""
    folder = tmp_path_factory.mktemp("page")
    with real_servers(folder / "servers") as servers, System(servers, folder, model_folder) as running:
        yield running


@pytest.fixture(scope="session")
def scripted(chromium: Browser, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """A system whose answers say what the question asks them to say."""
    folder = tmp_path_factory.mktemp("scripted")
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, model_folder, model="scripted", scripted_first_token_ms=50) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def unreachable(chromium: Browser, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """A system whose language model is away."""
    folder = tmp_path_factory.mktemp("unreachable")
    address = f"http://127.0.0.1:{free_port()}/v1"
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, model_folder, model=f"openai/away@{address}") as running,
    ):
        yield running


@pytest.fixture
def context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Make browsers' profiles: each has a storage of its own."""
    opened: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        opened.append(chromium.new_context(**{"viewport": {"width": 1000, "height": 760}, **options}))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def open_page(context: Callable[..., BrowserContext]) -> Iterator[Open]:
    """Open the chat page; the test fails where a page's console held an error that it did not expect."""
    pages: list[ChatPage] = []

    def open_(
        system: System, profile: BrowserContext | None = None, *, load: bool = True, expect: str = "", **options: Any
    ) -> ChatPage:
        page = (profile or context(**options)).new_page()
        page.set_default_timeout(20_000)
        chat = ChatPage(page, system.url, expect)
        pages.append(chat)
        return chat.go() if load else chat

    yield open_
    for chat in pages:
        faults = [text for text in chat.complaints if not LOST.search(text)]
        assert [text for text in faults if not chat.expected or not re.search(chat.expected, text)] == []


@pytest.fixture
def whole_again(scripted: System) -> Iterator[None]:
    """Start again what a test has killed."""
    yield
    for (name, index), process in list(scripted.processes.items()):
        if process.poll() is not None:
            scripted.start(name, index)
    scripted.wait_ready()
