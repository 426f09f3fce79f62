"""What operators may say about actions that wait for them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from libs.contracts.agent import Approval, ApprovalPage, AskUsage, DecideApproval, ListApprovals, UsageReport, UsageRow
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, Invalid, NotFound
from services.agent.app.approvals import ApprovalDesk, Rule
from services.agent.app.usage import UsageDesk

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
PENDING = Approval(
    approval_id="appr_1", session_id="sess_1", turn_id="turn_1", tool="refund", description="Refund an order",
    arguments={"order": "A-1042"}, requested_at=NOON, expires_at=NOON + timedelta(hours=24),
)  # fmt: skip
CTX = Context(tenant="acme", key="appr_1")
YES = DecideApproval(approve=True, operator="ann", comment="fine")
NO = DecideApproval(approve=False, operator="ben")


class Shelf:
    """One approval; keeps what was asked for."""

    def __init__(self, approval: Approval | None = PENDING, late: int = 0) -> None:
        self.approval = approval
        self.asked: list[tuple[str, ListApprovals]] = []
        self.late = late

    async def page(self, tenant: str, query: ListApprovals) -> ApprovalPage:
        self.asked.append((tenant, query))
        return ApprovalPage([PENDING], 1)

    async def decide(self, tenant: str, approval_id: str, rule: Rule) -> Approval | None:
        assert (tenant, approval_id) == ("acme", "appr_1")
        if self.approval is not None:
            self.approval = rule(self.approval)
        return self.approval

    async def expire(self) -> int:
        some = min(self.late, 100)
        self.late -= some
        return some


@pytest.mark.parametrize(
    ("request_", "status", "operator", "comment"),
    [(YES, "approved", "ann", "fine"), (NO, "refused", "ben", None)],
    ids=["yes", "no"],
)
async def test_a_pending_action_gets_a_persons_word(
    request_: DecideApproval, status: Any, operator: str, comment: str | None
) -> None:
    decided = await ApprovalDesk(Shelf()).decide(request_, CTX)
    assert decided == replace(PENDING, status=status, operator=operator, comment=comment)


@pytest.mark.parametrize(("first", "other"), [(YES, NO), (NO, YES)], ids=["yes", "no"])
async def test_the_same_word_changes_nothing_and_the_other_is_refused(
    first: DecideApproval, other: DecideApproval
) -> None:
    shelf = Shelf()
    desk = ApprovalDesk(shelf)
    decided = await desk.decide(first, CTX)
    assert await desk.decide(replace(first, operator="carla", comment="me too"), CTX) is decided
    with pytest.raises(Conflict) as caught:
        await desk.decide(other, CTX)
    assert caught.value.code == "already_decided"
    assert shelf.approval is decided


@pytest.mark.parametrize("request_", [YES, NO], ids=["yes", "no"])
async def test_what_expired_cannot_be_decided(request_: DecideApproval) -> None:
    with pytest.raises(Conflict) as caught:
        await ApprovalDesk(Shelf(replace(PENDING, status="expired"))).decide(request_, CTX)
    assert caught.value.code == "approval_expired"


async def test_an_unknown_approval_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        await ApprovalDesk(Shelf(None)).decide(YES, CTX)
    assert caught.value.code == "approval_not_found"


@pytest.mark.parametrize("limit", [1, 100])
async def test_pages_within_the_bounds(limit: int) -> None:
    shelf = Shelf()
    query = ListApprovals(limit=limit, status="pending", session_id="sess_1", after="appr_0")
    assert await ApprovalDesk(shelf).list_approvals(query, CTX) == ApprovalPage([PENDING], 1)
    assert shelf.asked == [("acme", query)]


@pytest.mark.parametrize("limit", [-1, 0, 101])
async def test_pages_beyond_the_bounds_are_refused(limit: int) -> None:
    shelf = Shelf()
    with pytest.raises(Invalid) as caught:
        await ApprovalDesk(shelf).list_approvals(ListApprovals(limit=limit), CTX)
    assert caught.value.code == "invalid_limit"
    assert shelf.asked == []


async def test_a_sweep_goes_on_until_nothing_is_late() -> None:
    shelf = Shelf(late=250)
    await ApprovalDesk(shelf).sweep()
    assert shelf.late == 0


# --- what models cost, for whoever pays


class Sums:
    """Gives one row for whatever it is asked."""

    async def sums(self, tenant: str, since: Any, until: Any) -> list[UsageRow]:
        return [
            UsageRow(
                day=since, tenant=tenant, model="m", calls=1, failed=0, prompt_tokens=1, completion_tokens=1, cost_usd=0
            )
        ]


@pytest.mark.parametrize("days", [0, 1, 365])
async def test_a_range_of_up_to_366_days_is_summed(days: int) -> None:
    since = NOON.date()
    report = await UsageDesk(Sums()).usage(AskUsage(since=since, until=since + timedelta(days=days)), CTX)
    assert isinstance(report, UsageReport)
    assert [(row.day, row.tenant) for row in report.rows] == [(since, "acme")]


@pytest.mark.parametrize("days", [-1, 366])
async def test_a_longer_range_or_one_that_ends_first_is_refused(days: int) -> None:
    since = NOON.date()
    with pytest.raises(Invalid) as caught:
        await UsageDesk(Sums()).usage(AskUsage(since=since, until=since + timedelta(days=days)), CTX)
    assert caught.value.code == "invalid_range"
