"""Actions that wait for a person's word: read, allowed and refused, by mouse and by keyboard, by one operator of several.

The agent is played (`stand_in.py`): the gateway, the session service and the bus are real.
"""

from collections.abc import Iterator

import pytest

from libs.contracts.agent import Approval
from tests.browser.driver import Route, expect
from tests.browser.line import message, tell, told_by
from tests.support.system import System

from .conftest import Desk, NewCustomer
from .operator_page import Customer, OperatorPage
from .stand_in import StandIn

# What waits is asked for together with the queue, every 5 s.
SOON = 12_000


@pytest.fixture
def agent(deciding: tuple[System, StandIn]) -> Iterator[StandIn]:
    deciding[1].clear()
    yield deciding[1]
    deciding[1].clear()


@pytest.fixture
def running(deciding: tuple[System, StandIn], agent: StandIn) -> System:
    return deciding[0]


@pytest.fixture
def kim(running: System, customer: NewCustomer) -> Customer:
    return customer(running, user_id="kim")


def pairs(page: OperatorPage, row: Approval) -> list[tuple[str, str]]:
    """What the arguments of an action read as."""
    return (
        page.approval(row.approval_id)
        .locator("dl")
        .evaluate(
            "list => [...list.querySelectorAll('dt')].map((name) => [name.innerText, name.nextSibling.innerText])"
        )
    )


def test_nothing_is_shown_where_nothing_waits(running: System, agent: StandIn, desk: Desk, kim: Customer) -> None:
    page = desk(running)
    expect(page.group("waiting")).to_be_visible()
    expect(page.approvals).to_be_hidden()
    row = agent.ask_for(kim.session_id)
    expect(page.approval(row.approval_id)).to_be_visible(timeout=SOON)
    expect(page.page.get_by_role("heading", name="Actions waiting for your word 1")).to_be_visible()
    expect(page.page.locator("#announcer")).to_contain_text("An action waits for your word: Refund order.")
    agent.decide(row.approval_id, approve=True, operator="Ben")
    expect(page.approvals).to_be_hidden(timeout=SOON)


def test_an_action_can_be_read_before_it_is_allowed(running: System, agent: StandIn, desk: Desk, kim: Customer) -> None:
    row = agent.ask_for(
        kim.session_id,
        description="Pays <b>money</b> back",
        arguments={
            "order_id": "A-1001", "amount_eur": 49.9, "express": True, "reason": None, "note": "", "lines": [],
            "to": {"name": "<img src=x onerror=alert(1)>", "iban": "DE00\u202e1234"},
            "items": [{"sku": "X1", "count": 2}, "two\nlines"],
        },
    )  # fmt: skip
    page = desk(running)
    what = page.approval(row.approval_id)
    expect(what).to_contain_text("Refund order")
    expect(what).to_contain_text("Pays <b>money</b> back")
    expect(what).to_contain_text("Asked")
    expect(what).to_contain_text("counts as refused in 29 min")
    assert [tuple(each) for each in pairs(page, row)] == [
        ("Order id", "A-1001"), ("Amount eur", "49.9"), ("Express", "Yes"), ("Reason", "(nothing)"), ("Note", "(empty)"),
        ("Lines", "(empty list)"), ("To › Name", "<img src=x onerror=alert(1)>"), ("To › Iban", "DE00[U+202E]1234"),
        ("Items › 1 › Sku", "X1"), ("Items › 1 › Count", "2"), ("Items › 2", "two\nlines"),
    ]  # fmt: skip
    assert page.approvals.locator("img, b").count() == 0
    what.get_by_role("button", name="Open conversation").click()
    page.live()
    expect(page.page.locator("#talk-title")).to_have_text("kim")
    expect(what).to_be_visible()


@pytest.mark.parametrize(
    ("button", "status", "words"), [("Allow", "approved", "Allowed"), ("Refuse", "refused", "Refused")]
)
def test_what_is_decided_leaves_the_list(
    running: System, agent: StandIn, desk: Desk, kim: Customer, button: str, status: str, words: str
) -> None:
    first, second = agent.ask_for(kim.session_id), agent.ask_for(kim.session_id, "close_account", arguments={})
    page = desk(running)
    what = page.approval(first.approval_id)
    expect(page.approval(second.approval_id)).to_contain_text("Without any details")
    what.get_by_label("Comment").fill("  as agreed  ")
    what.get_by_role("button", name=button).click()
    expect(what).to_have_count(0)
    expect(page.page.locator("#announcer")).to_contain_text(f"{words}: Refund order.")
    # The same key once more decides on nothing else.
    expect(page.page.locator("#approvals-title")).to_be_focused()
    known = agent.known(first.approval_id)
    assert (known.status, known.operator, known.comment) == (status, "Ana", "as agreed")
    page.approval(second.approval_id).get_by_role("button", name=button).click()
    expect(page.approvals).to_be_hidden()
    expect(page.page.locator("#queue-title")).to_be_focused()
    assert agent.known(second.approval_id).comment is None


def test_it_works_by_keyboard_and_keeps_its_place(running: System, agent: StandIn, desk: Desk, kim: Customer) -> None:
    row = agent.ask_for(kim.session_id)
    page = desk(running)
    what = page.approval(row.approval_id)
    comment = what.get_by_label("Comment")
    comment.focus()
    page.page.keyboard.type("Half a")
    other = agent.ask_for(kim.session_id, "close_account")
    expect(page.approval(other.approval_id)).to_be_visible(timeout=SOON)
    expect(comment).to_be_focused()
    expect(comment).to_have_value("Half a")
    # Whoever writes a comment and presses Enter has decided nothing.
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("Tab")
    expect(what.get_by_role("button", name="Allow")).to_be_focused()
    ring = what.get_by_role("button", name="Allow").evaluate("node => getComputedStyle(node).outlineStyle")
    assert ring == "solid"
    assert agent.known(row.approval_id).status == "pending"
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    expect(what).to_have_count(0)
    assert agent.known(row.approval_id).status == "refused"
    assert agent.known(other.approval_id).status == "pending"


