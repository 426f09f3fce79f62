"""Grouping: what a reader is shown of the ranked passages. Neighbours become one, and the same text is shown once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from msgspec import Struct

from . import lexical
from .fusion import Ranked
from .passages import Passage

# More neighbours than this stay apart: an answer needs the place, not the page.
MOST_MERGED = 3
_SHINGLE = 4  # words
# From this share of common shingles on, two texts are one (Broder, "On the resemblance and containment of documents", 1997).
_ALIKE = 0.8
# Neighbours may repeat each other's ends; what is shorter may be chance.
_LEAST_OVERLAP = 20


class Group(Struct, frozen=True, kw_only=True):
    """One result: a passage, or neighbours of one document.

    Attributes:
        best: the one that was ranked highest; score and cosine of the group are its.
        members: all of them by their position; `best` is among them.
    """

    best: Ranked
    members: Sequence[Ranked]

    @property
    def text(self) -> str:
        """The members' texts in their order. What a neighbour repeats stands once."""
        first, *rest = [member.found.passage for member in self.members]
        return reduce(_joined, rest, first.text)


def grouped(ranked: Iterable[Ranked], most: int) -> list[Group]:
    """The first `most` results in their order, without repetitions.

    A passage next to one that is already shown, under the same heading, joins it, while there are fewer than MOST_MERGED. One whose text says what one
    before it says is left out: of duplicates the best placed stays.
    """
    groups: list[list[Ranked]] = []
    shown: list[frozenset[tuple[str, ...]]] = []
    for each in ranked:
        if len(groups) >= most:
            break
        own = shingles(each.found.passage.text)
        if any(alike(own, other) for other in shown):
            continue
        shown.append(own)
        beside = next((group for group in groups if len(group) < MOST_MERGED and _beside(each, group)), None)
        if beside is None:
            groups.append([each])
        else:
            beside.append(each)
    return [Group(best=group[0], members=sorted(group, key=_position)) for group in groups]


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Each run of four words of a text; the text whole where it is shorter."""
    words = lexical.words(text)
    runs = frozenset(zip(*(words[at:] for at in range(_SHINGLE)), strict=False))
    return runs or frozenset([tuple(words)])


def alike(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> bool:
    """Whether two texts are as good as the same."""
    common = len(one & other)
    return common >= _ALIKE * (len(one) + len(other) - common)


def _beside(each: Ranked, group: Sequence[Ranked]) -> bool:
    passage = each.found.passage
    return any(
        other.document_id == passage.document_id
        and other.heading == passage.heading  # the answer to the next question of a list is none to this one
        and abs(other.position - passage.position) == 1
        for other in (member.found.passage for member in group)
    )


def _position(each: Ranked) -> int:
    return each.found.passage.position


def _joined(text: str, passage: Passage) -> str:
    longest = min(len(text), len(passage.text))
    repeated = next((n for n in range(longest, _LEAST_OVERLAP - 1, -1) if text.endswith(passage.text[:n])), 0)
    rest = passage.text[repeated:].lstrip() if repeated else passage.text
    return f"{text}{' ' if repeated else chr(10) * 2}{rest}".rstrip()
