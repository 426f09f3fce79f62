"""From the assistant to a person and back, as the customer sees it."""

import re

from tests.support.system import System

from .chat_page import ChatPage
from .conftest import Open
from .driver import Route, expect
from .line import message, tell, told_by


def act(chat: ChatPage, what: str, **fields: object) -> None:
    """Do what an operator does."""
    chat.call("POST", f"/api/sessions/{chat.session_id}/{what}", {"operator": "Ada", **fields})


def test_who_asks_for_a_person_is_told_the_ticket(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    expect(chat.standing).to_contain_text("The assistant answers")
    chat.ask("I want to talk to a real person, please")
    ticket = chat.call("GET", f"/api/sessions/{chat.session_id}")["escalation"]["ticket_id"]
    expect(chat.standing).to_contain_text(
        f"Waiting for a person. We answer you here; you can go on writing. Ticket {ticket}"
    )
    expect(chat.page.locator(".note")).to_contain_text(ticket)
    chat.go()
    expect(chat.standing).to_contain_text(ticket)
    expect(chat.page.locator(".note")).to_contain_text(ticket)


def test_a_button_asks_for_a_person(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    button = chat.page.get_by_role("button", name="Talk to a person")
    button.focus()
    button.press("Enter")
    expect(chat.standing).to_contain_text("Waiting for a person")
    expect(button).to_be_hidden()
    expect(chat.field).to_be_focused()
    assert chat.call("GET", f"/api/sessions/{chat.session_id}")["status"] == "escalated"
    chat.say("Is anybody there?")
    expect(chat.page.locator(".user[data-state=sent]")).to_have_count(1)
    chat.go().connected()
    expect(chat.standing).to_contain_text("Waiting for a person")
    assert chat.texts() == [["user", "Is anybody there?"]]


def test_asking_for_a_person_in_vain_is_told(system: System, open_page: Open) -> None:
    chat = open_page(system, expect="503").connected()

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"detail": "The session service is away.", "code": "unavailable"})

    chat.page.route("**/status", refuse)
    chat.page.get_by_role("button", name="Talk to a person").click()
    expect(chat.notice).to_contain_text("We could not ask for a person. The session service is away.")
    chat.page.unroute("**/status")
    chat.page.get_by_role("button", name="Talk to a person").click()
    expect(chat.standing).to_contain_text("Waiting for a person")
    expect(chat.notice).to_be_hidden()


