"""Filters: what is done to an answer's text while it streams, before it leaves. Nothing is rewritten after that.

A filter holds back what it cannot judge yet, loses nothing, and gives the same text however it was cut into pieces.
"""

import re
from collections.abc import Sequence
from typing import Protocol


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


# --- personal data

_DIGITS = r"\+?\(?\d(?:[ ()./-]{0,3}\d){5,18}"
# Words behind which a number is somebody's telephone, or account; `value` is what is hidden.
_CALLED = (
    r"(?:tele)?(?:phone|fon|fono)\w*|t[eé]l\w*|mobile?|cell\w*|handy\w*|m[oó]vil|celular|portable|fax|whatsapp|(?:call|text|reach|ring|phone) (?:me |us )?(?:back )?"
    r"(?:on|at|under)|rufen sie mich|ruf\w* mich|erreich\w*|ll[aá]m\w*|appel\w*|my number|meine nummer|mi n[uú]mero|mon num[eé]ro|o meu n[uú]mero|il mio numero"
)
_BANKED = r"account|acct|konto\w*|cuenta|compte|conta|conto|sort code|routing|bank\w*|bsb|iban|passport|reisepass\w*|pasaporte|passeport|dni|tax id|steuer\w*"
_PERSONAL = (
    ("EMAIL", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}(?![\w@-])", re.IGNORECASE)),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")),
    ("CARD", re.compile(r"(?<![\w.+-])(?:\d[ -]?){12,18}\d(?![\w-])")),
    ("SSN", re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")),
    ("ACCT", re.compile(rf"\b(?:{_BANKED})\b[^\d\n]{{0,24}}(?P<value>{_DIGITS})(?!\w)", re.IGNORECASE)),
    (
        "PHONE",
        re.compile(
            # as numbers are written with their country, as in North America, and in countries where they begin with 0
            r"(?<![\w.,#$€£+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}|\(\d{2,5}\) ?\d{3,4}[ .-]?\d{3,4}"
            r"|\d{3}[-. ]\d{3}[-. ]\d{4}|0\d(?:[ ./-]?\d){7,11})(?![\w-])"
        ),
    ),
    ("PHONE", re.compile(rf"\b(?:{_CALLED})\b[^\d\n+(]{{0,24}}(?P<value>{_DIGITS})(?!\w)", re.IGNORECASE)),
)
_LEAST_DIGITS, _MOST_DIGITS = 7, 15
_PLACEHOLDER = re.compile(r"\{\{[A-Z]{2,6}_\d{1,4}\}\}")
# What stands for a value that there is not: a model has made its placeholder up.
_NOTHING = "…"
_PLACEHOLDER_BEGUN = re.compile(r"\{(?:\{(?:[A-Z]{0,6}(?:_(?:\d{0,4}\}?)?)?)?)?\Z")


class Redaction:
    """Takes e-mail addresses, telephone, card, account and social security numbers out of what a model is shown.

    A number that is hidden for nothing does no harm: the customer and tools get it back. Names and postal addresses stay.

    Each value has one placeholder for as long as this lives (a turn), such as `{{EMAIL_1}}`, however it is spaced and punctuated;
    where the model writes it, the customer reads the value as it was written first, and "…" where there is no such value. Cards are checked by Luhn's formula (ISO/IEC 7812), accounts by modulus 97 (ISO 13616), so that
    order numbers stay.
    """

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def redact(self, text: str) -> str:
        """Give a text with placeholders in the place of personal data."""
        for kind, pattern in _PERSONAL:
            text = pattern.sub(lambda match, kind=kind: self._hidden(kind, match), text)
        return text

    def _hidden(self, kind: str, match: re.Match[str]) -> str:
        value = match["value"] if "value" in match.re.groupindex else match[0]
        return match[0][: len(match[0]) - len(value)] + self._placeholder(kind, value)

    def restore(self, text: str) -> str:
        """Give a text with the values in the place of their placeholders; unknown placeholders stay, for a tool to refuse."""
        return _PLACEHOLDER.sub(lambda match: self._values.get(match[0], match[0]), text) if "{{" in text else text

    def shown(self, text: str) -> str:
        """Give a text for the customer: as `restore`, but nothing of a placeholder that a model has made up."""
        return _PLACEHOLDER.sub(lambda match: self._values.get(match[0], _NOTHING), text) if "{{" in text else text

    def restorer(self) -> Filter:
        """Give a filter that restores a text while it streams."""
        return _Restorer(self)

    def _placeholder(self, kind: str, value: str) -> str:
        if not _is_personal(kind, value):
            return value
        same = _bare(value)
        if same not in self._placeholders:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            placeholder = f"{{{{{kind}_{self._counts[kind]}}}}}"
            self._placeholders[same], self._values[placeholder] = placeholder, value
        return self._placeholders[same]


class _Restorer:
    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._held = ""

    def feed(self, text: str) -> str:
        text = self._held + text
        begun = _PLACEHOLDER_BEGUN.search(text) if "{" in text[-16:] else None
        safe = begun.start() if begun else len(text)
        self._held = text[safe:]
        return self._redaction.shown(text[:safe])

    def finish(self) -> str:
        rest, self._held = self._held, ""
        return self._redaction.shown(rest)


def _bare(value: str) -> str:
    """Give what is the same for the same value in another spelling: an address without case, a number without its spaces and signs."""
    if "@" in value:
        return value.casefold()
    return "".join(character for character in value.upper() if character.isalnum() or character == "+")


def _is_personal(kind: str, value: str) -> bool:
    digits = [int(character) for character in value if character.isdecimal()]
    if kind == "CARD":
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
        return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    if kind == "IBAN":
        letters = value.replace(" ", "")
        return int("".join(str(int(character, 36)) for character in letters[4:] + letters[:4])) % 97 == 1
    return kind != "PHONE" or _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS
