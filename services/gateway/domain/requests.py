"""What clients send over HTTP. Unknown fields are ignored, wrong types refused."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from libs.contracts.session import SessionStatus

from . import limits

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
    """The query of `GET /api/sessions`."""

    user_id: str | None = None
    status: SessionStatus | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    offset: Offset = 0


class NewStatus(Struct, frozen=True):
    """The query or body of `PATCH /api/sessions/{id}/status`."""

    status: SessionStatus


class HistoryQuery(Struct, frozen=True, kw_only=True):
    """The query of `GET /api/chat/sessions/{id}/messages`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    offset: Offset = 0
    order: Literal["asc", "desc"] = "asc"
    after_seq: Offset | None = None


class NewMessage(Struct, frozen=True, kw_only=True):
    """The body of `POST /api/chat/sessions/{id}/messages`, as JSON or as a form."""

    message: str
    client_message_id: str | None = None
    attachments: list[Any] | None = None
    attachment_ids: list[Any] | None = None

    def draft(self) -> "Draft":
        """Give what is to be posted.

        Raises:
            Invalid: a bound is broken.
        """
        limits.check_no_attachments(self.attachments or self.attachment_ids)
        return Draft(
            limits.check_content(self.message), limits.check_token(self.client_message_id, "client_message_id")
        )


class Draft(Struct, frozen=True):
    """A customer's message that has been checked, and the client's own id for it where it has one."""

    content: str
    client_message_id: str | None = None
