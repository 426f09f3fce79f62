"""Tables of web pages: which of them are tables, and their rows with every spanning cell told in each place."""

from typing import Any

from ..manuscript import one_line

_MOST_COLUMNS = 200
_MOST_SPANNED = 1000
_BLOCKS = ("h1", "h2", "h3", "h4", "table", "pre")


def is_layout(table: Any) -> bool:
    """Whether a table only puts things beside each other."""
    if table.get("role") in {"presentation", "none"} or next(table.iterdescendants(*_BLOCKS), None) is not None:
        return True
    return all(len(row) <= 1 for row in table.iter("tr"))


def rows_of(table: Any) -> list[list[str]]:
    """Give the rows of a table."""
    rows: list[list[str]] = []
    down: dict[int, tuple[int, str]] = {}  # column -> how many more rows its cell spans, and what it says
    for element in table.iter("tr"):
        row: list[str] = []
        for cell in element.iterchildren("td", "th"):
            _pass_down(down, row)
            text = one_line(" ".join(cell.itertext()))
            spanned = _number(cell.get("rowspan"), _MOST_SPANNED) - 1
            for _ in range(min(_number(cell.get("colspan"), _MOST_COLUMNS), _MOST_COLUMNS - len(row))):
                if spanned > 0:
                    down[len(row)] = (spanned, text)
                row.append(text)
        _pass_down(down, row)
        rows.append(row)
    return rows


def _pass_down(down: dict[int, tuple[int, str]], row: list[str]) -> None:
    while len(row) in down:
        left, text = down.pop(len(row))
        if left > 1:
            down[len(row)] = (left - 1, text)
        row.append(text)


def _number(value: str | None, most: int) -> int:
    return max(1, min(int(value), most)) if value and value.isdecimal() and len(value) < 6 else 1
