"""What breaks, and how the page comes back: connections, gateways, answers and messages on their way."""

import json
import re
import time

from tests.support.system import System

from .conftest import Open
from .driver import Route, WebSocketRoute, expect
from .line import begin_answer, message, tell, told_by


def test_the_page_outlives_a_gateway_that_dies_in_the_middle_of_an_answer(
    scripted: System, open_page: Open, whole_again: None
) -> None:
    chat = open_page(scripted).connected()
    chat.say("[tokens=120] [interval=50]")
    expect(chat.page.locator(".assistant .body")).to_contain_text(":10")
    scripted.kill("gateway")
    expect(chat.page.locator("#link-state[data-state=open]")).to_have_count(0)
    chat.say("[say=still here] how long does shipping take?")
    expect(chat.page.locator(".user[data-state=sending]")).to_have_count(1)
    expect(chat.notice).to_contain_text("The connection is lost")
    scripted.start("gateway")
    expect(chat.answers).to_have_count(2, timeout=40_000)
    expect(chat.notice).to_be_hidden()
    assert [(role, text) for role, text in chat.texts()] == [
        (message["role"], message["content"].strip()) for message in chat.stored()
    ]
    assert [text for role, text in chat.texts() if role == "assistant"][1] == "still here"


def test_an_orderly_restart_is_told_as_one(scripted: System, open_page: Open, whole_again: None) -> None:
    chat = open_page(scripted).connected()
    scripted.processes["gateway", 0].terminate()
    expect(chat.notice).to_contain_text("restarting", timeout=15_000)
    scripted.processes["gateway", 0].wait(30)
    scripted.start("gateway")
    chat.connected()
    expect(chat.ask("[say=back again]")).to_contain_text("back again")


def test_an_answer_that_begins_anew_drops_the_partial_text(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted).connected()
    chat.ask("[tokens=20] [interval=20] [fail-once-after=10]")
    assert [text for _, text in chat.texts()] == [message["content"].strip() for message in chat.stored()]


def test_a_failed_answer_can_be_asked_again(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted).connected()
    answer = chat.ask("[fail-before]")
    expect(answer).to_contain_text("I'm sorry")
    expect(answer.locator(".confidence")).to_have_count(0)
    answer.get_by_role("button", name="Ask again").click()
    expect(chat.answers).to_have_count(2)
    assert [role for role, _ in chat.texts()] == ["user", "assistant", "user", "assistant"]


def test_closing_codes_that_are_final_are_told(system: System, open_page: Open) -> None:
    for code, words in ((4004, "no longer available"), (4409, "has ended"), (4403, "may not connect")):
        chat = open_page(system, load=False)
        lines = told_by(chat.page)
        chat.go().connected()
        lines[-1].close(code=code)
        expect(chat.notice).to_contain_text(words)
        expect(chat.notice.get_by_role("button", name="Start a new conversation")).to_be_visible()
        assert len(lines) == 1


