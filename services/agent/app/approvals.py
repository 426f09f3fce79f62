"""Approvals: what operators see of actions that wait for their word, and how they give it."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from msgspec.structs import replace

from libs.contracts.agent import Approval, ApprovalPage, DecideApproval, ListApprovals
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, FieldError, Invalid, NotFound

MOST_LISTED = 100
# Gives the approval as it is to be, or the one that it was given where nothing changes.
Rule: TypeAlias = Callable[[Approval], Approval]


class ApprovalStore(Protocol):
    """Keeps approvals. Every method raises DeskError where it cannot work; all times are by its own clock.

    An approval that was pending beyond its time is given as `expired` from that moment on.
    """

    async def page(self, tenant: str, query: ListApprovals) -> ApprovalPage:
        """Give some of a tenant's approvals, oldest first."""
        ...

    async def decide(self, tenant: str, approval_id: str, rule: Rule) -> Approval | None:
        """Change an approval by a rule while nobody else does, tell of a change, and give what is kept; None where there is none.

        What the rule raises goes up, and nothing is changed.
        """
        ...

    async def expire(self) -> int:
        """Write down and tell of some that nobody decided in time; gives how many, 0 where none is left."""
        ...


class ApprovalDesk:
    """Where operators look actions up and decide them."""

    def __init__(self, store: ApprovalStore) -> None:
        self._store = store

    async def list_approvals(self, request: ListApprovals, ctx: Context) -> ApprovalPage:
        """Give some of a tenant's approvals, oldest first.

        Raises:
            Invalid: `invalid_limit`: not within 1..100.
        """
        if not 1 <= request.limit <= MOST_LISTED:
            why = f"must be within 1 and {MOST_LISTED}"
            raise Invalid("invalid_limit", f"limit {why}", errors=[FieldError(["query", "limit"], why)])
        return await self._store.page(ctx.tenant, request)

    async def decide(self, request: DecideApproval, ctx: Context) -> Approval:
        """Allow or refuse the action that the subject names.

        Raises:
            NotFound: `approval_not_found`.
            Conflict: `already_decided` where the other word was given before, `approval_expired` where it is too late.
        """
        kept = await self._store.decide(ctx.tenant, ctx.key, lambda approval: decided(approval, request))
        if kept is None:
            raise NotFound("approval_not_found", "There is no such approval")
        return kept

    async def sweep(self) -> None:
        """Close what nobody decided in time; run every minute."""
        while await self._store.expire():
            pass


def decided(approval: Approval, request: DecideApproval) -> Approval:
    """Give an approval with a person's word; the one that is there where it was given before, whoever gave it.

    Raises:
        Conflict: as `ApprovalDesk.decide`.
    """
    word = "approved" if request.approve else "refused"
    if approval.status == "expired":
        raise Conflict("approval_expired", "Nobody decided in time: the action was not done, and cannot be allowed now")
    if approval.status == "pending":
        return replace(approval, status=word, operator=request.operator, comment=request.comment)
    if approval.status != word:
        raise Conflict("already_decided", f"A person has {approval.status} this action already")
    return approval
