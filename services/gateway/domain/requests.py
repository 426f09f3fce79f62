"""What clients send over HTTP. Unknown fields are ignored, wrong types refused."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from libs.contracts.knowledge import GapState, Search
from libs.contracts.session import Feedback, GetHistory, Mark, Rating, SessionStatus

from . import limits
from .marks import read_session_cursor
from .transcript import ExportFormat
from .uploads import check_attachment_ids

# Long messages, or sessions with large metadata: so many of them always fit into one message of the bus (1 MB).
AT_ONCE = 25
Offset = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class NewSession(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/sessions`; `tool_metadata` is the old name of `metadata`."""

    user_id: str | None = None
    metadata: dict[str, Any] | None = None
    tool_metadata: dict[str, Any] | None = None

    def checked_metadata(self) -> dict[str, Any]:
        """Give the metadata under whichever name it came, within its bounds."""
        given = self.metadata if self.metadata is not None else self.tool_metadata
        return limits.check_metadata(given or {})


class SessionQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/sessions`.

    Attributes:
        cursor: from the `Link` of the page before; not together with an offset.
    """

    user_id: str | None = None
    status: SessionStatus | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    offset: Offset = 0
    cursor: str | None = None

    def checked_mark(self) -> Mark | None:
        """Give the place after which the page begins, where a cursor names it.

        Raises:
            Invalid: `invalid_cursor`, or there is an offset too.
        """
        if self.cursor is not None and self.offset > 0:
            raise limits.invalid("cursor", "and offset exclude each other: page by one of them", where="query")
        return read_session_cursor(self.cursor)


class CleanUpOrder(Struct, frozen=True, kw_only=True):
    """The query or body of `POST /api/sessions/cleanup`."""

    days: Annotated[int, Meta(ge=1, le=3650)] = 30


class NewStatus(Struct, frozen=True):
    """The query or body of `PATCH /api/sessions/{id}/status`."""

    status: SessionStatus


class HistoryQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/chat/sessions/{id}/messages`.

    Attributes:
        order: from the oldest message, or from the newest.
        after_seq: only messages after this one.
        before_seq: only messages before this one; with `order=desc`, what stands above a page that is shown.
    """

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    offset: Offset = 0
    order: Literal["asc", "desc"] = "asc"
    after_seq: Offset | None = None
    before_seq: Offset | None = None


def go_on(asked: GetHistory, seq: int, missing: int) -> GetHistory:
    """Give the request for what follows the message with this `seq` in the order that was asked for."""
    rest = structs.replace(asked, limit=min(missing, AT_ONCE), offset=0)
    return structs.replace(rest, after_seq=seq) if asked.order == "asc" else structs.replace(rest, before_seq=seq)


class ExportQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/sessions/{id}/export`."""

    format: ExportFormat = "json"


class CancelOrder(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/chat/sessions/{id}/cancel`; without `turn_id` whichever answer is under way."""

    turn_id: str | None = None


class NewMessage(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/chat/sessions/{id}/messages`, as JSON or as a form."""

    message: str
    client_message_id: str | None = None
    attachments: list[Any] | None = None
    attachment_ids: list[Any] | None = None

    def draft(self, within: limits.Limits) -> "Draft":
        """Give what is to be posted.

        Raises:
            Invalid: a bound is broken.
        """
        given = [*(self.attachments or []), *(self.attachment_ids or [])]
        named = check_attachment_ids(given, within.files_per_message)
        content = limits.check_content(self.message, within.message_characters)
        return Draft(content, limits.check_token(self.client_message_id, "client_message_id"), named)


class NewSearch(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/chat/search`; a passage is found where its metadata has every one of `filters`."""

    query: str
    limit: Annotated[int, Meta(ge=1, le=20)] = 5
    min_score: Annotated[float, Meta(ge=0, le=1)] | None = None
    filters: dict[str, Any] | None = None

    def checked(self) -> Search:
        """Give the search within its bounds.

        Raises:
            Invalid: the query is blank or too long, or there are too many filters.
        """
        return Search(
            query=limits.check_query(self.query),
            limit=self.limit,
            min_score=self.min_score,
            filters=limits.check_filters(self.filters or {}),
        )


class GapQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/knowledge/gaps`."""

    state: GapState = "open"
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    offset: Offset = 0


class NewAnswer(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/knowledge/gaps/{gap_id}/answer`.

    Attributes:
        answer: Markdown; the gap's draft where it is absent.
        question: how the document asks it; the gap's own words where it is absent.
    """

    answer: str | None = None
    question: str | None = None

    def checked(self) -> tuple[str | None, str | None]:
        """Give answer and question without the white space around them.

        Raises:
            Invalid: one of them is blank, too long, or holds a NUL.
        """
        answer = None if self.answer is None else limits.check_content(
            self.answer, limits.ANSWER_CHARACTERS, "answer", code="invalid_request"
        )  # fmt: skip
        question = None if self.question is None else limits.check_content(
            self.question, limits.QUERY_CHARACTERS, "question", code="invalid_request"
        )  # fmt: skip
        return answer, question


class NewFeedback(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/chat/messages/{message_id}/feedback`."""

    rating: Rating
    comment: str | None = None

    def checked(self, where: str = "body") -> Feedback:
        """Give the rating with its comment, None where that is blank.

        Raises:
            Invalid: the comment is too long, or holds a NUL.
        """
        return Feedback(rating=self.rating, comment=limits.check_comment(self.comment, where))


class Opinion(Struct, frozen=True):
    """A rating of one answer that has been checked."""

    message_id: str
    feedback: Feedback


class Draft(Struct, frozen=True):
    """A customer's message that has been checked, the client's own id for it where it has one, and its uploads' ids."""

    content: str
    client_message_id: str | None = None
    attachment_ids: list[str] = []
