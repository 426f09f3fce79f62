"""An operator takes a conversation over, talks, leaves notes, gives it back and ends it."""

import re

from tests.browser.conftest import Open
from tests.browser.driver import Route, expect
from tests.support.system import System

from .conftest import Desk, NewCustomer
from .operator_page import TOKEN

PERSON = "I want to talk to a person"
CONFLICT = "status of 409"


def test_of_two_operators_one_wins_and_the_other_is_told(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    ana, ben = desk(staffed, "Ana"), desk(staffed, "Ben", expect=CONFLICT)
    for page in (ana, ben):
        page.open(kim.session_id)
        expect(page.standing).to_have_text("Waits for an operator")
    ana.take_over()
    expect(ben.standing).to_have_text("Ana is in charge")
    expect(ben.field).to_be_disabled()
    ben.press("Take over")
    expect(ben.notice).to_contain_text("Ana")
    expect(ana.standing).to_have_text("You are in charge")
    ben.press("Take it anyway")
    expect(ben.standing).to_have_text("You are in charge")
    expect(ben.notice).to_be_hidden()
    expect(ana.standing).to_have_text("Ben is in charge")
    expect(ana.field).to_be_disabled()
    assert kim.session["escalation"]["operator"] == "Ben"


def test_a_reply_reaches_the_customer_and_the_history(staffed: System, desk: Desk, open_page: Open) -> None:
    chat = open_page(staffed).connected()
    chat.ask(PERSON)
    ana = desk(staffed, session_id=chat.session_id).live().take_over()
    ana.reply("Hello,\n**I am** Ana.")
    expect(chat.page.locator(".message.operator .body")).to_contain_text("I am Ana.")
    expect(ana.messages.last).to_contain_text("You")
    expect(ana.page.locator(".message[data-state=sending]")).to_have_count(0)
    ana.reply("How can I help?")
    chat.say("My order is late")
    expect(ana.messages).to_have_count(5)
    stored = chat.stored()
    assert [message["role"] for message in stored] == ["user", "assistant", "operator", "operator", "user"]
    assert [message["content"] for message in stored][2:4] == ["Hello,\n**I am** Ana.", "How can I help?"]
    assert [role for role, _ in ana.texts()] == [message["role"] for message in stored]
    ana.go(chat.session_id).live()
    expect(ana.messages).to_have_count(5)


def test_what_the_customer_writes_appears_while_it_is_written(staffed: System, desk: Desk, open_page: Open) -> None:
    chat = open_page(staffed).connected()
    chat.ask(PERSON)
    ana = desk(staffed, session_id=chat.session_id).live()
    expect(ana.page.locator("#presence")).to_have_text("Customer is here")
    chat.field.press_sequentially("I am wri", delay=20)
    expect(ana.page.locator("#typing")).to_have_text(re.compile("The customer is writing"))
    chat.field.press("Enter")
    expect(ana.messages.last).to_contain_text("I am wri")
    expect(ana.page.locator("#typing")).to_be_hidden()
    chat.page.close()
    expect(ana.page.locator("#presence")).to_have_text("Customer is away")


def test_an_answer_streams_to_the_operator_and_stops_at_the_take_over(
    staffed: System, desk: Desk, open_page: Open
) -> None:
    chat = open_page(staffed).connected()
    chat.say("[tokens=200] [interval=100]")
    ana = desk(staffed, session_id=chat.session_id).live()
    expect(ana.standing).to_have_text("The assistant answers")
    expect(ana.page.locator(".assistant[data-state=writing] .body")).to_contain_text(":10")
    ana.take_over()
    expect(ana.page.locator(".assistant")).to_have_count(0)
    ana.reply("I take it from here")
    expect(chat.page.locator(".message.operator .body")).to_contain_text("I take it from here")
    assert [message["role"] for message in chat.stored()] == ["user", "operator"]


def test_operators_see_each_other_and_their_notes_and_the_customer_none(
    staffed: System, desk: Desk, open_page: Open
) -> None:
    heard: list[str] = []
    chat = open_page(staffed, load=False)
    chat.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
    chat.go().connected().ask(PERSON)
    ana, ben = (desk(staffed, name, session_id=chat.session_id).live() for name in ("Ana", "Ben"))
    expect(ana.page.locator("#presence")).to_have_text("Customer is here · 1 other operator here")
    ana.note("secret-of-the-desk: be careful")
    expect(ben.notes).to_have_text(["secret-of-the-desk: be careful"])
    expect(ben.page.locator("#notes")).to_contain_text("Ana")
    ana.take_over().reply("the last word")
    expect(chat.page.locator(".message.operator")).to_have_count(1)
    assert "secret-of-the-desk" not in chat.page.content()
    assert not [frame for frame in heard if "secret-of-the-desk" in frame]
    assert [frame for frame in heard if "the last word" in frame]
    assert "secret-of-the-desk" not in str(chat.stored())
    ben.go(chat.session_id).live()
    expect(ben.notes).to_have_text(["secret-of-the-desk: be careful"])


def test_a_released_conversation_is_taken_up_by_the_assistant(
    staffed: System, desk: Desk, customer: NewCustomer
) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    ana = desk(staffed).open(kim.session_id).take_over().reply("Please ask away")
    expect(ana.messages).to_have_count(3)
    assert kim.say("[say=the answer that was left open]")["requires_escalation"] is True
    expect(ana.messages).to_have_count(4)
    ana.press("Release to the assistant")
    expect(ana.page.locator("#question")).to_contain_text("no answer yet")
    ana.press("Let the assistant answer it")
    expect(ana.standing).to_have_text("The assistant answers")
    expect(ana.page.locator(".assistant[data-state=complete]").last).to_contain_text("the answer that was left open")
    expect(ana.group("mine").locator(f"[data-session-id={kim.session_id}]")).to_have_count(0)
    assert [message["role"] for message in kim.stored()][-2:] == ["user", "assistant"]
    assert kim.session["status"] == "active"


def test_a_conversation_can_be_released_without_an_answer(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    ana = desk(staffed).open(kim.session_id).take_over()
    kim.say("[say=never to be said]")
    expect(ana.messages).to_have_count(3)
    ana.press("Release to the assistant")
    ana.press("Release without an answer")
    expect(ana.standing).to_have_text("The assistant answers")
    assert kim.say("[say=something else]")["message"].strip() == "something else"
    assert [message["role"] for message in kim.stored()] == ["user", "assistant", "user", "user", "assistant"]


def test_resolving_asks_first_and_ends_the_conversation(staffed: System, desk: Desk, open_page: Open) -> None:
    chat = open_page(staffed).connected()
    chat.ask(PERSON)
    ana = desk(staffed).open(chat.session_id).take_over().reply("Done.")
    expect(chat.page.locator(".message.operator")).to_have_count(1)
    ana.press("Resolve")
    ana.press("Cancel")
    assert chat.call("GET", f"/api/sessions/{chat.session_id}")["status"] == "escalated"
    ana.press("Resolve")
    ana.page.keyboard.press("Escape")
    expect(ana.page.locator("#question")).to_be_hidden()
    assert chat.call("GET", f"/api/sessions/{chat.session_id}")["status"] == "escalated"
    ana.press("Resolve")
    ana.press("Resolve and end")
    expect(ana.standing).to_have_text("Ended")
    expect(ana.page.locator("#actions").get_by_role("button")).to_have_count(0)
    expect(ana.field).to_be_disabled()
    expect(ana.ticket(chat.session_id)).to_have_count(0)
    expect(chat.field).to_be_disabled()
    ana.note("after the end")
    ana.press("Closed")
    ana.ticket(chat.session_id).get_by_role("button").click()
    expect(ana.standing).to_have_text("Ended")
    expect(ana.messages).to_have_count(3)
    expect(ana.notes).to_have_text(["after the end"])


def test_what_was_being_written_stays_with_its_conversation(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    one, two = customer(staffed), customer(staffed)
    for each in (one, two):
        each.say(PERSON)
        each.act("takeover", operator="Ana")
    ana = desk(staffed).open(one.session_id)
    field, note = ana.field, ana.note_field
    field.fill("for one only")
    note.fill("about one only")
    ana.open(two.session_id)
    expect(field).to_have_value("")
    expect(note).to_have_value("")
    field.fill("for two")
    ana.open(one.session_id)
    expect(field).to_have_value("for one only")
    expect(note).to_have_value("about one only")
    field.press("Enter")
    expect(ana.messages.last).to_contain_text("for one only")
    assert [message["content"] for message in two.stored() if message["role"] == "operator"] == []


def test_the_limit_of_a_reply_is_told_near_it_and_over_it(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.act("takeover", operator="Ana")
    ana = desk(staffed, session_id=kim.session_id).live().mine()
    field, send = ana.field, ana.page.get_by_role("button", name="Send reply")
    field.fill("a" * 3599)
    expect(ana.page.locator("#counter")).to_be_hidden()
    field.fill("ä" * 4001)
    expect(ana.page.locator("#counter")).to_have_text("1 characters too many")
    expect(send).to_be_disabled()
    field.press("Enter")
    expect(field).to_have_value("ä" * 4001)
    field.fill("😀" * 4000)
    expect(ana.page.locator("#counter")).to_have_text("4000 of 4000 characters")
    field.press("Enter")
    expect(ana.messages.last).to_contain_text("😀")
    expect(ana.page.locator(".operator[data-state=complete]")).to_have_count(1)
    assert len(kim.stored()[-1]["content"]) == 4000


def test_enter_sends_and_shift_enter_does_not(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.act("takeover", operator="Ana")
    ana = desk(staffed, session_id=kim.session_id).live().mine()
    field = ana.field
    field.press_sequentially("one")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    expect(ana.messages).to_have_count(0)
    field.press("Enter")
    expect(ana.page.locator(".operator[data-state=complete]")).to_have_count(1)
    assert [message["content"] for message in kim.stored()] == ["one\ntwo"]


def test_the_packet_says_what_it_is_about(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed, user_id="kim-4711")
    kim.say("My name is Kim and my e-mail is kim@example.org. [say=Thank you]")
    kim.say(f"{PERSON}, please")
    ana = desk(staffed).open(kim.session_id)
    packet = ana.page.locator("#packet")
    expect(packet).to_contain_text("Asked for a person")
    expect(packet.locator(".summary")).to_contain_text(f"{PERSON}, please")
    expect(packet).to_contain_text("kim@example.org")
    expect(packet).to_contain_text(kim.session_id)
    expect(ana.page.locator("#talk-title")).to_have_text("kim-4711")
    assert TOKEN not in ana.page.content()


def test_the_packet_quotes_what_speaks_for_a_person(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    said = ["I want <b>a person</b>", "Nothing helped twice"]

    def quote(route: Route) -> None:
        packet = route.fetch().json()
        route.fulfill(json={**packet, "ticket": {**packet["ticket"], "score": 0.9, "evidence": said}})

    ana = desk(staffed, None)
    ana.page.route("**/api/escalations/tick_*", quote)
    ana.go(kim.session_id).sign_in("Ana").live()
    part = ana.page.locator("#packet .part", has_text="What says so")
    expect(part.locator("li")).to_have_text(said)
    expect(part.locator("b")).to_have_count(0)
