"""Intents: what a customer's message is about, as far as a person should take over - a linear classifier, in plain Python.

The weights are learned from labelled texts by `tests/evals/train_escalation.py`; here they are only added up. A text is looked
at as words, pairs and triples of words, and runs of three to five characters within words, so that typing errors, endings
and seven languages share what they have in common. Each of these is hashed to a row of a table: softmax regression
over hashed features (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009).

A message is read as a whole, sentence by sentence, and long sentences in windows: what matters may be one clause of a
long story.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import exp, sqrt
from typing import Literal
from zlib import crc32

from msgspec import Struct

from . import signals

Label = Literal["none", "person", "legal", "safety", "security", "anger", "unhappy"]
LABELS: tuple[Label, ...] = ("none", "person", "legal", "safety", "security", "anger", "unhappy")

# The table has 2 ** BITS rows.
BITS = 17
# Runs of characters are many and say the same thing again and again: each counts for this much of a word.
_RUN = 0.4
_RUNS = (3, 4, 5)
# No customer writes a longer word; what is pasted may.
_LONGEST_WORD = 24
# Of a longer text the beginning and the end are read.
_HEAD, _TAIL = 700, 300
# A sentence with more words is read in windows of as many, each half a window on.
_WINDOW = 24

_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;]*|[.!?;]+")
_TOKEN = re.compile(r"\w+(?:'\w+)*|!+|\?+|[^\w\s.,;:()\"'\[\]{}<>/\\|_+*=#%&@~^$-]")
_DIGITS = re.compile(r"\d+")
# Salts that keep a word apart from a run or a pair with the same letters.
_WORD, _PAIR, _TRIPLE, _SHOUT = 1, 2, 3, 4
_MASK = (1 << BITS) - 1


class Token(Struct, frozen=True):
    """A word or a sign with the rows that it stands for.

    Attributes:
        words: rows of the word, and of the pair and the triple that it ends.
        runs: rows of its runs of characters.
    """

    words: tuple[int, ...]
    runs: tuple[int, ...]


class Piece(Struct, frozen=True):
    """A sentence, or a window of one."""

    text: str
    tokens: list[Token]


def _row(text: str, salt: int) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"), salt) & _MASK
