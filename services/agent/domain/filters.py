"""Filters: what is done to an answer's text while it streams, before it leaves. Nothing is rewritten after that.

A filter holds back what it cannot judge yet, loses nothing, and gives the same text however it was cut into pieces.
"""

import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit


class Filter(Protocol):
    """Takes a text in pieces, gives it changed."""

    def feed(self, text: str) -> str:
        """Take a further piece; give what can leave now, perhaps nothing."""
        ...

    def finish(self) -> str:
        """Give the rest: no piece follows."""
        ...


class Chain:
    """Filters one behind the other, as one."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._filters = list(filters)

    def feed(self, text: str) -> str:
        """Take a further piece; give what can leave now."""
        for one in self._filters:
            text = one.feed(text)
        return text

    def finish(self) -> str:
        """Give the rest."""
        rest = ""
        for one in self._filters:
            rest = (one.feed(rest) if rest else "") + one.finish()
        return rest


# --- links

REMOVED = "(link removed)"
# What is longer is no link that a person would read, and must not be held back for ever.
_LONGEST_TEXT = 300
_LONGEST_LINK = 2_000

_BREAKS = r"\s<>\"'`\[\]"
# A host may be a number in brackets (RFC 3986, section 3.2.2); they end no word then.
_NUMBER = r"(?<=//)\[[0-9a-f:.%]{2,60}\](?!\()"
# The exclamation mark of an image belongs to no address.
_SIGN = rf"(?:(?!!\[)[^{_BREAKS}])"
_BARE = (
    rf"(?:\b[a-z][a-z0-9+.-]{{1,20}}:)?//(?:{_NUMBER}|{_SIGN})(?:{_NUMBER}|{_SIGN})*"
    rf"|\bwww\.{_SIGN}+"
    rf"|\b(?:javascript|data|vbscript|blob|file):{_SIGN}+"
    # a host and a path with no scheme, but no list of file names: "Node.js/Deno"
    rf"|\b(?:[\w-]+\.)+(?!(?:js|ts|json|txt|html?|csv|pdf|ya?ml)/)[a-z]{{2,24}}/{_SIGN}*"
)
_MARKDOWN = rf"!?\[(?P<text>[^\]\n]{{0,{_LONGEST_TEXT}}}+)\]\([ \t]*+<?(?P<target>[^\s)>]{{0,{_LONGEST_LINK}}}+)>?(?:[ \t][^)\n]{{0,200}}+)?\)"
_TAGS = (
    "a|area|audio|base|button|embed|form|frame|iframe|image|img|input|link|meta|object|script|source|style|svg|video"
)
# They make any tag load something, or run it.
_LOADS = r"[\s/\"'](?:on[a-z]+|style|src|srcset|href|xlink:href|action|formaction|background|poster)\s*="
# A tag ends at the next `>`, whatever begins within it.
_REST = rf"[^<>]{{0,{_LONGEST_LINK}}}+(?:<[^<>]{{0,{_LONGEST_LINK}}}+)*+>"
_BAD = (
    rf"(?:</?(?:{_TAGS})\b{_REST}"
    rf"|<[a-z][\w:-]*(?=[\s/])(?:[^<>]{{0,{_LONGEST_LINK}}}<)*?[^<>]{{0,{_LONGEST_LINK}}}?{_LOADS}{_REST})"
)
# What began before it and did not end goes with it: it would take what follows for its own.
_TAG = rf"(?:{_BAD}|(?:<[a-z/][^<>]{{0,{_LONGEST_TEXT}}}+(?=<))++{_BAD})"
# At the end of a text: what follows it on a page would close it.
_UNCLOSED = re.compile(rf"<[a-z][\w:-]*(?=[\s/])[^>]*{_LOADS}[^>]*\Z", re.IGNORECASE)
_LINKS = re.compile(rf"(?P<markdown>{_MARKDOWN})|(?P<tag>{_TAG})|(?P<bare>{_BARE})", re.IGNORECASE)
# The search for tags takes time where many begin; without a `>` there is none.
_UNTAGGED = re.compile(rf"(?P<markdown>{_MARKDOWN})|(?P<tag>(?!))|(?P<bare>{_BARE})", re.IGNORECASE)
# What may still become one of them, from a bracket on.
_OPEN = re.compile(
    rf"!?\[[^\]\n]{{0,{_LONGEST_TEXT}}}+(?:\](?:\([^)\n]{{0,{_LONGEST_LINK}}}+)?)?\Z|<(?:[a-z/][^>]{{0,{_LONGEST_LINK}}}+)?\Z|!\Z",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"!?\[|<|!\Z")
# A word at the end, brackets of such hosts in it; the last one may not be whole.
_LAST_WORD = re.compile(rf"(?:(?<=//)\[[0-9a-f:.%]{{0,60}}(?:\]|\Z)|[^{_BREAKS}])+\Z", re.IGNORECASE)
# What may be a part of an address: where something between two such signs goes, they must not become one.
_JOINS_BEFORE = re.compile(r"[\w/\\:.@%&#;-]")
_JOINS_AFTER = re.compile(r"[\w/\\@%&#(-]|[.:][\w/\\]")
_WHOLE = re.compile(rf"{_MARKDOWN}|{_TAG}", re.IGNORECASE)
_AFTER = ".,;:!?)…"


class LinkStripper:
    """Takes links and images out of a text, but for those to hosts on a list.

    A link in Markdown leaves its text, a tag of HTML nothing, a bare address `REMOVED`. Addresses with a user name or a
    backslash are never on the list: programs disagree about what their host is.

    Args:
        allowed: hosts; each stands for its subdomains too.
    """

    def __init__(self, allowed: frozenset[str] = frozenset()) -> None:
        self._allowed = {host.lower().strip(".") for host in allowed}
        self._held = ""
        self._before = ""

    def feed(self, text: str) -> str:
        """Take a further piece; give what can leave now."""
        text = self._held + text
        safe = _safe(text)
        self._held = text[safe:]
        cleaned = self._clean(text[:safe], self._before)
        self._before = cleaned[-1:] or self._before
        return cleaned

    def finish(self) -> str:
        """Give the rest."""
        rest, self._held = self._held, ""
        return self._clean(_UNCLOSED.sub("", rest), self._before)

    def _clean(self, text: str, before: str = "") -> str:
        """Give a text without its links; `before` is what stands before it."""
        if not _may_hold_links(text):
            return text
        parts, place = [before], 0
        for match in (_LINKS if ">" in text else _UNTAGGED).finditer(text):
            parts.append(text[place : match.start()])
            parts.append(self._judged(match, next((part[-1] for part in reversed(parts) if part), "")))
            place = match.end()
        return "".join([*parts[1:], text[place:]])

    def _judged(self, match: re.Match[str], before: str) -> str:
        """Give what is left of a link; `before` is the sign that it comes to stand behind."""
        if match["bare"]:
            link = match["bare"].rstrip(_AFTER)
            return match[0] if self._is_allowed(link) else REMOVED + match["bare"][len(link) :]
        if match["markdown"] and self._is_allowed(match["target"]):
            return match[0]
        text = self._clean(match["text"]) if match["markdown"] else ""
        joins = [bool(_JOINS_BEFORE.match(before)), bool(_JOINS_AFTER.match(match.string, match.end()))]
        if text:
            return REMOVED if any(joins) else text
        return " " if all(joins) else ""

    def _is_allowed(self, link: str) -> bool:
        if not self._allowed or "\\" in link:
            return False
        try:
            parts = urlsplit(link if "//" in link else f"//{link}")
            host = (parts.hostname or "").strip(".")
        except ValueError:
            return False
        if parts.scheme not in ("", "http", "https") or "@" in parts.netloc:
            return False
        return any(host == known or host.endswith(f".{known}") for known in self._allowed)


def _may_hold_links(text: str) -> bool:
    return any(mark in text for mark in ("//", "](", "<", "www.", ":", "/")) or "WWW." in text.upper()


def _safe(text: str) -> int:
    """Give how much of a text's beginning holds nothing that a further piece could make a link of.

    Its last word is held back until it ends: any word may become the host of an address.
    """
    whole = [match.span() for match in _WHOLE.finditer(text)] if "](" in text or ("<" in text and ">" in text) else []
    opened = _opened(text, whole)
    begin = min(_last_word(text), opened)
    # What stands behind a link or a tag without a space is judged together with it.
    for start, end in reversed(whole):
        if start < begin <= end:
            begin = start
    return begin if len(text) - begin <= _LONGEST_LINK else opened


def _opened(text: str, whole: Sequence[tuple[int, int]]) -> int:
    """Give where the first bracket is that a further piece could make a link or a tag of; the end where there is none."""
    place = 0
    while match := _BRACKETS.search(text, place):
        place = match.start()
        if inside := next((end for start, end in whole if start <= place < end), 0):
            place = inside
        elif _OPEN.match(text, place):
            return place
        else:
            place += 1
    return len(text)


def _last_word(text: str) -> int:
    """Give where the last word begins: behind white space, or what ends an address."""
    if "//[" in text:
        found = _LAST_WORD.search(text, max(0, len(text) - _LONGEST_LINK - 1))
        return found.start() if found else len(text)
    place = len(text)
    while place and text[place - 1] not in " \t\n\r<>\"'`[]":
        place -= 1
    return place


# --- personal data

_PERSONAL = (
    ("EMAIL", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}(?![\w@-])", re.IGNORECASE)),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")),
    ("CARD", re.compile(r"(?<![\w.+-])(?:\d[ -]?){12,18}\d(?![\w-])")),
    ("SSN", re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")),
    (
        "PHONE",
        re.compile(
            r"(?<![\w.,#$€£+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}|\(\d{2,5}\) ?\d{3,4}[ .-]?\d{3,4}"
            r"|\d{3}[-. ]\d{3}[-. ]\d{4})(?![\w-])"
        ),
    ),
)
_LEAST_DIGITS, _MOST_DIGITS = 7, 15
_PLACEHOLDER = re.compile(r"\{\{[A-Z]{2,6}_\d{1,4}\}\}")
_PLACEHOLDER_BEGUN = re.compile(r"\{(?:\{(?:[A-Z]{0,6}(?:_(?:\d{0,4}\}?)?)?)?)?\Z")


class Redaction:
    """Takes e-mail addresses, telephone, card, account and social security numbers out of what a model is shown.

    Each value has one placeholder for as long as this lives (a turn), such as `{{EMAIL_1}}`; where the model writes it, the
    customer reads the value. Cards are checked by Luhn's formula (ISO/IEC 7812), accounts by modulus 97 (ISO 13616), so that
    order numbers stay.
    """

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def redact(self, text: str) -> str:
        """Give a text with placeholders in the place of personal data."""
        for kind, pattern in _PERSONAL:
            text = pattern.sub(lambda match, kind=kind: self._placeholder(kind, match[0]), text)
        return text

    def restore(self, text: str) -> str:
        """Give a text with the values in the place of their placeholders; unknown placeholders stay."""
        return _PLACEHOLDER.sub(lambda match: self._values.get(match[0], match[0]), text) if "{{" in text else text

    def restorer(self) -> Filter:
        """Give a filter that restores a text while it streams."""
        return _Restorer(self)

    def _placeholder(self, kind: str, value: str) -> str:
        if not _is_personal(kind, value):
            return value
        if value not in self._placeholders:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            placeholder = f"{{{{{kind}_{self._counts[kind]}}}}}"
            self._placeholders[value], self._values[placeholder] = placeholder, value
        return self._placeholders[value]


class _Restorer:
    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._held = ""

    def feed(self, text: str) -> str:
        text = self._held + text
        begun = _PLACEHOLDER_BEGUN.search(text) if "{" in text[-16:] else None
        safe = begun.start() if begun else len(text)
        self._held = text[safe:]
        return self._redaction.restore(text[:safe])

    def finish(self) -> str:
        rest, self._held = self._held, ""
        return self._redaction.restore(rest)


def _is_personal(kind: str, value: str) -> bool:
    digits = [int(character) for character in value if character.isdecimal()]
    if kind == "CARD":
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
        return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    if kind == "IBAN":
        letters = value.replace(" ", "")
        return int("".join(str(int(character, 36)) for character in letters[4:] + letters[:4])) % 97 == 1
    return kind != "PHONE" or _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS
