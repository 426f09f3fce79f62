"""Spelling: which known words a word that nobody knows may be."""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST = 4
# From this length on two mistakes are one word still.
_LONG = 8
_LONGEST = 30  # no word that somebody means


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """The known words that one mistake (two in a long word) makes of it, with the first letter right; fewest mistakes first.

    Words with digits and words of fewer than 4 letters or more than 30 are never taken for others.
    """
    if not _SHORTEST <= len(word) <= _LONGEST or not word.isalpha():
        return []
    most = 2 if len(word) >= _LONG else 1
    first = word[0]
    near = [
        (mistakes, other)
        for other in known
        if other[0] == first
        and -most <= len(other) - len(word) <= most
        and len(other) >= _SHORTEST
        and (mistakes := distance(word, other, most)) <= most
    ]
    return [other for _, other in sorted(near)]


def distance(one: str, other: str, most: int) -> int:
    """How many letters were left out, put in, changed or swapped with their neighbour; `most` + 1 where there are more.

    The optimal string alignment distance (Damerau, "A technique for computer detection and correction of spelling errors", 1964).
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        earlier, before, row = before, row, [at, *[0] * len(other)]
        for to, theirs in enumerate(other, 1):
            row[to] = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != theirs))
            if at > 1 and to > 1 and letter == other[to - 2] and one[at - 2] == theirs:
                row[to] = min(row[to], earlier[to - 2] + 1)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
