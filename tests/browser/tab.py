"""One tab of a browser, whatever page it shows: its address, and what its console complained of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page


class Tab:
    """One tab.

    Attributes:
        complaints: what the console held of errors and warnings.
        expected: a pattern of complaints that belong to the test.
    """

    def __init__(self, page: Page, url: str, expected: str = "") -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.expected = expected
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")
