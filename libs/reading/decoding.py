"""Bytes become text: by their marks, as UTF-8, as UTF-16 without marks, or as charset-normalizer finds likely."""

import codecs
import re
import unicodedata

from .media_types import wide_encoding
from .outcome import Unreadable, counted

_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
]  # fmt: skip
# Encodings that people still save files in; charset-normalizer's others are mistaken for these more often than meant.
_LIKELY = [
    "cp1252", "shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "euc_kr", "cp949", "cp1251", "koi8_r",
    "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "mac_roman", "cp437", "iso8859_15",
]  # fmt: skip
# What western texts have beside ASCII in windows-1252; other encodings' bytes soon mean something else there.
_WESTERN = set("ÄÖÜäöüßÀÁÂÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕØŒÙÚÛàáâãåæçèéêëìíîïñòóôõøœùúûÿ€£§°©®™«»“”„‘’‚–—…¿¡·•ªº\u00a0")
_WESTERN_SHARE = 0.25
_GUESSED_FROM = 64 * 1024
_WRONG_SHARE = 0.002
_REPLACED = "\ufffd"
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Control characters, surrogates, non-characters, the mark inside a text, and what turns a text's direction.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff\u202a-\u202e\u2066-\u2069\u00ad]"
)
_ASCII = re.compile(rb"[\x00-\x7f]*")


def clean(text: str) -> str:
    r"""Give text that every column, log and terminal can hold: NFC, line ends as `\n`, no control characters."""
    text = _LINE_ENDS.sub("\n", text)
    text = _UNSEEN.sub("", text)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def decode(data: bytes, notes: list[str], declared: str | None = None) -> str:
    """Give the text that bytes mean, cleaned.

    Args:
        data: the whole file.
        notes: gets a line where characters could not be told.
        declared: the encoding that the file itself names.

    Raises:
        Unreadable: `broken` where no encoding fits.
    """
    text = _decoded(data, declared)
    lost = text.count(_REPLACED)
    if lost:
        notes.append(counted(lost, "character", "characters") + " could not be decoded")
    return clean(text)


def _decoded(data: bytes, declared: str | None) -> str:
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    wide = wide_encoding(data[:4096])
    if wide:
        return data.decode(wide, "replace")
    for name in ("utf-8", declared):
        text = _strictly(data, name) if name else None
        if text is not None:
            return text
    text = data.decode("utf-8", "replace")
    wrong, wide_characters = text.count(_REPLACED), len(data) - len(text)
    if wrong <= len(text) * _WRONG_SHARE and wrong * 4 < wide_characters:
        return text  # UTF-8 with a few scars
    return _western(data) or _guessed(data)


def _strictly(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (LookupError, ValueError):  # also a codec that makes no text, such as `hex`
        return None


def _western(data: bytes) -> str | None:
    """Give a text in windows-1252 where it most likely is one: too short a text tells charset-normalizer nothing."""
    text = _strictly(data, "cp1252")
    if text is None:
        return None
    other = [character for character in text if not character.isascii()]
    return text if _WESTERN.issuperset(other) and len(other) < len(text) * _WESTERN_SHARE else None


def _guessed(data: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - takes a while to load, and few texts need it

    ascii_part = _ASCII.match(data)
    start = max((ascii_part.end() if ascii_part else 0) - 200, 0)
    sample = data[start : start + _GUESSED_FROM]
    best = from_bytes(sample, cp_isolation=_LIKELY).best() or from_bytes(sample).best()
    if best is None:
        raise Unreadable("broken", "The file is not text, although its name or type says so")
    return data.decode(best.encoding, "replace")
