"""What a document may be given as: its bounds, and the version that it makes."""

from __future__ import annotations

import hashlib
import math
import re

from libs.contracts.documents import Metadata, PutDocument
from libs.contracts.errors import FieldError

from .documents import is_document_id, sameness
from .versions import Given
from .web import WebRefused, web_address

TITLE_CHARACTERS = 300
SOURCE_CHARACTERS = 2_000
METADATA_KEYS = 50
KEY_CHARACTERS = 100
VALUE_CHARACTERS = 500
TEXT_BYTES = 500_000
NAME_CHARACTERS = 255
TYPE_CHARACTERS = 200
_NUMBER = 2**53  # what JSON's readers keep exactly

_BLOB = re.compile(r"[A-Za-z0-9_-]{1,100}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def faults(request: PutDocument) -> list[FieldError]:
    """What is wrong with a request, field by field."""
    found: list[FieldError] = []

    def check(field: str, why: str, *, ok: bool) -> None:
        if not ok:
            found.append(FieldError(["body", field], why))

    if request.document_id is not None:
        check("document_id", "may have only letters, digits, '_' and '-', 100 at most",
              ok=is_document_id(request.document_id))  # fmt: skip
    for field, value, most in (
        ("title", request.title, TITLE_CHARACTERS),
        ("source", request.source, SOURCE_CHARACTERS),
        ("name", request.name, NAME_CHARACTERS),
        ("media_type", request.media_type, TYPE_CHARACTERS),
        ("url", request.url, SOURCE_CHARACTERS),
    ):
        check(field, f"may have {most} characters at most", ok=value is None or len(value) <= most)
    given = [value for value in (request.text, request.blob, request.url) if value is not None]
    check("text", "give exactly one of `text`, a file and `url`", ok=len(given) == 1)
    if request.text is not None:
        check("text", "must say something", ok=bool(request.text.strip("\0 \t\r\n")))
        check("text", f"may have {TEXT_BYTES} bytes at most; send it as a file",
              ok=len(request.text.encode(errors="replace")) <= TEXT_BYTES)  # fmt: skip
    if request.url is not None and (why := _refused(request.url)):
        check("url", why, ok=False)
    check("blob", "is no name of an object", ok=request.blob is None or bool(_BLOB.fullmatch(request.blob)))
    check(
        "sha256", "must be 64 hexadecimal digits", ok=request.sha256 is None or bool(_SHA256.fullmatch(request.sha256))
    )
    return [*found, *_metadata_faults(request.metadata)]


def _refused(url: str) -> str | None:
    """Why an address is none that can be fetched; it is stored, and listed, only where it may hold no password."""
    try:
        web_address(url)
    except WebRefused as refused:
        return refused.reason[0].lower() + refused.reason[1:].rstrip(".")
    return None


def _metadata_faults(carried: Metadata) -> list[FieldError]:
    if len(carried) > METADATA_KEYS:
        return [FieldError(["body", "metadata"], f"may have {METADATA_KEYS} keys at most")]
    found: list[FieldError] = []
    for key, value in carried.items():
        loc: list[str | int] = ["body", "metadata", key[:KEY_CHARACTERS]]
        if not 1 <= len(key) <= KEY_CHARACTERS or "\0" in key:
            found.append(FieldError(loc, f"a key has 1 to {KEY_CHARACTERS} characters"))
        if isinstance(value, str) and (len(value) > VALUE_CHARACTERS or "\0" in value):
            found.append(FieldError(loc, f"may have {VALUE_CHARACTERS} characters at most"))
        elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= _NUMBER):
            found.append(FieldError(loc, "is too large a number"))
    return found


def given_from(request: PutDocument, document_id: str, content: tuple[int, str], session_id: str = "") -> Given:
    """The version that a sound request makes; `content` are size and sha256 of what it holds."""
    size, sha256 = content
    text = None if request.text is None else request.text.replace("\0", "\ufffd")
    title, source = _line(request.title), _line(request.source)
    return Given(
        document_id=document_id,
        session_id=session_id,
        title=title,
        source=source,
        metadata=request.metadata,
        name=_line(request.name) or "",
        media_type=_line(request.media_type),
        content=text,
        blob=request.blob,
        url=request.url,
        sha256=sha256,
        size=size,
        same=sameness(sha256, title, source, request.metadata),
    )


def content_of(text: str) -> tuple[int, str]:
    """Size and sha256 (hex) of a text."""
    data = text.encode(errors="replace")
    return len(data), hashlib.sha256(data).hexdigest()


def _line(text: str | None) -> str | None:
    """A text on one line; None where it says nothing."""
    return None if text is None else " ".join(text.replace("\0", " ").split()) or None
