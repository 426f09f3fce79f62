"""Uploads as clients see them: their bounds, how a message names them, and how a file is offered for download."""

from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct

from libs.contracts import ids
from libs.contracts.attachments import UNKNOWN_TYPE, Attachment
from libs.contracts.errors import Invalid, NotFound, TooLarge

from .limits import USUAL, invalid

MIB = 1024 * 1024


class UploadLimits(Struct, frozen=True, kw_only=True):
    """How large a file may be, and how many arrive at the same time."""

    file_bytes: int = 10 * MIB
    at_once: int = 64


class NewFile(Struct, frozen=True):
    """A file that arrives: its name and type as the client gives them."""

    filename: str
    content_type: str = UNKNOWN_TYPE


class StoredFile(Struct, frozen=True, kw_only=True):
    """A file whose bytes are in the store, and nothing else is known of it yet."""

    attachment_id: str
    file: NewFile
    size: int
    sha256: str


class UploadReply(Struct, frozen=True, kw_only=True):
    """The answer to `POST /api/chat/upload`; `size_mb` in MiB, not rounded. Not read yet: no `error` either."""

    attachment_id: str
    filename: str
    size_mb: float
    content_type: str
    processed: bool
    preview: str | None
    error: str | None


def upload_reply(attachment: Attachment) -> UploadReply:
    """Give the answer for an upload as it stands."""
    return UploadReply(
        attachment_id=attachment.attachment_id,
        filename=attachment.filename,
        size_mb=attachment.size / MIB,
        content_type=attachment.content_type,
        processed=attachment.state == "ready",
        preview=attachment.preview,
        error=attachment.error,
    )


def check_attachment_ids(
    given: Sequence[object], most: int = USUAL.files_per_message, *, where: str = "body"
) -> list[str]:
    """Give the ids by which a message names its uploads, each once. Whose they are is not known here.

    Raises:
        Invalid: `invalid_attachment`; something else stands there (a path, an object), or there are too many.
    """
    named = list(dict.fromkeys(each for each in given if isinstance(each, str)))
    if not all(isinstance(each, str) and ids.is_id(ids.ATTACHMENT, each) for each in given):
        why = "must be the ids that POST /api/chat/upload gave in this session"
        raise invalid("attachments", why, code="invalid_attachment", where=where)
    if len(named) > most:
        raise too_many_files(most, where)
    return named


def too_many_files(most: int, where: str = "body") -> Invalid:
    """Give the error for a message with too many files."""
    return invalid("attachments", f"must be at most {most} a message", code="invalid_attachment", where=where)


def too_large(limits: UploadLimits) -> TooLarge:
    """Give the error for a file over the limit."""
    return TooLarge("file_too_large", f"A file may have at most {limits.file_bytes / MIB:g} MiB")


def attachment_not_found() -> NotFound:
    """Give the error for an upload that is not there, or not this session's: nobody can tell which."""
    return NotFound("attachment_not_found", "There is no such attachment in this session")


def download_type(attachment: Attachment) -> str:
    """Give the media type to offer a file under: what was found in it, never only what its sender said."""
    known = attachment.detected_type if attachment.state == "ready" else None
    return known or "application/octet-stream"


def download_disposition(filename: str) -> str:
    """Give the `Content-Disposition` by which a browser saves a file and never shows it (RFC 6266, RFC 8187).

    Its name goes without the path that it may pretend to have.
    """
    name = filename.replace("\\", "/").rpartition("/")[2].strip(". ") or "attachment"
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"%\\' else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
