"""Clauses: the forms in which customers state something of themselves, and how a statement is found by them.

Each is a clause of its own, from its beginning to its end, with words from a list or capitalised names in its gap:
"my name is Ana Ruiz", and not "my name is wrong on the invoice". Whatever else stands in the clause makes it none.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from . import speech
from .fact import Span
from .given_names import GIVEN_NAMES
from .vocabulary import NO_NAMES

# Where a clause may end.
END = (
    r"(?=\s*(?:$|[.,;:!)\n]|\s[-–—]\s)|\s+(?:and|but|so|because|since|und|aber|weil|y|pero|porque|et|mais|car|please|bitte|por favor"
    r"|s['’]il vous pla[iî]t|thanks|danke|gracias|merci)\b)"
)
# Latin, Greek and Cyrillic capitals: the standard library's expressions know no classes of letters.
CAPITAL = "[" + "".join(letter for letter in map(chr, range(0x41, 0x530)) if letter.isupper()) + "]"
WORD = rf"{CAPITAL}[\w'’]{{1,24}}(?:-{CAPITAL}[\w'’]{{1,24}})?"
_PARTICLE = r"(?:de la|de los|van der|van den|von der|von dem|de|del|van|von|zu|da|dos|di|la|le|el|bin|al)"
NAME = rf"(?P<value>{WORD}(?:\s+(?:{_PARTICLE}\s+)?{WORD}){{0,3}})"
SHORT_NAME = rf"(?P<value>{WORD}(?:\s+{WORD})?)"
PLACE = rf"(?P<value>{WORD}(?:[\s]+(?:{_PARTICLE}\s+|am\s+)?{WORD}){{0,2}})"

# "No soy Ana" denies; "No, soy Ana" does not.
_SPANISH_NO = re.compile(r"\bno\s+$", re.IGNORECASE)


class Statement(Struct, frozen=True, kw_only=True):
    """A way to state a fact. Only names are read with their case.

    Attributes:
        values: written (a pattern) -> remembered; what is not in it is remembered as it is written.
        named: the value is a name: it must not be a word that only begins a phrase.
        given: its first word must be a given name: little else tells a name from another word in "I'm Anna".
        unless: words of which none may be in the value, in lower case.
    """

    label: str
    pattern: re.Pattern[str]
    values: dict[str, str] = {}
    named: bool = False
    given: bool = False
    unless: frozenset[str] = frozenset()


def said(
    label: str,
    *ways: str,
    values: dict[str, str] | None = None,
    named: bool = False,
    given: bool = False,
    unless: frozenset[str] = frozenset(),
) -> list[Statement]:
    """Compile the ways to state one thing; a way with `(?i:` in it is read with its case elsewhere."""
    return [
        Statement(
            label=label, pattern=re.compile(rf"(?<!\w){way}{END}", 0 if "(?i:" in way else re.IGNORECASE),
            values=values or {}, named=named, given=given, unless=unless,
        )
        for way in ways
    ]  # fmt: skip


def found(statements: Iterable[Statement], text: str) -> Iterator[Span]:
    """Give the statements in a text, each with the place of its whole clause."""
    for statement in statements:
        for match in statement.pattern.finditer(text):
            groups = match.groupdict()
            written = groups["value"] or groups.get("other") or ""
            if _SPANISH_NO.search(text, max(0, match.start() - 4), match.start()) or not _fits(statement, written):
                continue
            if speech.is_stated(text, match.start(), match.end()):
                written = written.title() if statement.given and written.islower() else written
                yield match.span(), statement.label, _meant(written, statement.values)


def _fits(statement: Statement, written: str) -> bool:
    words = [word.casefold() for word in written.split()]
    if statement.named and (written.isupper() or not NO_NAMES.isdisjoint(words)):
        return False
    if statement.given and words[0].partition("-")[0] not in GIVEN_NAMES:
        return False
    return statement.unless.isdisjoint(words)


def _meant(written: str, values: dict[str, str]) -> str:
    """Give the value as it is remembered: in the words of the table where there is one."""
    for pattern, value in values.items():
        if re.fullmatch(pattern, written, re.IGNORECASE):
            return value
    return " ".join(written.split())
