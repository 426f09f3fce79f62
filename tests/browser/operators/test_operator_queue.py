"""What waits for people: in order, apart from what others have, and always fresh."""

from tests.browser.driver import Route, expect
from tests.support.system import System

from .conftest import Desk, NewCustomer

PERSON = "I want to talk to a person"
LAWYER = "My lawyer will sue you. I want to talk to a person"
# The queue is asked for anew every 5 s.
SOON = 12_000
STOLEN = "My account was hacked and I want to talk to a person"


def test_the_most_urgent_and_then_the_oldest_come_first(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    told = [PERSON, LAWYER, PERSON, STOLEN]
    waiting = [customer(staffed) for _ in told]
    for each, words in zip(waiting, told, strict=True):
        assert each.say(words)["requires_escalation"] is True
    page = desk(staffed)
    mine = {each.session_id for each in waiting}
    expect(page.ticket(waiting[0].session_id)).to_be_visible()
    order = [session_id for session_id in page.tickets("waiting") if session_id in mine]
    assert order == [waiting[place].session_id for place in (3, 1, 0, 2)]
    row = page.ticket(waiting[3].session_id)
    expect(row).to_contain_text("Urgent")
    expect(row).to_contain_text("Security")
    expect(row).to_contain_text("Account or money in wrong hands, Asked for a person")
    expect(row).to_contain_text("Waits for")


def test_a_conversation_moves_through_the_queue_by_itself(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    page = desk(staffed)
    expect(page.group("waiting")).to_be_visible()
    kim = customer(staffed)
    kim.say(PERSON)
    expect(page.group("waiting").locator(f"[data-session-id={kim.session_id}]")).to_be_visible(timeout=SOON)
    kim.act("takeover", operator="Ben")
    expect(page.group("others").locator(f"[data-session-id={kim.session_id}]")).to_contain_text(
        "Ben, for", timeout=SOON
    )
    kim.act("takeover", operator="Ana", force=True)
    expect(page.group("mine").locator(f"[data-session-id={kim.session_id}]")).to_contain_text("You, for", timeout=SOON)
    kim.act("resolve", operator="Ana")
    expect(page.ticket(kim.session_id)).to_have_count(0, timeout=SOON)
    page.press("Closed")
    expect(page.group("closed").locator(f"[data-session-id={kim.session_id}]")).to_contain_text("Closed")
    page.press("Open")
    expect(page.group("waiting")).to_be_visible()
    expect(page.ticket(kim.session_id)).to_have_count(0)


def test_more_than_a_page_is_loaded_on_demand(staffed: System, desk: Desk, customer: NewCustomer) -> None:
    waiting = [customer(staffed) for _ in range(3)]
    for each in waiting:
        each.say(PERSON)
    page = desk(staffed, None)

    def shorten(route: Route) -> None:
        route.continue_(url=route.request.url.replace("limit=100", "limit=2"))

    page.page.route("**/api/escalations?*", shorten)
    page.sign_in("Ana")
    rows = page.page.locator("#queue-lists li")
    expect(rows).to_have_count(2)
    seen = 2
    while page.page.locator("#more").is_visible():
        page.page.locator("#more").click()
        # What was shown stays, and the next refresh still shows all that was loaded.
        expect(rows.nth(seen)).to_be_visible()
        seen = min(seen + 2, rows.count())
        page.page.wait_for_timeout(300)
    shown = page.page.locator("#queue-lists li").evaluate_all("all => all.map((each) => each.dataset.sessionId)")
    assert len(shown) == len(set(shown))
    assert {each.session_id for each in waiting} <= set(shown)


def test_the_keyboard_keeps_its_place_while_the_queue_is_refreshed(
    staffed: System, desk: Desk, customer: NewCustomer
) -> None:
    kim = customer(staffed)
    kim.say(PERSON)
    page = desk(staffed)
    button = page.ticket(kim.session_id).get_by_role("button")
    button.focus()
    urgent = customer(staffed)
    urgent.say(STOLEN)
    expect(page.ticket(urgent.session_id)).to_be_visible(timeout=SOON)
    kim.act("takeover", operator="Ben")
    expect(page.group("others").locator(f"[data-session-id={kim.session_id}]")).to_be_visible(timeout=SOON)
    expect(button).to_be_focused()
    page.page.keyboard.press("Enter")
    expect(page.standing).to_have_text("Ben is in charge")
    expect(page.page.locator("#talk-title")).to_be_focused()


def test_a_queue_that_cannot_be_read_says_so_and_recovers(staffed: System, desk: Desk) -> None:
    page = desk(staffed, expect=r"status of 503|ERR_FAILED")
    page.page.route("**/api/escalations?*", lambda route: route.abort())
    expect(page.page.locator("#queue-fault")).to_contain_text("cannot be reached", timeout=SOON)
    page.page.unroute("**/api/escalations?*")
    expect(page.page.locator("#queue-fault")).to_be_hidden(timeout=SOON)
