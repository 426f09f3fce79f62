"""The lines of a page of a PDF file: what they say, how large, and where."""

import re
from typing import Any

from msgspec import Struct

_LONGEST = 100_000
_LEADER = re.compile(r"(?:\s?\.){4,}\s?")  # the dots before a page's number in a table of contents


class Line(Struct):
    """A line: its height above the page's lower end in points, and the size of its letters in points."""

    text: str
    height: float = 0.0
    size: float = 0.0


def lines_of(page: Any) -> list[Line]:
    """Give a page's lines in the order in which they were written."""
    gatherer = _Gatherer()
    page.extract_text(visitor_text=gatherer.visit)
    return gatherer.lines()


class _Gatherer:
    """Takes pieces of text as pypdf finds them."""

    def __init__(self) -> None:
        self._lines: list[Line] = [Line("")]
        self._sizes: dict[float, int] = {}

    def visit(self, text: str, matrix: list[float], text_matrix: list[float], _font: Any, size: float) -> None:
        """Take a piece; line ends are a part of it."""
        scaled = round(abs(float(size)) * _scale(text_matrix) * _scale(matrix), 1)
        height = text_matrix[4] * matrix[1] + text_matrix[5] * matrix[3] + matrix[5]
        for number, part in enumerate(text.split("\n")):
            if number:
                self._end_line()
            if part.strip():
                self._sizes[scaled] = self._sizes.get(scaled, 0) + len(part)
                self._lines[-1].height = height
            if len(self._lines[-1].text) < _LONGEST:
                self._lines[-1].text += part

    def lines(self) -> list[Line]:
        """Give what was gathered, without empty lines."""
        self._end_line()
        return [line for line in self._lines if line.text]

    def _end_line(self) -> None:
        line = self._lines[-1]
        line.text = _LEADER.sub(" … ", " ".join(line.text.split())).strip()
        line.size = max(self._sizes.items(), key=lambda item: item[1], default=(0.0, 0))[0]
        self._sizes = {}
        self._lines.append(Line(""))


def _scale(matrix: list[float]) -> float:
    """Give how much a matrix enlarges upwards."""
    return (matrix[2] ** 2 + matrix[3] ** 2) ** 0.5 or 1.0
