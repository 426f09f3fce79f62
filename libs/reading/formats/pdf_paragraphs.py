"""Lines of PDF pages become paragraphs, headings and items."""

import re
from collections import Counter
from collections.abc import Sequence

from ..manuscript import Manuscript
from .pdf_lines import Line

_EDGE_LINES = 3
_LEAST_PAGES = 3
_REPEATED_SHARE = 0.6
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")
_PAGE_NUMBER = re.compile(
    r"[-\u2013\s|]*(?:(?:page|seite|página|pagina|p\.)\s*)?\d{1,4}(?:\s*(?:of|von|de|sur|/|di)\s*\d{1,4})?[-\u2013\s|]*",
    re.I,
)
_LARGER = 1.15
_LONGEST_HEADING = 150
_HEADING_LEVELS = 4
_BULLET = re.compile(r"[\u2022\u2023\u25aa\u25cf\u25e6\u25a0\u2043\uf0b7\u00b7*\u2013-]\s+(?=\S)")
_NUMBERED = re.compile(r"(\d{1,3})[.)]\s+(?=\S)")
_BROKEN_WORD = re.compile(r"(\w{2,})-$")
_FULL_SHARE = 0.7
_GAP = 1.6
_SENTENCE_END = (".", "!", "?", ":", ";", "\u3002")
_CONTENTS = re.compile(r"… (?:\d+|[ivxlc]+)$")
_BULLET_ALONE = re.compile(r"[\u2022\u25aa\u25cf\u25e6\uf0b7]$")


def drop_repeated(pages: list[list[Line]]) -> list[Line]:
    """Give the lines of all pages without the headings and feet that most pages have, and without page numbers."""
    seen: Counter[str] = Counter()
    for lines in pages:
        seen.update({_pattern(line) for line in _edges(lines)})
    least = max(_LEAST_PAGES, sum(map(bool, pages)) * _REPEATED_SHARE)
    repeated = {pattern for pattern, count in seen.items() if count >= least}
    kept: list[Line] = []
    for lines in pages:
        edges = {id(line) for line in _edges(lines)}
        outer = {id(line) for line in (*lines[:1], *lines[-1:])}
        for line in lines:
            number = id(line) in outer and len(pages) > 1 and _PAGE_NUMBER.fullmatch(line.text)
            if not number and not (id(line) in edges and _pattern(line) in repeated):
                kept.append(line)
    return kept


def _edges(lines: list[Line]) -> list[Line]:
    count = min(_EDGE_LINES, len(lines) // 3)
    return [*lines[:count], *lines[len(lines) - count :]]


def _pattern(line: Line) -> str:
    return _DIGITS.sub("#", line.text.lower())


def write_lines(lines: Sequence[Line], manuscript: Manuscript) -> None:
    """Write lines: what is larger than most is a heading, full lines go on in the next."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    usual = max(sizes.items(), key=lambda item: item[1], default=(0.0, 0))[0]
    larger = sorted({line.size for line in lines if _is_heading(line, usual)}, reverse=True)
    levels = {size: min(index, _HEADING_LEVELS) for index, size in enumerate(larger, 1)}
    full = _full_length(lines)
    writer = _Writer(manuscript, "\n".join(line.text for line in lines))
    previous = Line("")
    for line in lines:
        level = levels.get(line.size, 0) if _is_heading(line, usual) else 0
        goes_on = len(previous.text) >= full and not _CONTENTS.search(previous.text)
        size = max(previous.size, line.size, 1.0)
        below = previous.height - line.height > size * _GAP
        above = line.height - previous.height > size and not (goes_on and line.text[:1].islower())  # the next column
        writer.take(line.text, level, apart=below or above, goes_on=goes_on)
        previous = line
    writer.flush()


def _is_heading(line: Line, usual: float) -> bool:
    words = any(map(str.isalpha, line.text))
    return words and usual > 0 and line.size >= usual * _LARGER and len(line.text) <= _LONGEST_HEADING


def _full_length(lines: Sequence[Line]) -> float:
    """Give how many characters a line has that ends only because the page does."""
    lengths = sorted(len(line.text) for line in lines)
    return max(lengths[int(len(lengths) * 0.9)] * _FULL_SHARE, 25) if lengths else 25


class _Writer:
    """Joins lines that belong together."""

    def __init__(self, manuscript: Manuscript, everything: str) -> None:
        self._manuscript = manuscript
        self._everything = everything
        self._lines: list[str] = []
        self._level = 0
        self._item: tuple[int | None] | None = None

    def take(self, text: str, level: int, *, apart: bool, goes_on: bool) -> None:
        """Take a line: its level where it is a heading, whether it stands apart, whether the last one goes on."""
        bullet, numbered = _BULLET.match(text), _NUMBERED.match(text)
        alone = bool(_BULLET_ALONE.match(text))
        begins = bool(bullet or alone) or (numbered is not None and not goes_on)
        if level != self._level or (apart and not (level and goes_on)) or (begins and not level):
            self.flush()
        self._level = level
        if begins and not level:
            self._item = (int(numbered[1]) if numbered else None,)
            mark = bullet or numbered
            text = "" if alone else text[mark.end() :] if mark else text
        if not self._lines or not self._lines[-1]:
            self._lines[:] = [text]
        elif (
            level
            or goes_on
            or self._broken(text)
            or (self._item and not self._lines[-1].endswith(_SENTENCE_END) and text[:1].islower())
        ):
            self._lines[-1] = self._joined(self._lines[-1], text)
        elif self._item:
            self.flush()
            self._lines.append(text)
        else:
            self._lines.append(text)

    def flush(self) -> None:
        """Write what has gathered."""
        text = "\n".join(self._lines)
        if self._level:
            self._manuscript.heading(self._level, text)
        elif self._item:
            self._manuscript.item(0, text, self._item[0])
        else:
            self._manuscript.paragraph(text)
        self._lines.clear()
        self._item = None

    def _broken(self, text: str) -> bool:
        return bool(_BROKEN_WORD.search(self._lines[-1])) and text[:1].islower()

    def _joined(self, line: str, text: str) -> str:
        """Join two lines; a hyphen goes where the word is not written with one elsewhere."""
        broken = _BROKEN_WORD.search(line)
        if broken and text[:1].islower():
            rest = re.match(r"\w*", text)
            hyphenated = f"{broken[1]}-{rest[0] if rest else ''}"
            return line + text if hyphenated in self._everything else line[:-1] + text
        return f"{line} {text}"