def test_closing_codes_that_pass_are_overcome(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    lines = told_by(chat.page)
    chat.go().connected()
    for number, code in enumerate((1013, 1011), start=2):
        lines[-1].close(code=code)
        end = time.monotonic() + 10
        while len(lines) < number and time.monotonic() < end:
            chat.page.wait_for_timeout(50)
        chat.connected()
    chat.ask("What is your refund policy?")


def test_a_refused_message_can_be_sent_again(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    refusals = [1]

    def stand(line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            if '"message"' in str(text) and refusals and refusals.pop():
                error = {"type": "error", "code": "rate_limited", "message": "Too fast.", "retryable": True}
                line.send(json.dumps(error))
            else:
                server.send(text)

        line.on_message(pass_on)

    chat.page.route_web_socket(re.compile("/ws"), stand)
    chat.go().connected()
    chat.say("What is your refund policy?")
    expect(chat.page.locator(".user .fault")).to_have_text("Not sent. Too fast.")
    chat.page.get_by_role("button", name="Send again").click()
    expect(chat.answers).to_have_count(1)
    assert len(chat.stored()) == 2


def test_a_message_that_nobody_confirmed_is_sent_again_once(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    deaf = [True]

    def stand(line: WebSocketRoute) -> None:
        server = line.connect_to_server()
        line.on_message(lambda text: None if deaf and '"message"' in str(text) else server.send(text))

    chat.page.route_web_socket(re.compile("/ws"), stand)
    chat.go().connected()
    chat.say("What is your refund policy?")
    expect(chat.page.locator(".user[data-state=sending]")).to_have_count(1)
    deaf.clear()
    chat.go()
    expect(chat.answers).to_have_count(1)
    chat.go().connected()
    assert [message["role"] for message in chat.stored()] == [role for role, _ in chat.texts()] == ["user", "assistant"]


def test_dropped_frames_are_made_up_for(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    lines: list[WebSocketRoute] = []
    deaf: list[int] = []

    def stand(line: WebSocketRoute) -> None:
        lines.append(line)
        server = line.connect_to_server()
        server.on_message(lambda text: None if deaf else line.send(text))

    chat.page.route_web_socket(re.compile("/ws"), stand)
    chat.go().connected()
    chat.ask("What is your refund policy?")
    deaf.append(1)
    chat.call("POST", f"/api/chat/sessions/{chat.session_id}/messages", {"message": "How long does shipping take?"})
    begin_answer(lines, "turn_lost", "Half of an answer whose other half was dro")
    expect(chat.page.locator("[data-state=writing]")).to_have_count(1)
    tell(lines, "resync", seq=3)
    expect(chat.page.locator("[data-state=writing]")).to_have_count(0)
    expect(chat.answers).to_have_count(2)
    # It goes on over the same connection, and the answer that runs is told from its beginning.
    begin_answer(lines, "turn_lost", "A whole ")
    tell(lines, "text", turn_id="turn_lost", attempt=1, content="answer", offset=8)
    expect(chat.page.locator("[data-state=writing] .body")).to_have_text("A whole answer")
    ids = "[...document.querySelectorAll('[data-message-id]')].map((node) => node.dataset.messageId)"
    assert chat.page.evaluate(ids) == [entry["id"] for entry in chat.stored()]
    assert [role for role, _ in chat.texts()] == ["user", "assistant"] * 2 + ["assistant"]
    assert len(lines) == 1


def test_a_history_that_is_away_is_asked_for_again(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False, expect="503")
    lines = told_by(chat.page)
    chat.go().connected()
    chat.ask("What is your refund policy?")
    away = [1, 1]

    def answer(route: Route) -> None:
        if away:
            away.pop()
            route.fulfill(status=503, json={"detail": "Away.", "code": "unavailable", "retryable": True})
        else:
            route.fulfill(
                json={"messages": [message(3, "operator", "Missed", metadata={"operator": "Ada"})], "total": 1}
            )

    chat.page.route("**/messages?*", answer)
    tell(lines, "resync", seq=3)
    expect(chat.page.locator(".operator")).to_contain_text("Missed")
    assert away == []


def test_who_was_away_is_waited_for_and_not_called_back(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    chat.page.clock.install()
    lines = told_by(chat.page)
    chat.go().connected()
    lines[-1].close(code=4408)
    expect(chat.page.locator("#link-state[data-state=idle]")).to_be_visible()
    expect(chat.notice).to_contain_text("Paused while you were away")
    chat.page.clock.run_for(10 * 60_000)
    assert len(lines) == 1
    chat.field.press_sequentially("What is your refund policy?")
    # It had just come when it was sent away, so it is not back at the first key.
    chat.page.clock.run_for(1_000)
    chat.connected()
    assert len(lines) == 2
    expect(chat.notice).to_be_hidden()
    chat.field.press("Enter")
    expect(chat.answers).to_have_count(1)
    # After a while, a sign of life is enough.
    chat.page.clock.run_for(6_000)
    lines[-1].close(code=4408)
    expect(chat.page.locator("#link-state[data-state=idle]")).to_be_visible()
    chat.page.evaluate("window.dispatchEvent(new Event('focus'))")
    chat.connected()
    assert len(lines) == 3


def test_a_server_that_is_away_is_waited_for(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False, expect="503")
    away = [1, 1]

    def answer(route: object) -> None:
        if away:
            away.pop()
            route.fulfill(  # type: ignore[attr-defined]
                status=503, content_type="application/problem+json",
                body=json.dumps({"detail": "The session service is away.", "code": "unavailable", "retryable": True}),
            )  # fmt: skip
        else:
            route.continue_()  # type: ignore[attr-defined]

    chat.page.route("**/api/sessions", answer)
    chat.go()
    expect(chat.notice).to_contain_text("The session service is away. We keep trying.")
    chat.connected()
    expect(chat.notice).to_be_hidden()
