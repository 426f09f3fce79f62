"""One conversation in several tabs, its feedback, and its earlier messages."""

from collections.abc import Callable
from typing import Any

from tests.support.system import System

from .conftest import Open
from .driver import BrowserContext, Route, expect


def test_messages_of_all_tabs_appear_once_and_in_order(
    scripted: System, open_page: Open, context: Callable[..., BrowserContext]
) -> None:
    profile = context()
    tabs = [open_page(scripted, profile).connected() for _ in range(3)]
    for number in range(4):
        tabs[number % 3].say(f"[say=answer {number}] question {number}")
        for tab in tabs:
            expect(tab.answers).to_have_count(number + 1)
    stored = [[entry["role"], entry["content"].strip()] for entry in tabs[0].stored()]
    assert len(stored) == 8
    for tab in tabs:
        assert tab.texts() == stored
    tabs[1].go().connected()
    assert tabs[1].texts() == stored


def all_answered(stored: list[dict[str, Any]]) -> bool:
    """Whether each question's turn has its answer."""
    turns = {entry["turn_id"] for entry in stored if entry["role"] == "assistant"}
    return all(entry["turn_id"] in turns for entry in stored)


def test_messages_of_two_tabs_at_once_are_all_there(
    scripted: System, open_page: Open, context: Callable[..., BrowserContext]
) -> None:
    profile = context()
    tabs = [open_page(scripted, profile).connected() for _ in range(2)]
    for number in range(3):
        for place, tab in enumerate(tabs):
            tab.say(f"[tokens=5] from {place}, {number}")
    for tab in tabs:
        expect(tab.page.locator(".user[data-state=sent]")).to_have_count(6)
    while not all_answered(tabs[0].stored()):
        tabs[0].page.wait_for_timeout(100)
    stored = [[entry["role"], entry["content"].strip()] for entry in tabs[0].stored()]
    for tab in tabs:
        expect(tab.page.locator("#transcript > .message")).to_have_count(len(stored))
        assert tab.texts() == stored


def test_an_answer_stopped_in_one_tab_is_stopped_in_all(
    scripted: System, open_page: Open, context: Callable[..., BrowserContext]
) -> None:
    profile = context()
    here, there = (open_page(scripted, profile).connected() for _ in range(2))
    here.say("[tokens=400] [interval=50]")
    expect(there.page.locator(".assistant .body")).to_contain_text(":4")
    there.stop.click()
    for tab in (here, there):
        expect(tab.answers.first.locator(".outcome")).to_have_text("Stopped")
    assert here.texts() == there.texts()


def test_feedback_of_one_tab_is_seen_after_a_reload(
    system: System, open_page: Open, context: Callable[..., BrowserContext]
) -> None:
    profile = context()
    here, there = (open_page(system, profile).connected() for _ in range(2))
    answer = here.ask("What is your refund policy?")
    expect(there.answers).to_have_count(1)
    answer.get_by_role("button", name="Not helpful").click()
    expect(answer.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    words = answer.get_by_label("What was missing or wrong?")
    words.fill("How long with a <b>foreign</b> bank?")
    answer.get_by_role("button", name="Send", exact=True).click()
    expect(answer.locator(".remark")).to_have_text("You wrote: How long with a <b>foreign</b> bank?")
    expect(answer.get_by_role("button", name="Not helpful")).to_be_focused()
    assert here.stored()[1]["feedback"]["comment"] == "How long with a <b>foreign</b> bank?"
    there.go().connected()
    again = there.answers.first
    expect(again.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    expect(again.locator(".remark")).to_have_text("You wrote: How long with a <b>foreign</b> bank?")
    # Another opinion: the words about the old one do not belong to it.
    again.get_by_role("button", name="Helpful", exact=True).click()
    again.get_by_role("button", name="No, thanks").click()
    expect(again.locator(".remark")).to_have_text("")
    here.go().connected()
    expect(answer.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    feedback = here.stored()[1]["feedback"]
    assert (feedback["rating"], feedback.get("comment")) == ("up", None)


def test_words_about_an_answer_by_keyboard_and_within_their_limit(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    answer = chat.ask("What is your refund policy?")
    thumb = answer.get_by_role("button", name="Helpful", exact=True)
    thumb.press("Enter")
    words = answer.get_by_label("What was helpful?")
    words.press("Escape")
    expect(words).to_have_count(0)
    expect(thumb).to_be_focused()
    thumb.press("Enter")
    words.fill("x" * 2001)
    words.press("Control+Enter")
    expect(answer.locator(".fault")).to_have_text("1 character too many")
    words.fill("x" * 2000)
    words.press("Control+Enter")
    expect(answer.locator(".remark")).to_have_text("You wrote: " + "x" * 2000)


def test_feedback_that_was_not_stored_is_told(system: System, open_page: Open) -> None:
    chat = open_page(system, expect="503").connected()
    answer = chat.ask("What is your refund policy?")

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"detail": "The session service is away.", "code": "unavailable"})

    chat.page.route("**/feedback", refuse)
    thumb = answer.get_by_role("button", name="Helpful", exact=True)
    thumb.click()
    expect(answer.locator(".remark")).to_have_text("Not stored. The session service is away.")
    expect(thumb).to_have_attribute("aria-pressed", "false")
    chat.page.unroute("**/feedback")
    thumb.click()
    expect(answer.get_by_label("What was helpful?")).to_be_visible()
    expect(thumb).to_have_attribute("aria-pressed", "true")


def test_earlier_messages_are_loaded_above_without_moving_the_view(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    # Nobody answers, so that the count is known.
    chat.call("PATCH", f"/api/sessions/{chat.session_id}/status", {"status": "escalated"})
    for number in range(1, 206):
        chat.call("POST", f"/api/chat/sessions/{chat.session_id}/messages", {"message": f"message {number}"})
    chat.go().connected()
    load = chat.page.get_by_role("button", name="Load earlier messages")
    expect(chat.page.locator(".user")).to_have_count(200)
    expect(chat.page.get_by_text("message 205", exact=True)).to_be_in_viewport()
    load.focus()
    sixth = chat.page.get_by_text("message 6", exact=True)
    expect(sixth).to_be_in_viewport()
    top = "(node) => node.getBoundingClientRect().top"
    before = sixth.evaluate(top)
    load.press("Enter")
    expect(chat.page.locator(".user")).to_have_count(205)
    expect(load).to_be_hidden()
    assert abs(sixth.evaluate(top) - before) <= 2
    assert [text for _, text in chat.texts()] == [f"message {number}" for number in range(1, 206)]
    expect(chat.page.locator("#announcer")).to_contain_text("5 earlier messages are here.")
    assert chat.page.evaluate("document.activeElement.id") == "scroller"


def test_a_short_conversation_offers_no_earlier_messages(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.ask("What is your refund policy?")
    chat.go().connected()
    expect(chat.answers).to_have_count(1)
    expect(chat.page.get_by_role("button", name="Load earlier messages")).to_be_hidden()
