"""CSV and TSV: a table, or pairs of question and answer where its columns say so."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from ..decoding import decode
from ..manuscript import Found, Manuscript, one_line
from ..media_types import TSV
from ..outcome import Unreadable, counted
from ..questions import COLUMNS

_DELIMITERS = ",;\t|"
_SNIFFED_LINES = 50
_FIELD_CHARACTERS = 1_000_000


def read(file: BinaryIO, media_type: str, manuscript: Manuscript) -> Found:
    """Read a table of text; the first row names the columns."""
    found = Found()
    text = decode(file.read(), found.notes)
    csv.field_size_limit(_FIELD_CHARACTERS)
    first, _, rest = text.partition("\n")
    told = first[4:5] if first.lower().startswith("sep=") else ""  # a spreadsheet's own hint
    delimiter = told or ("\t" if media_type == TSV and "\t" in text else sniff(text))
    try:
        rows = list(_rows(rest if told else text, delimiter))
    except csv.Error:
        raise Unreadable("broken", "The table cannot be read: a quotation mark does not end") from None
    if not write_questions(rows, manuscript, found):
        manuscript.table(rows)
    return found


def sniff(text: str) -> str:
    """Tell what divides the columns: what divides the first lines into most columns, alike in most lines."""
    lines = [line for line in text[:200_000].split("\n") if line.strip()][:_SNIFFED_LINES]
    best, most = ",", 0.0
    for delimiter in _DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        score = (width - 1) ** 0.5 * count / max(len(lines), 1) if width > 1 else 0.0
        if score > most:
            best, most = delimiter, score
    return best


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    lines = (line + "\n" for line in text.split("\n"))
    for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t"):
        if any(cell.strip() for cell in row):
            yield row


def write_questions(rows: Sequence[Sequence[str]], manuscript: Manuscript, found: Found, level: int = 3) -> bool:
    """Write rows as questions and answers where their first row names such columns; False where it does not.

    Other columns are told below the answer, as `name: value`.
    """
    names = [one_line(cell).casefold() for cell in rows[0]] if rows else []
    asked = next((index for index, name in enumerate(names) if name in COLUMNS[0]), None)
    told = next((index for index, name in enumerate(names) if name in COLUMNS[1]), None)
    if asked is None or told is None:
        return False
    incomplete = 0
    for row in rows[1:]:
        question, answer = _at(row, asked), _at(row, told)
        if not question or not answer:
            incomplete += bool(question or answer)
            continue
        more = [
            f"{one_line(rows[0][index])}: {_at(row, index)}"
            for index in range(len(names))
            if index not in {asked, told} and names[index] and _at(row, index)
        ]
        manuscript.entry(question, "\n\n".join([answer, *(["\n".join(more)] if more else [])]), level)
    if incomplete:
        found.notes.append(counted(incomplete, "row", "rows") + " without a question or an answer left out")
    found.whole = True
    return True


def _at(row: Sequence[str], index: int) -> str:
    return row[index].strip() if index < len(row) else ""
