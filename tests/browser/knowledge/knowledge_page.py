"""The knowledge page as a person uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from tests.browser.tab import Tab

if TYPE_CHECKING:
    from playwright.sync_api import Locator

TOKEN = "a-token/of+the=documents?"


class KnowledgePage(Tab):
    """One tab with the knowledge page."""

    def go(self, view: str = "") -> Self:
        """Load the page."""
        self.page.goto(f"{self.url}/knowledge" + (f"#{view}" if view else ""))
        return self

    def sign_in(self, token: str = TOKEN) -> Self:
        """Give the token, and wait until the page is there."""
        self.give_token(token)
        self.page.locator("#sign-in").wait_for(state="hidden")
        return self

    def give_token(self, token: str) -> None:
        """Give the token, and no more."""
        self.page.get_by_label("Admin token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()

    def view(self, name: str) -> Self:
        """Choose a part of the page."""
        self.page.get_by_role("link", name=name, exact=True).click()
        return self

    def press(self, name: str) -> None:
        """Press a button of the page, or of the question that it asks."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def document(self, document_id: str) -> Locator:
        """A row of the list."""
        return self.page.locator(f"#documents [data-document-id='{document_id}']")

    def titles(self) -> list[str]:
        """Give the titles that the list shows, from top to bottom."""
        return self.page.locator("#documents .row-title").all_inner_texts()

    def gap(self, gap_id: str) -> Locator:
        """An entry of the gaps."""
        return self.page.locator(f"[data-gap-id={gap_id}]")

    @property
    def uploads(self) -> Locator:
        return self.page.locator("#uploads > li")

    @property
    def found(self) -> Locator:
        return self.page.locator("#found > li")
