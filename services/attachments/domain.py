"""The rules of attachments: names, kinds, what becomes of a file that is read, and how much of it is told."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from libs.contracts.attachments import UNKNOWN_TYPE, AttachmentState

Kind = Literal["text", "pdf"]
Reason = Literal[
    "unsupported_type", "type_mismatch", "empty", "not_text", "no_text", "encrypted", "broken", "too_complex", "lost"
]

NAME_CHARACTERS = 300
TYPE_CHARACTERS = 100
TEXT_CHARACTERS = 200_000
PREVIEW_CHARACTERS = 500
TOLD_CHARACTERS = 100_000

_SUFFIX_CHARACTERS = 12
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MEDIA_TYPES = {
    "txt": "text/plain", "md": "text/markdown", "markdown": "text/markdown", "csv": "text/csv",
    "json": "application/json", "log": "text/plain", "pdf": "application/pdf",
}  # fmt: skip
_DECLARED = {
    "text/plain": "text", "text/markdown": "text", "text/csv": "text", "application/json": "text",
    "application/pdf": "pdf",
}  # fmt: skip
_SUPPORTED = "txt, md, csv, json, log and pdf"
# What a file begins with tells what it is (file formats' magic numbers).
_MAGIC = [
    (b"%PDF-", "pdf"), (b"PK\x03\x04", "zip"), (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"), (b"\x7fELF", "elf"), (b"MZ", "exe"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "doc"),
    (b"Rar!\x1a\x07", "rar"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"\x1f\x8b\x08", "gz"), (b"{\\rtf", "rtf"),
]  # fmt: skip
# These may also begin a text.
_WEAK_MAGIC = {"exe"}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

_SENTENCES: dict[str, str] = {
    "unsupported_type": f"Files of this type cannot be read. Supported are {_SUPPORTED}",
    "empty": "The file is empty",
    "not_text": f"The file is not text, although its name says so. Supported are {_SUPPORTED}",
    "no_text": "The file holds no text that can be read; a scan or a picture does not",
    "encrypted": "The file is protected by a password; send it without one",
    "broken": "The file is damaged and cannot be read",
    "too_complex": "The file takes too much time or memory to read; send a simpler or shorter one",
    "lost": "The file's content is not there any more; send it again",
}


class Reading(Struct, frozen=True, kw_only=True):
    """What became of reading a file: its text, or the reason why there is none."""

    state: AttachmentState
    detected_type: str | None = None
    text: str = ""
    truncated: bool = False
    reason: Reason | None = None
    error: str | None = None

    @property
    def preview(self) -> str | None:
        """The beginning of the text."""
        return self.text[:PREVIEW_CHARACTERS] if self.state == "ready" else None


class Found(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a parser found: a text as it stands in the file, or the reason why there is none."""

    text: str = ""
    truncated: bool = False
    reason: Reason | None = None


class Detected(Struct, frozen=True):
    """What a file is: how to read it, and its media type."""

    kind: Kind
    media_type: str


def rejected(reason: Reason, error: str | None = None, detected_type: str | None = None) -> Reading:
    """Give the result for a file that cannot be read."""
    return Reading(state="rejected", reason=reason, error=error or _SENTENCES[reason], detected_type=detected_type)


def read(found: Found, media_type: str) -> Reading:
    """Give the result for what a parser found; a text without a word in it is none."""
    if found.reason:
        return rejected(found.reason, detected_type=media_type)
    cleaned = clean_text(found.text[:TEXT_CHARACTERS])
    if not cleaned.strip():
        return rejected("no_text", detected_type=media_type)
    truncated = found.truncated or len(found.text) > TEXT_CHARACTERS
    return Reading(state="ready", detected_type=media_type, text=cleaned, truncated=truncated)


def clean_text(text: str) -> str:
    r"""Give text that every column, log and terminal can hold: line ends as `\\n`, no control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", " ", text)


def clean_name(name: str) -> str:
    """Give a file's name for display: composed (NFC), without control characters, its ending kept where it is cut."""
    shown = _HIDDEN.sub("", unicodedata.normalize("NFC", name)).strip()
    if len(shown) > NAME_CHARACTERS:
        stem, dot, suffix = shown.rpartition(".")
        ending = dot + suffix if stem and len(suffix) <= _SUFFIX_CHARACTERS else ""
        shown = shown[: NAME_CHARACTERS - len(ending)] + ending
    return shown or "unnamed"


def clean_type(declared: str) -> str:
    """Give a declared media type without its parameters; `unknown` where there is none, or none that can be one."""
    media_type = declared.partition(";")[0].strip().lower()
    well_formed = re.fullmatch(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", media_type)
    return media_type if well_formed and len(media_type) <= TYPE_CHARACTERS else UNKNOWN_TYPE


def detect(name: str, declared: str, head: bytes) -> Detected | Reading:
    """Decide by content and name together what a file is; a name without an ending leaves it to the declaration.

    Args:
        name: the file's name.
        declared: the media type that the client gave.
        head: the file's first bytes, at least 1 KiB where there are so many.
    """
    suffix = suffix_of(name)
    found = _magic(head)
    if suffix:
        media_type = _MEDIA_TYPES.get(suffix)
    else:
        kind = "pdf" if found == "pdf" else _DECLARED.get(declared, "text")
        media_type = "application/pdf" if kind == "pdf" else "text/plain"
    if media_type is None:
        return rejected("unsupported_type", f"Files of type .{suffix} cannot be read. Supported are {_SUPPORTED}")
    if media_type == "application/pdf":
        # a PDF may begin with a few stray bytes (ISO 32000-1, annex H)
        return Detected("pdf", media_type) if b"%PDF-" in head[:1024] else _mismatch(suffix, found)
    if found and not (found in _WEAK_MAGIC and looks_like_text(head)):
        return _mismatch(suffix, found) if suffix else rejected("unsupported_type")
    return Detected("text", media_type) if looks_like_text(head) else rejected("not_text")


def suffix_of(name: str) -> str:
    """Give a name's ending in lower case; empty where there is none."""
    last = re.split(r"[/\\]", name)[-1]
    stem, _, suffix = last.rpartition(".")
    return suffix.lower().strip() if stem and re.fullmatch(r"[A-Za-z0-9]{1,12}", suffix.strip()) else ""


def looks_like_text(head: bytes) -> bool:
    """Whether bytes may be text in some encoding: UTF-16 says so by its mark, all others have no NUL."""
    return head.startswith(_UTF16_MARKS) or b"\0" not in head


def share(lengths: Sequence[int], total: int) -> list[int]:
    """Divide a number of characters among texts: what short ones leave over goes to the longer ones."""
    granted = [0] * len(lengths)
    left, waiting = max(total, 0), sorted(range(len(lengths)), key=lambda index: lengths[index])
    while waiting:
        index = waiting.pop(0)
        granted[index] = min(lengths[index], left // (len(waiting) + 1))
        left -= granted[index]
    return granted


def _magic(head: bytes) -> str | None:
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def _mismatch(suffix: str, found: str | None) -> Reading:
    said = f".{suffix}" if suffix else "PDF"
    really = f"it is a {found} file" if found else "its content is something else"
    return rejected("type_mismatch", f"The file's name or type says {said}, but {really}")
