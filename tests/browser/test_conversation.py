"""A conversation on the page, with the real system behind it."""

import re
from collections.abc import Callable

from tests.support.system import System

from .chat_page import ChatPage
from .conftest import Open
from .driver import BrowserContext, Request, expect


def test_a_question_is_answered_with_its_source(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    expect(chat.page.get_by_role("heading", name="How can we help?")).to_be_visible()
    assert chat.page.locator("#suggestions button").all_inner_texts() == [
        "How do I reset my password?", "What is your refund policy?", "How long does shipping take?",
        "How can I contact support?",
    ]  # fmt: skip
    chat.page.get_by_role("button", name="What is your refund policy?").click()
    answer = chat.answers.first
    expect(answer).to_contain_text("30 days")
    expect(chat.page.locator("#welcome")).to_be_hidden()
    expect(answer.locator(".confidence")).to_have_text("Well supported")
    passage = answer.locator("blockquote")
    expect(passage).to_be_hidden()
    answer.get_by_role("link", name=re.compile("Source 1: Refund")).click()
    expect(passage).to_be_visible()
    expect(answer.locator("summary")).to_be_focused()
    expect(answer.locator(".score")).to_have_text(re.compile(r"^\d+ % match$"))


def test_stages_show_before_the_first_word(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted).connected()
    chat.say("[first=1500] [tokens=4]")
    expect(chat.page.locator(".stage")).to_have_text(re.compile(r"^\w.*…$"))
    expect(chat.answers).to_have_count(1)
    expect(chat.page.locator(".stage")).to_have_count(0)


def test_a_reload_keeps_the_conversation(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.ask("What is your refund policy?")
    session, before = chat.session_id, chat.texts()
    chat.go().connected()
    expect(chat.answers).to_have_count(1)
    assert (chat.session_id, chat.texts()) == (session, before)
    chat.ask("How long does shipping take?")
    assert [role for role, _ in chat.texts()] == ["user", "assistant", "user", "assistant"]
    assert len(chat.stored()) == 4


def test_a_reload_in_the_middle_of_an_answer_shows_it_whole(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted).connected()
    chat.say("[tokens=60] [interval=40]")
    expect(chat.page.locator(".assistant .body")).to_contain_text(":12")
    chat.go()
    expect(chat.page.locator(".assistant .body")).to_contain_text(":3")
    expect(chat.answers).to_have_count(1)
    assert [text for _, text in chat.texts()] == [message["content"].strip() for message in chat.stored()]


def test_r02_a_double_load_opens_one_session(
    system: System, open_page: Open, context: Callable[..., BrowserContext]
) -> None:
    profile = context()
    keys: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/api/sessions"):
            keys.append(request.headers["idempotency-key"])

    profile.on("request", note)
    # The answer to the first request is never seen: the page is loaded again before it comes.
    pages = [profile.new_page() for _ in range(2)]
    for page in pages:
        page.goto(f"{system.url}/chat", wait_until="commit")
    pages[0].reload(wait_until="commit")
    chats = [ChatPage(page, system.url).connected() for page in pages]
    assert len({chat.session_id for chat in chats}) == 1
    assert len(set(keys)) == 1
    chats[0].ask("What is your refund policy?")
    expect(chats[1].answers).to_have_count(1)
    assert chats[0].texts() == chats[1].texts()


def test_a_new_conversation_begins_empty(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.ask("What is your refund policy?")
    session = chat.session_id
    chat.page.get_by_role("button", name="New conversation").click()
    expect(chat.page.locator("#welcome")).to_be_visible()
    chat.connected()
    assert chat.session_id != session
    assert chat.texts() == []


def test_a_conversation_that_is_gone_is_begun_anew(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.expected = "404"
    session = chat.session_id
    chat.page.evaluate(
        """() => localStorage.setItem("deskbus.chat.conversation",
           JSON.stringify({ key: "old", sessionId: "sess_01ARZ3NDEKTSV4RRFFQ69G5FAV" }))"""
    )
    chat.go().connected()
    assert chat.session_id not in {session, "sess_01ARZ3NDEKTSV4RRFFQ69G5FAV"}


def test_an_ended_conversation_offers_a_new_one(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.ask("What is your refund policy?")
    chat.call("PATCH", f"/api/sessions/{chat.session_id}/status", {"status": "ended"})
    expect(chat.notice).to_contain_text("has ended")
    expect(chat.field).to_be_disabled()
    chat.go()
    expect(chat.answers).to_have_count(1)
    expect(chat.notice).to_contain_text("has ended")
    chat.notice.get_by_role("button", name="Start a new conversation").click()
    chat.connected()
    expect(chat.field).to_be_enabled()
    assert chat.texts() == []


def test_what_happens_elsewhere_shows_here(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.call("POST", f"/api/chat/sessions/{chat.session_id}/messages", {"message": "How long does shipping take?"})
    expect(chat.answers).to_have_count(1)
    assert [role for role, _ in chat.texts()] == ["user", "assistant"]


def test_who_reads_further_up_is_not_dragged_down(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted, viewport={"width": 500, "height": 400}).connected()
    chat.ask("[tokens=200] [interval=0] [newlines]")
    top = "document.getElementById('scroller').scrollTop"
    assert chat.page.evaluate(top) > 0
    chat.page.locator("#scroller").evaluate("(node) => node.scrollTo(0, 0)")
    expect(chat.page.get_by_role("button", name="Newest messages")).to_be_visible()
    chat.call("POST", f"/api/chat/sessions/{chat.session_id}/messages", {"message": "[tokens=8]"})
    expect(chat.answers).to_have_count(2)
    assert chat.page.evaluate(top) == 0
    chat.page.get_by_role("button", name="Newest messages").click()
    expect(chat.page.get_by_role("button", name="Newest messages")).to_be_hidden()
    assert chat.page.evaluate(top) > 0


def test_an_answer_that_no_language_model_gave_says_so(unreachable: System, open_page: Open) -> None:
    chat = open_page(unreachable).connected()
    chat.ask("What is your refund policy?")
    expect(chat.answers.first.locator(".outcome")).to_have_text("Quoted from the help pages")
    chat.ask("Which enzyme breaks down lactose in goats?")
    expect(chat.answers.last).to_contain_text("couldn't find anything")
    expect(chat.answers.last.locator(".confidence")).to_have_count(0)
