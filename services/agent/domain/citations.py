"""Citations: the marks in a model's text that name passages, renumbered while the text streams.

A model writes `[4]` for the passage whose rank is 4. What leaves is numbered in the order of first use: the first
passage cited is `[1]`, whatever its rank. A mark that names no passage, or one too many, leaves no trace.

| written | |
|---|---|
| `[1]`, `[ 1 ]`, `【1】`, `[1, 2]`, `[1; 2]` | marks; several numbers leave as `[1][2]` |
| `[1-3]` | a mark where there are passages 1, 2 and 3; so a number range of 2 or 3 such numbers is taken for one |
| `[1-4]`, `[3-1]`, `[7-9]` without such passages | text: a number range |
| `[1](https://...)` | a link |
| `[click here]`, `[1a]`, `[2024]`, `[]` | text |
| `list[0]` | text: nothing is numbered 0; behind a word, `days[1]` is a mark |
| between backticks and in fenced code | text |
"""

import re
from collections.abc import Iterable

from .prompt import MAX_SOURCES

# Between the brackets; what is longer is no mark.
_LONGEST = 13
_INSIDE = r"[\s\d,;–-]"
_MARK = re.compile(
    r"[\[【](?=[^\]】]{1,13}[\]】])(?P<inside>[ \t]*\d{1,3}(?:[ \t]*[,;–-][ \t]*\d{1,3})*[ \t]*)[\]】](?!\()"
)
# The end of a piece that may become a mark, with the space that would go with it. One sign more tells mark from link.
_BEGINNING = re.compile(rf"[ \t]?(?:[\[【]{_INSIDE}{{0,{_LONGEST}}}[\]】]?)?\Z")
# Without any of these a text holds no mark and no code.
_MATTERS = re.compile(r"[\[【`\n]")
_STOP = re.compile(r"`+|\n|[ \t]?[\[【]")
_PARTS = re.compile("[,;]")
_NUMBER = re.compile(r"\d+")
# Of a range of passages; no text cites more.
_WIDEST = MAX_SOURCES


class Citations:
    """A filter (`domain/filters.Filter`) that renumbers marks; it holds back at most 16 characters.

    Args:
        ranks: of the passages that may be cited.

    Attributes:
        used: the ranks cited so far: `[n]` in the text that has left stands for `used[n-1]`. One list that grows.
    """

    def __init__(self, ranks: Iterable[int] = ()) -> None:
        self.used: list[int] = []
        self._known = set(ranks)
        self._held = ""
        # Of the text before what is held: its last sign, the backticks at its end, and whether it ends within code.
        self._last = ""
        self._ticks = 0
        self._fenced = False
        self._code = False

    def know(self, ranks: Iterable[int]) -> None:
        """Let further passages be cited: those that a tool has found."""
        self._known.update(ranks)

    def feed(self, text: str) -> str:
        """Take a further piece; give what can leave now."""
        self._held += text
        if not _MATTERS.search(self._held):
            # As below, for the most of all text.
            text = self._held
            self._held = text[-1] if text[-1:] in (" ", "\t") else ""
            return self._plain(text.removesuffix(self._held))
        beginning = _BEGINNING.search(self._held)
        assert beginning is not None  # noqa: S101 - it matches nothing at all, too
        return self._pass(beginning.start())

    def finish(self) -> str:
        """Give the rest."""
        return self._pass(len(self._held))

    def _pass(self, end: int) -> str:
        """Rewrite what is held up to `end`, and keep the rest. No mark reaches over `end`."""
        text, passed, at = self._held, list[str](), 0
        while (stop := _STOP.search(text, at, end)) is not None:
            passed.append(self._plain(text[at : stop.start()]))
            at = stop.end()
            mark = _MARK.match(text, stop.end() - 1, end) if stop[0][-1] in "[【" else None
            if mark is None or not self._cites(stop[0], mark["inside"]):
                passed.append(self._plain(stop[0]))
                continue
            at = mark.end()
            if written := self._written(mark["inside"]):
                passed.append(stop[0][:-1] + written)
            self._last, self._ticks = "]", 0
        passed.append(self._plain(text[at:end]))
        self._held = text[end:]
        return "".join(passed)

    def _plain(self, text: str) -> str:
        """Note what passes as it is."""
        if not text:
            return text
        if text[0] == "`":
            self._ticks += len(text)
        else:
            self._settle()
            self._code = self._code and text != "\n"
        self._last = text[-1]
        return text

    def _settle(self) -> None:
        """Open or close code where backticks have ended: three begin or end a fence."""
        if self._ticks >= 3:
            self._fenced = not self._fenced
        elif self._ticks and not self._fenced:
            self._code = not self._code
        self._ticks = 0

    def _cites(self, before: str, inside: str) -> bool:
        """Say whether a mark cites: not in code, not `list[0]`, and no other range than one of passages."""
        self._settle()
        behind_word = len(before) == 1 and (self._last.isalnum() or self._last == "_")
        if self._code or self._fenced or (behind_word and int(_NUMBER.findall(inside)[0]) == 0):
            return False
        return all(self._is_of_passages(*map(int, _NUMBER.findall(part))) for part in _PARTS.split(inside))

    def _is_of_passages(self, first: int, *ends: int) -> bool:
        """Say whether what stands between two commas cites: one number, or a range of passages, all of which there are."""
        if not ends:
            return True
        return (
            len(ends) == 1 and first < ends[0] < first + _WIDEST and self._known.issuperset(range(first, ends[0] + 1))
        )

    def _written(self, inside: str) -> str:
        """Give a mark with the numbers that the text uses; nothing where none of its passages may be cited."""
        numbers: list[int] = []
        for rank in _ranks(inside):
            if rank in self._known and rank not in self.used and len(self.used) < MAX_SOURCES:
                self.used.append(rank)
            if rank in self.used:
                numbers.append(self.used.index(rank) + 1)
        return "".join(f"[{number}]" for number in dict.fromkeys(numbers))


def _ranks(inside: str) -> list[int]:
    """Read the numbers of a mark; of a range those between, too."""
    found: list[int] = []
    for part in _PARTS.split(inside):
        numbers = [int(number) for number in _NUMBER.findall(part)]
        found += range(numbers[0], numbers[-1] + 1)
    return found
