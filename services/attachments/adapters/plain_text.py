"""Text of unknown encoding, by its marks, as UTF-8, or as charset-normalizer guesses."""

import codecs
from typing import BinaryIO

from charset_normalizer import from_bytes

from ..domain import Found, looks_like_text

_MARKS = [(codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")]
_BYTES_PER_CHARACTER = 4
_GUESSED_FROM = 64 * 1024


def plain_text(file: BinaryIO, characters: int) -> Found:
    """Read at most so many characters."""
    data = file.read(characters * _BYTES_PER_CHARACTER + 1)
    whole = not file.read(1)
    if not looks_like_text(data):
        return Found(reason="not_text")
    text = _decoded(data, whole=whole)
    if text is None:
        return Found(reason="not_text")
    return Found(text=text[:characters], truncated=not whole or len(text) > characters)


def _decoded(data: bytes, *, whole: bool) -> str | None:
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    for name in [marked] if marked else ["utf-8", _guess(data)]:
        if name is None:
            continue
        try:
            return codecs.getincrementaldecoder(name)().decode(data, final=whole)
        except (UnicodeDecodeError, LookupError):
            continue
    return None


def _guess(data: bytes) -> str | None:
    best = from_bytes(data[:_GUESSED_FROM]).best()
    return best.encoding if best else None