def held(page: OperatorPage) -> None:
    """From now on this page learns nothing new of what waits."""
    page.page.route("**/api/approvals?status=pending*", lambda route: route.abort())


def test_of_two_operators_the_later_one_is_told_who_decided(
    running: System, agent: StandIn, desk: Desk, kim: Customer
) -> None:
    otherwise, same, late, gone = (agent.ask_for(kim.session_id, f"action_{number}") for number in range(4))
    page = desk(running, expect=r"ERR_FAILED|status of (409|404)")
    expect(page.approval(gone.approval_id)).to_be_visible()
    held(page)
    agent.decide(otherwise.approval_id, approve=False, operator="Ben")
    agent.decide(same.approval_id, approve=True, operator="Cleo")
    agent.expire(late.approval_id)
    news = page.page.locator("#approvals-news")
    for row, words in (
        (otherwise, "Ben has already refused “Action 0”."), (same, "Cleo has already allowed “Action 1”."),
        (late, "Nobody decided on “Action 2” in time, so it counts as refused."),
    ):  # fmt: skip
        page.approval(row.approval_id).get_by_role("button", name="Allow").click()
        expect(news).to_contain_text(words)
        expect(news).to_be_in_viewport()
        expect(page.approval(row.approval_id)).to_have_count(0)
    agent.clear()
    page.approval(gone.approval_id).get_by_role("button", name="Allow").click()
    expect(news).to_contain_text("“Action 3” is not there any more")
    # The words stay until they are read, even where nothing else waits.
    news.get_by_role("button", name="OK").click()
    expect(page.approvals).to_be_hidden()
    expect(page.page.locator("#queue-title")).to_be_focused()


def test_a_decision_that_could_not_be_told_can_be_tried_again(
    running: System, agent: StandIn, desk: Desk, kim: Customer
) -> None:
    row = agent.ask_for(kim.session_id)
    page = desk(running, expect=r"status of 503")
    what = page.approval(row.approval_id)
    body = '{"status":503,"code":"agent_unavailable","detail":"The agent service is not running right now","retryable":true}'

    def refuse(route: Route) -> None:
        route.fulfill(status=503, content_type="application/problem+json", body=body)

    page.page.route(f"**/api/approvals/{row.approval_id}", refuse)
    what.get_by_label("Comment").fill("keep this")
    what.get_by_role("button", name="Allow").click()
    expect(what.get_by_role("alert")).to_have_text("Not done. The agent service is not running right now")
    expect(what.get_by_role("button", name="Allow")).to_be_focused()
    page.page.unroute(f"**/api/approvals/{row.approval_id}")
    what.get_by_role("button", name="Allow").click()
    expect(what).to_have_count(0)
    assert agent.known(row.approval_id).comment == "keep this"


def test_what_another_decides_while_one_writes_leaves_the_keyboard_near(
    running: System, agent: StandIn, desk: Desk, kim: Customer
) -> None:
    row, other = agent.ask_for(kim.session_id), agent.ask_for(kim.session_id)
    page = desk(running)
    page.approval(row.approval_id).get_by_label("Comment").focus()
    agent.decide(row.approval_id, approve=False, operator="Ben")
    expect(page.approval(row.approval_id)).to_have_count(0, timeout=SOON)
    expect(page.page.locator("#approvals-title")).to_be_focused()
    expect(page.page.locator("#announcer")).to_contain_text("Somebody else decided on this action")
    expect(page.approval(other.approval_id)).to_be_visible()


def test_signing_out_takes_the_actions_along(running: System, agent: StandIn, desk: Desk, kim: Customer) -> None:
    row = agent.ask_for(kim.session_id)
    page = desk(running)
    expect(page.approval(row.approval_id)).to_be_visible()
    page.press("Sign out")
    expect(page.page.locator("#approvals-list > li")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_panel_fits(running: System, agent: StandIn, desk: Desk, kim: Customer, width: int) -> None:
    row = agent.ask_for(kim.session_id, arguments={"a_name_that_goes_on_and_on": "x" * 400, "to": {"city": "Köln"}})
    page = desk(running, viewport={"width": width, "height": 800})
    what = page.approval(row.approval_id)
    expect(what).to_be_visible()
    for name in ("Allow", "Refuse"):
        button = what.get_by_role("button", name=name)
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= width, box["height"] >= 32) == (True, True, True)
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.approvals.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_a_decision_stands_in_the_conversation_as_the_system_s_word(
    running: System, agent: StandIn, desk: Desk, kim: Customer
) -> None:
    page = desk(running, None)
    lines = told_by(page.page)
    page.go(kim.session_id).sign_in("Ana").live()
    said = "A colleague allowed the requested action: Refund an order."
    tell(lines, "message_added", message=message(1, "system", said, metadata={"decision": "approved"}))
    expect(page.page.locator(".message.system")).to_have_text(f"System{said}")
    expect(page.page.locator("#announcer")).to_contain_text(f"System: {said}")
    tell(lines, "message_added", message=message(1, "system", said, metadata={"decision": "approved"}))
    expect(page.page.locator(".message.system")).to_have_count(1)
