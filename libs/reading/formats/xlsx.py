"""Workbooks: each sheet as a heading and its tables, with the values that formulas had when it was saved."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from msgspec import Struct

from ..archive import Archive
from ..manuscript import Found, Manuscript
from ..outcome import counted
from .tables import write_questions

_MOST_ROWS = 50_000
_MOST_COLUMNS = 256
_MOST_CELLS = 200_000  # of the whole workbook: about 5 s
_EMPTY_ROWS = 20_000
_MOST_MERGED = 5_000
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_UNSAVED = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^>]*)?/>)(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)
_OVERLAP = 512
_PERCENT = re.compile(r"0%")


class _Area(Struct, frozen=True):
    """Cells that are one, counted from 1."""

    left: int
    top: int
    right: int
    bottom: int


def read(file: BinaryIO, media_type: str, manuscript: Manuscript) -> Found:  # noqa: ARG001 - as every reader
    """Read a workbook."""
    archive = Archive(file)
    archive.check_prologs()
    file.seek(0)
    from openpyxl import load_workbook  # noqa: PLC0415 - takes a while to load

    workbook: Any = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    found = Found(title=archive.title())
    left = _MOST_CELLS
    for sheet in workbook.worksheets:
        if sheet.sheet_state != "visible":
            found.notes.append(f"The hidden sheet “{sheet.title}” was left out")
            continue
        areas, unsaved = _scan(archive, sheet)
        if unsaved:
            found.notes.append(
                f"Sheet “{sheet.title}”: " + counted(unsaved, "formula has", "formulas have") + " no saved value"
            )
        left -= _write_sheet(sheet, areas, left, manuscript, found)
    return found


def _scan(archive: Archive, sheet: Any) -> tuple[list[_Area], int]:
    """Find merged areas and formulas without a value, of which openpyxl does not tell when it reads row by row."""
    from openpyxl.utils import column_index_from_string  # noqa: PLC0415 - as above

    areas: list[_Area] = []
    unsaved, tail = 0, b""
    for piece in archive.chunks(sheet._worksheet_path):  # noqa: SLF001 - the only place that tells it
        text = tail + piece
        end = len(text) - _OVERLAP if len(piece) == 2**20 else len(text)
        unsaved += sum(match.start() < end for match in _UNSAVED.finditer(text))
        for match in _MERGED.finditer(text):
            if match.start() < end and len(areas) < _MOST_MERGED:
                left, right = (column_index_from_string(match[index].decode()) for index in (1, 3))
                areas.append(_Area(left, int(match[2]), right, int(match[4])))
        tail = text[end:]
    return areas, unsaved


def _write_sheet(sheet: Any, areas: list[_Area], left: int, manuscript: Manuscript, found: Found) -> int:
    """Write a sheet of which so many cells may be read; give how many were."""
    rows: list[list[str]] = []
    cells = 0
    written = wide = False
    spread = _Spread(areas)
    for number, row in _filled_rows(sheet):
        wide = wide or len(row) > _MOST_COLUMNS
        values = [_shown(cell) for cell in row[:_MOST_COLUMNS]]
        spread.fill(number, values)
        cells += len(values)
        if number > _MOST_ROWS or cells > left:
            found.notes.append(f"Sheet “{sheet.title}” was read up to row {number - 1} only")
            break
        if any(values):
            if not written:
                manuscript.heading(2, sheet.title)
                written = True
            if spread.is_title(number, values):
                _write_rows(rows, manuscript, found)
                rows = []
                manuscript.paragraph(next(filter(None, values)))
            else:
                rows.append(values)
    if wide:
        found.notes.append(f"Sheet “{sheet.title}” was read up to column {_MOST_COLUMNS} only")
    _write_rows(rows, manuscript, found)
    return cells


def _write_rows(rows: list[list[str]], manuscript: Manuscript, found: Found) -> None:
    if rows and not write_questions(rows, manuscript, found):
        manuscript.table(rows)


def _filled_rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Give the rows with their numbers, until too many in a row say nothing."""
    sheet.reset_dimensions()  # what a file says of its size need not be true
    empty = 0
    for number, row in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS + 1), 1):
        cells = list(row)
        while cells and cells[-1].value in {None, ""}:
            cells.pop()
        empty = 0 if cells else empty + 1
        if empty > _EMPTY_ROWS:
            return
        if cells:
            yield number, cells


class _Spread:
    """Gives every cell of a merged area the area's value, so that each row can be read alone."""

    def __init__(self, areas: list[_Area]) -> None:
        self._areas = sorted(areas, key=lambda area: area.top)
        self._next = 0
        self._open: list[tuple[_Area, str]] = []

    def fill(self, number: int, values: list[str]) -> None:
        """Fill a row's values; rows come in their order."""
        self._open = [(area, value) for area, value in self._open if area.bottom >= number]
        while self._next < len(self._areas) and self._areas[self._next].top <= number:
            area = self._areas[self._next]
            self._next += 1
            if area.top == number and area.left <= len(values):
                self._open.append((area, values[area.left - 1]))
        for area, value in self._open:
            right = min(area.right, _MOST_COLUMNS)
            values += [""] * (right - len(values))
            for column in range(area.left - 1, right):
                values[column] = values[column] or value

    def is_title(self, number: int, values: list[str]) -> bool:
        """Whether a row is one merged area and nothing else."""
        said = [column for column, value in enumerate(values, 1) if value]
        return any(
            area.top == number == area.bottom
            and area.right > area.left
            and area.left == said[0]
            and area.right == said[-1]
            for area, _ in self._open
        )


def _shown(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if _PERCENT.search(cell.number_format or ""):
            return f"{value * 100:.10g}%"
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    return str(value)
