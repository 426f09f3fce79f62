"""Who may use the page, with a token and without; and what strangers write stays text."""

import re

import pytest

from tests.browser.conftest import Open
from tests.browser.driver import Request, WebSocket, expect
from tests.support.system import System

from .conftest import Desk, NewCustomer
from .operator_page import TOKEN

PERSON = "I want to talk to a person"
HOSTILE = """<img src=x onerror="window.owned=1"><script>window.owned=1</script>[x](javascript:window.owned=1)"""


def test_a_wrong_token_is_told_in_words(staffed: System, desk: Desk) -> None:
    page = desk(staffed, None)
    page.page.get_by_label("Your name").fill("Ana")
    page.press("Start")
    page.give_token("wrong")
    expect(page.page.get_by_role("alert")).to_contain_text("This admin token is not accepted.")
    page.give_token("wröng")
    expect(page.page.get_by_role("alert")).to_contain_text("This admin token is not accepted.")
    assert page.page.evaluate("sessionStorage.getItem('deskbus.operator.token')") is None
    page.page.keyboard.press("Escape")
    expect(page.page.locator("#sign-in")).to_be_visible()
    page.give_token(TOKEN)
    expect(page.page.locator("#sign-in")).to_be_hidden()
    expect(page.page.locator("#me")).to_have_text("Ana")


def test_a_name_is_needed_and_bounded(staffed: System, desk: Desk) -> None:
    page = desk(staffed, None)
    page.page.get_by_label("Your name").fill("   ")
    page.press("Start")
    expect(page.page.get_by_role("alert")).to_contain_text("name")
    page.page.get_by_label("Your name").fill("x" * 90)
    expect(page.page.get_by_label("Your name")).to_have_value("x" * 80)


