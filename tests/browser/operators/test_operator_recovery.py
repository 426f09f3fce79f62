"""What breaks, and how the operators' page comes back."""

from tests.browser.driver import Route, expect
from tests.support.system import System

from .conftest import Desk, NewCustomer

PERSON = "I want to talk to a person"


def test_the_page_outlives_a_gateway_and_sends_what_was_written_meanwhile(
    staffed: System, desk: Desk, customer: NewCustomer, staffed_again: None
) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    ana = desk(staffed, expect="ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE").open(kim.session_id).take_over()
    staffed.kill("gateway")
    expect(ana.notice).to_contain_text("The connection is lost")
    expect(ana.page.locator("#queue-fault")).to_contain_text("cannot be reached")
    ana.reply("written while nobody was there")
    expect(ana.page.locator(".operator[data-state=sending]")).to_have_count(1)
    staffed.start("gateway")
    expect(ana.page.locator(".operator[data-state=complete]")).to_have_count(1, timeout=40_000)
    expect(ana.notice).to_be_hidden()
    expect(ana.page.locator("#queue-fault")).to_be_hidden()
    kim.say("still here")
    expect(ana.messages.last).to_contain_text("still here")
    roles = ["user", "assistant", "operator", "user"]
    assert [message["role"] for message in kim.stored()] == roles
    assert [role for role, _ in ana.texts()] == roles


def test_what_happened_meanwhile_is_there_after_an_orderly_restart(
    staffed: System, desk: Desk, customer: NewCustomer, staffed_again: None
) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    ana = desk(staffed).open(kim.session_id)
    expect(ana.messages).to_have_count(2)
    staffed.processes["gateway", 0].terminate()
    expect(ana.notice).to_contain_text("restarting", timeout=15_000)
    staffed.processes["gateway", 0].wait(30)
    staffed.start("gateway")
    staffed.wait_ready()
    kim.act("takeover", operator="Ben")
    kim.act("reply", operator="Ben", message="I was faster")
    kim.act("notes", operator="Ben", note="and a note")
    ana.live()
    expect(ana.standing).to_have_text("Ben is in charge")
    expect(ana.messages.last).to_contain_text("I was faster")
    expect(ana.notes).to_have_text(["and a note"])


def test_a_refused_reply_stays_and_can_be_sent_again(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.act("takeover", operator="Ana")
    ana = desk(staffed, session_id=kim.session_id, expect="status of 503").live()

    def refuse(route: Route) -> None:
        body = '{"code": "session_unavailable", "detail": "The conversation cannot be stored now.", "retryable": true}'
        route.fulfill(status=503, content_type="application/problem+json", body=body)

    ana.page.route("**/reply", refuse)
    ana.reply("once more")
    refused = ana.page.locator(".operator[data-state=refused]")
    expect(refused).to_contain_text("Not sent. The conversation cannot be stored now.")
    ana.page.unroute("**/reply")
    refused.get_by_role("button", name="Send again").click()
    expect(ana.page.locator(".operator[data-state=complete]")).to_have_count(1)
    assert [message["content"] for message in kim.stored()] == ["once more"]


def test_a_reply_whose_confirmation_was_lost_is_there_once(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    kim = customer(staffed)
    kim.act("takeover", operator="Ana")
    ana = desk(staffed, session_id=kim.session_id, expect="ERR_FAILED").live()

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    ana.page.route("**/reply", lose)
    ana.reply("just once")
    expect(ana.page.locator(".operator[data-state=complete]")).to_have_count(1)
    ana.page.unroute("**/reply")
    assert [message["content"] for message in kim.stored()] == ["just once"]
    expect(ana.messages).to_have_count(1)
