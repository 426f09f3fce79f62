"""What a file is: decided by its content, then by its name and by what was declared."""

import re
from types import MappingProxyType

_OFFICE = "application/vnd.openxmlformats-officedocument."
TEXT, MARKDOWN, HTML, PDF = "text/plain", "text/markdown", "text/html", "application/pdf"
CSV, TSV = "text/csv", "text/tab-separated-values"
JSON, JSONL = "application/json", "application/x-ndjson"
DOCX = _OFFICE + "wordprocessingml.document"
PPTX = _OFFICE + "presentationml.presentation"
XLSX = _OFFICE + "spreadsheetml.sheet"

SUPPORTED = MappingProxyType({
    TEXT: ("txt", "text", "log"),
    MARKDOWN: ("md", "markdown"),
    HTML: ("html", "htm", "xhtml"),
    PDF: ("pdf",),
    DOCX: ("docx", "docm"),
    PPTX: ("pptx", "pptm"),
    XLSX: ("xlsx", "xlsm"),
    CSV: ("csv",),
    TSV: ("tsv",),
    JSON: ("json",),
    JSONL: ("jsonl", "ndjson"),
})  # fmt: skip

_BY_ENDING = {ending: media_type for media_type, endings in SUPPORTED.items() for ending in endings}
_DECLARED = {media_type: media_type for media_type in SUPPORTED} | {
    "text/x-markdown": MARKDOWN, "application/xhtml+xml": HTML, "application/csv": CSV, "text/json": JSON,
    "application/jsonl": JSONL, "application/jsonlines": JSONL, "application/x-jsonlines": JSONL,
}  # fmt: skip
_PACKAGES = {DOCX: b"word/", PPTX: b"ppt/", XLSX: b"xl/"}
_ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
# What a file begins with that is none of ours, and that no text begins with.
_FOREIGN = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"\x7fELF", b"Rar!\x1a\x07", b"7z\xbc\xaf", b"\x1f\x8b",
    b"BZh", b"\xfd7zXZ", b"{\\rtf", b"%!PS", b"PK\x05\x06", b"RIFF", b"\0\0\0\x18ftyp", b"ID3", b"OggS", b"\0asm",
)  # fmt: skip
# Endings of files that are never text, so that such a name on a text is a mistake worth telling.
_NEVER_TEXT = {
    "doc", "xls", "ppt", "odt", "ods", "odp", "rtf", "epub", "zip", "gz", "rar", "7z", "tar", "png", "jpg", "jpeg",
    "gif", "webp", "bmp", "tif", "tiff", "heic", "mp3", "mp4", "mov", "avi", "wav", "ogg", "exe", "dll", "iso", "msg",
}  # fmt: skip
_HTML_START = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.I | re.S)
_JSON_START = re.compile(rb"\s*(?:\{\s*[\"}]|\[\s*[\[\]{\"\d])")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_CONTROL_SHARE = 0.05
_STRAY_CONTROLS = 3
_NUL_SHARE = 0.2


def media_type_of(head: bytes, name: str, declared: str | None) -> str | None:
    """Tell what a file is; None where it cannot be read.

    Args:
        head: its first bytes, at least 4 KiB where there are so many.
        name: its name.
        declared: the media type that was given with it.
    """
    ending = ending_of(name)
    said = _DECLARED.get((declared or "").partition(";")[0].strip().lower())
    named = _BY_ENDING.get(ending)
    if head.startswith(_ZIP):
        inside = [kind for kind, folder in _PACKAGES.items() if folder in head]
        wanted = named or said
        return inside[0] if inside else wanted if wanted in _PACKAGES else None
    if head.startswith(OLE):  # an encrypted package is one of these too, and its reader tells which it is
        return named if named in _PACKAGES else None
    if head.lstrip().startswith(b"%PDF-") or (b"%PDF-" in head[:1024] and named in {None, PDF}):
        return PDF
    if head.startswith(_FOREIGN) or ending in _NEVER_TEXT or not looks_like_text(head):
        return None
    return _text_type(head, named or said)


def ending_of(name: str) -> str:
    """Give a name's ending in lower case without its dot; empty where there is none."""
    found = re.search(r"[^/\\]\.([A-Za-z0-9]{1,12})\s*$", name)
    return found[1].lower() if found else ""


def looks_like_text(head: bytes) -> bool:
    """Whether bytes may be text in some encoding; a stray NUL makes no text binary."""
    if head.startswith(_MARKS) or wide_encoding(head):
        return True
    return len(_CONTROLS.findall(head)) <= _STRAY_CONTROLS + len(head) * _CONTROL_SHARE


def wide_encoding(head: bytes) -> str | None:
    """Name UTF-16 that has no mark, by where its NULs are."""
    sample = head[:4096]
    if len(sample) < 4:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if odd > half * _NUL_SHARE and even * 10 < odd:
        return "utf-16-le"
    if even > half * _NUL_SHARE and odd * 10 < even:
        return "utf-16-be"
    return None


def _text_type(head: bytes, wanted: str | None) -> str | None:
    start = head[3:] if head.startswith(b"\xef\xbb\xbf") else head
    if b"\0" in start[:64]:
        start = start.replace(b"\0", b"").lstrip(b"\xff\xfe")
    if _HTML_START.match(start) and wanted not in {MARKDOWN, CSV, TSV}:
        return HTML
    if wanted in {PDF, *_PACKAGES}:  # the name promises what the content is not
        return None if head.strip() else wanted
    if wanted is None:
        return JSON if _JSON_START.match(start) else TEXT
    return wanted
