"""An answer that is called off: by the customer, or by what becomes of the conversation."""

import pytest

from tests.support.system import System

from .conftest import Open
from .driver import expect
from .line import begin_answer, message, tell, told_by


@pytest.mark.parametrize("how", ["button", "Escape"])
def test_a_stopped_answer_keeps_what_was_said(scripted: System, open_page: Open, how: str) -> None:
    chat = open_page(scripted).connected()
    expect(chat.stop).to_be_hidden()
    chat.say("[tokens=400] [interval=50]")
    expect(chat.page.locator(".assistant .body")).to_contain_text(":4")
    expect(chat.stop).to_be_visible()
    if how == "button":
        chat.stop.click()
    else:
        chat.field.press("Escape")
    answer = chat.answers.first
    expect(answer.locator(".outcome")).to_have_text("Stopped")
    expect(answer.locator(".body")).to_contain_text(":4")
    expect(answer.locator(".feedback")).to_have_count(0)
    expect(chat.stop).to_be_hidden()
    expect(chat.field).to_be_focused()
    expect(chat.page.locator("#announcer")).to_contain_text("Stopped.")
    assert [role for role, _ in chat.texts()] == ["user", "assistant"]
    assert [text for _, text in chat.texts()] == [entry["content"].strip() for entry in chat.stored()]
    assert chat.stored()[1]["status"] == "cancelled"
    chat.go().connected()
    expect(answer.locator(".outcome")).to_have_text("Stopped")
    expect(chat.ask("[say=and on]")).to_contain_text("and on")


def test_stop_before_the_first_word(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted).connected()
    chat.say("[first=60000] [tokens=4]")
    expect(chat.page.locator(".stage")).to_be_visible()
    chat.stop.click()
    expect(chat.answers.first.locator(".outcome")).to_have_text("Stopped")
    expect(chat.answers.first.locator(".body")).to_be_hidden()
    assert chat.stored()[1]["content"] == ""


def test_a_stop_that_was_lost_with_the_connection_is_asked_again(
    scripted: System, open_page: Open, whole_again: None
) -> None:
    chat = open_page(scripted).connected()
    chat.say("[tokens=1500] [interval=50]")
    expect(chat.page.locator(".assistant .body")).to_contain_text(":4")
    scripted.kill("gateway")
    expect(chat.page.locator("#link-state[data-state=open]")).to_have_count(0)
    chat.stop.click()
    scripted.start("gateway")
    expect(chat.answers.first.locator(".outcome")).to_have_text("Stopped", timeout=60_000)
    assert [text for _, text in chat.texts()] == [entry["content"].strip() for entry in chat.stored()]


@pytest.mark.parametrize(
    ("reason", "words"),
    [("taken_over", "A person took over"), ("escalated", "A person will answer this"), ("superseded", None)],
)
def test_a_void_answer_goes_with_a_word_why(system: System, open_page: Open, reason: str, words: str | None) -> None:
    chat = open_page(system, load=False)
    lines = told_by(chat.page)
    chat.go().connected()
    tell(lines, "message_added", message=message(1, "user", "Why?"))
    begin_answer(lines, "turn_1", "Half of")
    expect(chat.page.locator(".assistant")).to_contain_text("Half of")
    tell(lines, "cancelled", turn_id="turn_1", reason=reason)
    expect(chat.page.locator(".assistant")).to_have_count(0)
    expect(chat.stop).to_be_hidden()
    if words:
        expect(chat.page.locator(".note")).to_contain_text(words)
    # What still comes of it means nothing.
    tell(lines, "text", turn_id="turn_1", attempt=1, content=" more", offset=7)
    begin_answer(lines, "turn_1", "again")
    begin_answer(lines, "turn_2", "Another")
    expect(chat.page.locator(".assistant")).to_have_text("Assistant: Another")
    expect(chat.page.locator(".note")).to_have_count(1 if words else 0)


def test_a_refused_stop_can_be_asked_again_and_spares_messages(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    lines = told_by(chat.page)
    chat.go().connected()
    begin_answer(lines, "turn_1", "Half of")
    chat.stop.click()
    stopping = chat.page.get_by_role("button", name="Stopping the answer")
    # The server knows no such turn, and says so.
    expect(stopping).to_have_count(0)
    expect(chat.stop).to_be_visible()
    expect(chat.page.locator("[data-state=refused]")).to_have_count(0)


def test_the_keyboard_stays_near_when_the_button_goes(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted).connected()
    chat.say("[tokens=400] [interval=50]")
    expect(chat.page.locator(".assistant .body")).to_contain_text(":4")
    chat.page.keyboard.press("Tab")
    expect(chat.stop).to_be_focused()
    chat.page.keyboard.press("Space")
    expect(chat.answers.first.locator(".outcome")).to_have_text("Stopped")
    expect(chat.field).to_be_focused()
