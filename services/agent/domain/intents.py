"""Intents: what a customer's message is about, as far as a person should take over - a linear classifier, in plain Python.

The weights are learned from labelled texts by `tests/evals/train_escalation.py`; here they are only added up: softmax regression
over hashed features (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009). A text's features are
its words and pairs of words, runs of three to five characters within words, so that typing errors and endings do no harm, and
its concepts and pairs of them (`concepts`), which seven languages share.

A message is read as a whole, sentence by sentence, and long sentences in windows: what matters may be one clause of a
long story.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from math import exp, sqrt
from typing import Literal
from zlib import crc32

from msgspec import Struct

from . import concepts, signals

Label = Literal["none", "person", "legal", "safety", "security", "anger", "unhappy"]
LABELS: tuple[Label, ...] = ("none", "person", "legal", "safety", "security", "anger", "unhappy")

# Rows of the table: for words and their pairs, for runs, for concepts and their pairs.
_WORDS, _RUNS, _CONCEPTS = 1 << 16, 1 << 16, 1 << 15
REGIONS = (_WORDS, _RUNS, _CONCEPTS)
ROWS = sum(REGIONS)
# How much one of each counts: runs are many, and say the same thing again and again.
OF_WORD, OF_RUN, OF_CONCEPT = 1.0, 0.5, 2.0
_LENGTHS = (3, 4, 5)
# No customer writes a longer word; what is pasted may.
_LONGEST_WORD = 24
# Of a longer text the beginning and the end are read, in characters.
_HEAD, _TAIL = 3000, 1000
# A sentence with more words is read in windows of as many, too, each half a window on.
_WINDOW = 24
# A concept makes a pair with the next so many.
_NEAR = 3
_SHORTEST_STEM, _LONGEST_STEM = 3, 16
# Of a text that is read at all: letters, and their share of its signs.
_LEAST_LETTERS, _LEAST_SHARE = 3, 0.6
_SHOUTED = 0.6

_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;]*|[.!?;]+")
_TOKEN = re.compile(r"\w+(?:'\w+)*|!+|\?+|[^\w\s.,;:()\"'\[\]{}<>/\\|_+*=#%&@~^$-]")
_LONG_WORD = re.compile(r"[^\W\d_]{3,}")

# Each label has a lane of so many bits in a row's number: one addition adds all labels at once.
_LANE = 32
_NEUTRAL = 128


class Rows(Struct, frozen=True):
    """The rows of the table that a text stands for, each as often as it is said."""

    words: list[int]
    runs: list[int]
    concepts: list[int]

    @property
    def norm(self) -> float:
        """The length of the text as a vector; never 0."""
        return sqrt(
            len(self.words) * OF_WORD**2 + len(self.runs) * OF_RUN**2 + len(self.concepts) * OF_CONCEPT**2 or 1.0
        )


class Weights(Struct, frozen=True, kw_only=True):
    """What was learned.

    Attributes:
        rows: row -> a weight for each of `LABELS`, -127..127; other rows weigh nothing.
        scale: what a weight of 1 is.
        bias: how likely each label is before anything is read.
    """

    rows: Mapping[int, Sequence[int]]
    scale: float
    bias: Sequence[float]


class Reading(Struct, frozen=True):
    """How a message reads as a whole, and its pieces, each with what it says."""

    whole: dict[Label, float]
    pieces: list[tuple[str, dict[Label, float]]]


def _is_prose(text: str) -> bool:
    """Say whether a text is made of words: order numbers, codes and amounts say nothing about what their sender wants."""
    signs = [sign for sign in bounded(text) if not sign.isspace()]
    letters = sum(sign.isalpha() for sign in signs)
    return letters >= _LEAST_LETTERS and letters >= _LEAST_SHARE * len(signs)


class Intents:
    """The classifier; the same text always gives the same."""

    def __init__(self, weights: Weights) -> None:
        nothing = _packed([0] * len(LABELS))
        self._table = [nothing] * ROWS
        for row, values in weights.rows.items():
            self._table[row] = _packed(values)
        self._scale = weights.scale
        self._bias = weights.bias

    def scores(self, text: str) -> dict[Label, float]:
        """Say how likely each label is for a text as a whole; they sum to 1. Text without words is `none`."""
        return self.reading(text).whole

    def reading(self, text: str) -> Reading:
        """Read a message as a whole and piece by piece."""
        sentences = [(sentence, tokens(sentence)) for sentence in _SENTENCE.findall(bounded(text))]
        sentences = [(sentence, found) for sentence, found in sentences if found]
        if not sentences or not _is_prose(text):
            return Reading({label: float(label == "none") for label in LABELS}, [])
        heard = [(sentence, found, features(found)) for sentence, found in sentences]
        shout = _shout(text)
        sums = [self._sum(rows) for _, _, rows in heard]
        squares = [rows.norm**2 for _, _, rows in heard]
        total, square = sum(sums), sum(squares)
        if shout:
            total += self._sum(shout)
            square += shout.norm**2
        count = sum(map(_count, (rows for _, _, rows in heard))) + (_count(shout) if shout else 0)
        whole = self._softmax(total, count, sqrt(square))
        pieces: list[tuple[str, dict[Label, float]]] = []
        for (sentence, found, rows), summed, squared in zip(heard, sums, squares, strict=True):
            said = whole if len(heard) == 1 else self._softmax(summed, _count(rows), sqrt(squared))
            pieces.append((sentence.strip(), said))
            pieces += [(sentence.strip(), self._alone(features(window))) for window in _windows(found)]
        return Reading(whole, pieces)

    def _alone(self, rows: Rows) -> dict[Label, float]:
        return self._softmax(self._sum(rows), _count(rows), rows.norm)

    def _sum(self, rows: Rows) -> int:
        table = self._table
        return sum([table[row] for part in (rows.words, rows.runs, rows.concepts) for row in part])

    def _softmax(self, summed: int, count: int, norm: float) -> dict[Label, float]:
        mask, each = (1 << _LANE) - 1, self._scale / norm
        logits = [
            ((summed >> _LANE * lane & mask) - count * _NEUTRAL) * each + bias for lane, bias in enumerate(self._bias)
        ]
        most = max(logits)
        parts = [exp(logit - most) for logit in logits]
        whole = sum(parts)
        return {label: part / whole for label, part in zip(LABELS, parts, strict=True)}


def _packed(values: Sequence[int]) -> int:
    return sum((value + _NEUTRAL) << (_LANE * lane) for lane, value in enumerate(values))


def _count(rows: Rows) -> int:
    return len(rows.words) + len(rows.runs) + len(rows.concepts)


def bounded(text: str) -> str:
    """Give what of a text is looked at, folded."""
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]}\n{text[-_TAIL:]}"
    return signals.fold(text)


def tokens(sentence: str) -> list[str]:
    """Give the words and signs of a folded sentence."""
    return [_token(token) for token in _TOKEN.findall(sentence)]


def _token(token: str) -> str:
    if token.isdigit():
        return "0"
    return token[:2] if token[0] in "!?" else token[:_LONGEST_WORD]


def of_text(text: str) -> Rows:
    """Give all rows of a text as a whole, as `Intents` sums them up: this is what training sees."""
    parts = [features(tokens(sentence)) for sentence in _SENTENCE.findall(bounded(text))]
    if shout := _shout(text):
        parts.append(shout)
    return Rows(
        [row for part in parts for row in part.words],
        [row for part in parts for row in part.runs],
        [row for part in parts for row in part.concepts],
    )


def features(found: Sequence[str]) -> Rows:
    """Give the rows of a sentence's tokens."""
    if not found:
        return Rows([], [], [])
    words = [_word_row(token) for token in found]
    words += [_row(f"{first} {second}") for first, second in pairwise(["^", *found, "$"])]
    return Rows(words, [row for token in found for row in _run_rows(token)], _concept_rows(found))


