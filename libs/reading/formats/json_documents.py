"""JSON and JSON lines: pairs of question and answer, documents with a title, or the paths to what it says."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

from ..decoding import decode
from ..manuscript import Found, Manuscript
from ..media_types import JSONL
from ..outcome import Unreadable
from ..questions import COLUMNS

_TITLES = ("title", "titel", "heading", "headline", "subject", "name", "título", "titulo", "titre")
_CONTENTS = ("content", "text", "body", "markdown", "description", "answer", "inhalt", "contenido", "contenu")
_DEEPEST = 50
_MOST_VALUES = 200_000

Fields = Mapping[str, Any]


def read(file: BinaryIO, media_type: str, manuscript: Manuscript) -> Found:
    """Read JSON; several values one per line are read as a list of them."""
    found = Found()
    text = decode(file.read(), found.notes)
    try:
        value = _parsed(text, lines=media_type == JSONL)
    except RecursionError:
        raise Unreadable("too_complex") from None
    write_value(value, manuscript, found)
    return found


def _parsed(text: str, *, lines: bool) -> Any:
    try:
        if not lines:
            return json.loads(text)
    except ValueError as error:
        problem = error
    else:
        problem = None
    rows: list[Any] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError:
                where = (
                    f"{problem.lineno}, column {problem.colno}" if isinstance(problem, json.JSONDecodeError) else number
                )
                raise Unreadable("broken", f"The file is not valid JSON: see line {where}") from None
    return rows


def write_value(value: Any, manuscript: Manuscript, found: Found) -> None:
    """Write what a value says, as what it most likely is."""
    items = _listed(value)
    if items and all(_pair(item) for item in items):
        found.whole = True
        for item in items:
            question, answer = cast("tuple[str, str]", _pair(item))
            manuscript.entry(question, answer)
    elif items and all(_document(item) for item in items):
        _write_documents(items, manuscript)
    elif isinstance(value, Mapping) and _document(cast("Fields", value)):
        _write_documents([cast("Fields", value)], manuscript)
    else:
        _Paths(manuscript).write("", value, 0)


def _listed(value: Any) -> list[Fields]:
    """Give the objects of a list, of an object's only list, or of an object that names its objects."""
    if isinstance(value, Mapping):
        values = list(cast("Fields", value).values())
        lists = [cast("list[Any]", item) for item in values if isinstance(item, list)]
        if len(lists) == 1 and not any(isinstance(item, Mapping) for item in values):
            value = lists[0]
        elif values and all(isinstance(item, str) for item in values) and _questions(cast("Fields", value)):
            value = [{"question": key, "answer": item} for key, item in cast("Fields", value).items()]
        else:
            fields = cast("Fields", value).items()
            value = [{"title": key, **item} if isinstance(item, Mapping) else item for key, item in fields]
    if not isinstance(value, list):
        return []
    items = cast("list[Any]", value)
    return items if all(isinstance(item, Mapping) for item in items) else []


def _questions(fields: Fields) -> bool:
    """Whether an object's names are questions, and so its values their answers."""
    return sum(key.rstrip().endswith("?") for key in fields) > len(fields) * 0.8


def _pair(item: Fields) -> tuple[str, str] | None:
    question, answer = _field(item, COLUMNS[0]), _field(item, COLUMNS[1])
    return (question, answer) if question and answer else None


def _document(item: Fields) -> tuple[str, str] | None:
    title, content = _field(item, _TITLES), _field(item, _CONTENTS)
    return (title, content) if title and content else None


def _field(item: Fields, names: Sequence[str] | frozenset[str]) -> str:
    """Give the text of a field of one of these names."""
    lowered = {str(key).casefold().strip(): value for key, value in item.items()}
    for name in names:
        value = lowered.get(name)
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _write_documents(items: Sequence[Fields], manuscript: Manuscript) -> None:
    for item in items:
        title, content = cast("tuple[str, str]", _document(item))
        manuscript.heading(1 if len(items) == 1 else 2, title)
        manuscript.markdown(content)
        more = [f"{key}: {value}" for key, value in item.items() if _told(value) and value not in {title, content}]
        manuscript.paragraph("\n".join(more))


def _told(value: Any) -> bool:
    return (isinstance(value, str) and bool(value.strip())) or isinstance(value, int | float)


class _Paths:
    """Writes any value: the outer names as headings, the others as paths before their values."""

    def __init__(self, manuscript: Manuscript) -> None:
        self._manuscript = manuscript
        self._left = _MOST_VALUES

    def write(self, path: str, value: Any, depth: int) -> None:
        """Write a value that stands at a path."""
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            raise Unreadable("too_complex")
        if isinstance(value, Mapping):
            for key, inner in cast("Fields", value).items():
                if depth == 0 and isinstance(inner, Mapping | list):
                    self._manuscript.heading(2, key)
                    self.write("", inner, 1)
                else:
                    self.write(f"{path}.{key}" if path else key, inner, depth + 1)
        elif isinstance(value, list):
            self._write_list(path, cast("list[Any]", value), depth)
        elif value is not None and value != "":
            told = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
            self._manuscript.item(0, f"{path}: {told}" if path else str(told))

    def _write_list(self, path: str, values: list[Any], depth: int) -> None:
        if all(not isinstance(item, Mapping | list) for item in values):
            for item in values:
                self.write(path, item, depth + 1)
        elif self._flat(values):
            columns = list(dict.fromkeys(key for item in values for key in cast("Fields", item)))
            rows = [[_shown(item.get(column)) for column in columns] for item in cast("list[Fields]", values)]
            if path:
                self._manuscript.paragraph(path)
            self._manuscript.table([columns, *rows])
        else:
            for number, item in enumerate(values, 1):
                self.write(f"{path}[{number}]", item, depth + 1)

    @staticmethod
    def _flat(values: list[Any]) -> bool:
        return all(
            isinstance(item, Mapping)
            and not any(isinstance(inner, Mapping | list) for inner in cast("Fields", item).values())
            for item in values
        )


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
