"""How operators look for actions that wait for a person's word, and how they give it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from libs.contracts import ids
from libs.contracts.agent import DecideApproval
from libs.contracts.errors import NotFound

from . import limits
from .operators import check_operator

REMARK_CHARACTERS = 1000


class ApprovalQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/approvals`.

    Attributes:
        session_id: only those of this conversation.
        cursor: from the `Link` of the page before.
    """

    status: Literal["pending", "approved", "refused", "expired"] | None = None
    session_id: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: str | None = None


class ApprovalOrder(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/approvals/{approval_id}`.

    Attributes:
        approve: true allows the action, false refuses it.
        operator: who decides, by name.
        comment: why; it stands in the conversation, where the customer reads it.
    """

    approve: bool
    operator: str
    comment: str | None = None

    def checked(self) -> DecideApproval:
        """Give the decision within its bounds; a comment that is blank is none.

        Raises:
            Invalid: the name or the comment breaks its bounds.
        """
        comment = limits.check_comment(self.comment, most=REMARK_CHARACTERS)
        return DecideApproval(approve=self.approve, operator=check_operator(self.operator), comment=comment)


def check_approval_id(text: str) -> str:
    """Give the id of an approval that somebody named.

    Raises:
        NotFound: `approval_not_found`; it is not of the form of our ids.
    """
    if not ids.is_id(ids.APPROVAL, text):
        raise NotFound(
            "approval_not_found", "There is no such action to decide on: take the id from GET /api/approvals"
        )
    return text
