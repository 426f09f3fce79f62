"""Writing Markdown: what the readers of all formats put their findings in."""

import re
from collections.abc import Sequence

from msgspec import Struct

from .decoding import clean
from .outcome import Entry, Unreadable

_HEADING_MARK = re.compile(r"^(#{1,6}\s)", re.MULTILINE)
_SPACES = re.compile(r"[ \t\u00a0]+")
_DEEPEST_HEADING = 6
_DEEPEST_ITEM = 8


def one_line(text: str) -> str:
    """Give text as one line, its runs of blanks as one blank."""
    return " ".join(text.split())


class Found(Struct, kw_only=True):
    """What the reader of a format hands over beside the manuscript.

    Args:
        title: as the file gives it.
        whole: whether pairs of question and answer are all told already.
    """

    title: str = ""
    pages: int | None = None
    notes: list[str] = []
    metadata: dict[str, str] = {}
    whole: bool = False


class Manuscript:
    """Blocks of Markdown in their order.

    Args:
        characters: how many it may hold.
    """

    def __init__(self, characters: int) -> None:
        self.entries: list[Entry] = []
        self._characters = characters
        self._parts: list[str] = []
        self._length = 0
        self._list = ""  # the marks of the list that is being written

    def heading(self, level: int, text: str) -> None:
        """Add a heading of level 1 to 6 (others are put to the nearest of these)."""
        line = one_line(clean(text))
        if line:
            self._add(f"{'#' * max(1, min(level, _DEEPEST_HEADING))} {line}")

    def paragraph(self, text: str) -> None:
        """Add a paragraph; its line ends stay, and what would look like a heading is told apart from one."""
        lines = [_SPACES.sub(" ", line).strip() for line in clean(text).split("\n")]
        text = "\n".join(line for line in lines if line)
        if text:
            self._add(_HEADING_MARK.sub(r"\\\1", text))

    def verbatim(self, text: str) -> None:
        """Add text whose blanks and lines have a meaning, such as a program."""
        text = clean(text).strip("\n")
        if text.strip():
            self._add(f"```\n{text}\n```")

    def markdown(self, text: str) -> None:
        """Add what is Markdown already, and clean."""
        if text.strip():
            self._add(text.strip("\n"))

    def item(self, depth: int, text: str, number: int | None = None) -> None:
        """Add an item of a list: 0 for the outermost depth, and its number where the list is numbered."""
        text = "\n".join(one_line(line) for line in clean(text).split("\n") if line.strip())
        if not text:
            return
        indent = "   " * max(0, min(depth, _DEEPEST_ITEM))
        mark = "- " if number is None else f"{number}. "
        lines = text.replace("\n", "\n" + indent + " " * len(mark))
        kind = self._list if depth > 0 and self._list else mark[-2]
        self._add(indent + mark + lines, kind)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Add a table whose first row names its columns; empty rows and columns are left out."""
        filled = [[_cell(cell) for cell in row] for row in rows]
        filled = [row for row in filled if any(row)]
        width = max((len(row) for row in filled), default=0)
        wide = [row + [""] * (width - len(row)) for row in filled]
        used = [column for column in range(width) if any(row[column] for row in wide)]
        if not used:
            return
        lines = ["| " + " | ".join(row[column] for column in used) + " |" for row in wide]
        lines.insert(1, "|" + " --- |" * len(used))
        self._add("\n".join(lines))

    def entry(self, question: str, answer: str, level: int = 3) -> None:
        """Add a question as a heading with its answer below."""
        question, answer = one_line(clean(question)), clean(answer).strip()
        before = len(self._parts)
        self.heading(level, question)
        self.markdown(answer)
        added = "".join(self._parts[before:])
        start = self._length - len(added.lstrip("\n"))
        self.entries.append(Entry(question=question, answer=answer, start=start, end=self._length))

    @property
    def empty(self) -> bool:
        """Whether nothing was added."""
        return not self._parts

    @property
    def text(self) -> str:
        """What was written so far."""
        return "".join(self._parts)

    def _add(self, block: str, listed: str = "") -> None:
        between = "" if not self._parts else "\n" if listed and listed == self._list else "\n\n"
        self._list = listed
        self._parts.append(between + block)
        self._length += len(between) + len(block)
        if self._length > self._characters:
            raise Unreadable("too_large")


def _cell(text: str) -> str:
    return one_line(clean(text)).replace("\\", "\\\\").replace("|", "\\|")