def test_a_person_takes_over_answers_and_leaves(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.ask("What is your refund policy?")
    act(chat, "takeover")
    expect(chat.standing).to_have_text("Ada is here")
    expect(chat.page.locator(".note")).to_have_text(re.compile("Ada has joined"))
    chat.say("My parcel is broken")
    expect(chat.page.locator(".user[data-state=sent]")).to_have_count(2)
    act(chat, "reply", message="I am **sorry**, I will send a new one.")
    answer = chat.page.locator(".operator")
    expect(answer.locator(".who")).to_have_text("AAdaSupport team")
    expect(answer.locator("strong")).to_have_text("sorry")
    expect(chat.page.locator("#announcer")).to_contain_text("Ada: I am sorry, I will send a new one.")
    chat.go()
    expect(chat.standing).to_have_text("Ada is here")
    expect(answer.locator(".who")).to_contain_text("Ada")
    expect(chat.page.locator(".note")).to_have_text(re.compile("Ada has joined"))
    assert [role for role, _ in chat.texts()] == ["user", "assistant", "user", "operator"]
    act(chat, "release")
    expect(chat.standing).to_contain_text("The assistant answers")
    chat.ask("How long does shipping take?")
    act(chat, "takeover")
    act(chat, "resolve")
    expect(chat.notice).to_contain_text("has ended")
    expect(chat.standing).to_be_hidden()


def test_a_takeover_makes_the_running_answer_void(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted).connected()
    chat.say("[tokens=400] [interval=50]")
    expect(chat.page.locator(".assistant .body")).to_contain_text(":4")
    act(chat, "takeover")
    expect(chat.standing).to_have_text("Ada is here")
    expect(chat.page.locator(".assistant")).to_have_count(0)
    expect(chat.page.locator(".note").filter(has_text="A person took over, so the assistant stopped")).to_be_visible()
    assert [role for role, _ in chat.texts()] == ["user"]
    act(chat, "release")
    expect(chat.standing).to_contain_text("The assistant answers")
    # What nobody has answered is taken up again.
    expect(chat.page.locator(".assistant .body")).to_contain_text(":4")


def test_standing_follows_each_frame_and_is_announced_once(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    lines = told_by(chat.page)
    chat.go().connected()
    chat.page.evaluate(
        """() => {
          window.announced = [];
          new MutationObserver((all) => all.forEach((one) => one.addedNodes.forEach((node) =>
            window.announced.push(node.textContent)))).observe(document.getElementById("announcer"), { childList: true });
        }"""
    )
    escalation = {"required": True, "reason": ["asked_for_person"], "ticket_id": "tick_42", "priority": "normal"}
    # The session itself knows nothing of this, so it is not asked.
    chat.page.route(re.compile("/api/sessions/[^/]+$"), lambda route: route.abort())
    chat.expected = "Failed to load resource"
    tell(lines, "escalation", **escalation)
    tell(lines, "session_updated", status="escalated", controller="nobody")
    expect(chat.standing).to_contain_text("Waiting for a person")
    expect(chat.standing).to_contain_text("tick_42")
    expect(chat.page.locator("#announcer")).to_contain_text("Waiting for a person")
    tell(lines, "session_updated", status="escalated", controller="operator", operator="Ada")
    # A word about the ticket, which every message brings, does not send the person away.
    tell(lines, "escalation", **escalation)
    expect(chat.standing).to_have_text("Ada is here")
    tell(lines, "message_added", message=message(1, "operator", "Hello", metadata={"operator": "<b>Ada</b>"}))
    expect(chat.page.locator(".operator .name")).to_have_text("<b>Ada</b>")
    tell(lines, "session_updated", status="escalated", controller="operator", operator="Bo")
    expect(chat.standing).to_have_text("Bo is here")
    tell(lines, "session_updated", status="active", controller="agent")
    expect(chat.standing).to_contain_text("The assistant answers")
    expect(chat.page.locator("#announcer")).to_contain_text("The assistant answers")
    announced = chat.page.evaluate("announced")
    assert len(announced) == len(set(announced))


def test_a_decision_of_a_colleague_is_a_quiet_note(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    lines = told_by(chat.page)
    chat.go().connected()
    said = "A colleague allowed the requested action: <b>Refund</b> an order."
    tell(lines, "message_added", message=message(1, "user", "Please refund my order."))
    tell(lines, "message_added", message=message(2, "system", said, metadata={"decision": "approved"}))
    note = chat.page.locator(".message.system")
    expect(note.locator(".body")).to_have_text(said)
    expect(note.locator("button, time, b")).to_have_count(0)
    expect(chat.page.locator("#announcer")).to_contain_text(f"Notice: {said}")
    box, column = note.locator(".body").bounding_box(), chat.page.locator("#transcript").bounding_box()
    assert box is not None
    assert column is not None
    assert abs((box["x"] + box["width"] / 2) - (column["x"] + column["width"] / 2)) < 3
    # What comes back with the history is the same one.
    tell(lines, "message_added", message=message(2, "system", said, metadata={"decision": "approved"}))
    expect(note).to_have_count(1)


def test_what_is_not_for_customers_or_not_known_means_nothing(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    lines = told_by(chat.page)
    chat.go().connected()
    note = {"note_id": "note_1", "content": "secret", "operator": "Ada", "created_at": "2026-01-01T00:00:00Z"}
    tell(lines, "note_added", note=note)
    tell(lines, "presence", present=[{"client_id": "secret", "role": "operator", "since": "2026-01-01T00:00:00Z"}])
    tell(lines, "weather", rain=True)
    for text in ("null", "[]", "7", "not JSON", '{"type": 7}', '{"type": "constructor"}'):
        lines[-1].send(text)
    tell(lines, "message_added", message=message(1, "operator", "Hello"))
    expect(chat.page.locator(".operator .name")).to_have_text("Support team")
    assert "secret" not in chat.page.content()
    assert len(lines) == 1
