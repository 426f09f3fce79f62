"""The chat page as a person uses it: by what is seen and pressed."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from .tab import Tab

if TYPE_CHECKING:
    from playwright.sync_api import Locator


class ChatPage(Tab):
    """One tab with the chat page."""

    def go(self) -> Self:
        """Load the page."""
        self.page.goto(f"{self.url}/chat")
        return self

    def connected(self) -> Self:
        """Wait for the socket."""
        self.page.locator("#link-state[data-state=open]").wait_for()
        return self

    @property
    def field(self) -> Locator:
        return self.page.get_by_label("Your message")

    @property
    def notice(self) -> Locator:
        return self.page.locator("#notice")

    @property
    def standing(self) -> Locator:
        """Who answers here."""
        return self.page.locator("#standing .standing-words")

    @property
    def typing(self) -> Locator:
        """Who is writing elsewhere."""
        return self.page.locator("#typing")

    @property
    def stop(self) -> Locator:
        return self.page.get_by_role("button", name="Stop the answer")

    @property
    def answers(self) -> Locator:
        """Answers that are over."""
        return self.page.locator(".message.assistant:not([data-state=writing])")

    def say(self, text: str) -> Self:
        """Write a message and press Enter."""
        self.field.fill(text)
        self.field.press("Enter")
        return self

    def ask(self, text: str) -> Locator:
        """Write a message and wait for the answer to be over."""
        before = self.answers.count()
        self.say(text)
        answer = self.answers.nth(before)
        answer.wait_for()
        return answer

    def texts(self) -> list[tuple[str, str]]:
        """Give who said what, from top to bottom."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll("#transcript > .message:not(.note)")].map((node) => [
                 node.classList[1], node.querySelector(".body").innerText.trim()])"""
        )

    def remembered(self) -> dict[str, Any]:
        """Give what the page keeps about its conversation."""
        return json.loads(self.page.evaluate("localStorage.getItem('deskbus.chat.conversation')"))

    @property
    def session_id(self) -> str:
        return self.remembered()["sessionId"]

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Use the API beside the page, as another client."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def stored(self) -> list[dict[str, Any]]:
        """Give the conversation as the server has it."""
        return self.call("GET", f"/api/chat/sessions/{self.session_id}/messages")["messages"]
