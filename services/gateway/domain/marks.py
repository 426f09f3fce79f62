"""Places in lists, as clients keep them: opaque, the same on every replica, and never moved by what is added later."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec

from libs.contracts import ids
from libs.contracts.errors import Invalid
from libs.contracts.operators import TicketMark
from libs.contracts.session import Mark, Priority

from .limits import invalid

CURSOR_CHARACTERS = 128

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST_MICROSECONDS = 253_402_300_799_999_999  # the end of the year 9999, the last that a time can name
_FORM = re.compile(r"(\d{1,18}):([a-z]*):(\w{1,40})", re.ASCII)


def session_cursor(created_at: datetime, session_id: str) -> str:
    """Give the cursor of the place behind a session in the list of sessions."""
    return _written(created_at, "", session_id)


def ticket_cursor(priority: Priority, created_at: datetime, ticket_id: str) -> str:
    """Give the cursor of the place behind a ticket in the queue."""
    return _written(created_at, priority, ticket_id)


def approval_cursor(requested_at: datetime, approval_id: str) -> str:
    """Give the cursor of the place behind an approval in the list of them."""
    return _written(requested_at, "", approval_id)


def read_session_cursor(cursor: str | None) -> Mark | None:
    """Read a cursor of the list of sessions; None where there is none.

    Raises:
        Invalid: `invalid_cursor`; it is none of that list's.
    """
    if cursor is None:
        return None
    created_at, priority, session_id = _read(cursor)
    if priority or not ids.is_id(ids.SESSION, session_id):
        raise _invalid_cursor()
    return Mark(created_at, session_id)


def read_ticket_cursor(cursor: str | None) -> TicketMark | None:
    """Read a cursor of the queue; None where there is none.

    Raises:
        Invalid: `invalid_cursor`; it is none of the queue's.
    """
    if cursor is None:
        return None
    created_at, priority, ticket_id = _read(cursor)
    if priority not in get_args(Priority) or not ids.is_id(ids.TICKET, ticket_id):
        raise _invalid_cursor()
    return TicketMark(msgspec.convert(priority, Priority), created_at, ticket_id)


def read_approval_cursor(cursor: str | None) -> str | None:
    """Read a cursor of the list of approvals: the id of the one before; None where there is none.

    Raises:
        Invalid: `invalid_cursor`; it is none of that list's.
    """
    if cursor is None:
        return None
    _, priority, approval_id = _read(cursor)
    if priority or not ids.is_id(ids.APPROVAL, approval_id):
        raise _invalid_cursor()
    return approval_id


def _written(created_at: datetime, priority: str, own_id: str) -> str:
    text = f"{(created_at - _EPOCH) // _MICROSECOND}:{priority}:{own_id}"
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _read(cursor: str) -> tuple[datetime, str, str]:
    """Take a cursor apart; only one that is written exactly as we write it is ours."""
    try:
        padded = cursor[:CURSOR_CHARACTERS].encode("ascii") + b"=" * (-len(cursor) % 4)
        match = _FORM.fullmatch(base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii"))
    except ValueError:
        match = None
    if match is None or int(match[1]) > _MOST_MICROSECONDS:
        raise _invalid_cursor()
    created_at = _EPOCH + int(match[1]) * _MICROSECOND
    if _written(created_at, match[2], match[3]) != cursor:
        raise _invalid_cursor()
    return created_at, match[2], match[3]


def _invalid_cursor() -> Invalid:
    why = "is none of this list's: take it from the Link header of a page before, or leave it out to begin anew"
    return invalid("cursor", why, code="invalid_cursor", where="query")
