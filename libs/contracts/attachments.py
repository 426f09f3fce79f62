"""What the attachments service is asked and tells: uploads, what was read in them, and who may use them.

Every question names a session in its subject, and sees that session's uploads only. Sizes are in bytes.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from .session import AttachmentRef

# uploaded: stored, and not read yet; ready: its text can be used; rejected: it cannot be read, `error` says why.
AttachmentState = Literal["uploaded", "ready", "rejected"]

UNKNOWN_TYPE = "unknown"


class Attachment(Struct, frozen=True, kw_only=True):
    """An upload, as its session sees it.

    Attributes:
        filename: as the client gave it, for display; never a path.
        content_type: what the client said that it is; `unknown` where it said nothing.
        detected_type: what content and name together say; None where that is not known.
        preview: the first 500 characters of its text.
        reason: a stable code of why it was rejected, such as `unsupported_type`; `error` says the same to people.
        message_id: the first message that names it.
    """

    attachment_id: str
    session_id: str
    filename: str
    content_type: str
    detected_type: str | None = None
    size: int
    sha256: str
    state: AttachmentState
    preview: str | None = None
    reason: str | None = None
    error: str | None = None
    message_id: str | None = None
    created_at: datetime


class Register(Struct, frozen=True, kw_only=True):
    """Record an upload whose bytes are in the store, and have it read.

    The answer comes when it is read, or after a second or two as it stands: asking again with the same id is how to
    go on waiting. Refused with `session_not_found` where the session was deleted.
    """

    attachment_id: str
    filename: str
    content_type: str
    size: int
    sha256: str


class Describe(Struct, frozen=True):
    """Ask for uploads of the session; ids that are not its own are left out of the answer."""

    attachment_ids: list[str]


class Described(Struct, frozen=True):
    """The session's uploads among those asked for, in the order in which they were asked for."""

    attachments: list[Attachment]


class Resolve(Struct, frozen=True):
    """Ask for uploads that a message is about to name; refused with `invalid_attachment` where one is not the session's.

    Their life is prolonged, so that the message finds them.
    """

    attachment_ids: list[str]


class Resolved(Struct, frozen=True):
    """The uploads as a message names them, in the order in which they were asked for."""

    attachments: list[AttachmentRef]


class Discard(Struct, frozen=True):
    """Remove uploads of the session that no message names, with their bytes."""

    attachment_ids: list[str]


class Discarded(Struct, frozen=True):
    """How many were removed."""

    count: int


class AskTexts(Struct, frozen=True, kw_only=True):
    """Ask for the text of uploads, for an answer in their session and nowhere else.

    Attributes:
        max_characters: of all texts together, at most 100,000; what is over is cut from the longest.
    """

    attachment_ids: list[str]
    max_characters: int = 20_000


class AttachmentText(Struct, frozen=True, kw_only=True):
    """What an upload says.

    Attributes:
        text: empty where there is none: still `uploaded`, or `rejected` for the reason in `error`.
        truncated: whether the file says more than `text` does.
    """

    attachment_id: str
    filename: str
    content_type: str
    state: AttachmentState
    text: str = ""
    truncated: bool = False
    reason: str | None = None
    error: str | None = None


class Texts(Struct, frozen=True):
    """The texts, in the order in which they were asked for; uploads that are not the session's are left out."""

    texts: list[AttachmentText]
