"""The bounds of what a client may send, and the checks that hold them."""

import re
from typing import Any

from msgspec import Struct

from libs.contracts import ids
from libs.contracts.channels import encode
from libs.contracts.errors import DeskError, FieldError, Invalid, Malformed, NotFound

METADATA_BYTES = 16 * 1024
TOKEN_CHARACTERS = 128
QUERY_CHARACTERS = 500
COMMENT_CHARACTERS = 2000
ANSWER_CHARACTERS = 20_000
FILTERS = 20

_KIB = 1024
_MIB = 1024 * 1024
_PLACEHOLDERS = {"", "undefined", "null", "nan"}
# An escaped NUL (an odd number of backslashes before u0000): no text column can hold one.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Limits(Struct, frozen=True, kw_only=True):
    """The limits that a gateway may be told to have; the others hold for every gateway.

    Attributes:
        message_characters: of a message, after trimming.
        frame_bytes: of a frame that comes over a WebSocket.
        body_bytes: of a body that is read as a whole: JSON, or a form without files.
        json_depth: how deep the JSON of a body may be nested.
        files_per_message: uploads that one message may name or bring.
    """

    message_characters: int = 4000
    frame_bytes: int = 64 * _KIB
    body_bytes: int = _MIB
    json_depth: int = 32
    files_per_message: int = 5


# What holds where nothing else is set.
USUAL = Limits()


def size(count: int) -> str:
    """Give a number of bytes as people read it, without rounding."""
    for unit, name in ((_MIB, "MiB"), (_KIB, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"


def invalid(field: str, why: str, *, code: str = "invalid_request", where: str = "body") -> Invalid:
    """Give the error for one field that breaks its bounds."""
    return Invalid(code, f"{field} {why}", errors=[FieldError([where, field], why)])


def check_session_id(text: str) -> str:
    """Give the session id that a client named.

    Raises:
        Malformed: `invalid_session_id`; what stands there is what a faulty client writes for "nothing".
        NotFound: `session_not_found`; it is not of the form of our ids.
    """
    if text.strip().casefold() in _PLACEHOLDERS:
        raise Malformed(
            "invalid_session_id", "The session id is missing: use the session_id that POST /api/sessions gave"
        )
    if not ids.is_id(ids.SESSION, text):
        raise session_not_found()
    return text


def session_ended() -> Malformed:
    """Give the error for a session that takes no more messages."""
    return Malformed("session_ended", "This session has ended; create a new one to go on talking")


def session_deleted() -> NotFound:
    """Give the error for a session that was deleted while somebody was connected."""
    return NotFound("session_deleted", "This session has been deleted; create a new one to go on talking")


def session_not_found() -> NotFound:
    """Give the error for a session that is not there, or not for this client."""
    return NotFound("session_not_found", "There is no such session; create one with POST /api/sessions")


def advise(fault: DeskError) -> DeskError:
    """Give an unknown session's error with the advice that clients get; any other as it is."""
    return session_not_found() if fault.code == "session_not_found" else fault


def check_content(text: str, most: int, field: str = "message", *, code: str = "invalid_message") -> str:
    """Give a text that people wrote without the white space around it; it may have so many characters.

    Raises:
        Invalid: with this code; it is blank, too long, or holds a NUL.
    """
    content = text.strip()
    if not content:
        raise invalid(field, "must not be blank", code=code)
    if len(content) > most:
        raise invalid(field, f"must have at most {most} characters", code=code)
    if "\0" in content:
        raise invalid(field, "must not hold NUL characters", code=code)
    return content


def check_query(text: str) -> str:
    """Give what is searched for, without the white space around it.

    Raises:
        Invalid: it is blank, or too long.
    """
    query = text.strip()
    if not 0 < len(query) <= QUERY_CHARACTERS:
        raise invalid("query", f"must have 1 to {QUERY_CHARACTERS} characters")
    return query


def check_filters(filters: dict[str, Any]) -> dict[str, Any]:
    """Give a search's filters.

    Raises:
        Invalid: there are too many.
    """
    if len(filters) > FILTERS:
        raise invalid("filters", f"must be at most {FILTERS}")
    return filters


def check_comment(text: str | None, where: str = "body", *, most: int = COMMENT_CHARACTERS) -> str | None:
    """Give the comment to a rating or a decision, None where it is blank.

    Raises:
        Invalid: it is too long, or holds a NUL.
    """
    comment = (text or "").strip()
    if len(comment) > most or "\0" in comment:
        raise invalid("comment", f"must have at most {most} characters, and no NUL", where=where)
    return comment or None


def check_message_id(text: str) -> str:
    """Give the id of a stored message that a client named.

    Raises:
        NotFound: `message_not_found`; it is not of the form of our ids.
    """
    if not ids.is_id(ids.MESSAGE, text):
        raise NotFound("message_not_found", "There is no such answer: take the id from the answer or the history")
    return text


def check_turn_id(text: str | None) -> str | None:
    """Give the id of a turn that a client named, None where it named none.

    Raises:
        NotFound: `turn_not_found`; it is not of the form of our ids.
    """
    if text is None or not text.strip():
        return None
    if not ids.is_id(ids.TURN, text):
        raise NotFound("turn_not_found", "There is no such answer in this session: take the turn_id from its frames")
    return text


def check_token(text: str | None, field: str, *, code: str = "invalid_request", where: str = "body") -> str | None:
    """Give a client's own id or key, None where there is none; it is text that we store, so it is bounded."""
    if text is None or not text.strip():
        return None
    if len(text) > TOKEN_CHARACTERS or not text.isprintable():
        raise invalid(field, f"must be at most {TOKEN_CHARACTERS} printable characters", code=code, where=where)
    return text


def check_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Give a session's metadata, which is stored and returned as it is.

    Raises:
        Invalid: it takes more than 16 KiB as JSON, or holds a NUL.
    """
    written = encode(metadata)
    if len(written) > METADATA_BYTES:
        raise invalid("metadata", f"must take at most {METADATA_BYTES // 1024} KiB as JSON")
    if _NUL.search(written):
        raise invalid("metadata", "must not hold NUL characters")
    return metadata
