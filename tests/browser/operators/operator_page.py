"""The operators' page as a person uses it, and customers who talk to the system beside it."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from tests.browser.tab import Tab

if TYPE_CHECKING:
    from playwright.sync_api import Locator

TOKEN = "a-token/of+the=operators?"


class OperatorPage(Tab):
    """One tab with the operators' page."""

    def go(self, session_id: str | None = None) -> Self:
        """Load the page."""
        self.page.goto(f"{self.url}/operator" + (f"#session={session_id}" if session_id else ""))
        return self

    def sign_in(self, name: str, token: str | None = TOKEN) -> Self:
        """Give a name and, where it is asked for, the token."""
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Start").click()
        if token is not None:
            self.give_token(token)
        self.page.locator("#me").get_by_text(name, exact=True).wait_for()
        return self

    def give_token(self, token: str) -> Self:
        """Give the token, and no more."""
        self.page.get_by_label("Admin token").fill(token)
        self.page.get_by_role("button", name="Start").click()
        return self

    # --- the queue

    def group(self, name: str) -> Locator:
        """A part of the queue: waiting, mine, others or closed."""
        return self.page.locator(f"[data-group={name}]")

    def tickets(self, name: str) -> list[str]:
        """Give the sessions of a part of the queue, from top to bottom."""
        return self.group(name).locator("li").evaluate_all("all => all.map((each) => each.dataset.sessionId)")

    def ticket(self, session_id: str) -> Locator:
        """A row of the queue."""
        return self.page.locator(f"[data-session-id={session_id}]")

    # --- what waits for a person's word

    @property
    def approvals(self) -> Locator:
        """The panel of actions to decide on."""
        return self.page.locator("#approvals")

    def approval(self, approval_id: str) -> Locator:
        """One of these actions."""
        return self.page.locator(f"[data-approval-id={approval_id}]")

    # --- the conversation

    def open(self, session_id: str) -> Self:
        """Choose a conversation from the queue and wait until it is live."""
        self.ticket(session_id).get_by_role("button").click()
        return self.live()

    def live(self) -> Self:
        """Wait for the socket."""
        self.page.locator("#link-state[data-state=open]").wait_for()
        return self

    def mine(self) -> Self:
        """Wait until this operator is in charge."""
        self.page.locator("#standing[data-standing=mine]").wait_for()
        return self

    def take_over(self) -> Self:
        """Take the conversation over, and wait until that is so."""
        self.press("Take over")
        return self.mine()

    def press(self, name: str) -> None:
        """Press a button of the page or of the question that it asks."""
        self.page.get_by_role("button", name=name).click()

    def reply(self, text: str) -> Self:
        """Write to the customer and press Enter."""
        self.field.fill(text)
        self.field.press("Enter")
        return self

    def note(self, text: str) -> Self:
        """Write a private note and wait until it stands there."""
        self.note_field.fill(text)
        self.note_field.press("Enter")
        self.notes.get_by_text(text).wait_for()
        return self

    @property
    def field(self) -> Locator:
        return self.page.get_by_role("textbox", name="Reply to the customer")

    @property
    def note_field(self) -> Locator:
        return self.page.get_by_role("textbox", name="Private note")

    @property
    def notes(self) -> Locator:
        return self.page.locator("#notes .note-text")

    @property
    def standing(self) -> Locator:
        return self.page.locator("#standing")

    @property
    def notice(self) -> Locator:
        return self.page.locator("#notice")

    @property
    def messages(self) -> Locator:
        return self.page.locator("#transcript > .message:not(.note)")

    def texts(self) -> list[tuple[str, str]]:
        """Give who said what, from top to bottom."""
        return self.messages.evaluate_all(
            "all => all.map((node) => [node.classList[1], node.querySelector('.body').innerText.trim()])"
        )


class Customer:
    """Somebody who talks to the system over HTTP, and what operators do there without a page."""

    def __init__(self, url: str, token: str | None = None, user_id: str | None = None) -> None:
        self.url = url
        self.token = token
        self.session_id: str = self.call("POST", "/api/sessions", {"user_id": user_id})["session_id"]

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Use the API."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=40) as answer:
            return json.load(answer)

    def act(self, what: str, **body: object) -> Any:
        """Do something that an operator does."""
        return self.call("POST", f"/api/sessions/{self.session_id}/{what}", body)

    def say(self, text: str) -> dict[str, Any]:
        """Say something; gives the answer."""
        return self.call("POST", f"/api/chat/sessions/{self.session_id}/messages", {"message": text})

    def stored(self) -> list[dict[str, Any]]:
        """Give the conversation as customers can read it."""
        return self.call("GET", f"/api/chat/sessions/{self.session_id}/messages?limit=200")["messages"]

    @property
    def session(self) -> dict[str, Any]:
        return self.call("GET", f"/api/sessions/{self.session_id}")
