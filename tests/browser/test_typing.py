"""Who is writing: told to the others, and shown from them."""

import datetime as dt
import json
from collections.abc import Callable

from tests.support.system import System

from .conftest import Open
from .driver import BrowserContext, Page, WebSocket, expect
from .line import message, tell, told_by


def told_typing(page: Page) -> list[bool]:
    """Keep what the page tells of its typing."""
    told: list[bool] = []

    def hear(text: str) -> None:
        frame = json.loads(text)
        if frame["type"] == "typing":
            told.append(frame["is_typing"])

    page.on("websocket", lambda socket: socket.on("framesent", hear) if isinstance(socket, WebSocket) else None)
    return told


def stand_still(page: Page) -> None:
    """Stop the page's clock: from here on only the test lets time pass."""
    soon = page.evaluate("Date.now()") / 1000 + 1
    page.clock.pause_at(dt.datetime.fromtimestamp(soon, dt.UTC))


def test_typing_is_told_seldom_and_its_end_once(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    chat.page.clock.install()
    told = told_typing(chat.page)
    chat.go().connected()
    stand_still(chat.page)
    chat.field.press_sequentially("How long")
    assert told == [True]
    chat.page.clock.run_for(2_900)
    chat.field.press_sequentially(" does")
    assert told == [True]
    chat.page.clock.run_for(200)
    chat.field.press_sequentially(" it")
    assert told == [True, True]
    # A pause for thought.
    chat.page.clock.run_for(3_900)
    assert told == [True, True]
    chat.page.clock.run_for(200)
    assert told == [True, True, False]
    chat.field.press_sequentially("?")
    chat.field.fill("")
    assert told == [True, True, False, True, False]
    chat.field.press_sequentially("What is your refund policy?")
    chat.field.press("Enter")
    assert told == [True, True, False, True, False, True, False]


def test_an_operator_who_writes_is_shown_and_announced_once(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    chat.page.clock.install()
    lines = told_by(chat.page)
    chat.go().connected()
    chat.page.evaluate(
        """() => {
          window.announced = [];
          new MutationObserver((all) => all.forEach((one) => one.addedNodes.forEach((node) =>
            window.announced.push(node.textContent)))).observe(document.getElementById("announcer"), { childList: true });
        }"""
    )
    typing = {"client_id": "client_ada", "role": "operator"}
    tell(lines, "user_typing", **typing, is_typing=True)
    expect(chat.typing).to_have_text("Somebody from our team is writing…")
    tell(lines, "user_typing", **typing, is_typing=False)
    expect(chat.typing).to_be_hidden()
    tell(lines, "user_typing", **typing, is_typing=True)
    expect(chat.typing).to_be_visible()
    assert chat.page.evaluate("announced") == ["Somebody from our team is writing…"]
    # The message is there: nobody is writing it any more, and the next one is announced anew.
    tell(lines, "message_added", message=message(1, "operator", "Hello"))
    expect(chat.typing).to_be_hidden()
    tell(lines, "user_typing", **typing, is_typing=True)
    expect(chat.typing).to_be_visible()
    assert chat.page.evaluate("announced").count("Somebody from our team is writing…") == 2
    # Nobody says that it is over.
    chat.page.clock.run_for(10_100)
    expect(chat.typing).to_be_hidden()
    # Gone with the connection.
    tell(lines, "user_typing", **typing, is_typing=True)
    expect(chat.typing).to_be_visible()
    lines[-1].close(code=1011)
    expect(chat.typing).to_be_hidden()


def test_another_window_of_the_same_customer_is_told(
    system: System, open_page: Open, context: Callable[..., BrowserContext]
) -> None:
    profile = context()
    here = open_page(system, profile).connected()
    there = open_page(system, profile).connected()
    assert here.session_id == there.session_id
    there.field.press_sequentially("What is")
    expect(here.typing).to_have_text("You are writing in another window…")
    expect(there.typing).to_be_hidden()
    there.field.press_sequentially(" your refund policy?")
    there.field.press("Enter")
    expect(here.typing).to_be_hidden()
    expect(here.answers).to_have_count(1)
    assert "writing" not in here.page.locator("#announcer").inner_text()
