"""Quantities: the numbers, amounts, times and durations of a text, so that two texts can be held against each other.

"30 days", "thirty days" and "30-day" are one; so are "3-5 business days" and "3 to 5 days", "$1,000.00" and "1000 dollars",
"6 pm" and "18:00". A number that numbers something (a list's item, a citation) is none.
"""

import re
from typing import NamedTuple

_WORDS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
    "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "twenty": "20", "thirty": "30",
    "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100",
}  # fmt: skip
_UNITS = {
    "minute": "minute", "min": "minute", "minuten": "minute", "minuto": "minute",
    "hour": "hour", "hr": "hour", "stunde": "hour", "hora": "hour", "heure": "hour",
    "day": "day", "tag": "day", "werktag": "day", "dia": "day", "día": "day", "jour": "day",
    "week": "week", "woche": "week", "semana": "week", "semaine": "week",
    "month": "month", "monat": "month", "mes": "month", "mese": "month", "mois": "month",
    "year": "year", "jahr": "year", "año": "year", "an": "year",
    "%": "%", "percent": "%", "prozent": "%",
    "$": "$", "dollar": "$", "usd": "$", "€": "€", "euro": "€", "eur": "€", "£": "£", "pound": "£", "gbp": "£",
}  # fmt: skip
_NAMES = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
# A number that was written as a word stands in digits behind this sign while quantities are looked for.
_WORD_SIGN = "\x00"
_NUMBER_WORD = re.compile(rf"\b(?=[tfsenh])(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_NUMBER = rf"{_WORD_SIGN}?(?:\d[\d.,]*\d|\d)"
_TIME = re.compile(r"\b(\d{1,2})(?:[:.](\d\d))?\s*([ap])\.?m\b\.?|\b(\d{1,2}):(\d\d)\b", re.IGNORECASE)
_QUANTITY = re.compile(
    rf"(?:(?P<before>[$€£])\s?)?(?<![\w.])(?P<first>{_NUMBER})(?:\s?(?:-|–|to|bis)\s?(?P<last>{_NUMBER}))?"
    rf"(?:[\s-]?(?:(?:business|working|calendar|full)[\s-])?(?P<unit>{_NAMES})(?:s|n|en|es|e)?(?!\w))?(?![\w])",
    re.IGNORECASE,
)
_NO_QUANTITY = re.compile(r"\[\d{1,3}\]|(?:(?<=\n)|^)\s*\(?\d{1,2}[.)]\s", re.MULTILINE)


class Quantity(NamedTuple):
    """A number in one writing, and its unit; no unit where none stands beside it."""

    number: str
    unit: str = ""


def quantities(text: str, *, stated: bool = False) -> frozenset[Quantity]:
    """Give the quantities of a text.

    Args:
        text: of a few sentences.
        stated: leave out number words with no unit: "two of them" counts what is listed rather than stating a quantity.
    """
    found: set[Quantity] = set()

    def take_time(match: re.Match[str]) -> str:
        hour, minute = int(match[1] or match[4]), match[2] or match[5] or "00"
        if match[3]:
            hour = hour % 12 + (12 if match[3] in "pP" else 0)
        found.add(Quantity(f"{hour}:{minute}", "time"))
        return " "

    rest = _TIME.sub(take_time, _NO_QUANTITY.sub(" ", text.replace(_WORD_SIGN, "")))
    rest = _NUMBER_WORD.sub(lambda word: _WORD_SIGN + _WORDS[word[0].lower()], rest)
    for match in _QUANTITY.finditer(rest):
        unit = _UNITS.get((match["before"] or match["unit"] or "").lower(), "")
        found.update(
            Quantity(_plain(number), unit)
            for number in (match["first"], match["last"])
            if number and not (stated and number[0] == _WORD_SIGN and not unit)
        )
    return frozenset(found)


def agrees(one: Quantity, others: frozenset[Quantity]) -> bool:
    """Say whether a quantity is among others; where one of two has no unit, the number alone decides."""
    return any(
        one.number == other.number and (one.unit == other.unit or not (one.unit and other.unit)) for other in others
    )


def _plain(number: str) -> str:
    """Write a number in one way: "1,000.00" and "1.000" as "1000", "2.50" as "2.5"."""
    number = number.lstrip(_WORD_SIGN)
    number = re.sub(r"[.,](?=\d{3}(?!\d))", "", number).replace(",", ".")
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number.lstrip("0") or "0"
