"""Systems with and without an admin token, and operators' pages that tell when their console complains."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import LOST
from tests.support.system import System, real_servers

from .operator_page import TOKEN, Customer, OperatorPage
from .stand_in import StandIn, standing_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

Desk = Callable[..., OperatorPage]
NewCustomer = Callable[..., Customer]


@pytest.fixture(scope="session")
def staffed(chromium: Browser, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """A system with an admin token, whose answers say what the question asks them to say."""
    folder = tmp_path_factory.mktemp("staffed")
    with (
        real_servers(folder / "servers") as servers,
        System(
            servers, folder, model_folder, model="scripted", scripted_first_token_ms=50, admin_token=TOKEN
        ) as running,
    ):  # fmt: skip
        yield running


@pytest.fixture(scope="session")
def deciding(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, StandIn]]:
    """A gateway and a session service whose agent is played by the tests: it only keeps what people decide on."""
    folder = tmp_path_factory.mktemp("deciding")
    played = {"agent": 0, "knowledge": 0, "attachments": 0}
    with (
        real_servers(folder / "servers") as servers,
        standing_in(servers.environment["DESKBUS_NATS_URL"]) as agent,
        System(servers, folder, folder, played, admin_token=TOKEN) as running,
    ):
        yield running, agent


@pytest.fixture
def staffed_again(staffed: System) -> Iterator[None]:
    """Start again what a test has stopped."""
    yield
    for (name, index), process in list(staffed.processes.items()):
        if process.poll() is not None:
            staffed.start(name, index)
    staffed.wait_ready()


@pytest.fixture
def desk(context: Callable[..., BrowserContext]) -> Iterator[Desk]:
    """Open the operators' page, each in a profile of its own; the test fails where a console held an unexpected error."""
    pages: list[OperatorPage] = []

    def open_(
        system: System, name: str | None = "Ana", *, session_id: str | None = None, token: str | None = TOKEN,
        expect: str = "", **options: Any,
    ) -> OperatorPage:  # fmt: skip
        page = context(**{"viewport": {"width": 1280, "height": 800}, **options}).new_page()
        page.set_default_timeout(20_000)
        operator = OperatorPage(page, system.url, expect)
        pages.append(operator)
        operator.go(session_id)
        return operator.sign_in(name, token) if name else operator

    yield open_
    # The first question, without a token, is answered with 401: that is how the page learns that there is one.
    usual = re.compile(r"status of 401")
    for operator in pages:
        faults = [text for text in operator.complaints if not LOST.search(text) and not usual.search(text)]
        assert [text for text in faults if not operator.expected or not re.search(operator.expected, text)] == []


@pytest.fixture
def customer() -> NewCustomer:
    """Let somebody come to a system."""

    def come(system: System, *, token: str | None = TOKEN, user_id: str | None = None) -> Customer:
        return Customer(system.url, token, user_id)

    return come
