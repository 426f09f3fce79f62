"""Signals for a hand-over: the tables of `phrases`, compiled, with negations and conditions heeded."""

import re
import unicodedata
from collections.abc import Iterator

from msgspec import Struct

from . import gates, hedges, phrases
from .phrases import Language, Reason

_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;]*")
# No customer writes a longer sentence; text without stops is looked through in pieces.
_LONGEST = 600


class Signal(Struct, frozen=True, kw_only=True):
    """One way of saying one thing in one language.

    Attributes:
        weight: 2 is a reason by itself.
        undone: what takes it back where it stands directly before it.
    """

    reason: Reason
    language: Language
    pattern: re.Pattern[str]
    undone: re.Pattern[str]
    weight: int = 2

    def stands_in(self, sentence: str) -> bool:
        """Say whether a folded sentence says it, and does not take it back."""
        return any(not self.undone.search(sentence, 0, match.start()) for match in self.pattern.finditer(sentence))


def fold(text: str) -> str:
    """Give a text without case, accents, typographic apostrophes and runs of white space other than line ends."""
    text = unicodedata.normalize("NFKD", text.replace("’", "'").replace("`", "'").replace("´", "'")).casefold()
    text = "".join(character for character in text if not unicodedata.combining(character))
    return re.sub(r"[^\S\n]+", " ", re.sub(r"\s*\n\s*", "\n", text)).strip()


def _filled(pattern: str) -> str:
    """Put the named words in."""
    return re.sub(r"<(\w+)>", lambda name: phrases.WORDS[name[1]], pattern)


def _signal(reason: Reason, language: Language, pattern: str, weight: int = 2) -> Signal:
    return Signal(
        reason=reason,
        language=language,
        pattern=re.compile(rf"(?<![\w-])(?:{_filled(pattern)})(?!\w)"),
        undone=re.compile(rf"(?:\b(?:{hedges.UNDONE[reason][language]})) ?$"),
        weight=weight,
    )


def _signals() -> list[Signal]:
    """Compile the tables."""
    tables: dict[Reason, dict[Language, tuple[str, ...]]] = {
        "safety": phrases.SAFETY, "security": phrases.SECURITY, "legal": phrases.LEGAL, "asked_for_person": phrases.ASKED,
    }  # fmt: skip
    found = [
        _signal(reason, language, pattern)
        for reason, table in tables.items()
        for language, patterns in table.items()
        for pattern in patterns
    ]
    angry = [
        _signal("anger", language, pattern, weight)
        for language, patterns in phrases.ANGER.items()
        for weight, pattern in patterns
    ]
    return [*found, *angry]


SIGNALS = _signals()
_NOTHING_ELSE: dict[Language, re.Pattern[str]] = {
    language: re.compile(
        rf"(?:{phrases.PLEASE} ){{0,2}}(?:{_filled(pattern)}[ -]?){{1,4}}(?:{phrases.PLEASE} ?){{0,2}}"
    )
    for language, pattern in phrases.NOTHING_ELSE.items()
}
_GATES = {
    (reason, language): re.compile(rf"\b(?:{'|'.join(map(re.escape, words.split()))})")
    for reason, table in gates.GATES.items()
    for language, words in table.items()
}
_CLAUSE_END = re.compile(r"[,:.!?;]+")


def heard(text: str) -> Iterator[Signal]:
    """Give the signals in a folded text, each once."""
    sentences = [
        sentence[start : start + _LONGEST].strip()
        for sentence in _SENTENCE.findall(text)
        for start in range(0, len(sentence), _LONGEST)
    ]
    open_gates = {about for about, gate in _GATES.items() if gate.search(text)}
    for signal in SIGNALS:
        if (signal.reason, signal.language) in open_gates and any(map(signal.stands_in, sentences)):
            yield signal


def names_only_a_person(text: str) -> Language | None:
    """Say in which language a clause of a folded text names a person and nothing else: "representative, please"."""
    clauses = [clause.strip() for sentence in _SENTENCE.findall(text) for clause in _CLAUSE_END.split(sentence)]
    for language, pattern in _NOTHING_ELSE.items():
        if any(pattern.fullmatch(clause) for clause in clauses if 0 < len(clause) <= _LONGEST):
            return language
    return None
