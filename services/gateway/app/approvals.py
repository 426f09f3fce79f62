"""Actions that wait for a person's word: list them, decide on them."""

from msgspec import structs

from libs.contracts.agent import Approval, ApprovalPage, ListApprovals
from libs.contracts.bus_map import DECIDE_APPROVAL, LIST_APPROVALS
from libs.contracts.channels import Caller

from ..domain.approvals import ApprovalOrder, ApprovalQuery, check_approval_id
from ..domain.limits import check_session_id
from ..domain.marks import read_approval_cursor
from ..domain.requests import AT_ONCE


class Approvals:
    """What models asked for and people decide on; the agent service keeps it."""

    def __init__(self, caller: Caller, tenant: str) -> None:
        self._caller = caller
        self._tenant = tenant

    async def list(self, query: ApprovalQuery) -> ApprovalPage:
        """Give a page of them, the oldest first.

        Raises:
            Invalid: `invalid_cursor`.
            NotFound: `session_not_found`; what should be a session's id is none.
        """
        asked = ListApprovals(
            status=query.status, limit=min(query.limit, AT_ONCE), after=read_approval_cursor(query.cursor),
            session_id=None if query.session_id is None else check_session_id(query.session_id),
        )  # fmt: skip
        page = await self._caller.call(LIST_APPROVALS, asked, tenant=self._tenant)
        approvals, total = page.approvals, page.total
        while page.more and page.approvals and (missing := query.limit - len(approvals)) > 0:
            asked = structs.replace(asked, limit=min(missing, AT_ONCE), after=approvals[-1].approval_id)
            page = await self._caller.call(LIST_APPROVALS, asked, tenant=self._tenant)
            approvals += page.approvals
        return ApprovalPage(approvals, total, page.more)

    async def decide(self, approval_id: str, order: ApprovalOrder) -> Approval:
        """Allow an action, or refuse it; the same word again changes nothing.

        Raises:
            NotFound: `approval_not_found`.
            Conflict: `already_decided` otherwise, or `approval_expired`.
        """
        key = check_approval_id(approval_id)
        return await self._caller.call(DECIDE_APPROVAL, order.checked(), tenant=self._tenant, key=key)