def _concept_rows(found: Sequence[str]) -> list[int]:
    meant = [meanings for token in found if (meanings := _meanings(token))]
    said = dict.fromkeys(meaning for meanings in meant for meaning in meanings)
    for place, meanings in enumerate(meant):
        for after in meant[place + 1 : place + 1 + _NEAR]:
            said.update(dict.fromkeys(f"{first} {second}" for first in meanings for second in after if first != second))
    return [_WORDS + _RUNS + (crc32(idea.encode()) & (_CONCEPTS - 1)) for idea in said]


def _row(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass")) & (_WORDS - 1)


# Most of what customers write is a few thousand words: these caches hold no more.
@lru_cache(maxsize=4096)
def _word_row(token: str) -> int:
    return _row(token)


@lru_cache(maxsize=4096)
def _run_rows(token: str) -> tuple[int, ...]:
    framed = f"<{token}>".encode("utf-8", "surrogatepass")
    return tuple(
        _WORDS + (crc32(framed[begin : begin + length]) & (_RUNS - 1))
        for length in _LENGTHS
        for begin in range(len(framed) - length + 1)
    )


def _by_word() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Turn the table of concepts round: whole words, and beginnings of words."""
    whole: dict[str, list[str]] = {}
    beginnings: dict[str, list[str]] = {}
    for concept, table in concepts.CONCEPTS.items():
        for word in dict.fromkeys(table.split()):
            (beginnings if word.endswith("*") else whole).setdefault(word.removesuffix("*"), []).append(concept)
    return whole, beginnings


_WHOLE, _BEGINNINGS = _by_word()


@lru_cache(maxsize=4096)
def _meanings(token: str) -> tuple[str, ...]:
    """Give the concepts that a word stands for; of "j'ai" those of both halves where the whole has none."""
    found = dict.fromkeys(_WHOLE.get(token, ()))
    for length in range(_SHORTEST_STEM, min(len(token), _LONGEST_STEM) + 1):
        found.update(dict.fromkeys(_BEGINNINGS.get(token[:length], ())))
    if not found and "'" in token:
        found = dict.fromkeys(meaning for part in token.split("'") for meaning in _meanings(part))
    return tuple(found)


def _shout(text: str) -> Rows | None:
    """Give a row of its own to a text that is written mostly in capitals."""
    found = _LONG_WORD.findall(text[:_HEAD])
    if len(found) < 2 or sum(word.isupper() for word in found) < _SHOUTED * len(found):
        return None
    return Rows([_row("^^")], [], [])


def _windows(found: Sequence[str]) -> Iterator[Sequence[str]]:
    if len(found) <= _WINDOW:
        return
    for begin in range(0, len(found) - _WINDOW // 2, _WINDOW // 2):
        yield found[begin : begin + _WINDOW]