def test_the_token_is_in_no_address_and_nowhere_on_the_page(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    page = desk(staffed, None)
    asked: list[str] = []

    def note(request: Request | WebSocket) -> None:
        asked.append(request.url)

    page.page.on("request", note)
    page.page.on("websocket", note)
    page.sign_in("Ana").open(kim.session_id).take_over().reply("hello").note("noted")
    expect(page.page.locator("#presence")).to_be_visible()
    assert [url for url in asked if url.startswith("ws")]
    assert [url for url in asked if TOKEN in url or re.search(r"token", url)] == []
    assert TOKEN not in page.page.content()
    assert page.page.evaluate("[...document.querySelectorAll('input')].map((each) => each.value)") == ["", "Ana", ""]
    assert page.page.evaluate("Object.keys(localStorage).filter((name) => name.includes('operator'))") == []
    assert page.page.evaluate("JSON.stringify(localStorage)").count(TOKEN) == 0
    for service in ("gateway", "session", "agent"):
        assert TOKEN not in staffed.log(service)
    page.press("Sign out")
    expect(page.page.locator("#sign-in")).to_be_visible()
    assert page.page.evaluate("sessionStorage.length") == 0


def test_a_reload_asks_nothing_again(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    page = desk(staffed).open(kim.session_id)
    page.page.reload()
    page.live()
    expect(page.page.locator("#me")).to_have_text("Ana")
    expect(page.page.locator("#sign-in")).to_be_hidden()
    expect(page.messages).to_have_count(2)


def test_a_token_that_is_no_longer_accepted_is_asked_for_again(staffed: System, desk: Desk) -> None:
    page = desk(staffed)
    page.page.evaluate("sessionStorage.setItem('deskbus.operator.token', 'old')")
    page.page.reload()
    expect(page.page.get_by_role("alert")).to_contain_text("no longer accepted")
    page.give_token(TOKEN)
    expect(page.page.locator("#me")).to_have_text("Ana")


def test_without_an_admin_token_the_page_does_with_less(
    scripted: System, desk: Desk, customer: NewCustomer, open_page: Open
) -> None:
    chat = open_page(scripted).connected()
    chat.ask(PERSON)
    ana, ben = (desk(scripted, name, token=None).open(chat.session_id) for name in ("Ana", "Ben"))
    expect(ana.page.locator("#queue-foot")).to_contain_text("DESKBUS_ADMIN_TOKEN")
    expect(ana.page.locator("#presence")).to_be_hidden()
    ana.take_over().reply("hello from Ana")
    expect(chat.page.locator(".message.operator")).to_contain_text("hello from Ana")
    # An ordinary socket must not say that a customer is writing.
    ana.field.press_sequentially("and more", delay=20)
    ana.note("a note by HTTP")
    expect(ben.notes).to_have_text(["a note by HTTP"])
    expect(ben.standing).to_have_text("Ana is in charge")
    chat.say("[say=left open]")
    expect(ana.messages.last).to_contain_text("[say=left open]")
    expect(chat.page.locator("#typing")).to_be_hidden()
    ana.press("Release to the assistant")
    ana.press("Let the assistant answer it")
    expect(chat.answers.last).to_contain_text("left open")
    expect(ana.messages.last).to_contain_text("left open")


def test_a_token_is_forgotten_where_the_gateway_has_none_any_more(
    scripted: System, desk: Desk, customer: NewCustomer
) -> None:
    kim = customer(scripted, token=None)
    kim.say(PERSON)
    page = desk(scripted, token=None)
    page.page.evaluate("sessionStorage.setItem('deskbus.operator.token', 'of old')")
    page.go(kim.session_id)
    page.page.reload()
    page.live()
    expect(page.messages).to_have_count(2)
    expect(page.page.locator("#queue-foot")).to_be_visible()
    assert page.page.evaluate("sessionStorage.getItem('deskbus.operator.token')") is None


def test_hostile_words_stay_words(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed, user_id="<b onclick=owned=1>Kim</b>")
    kim.say(f"[say={HOSTILE}]")
    kim.say(f"{HOSTILE} {PERSON}")
    kim.act("takeover", operator="<i>Eve</i>")
    kim.act("notes", operator="<i>Eve</i>", note=HOSTILE)
    kim.act("reply", operator="<i>Eve</i>", message=HOSTILE)
    page = desk(staffed).open(kim.session_id)
    expect(page.messages).to_have_count(5)
    expect(page.standing).to_have_text("<i>Eve</i> is in charge")
    expect(page.notes).to_have_text([HOSTILE])
    expect(page.page.locator("#talk-title")).to_have_text("<b onclick=owned=1>Kim</b>")
    expect(page.messages.nth(0)).to_contain_text("<script>window.owned=1</script>")
    expect(page.messages.nth(4)).to_contain_text("<script>window.owned=1</script>")
    inside = ":is(#talk, #panel, #queue)"
    assert page.page.locator(f"{inside} :is(script, img, iframe, i.x, b[onclick], a[href^=javascript])").count() == 0
    assert page.page.evaluate("window.owned") is None


@pytest.mark.parametrize("session_id", ["sess_01ARZ3NDEKTSV4RRFFQ69G5FAV", "nonsense", "../escalations"])
def test_a_conversation_that_does_not_exist_is_told(staffed: System, desk: Desk, session_id: str) -> None:
    page = desk(staffed, session_id=session_id, expect="status of 40[04]")
    expect(page.notice).to_contain_text(re.compile("no such", re.IGNORECASE))


def test_any_conversation_can_be_opened_by_its_id(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.say("[say=just talking]")
    page = desk(staffed)
    page.page.get_by_label("Open a conversation by its id").fill(kim.session_id)
    page.page.get_by_label("Open a conversation by its id").press("Enter")
    page.live()
    expect(page.messages).to_have_count(2)
    expect(page.standing).to_have_text("The assistant answers")
    page.take_over()
    expect(page.group("mine").locator(f"[data-session-id={kim.session_id}]")).to_be_visible()


def test_a_narrow_window_shows_one_thing_at_a_time(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    page = desk(staffed, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    expect(page.page.locator("#talk")).to_be_hidden()
    page.open(kim.session_id)
    expect(page.page.locator("#queue")).to_be_hidden()
    page.take_over()
    page.page.locator("#panel-open").click()
    page.note("from the phone")
    page.page.keyboard.press("Escape")
    expect(page.page.locator("#panel")).to_be_hidden()
    expect(page.page.locator("#panel-open")).to_have_text("Details · 1 note")
    page.reply("hello")
    expect(page.page.locator(".operator[data-state=complete]")).to_have_count(1)
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert page.page.evaluate(wide) is False
    page.press("Back to the queue")
    expect(page.page.locator("#queue")).to_be_visible()
    expect(page.page.locator("#talk")).to_be_hidden()
    assert page.page.evaluate(wide) is False
    assert "session" not in page.page.url
