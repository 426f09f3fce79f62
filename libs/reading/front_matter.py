"""The fields at the beginning of a Markdown file: YAML's plain ones between `---`, or TOML between `+++`."""

import re
import tomllib
from typing import Any, cast

_MOST_CHARACTERS = 20_000
_FIELD = re.compile(r"([A-Za-z_][\w .-]{0,60}?)\s*:(?:\s+(.*))?$")
_ITEM = re.compile(r"\s*-\s+(.*)$")
_COMMENT = re.compile(r"\s+#.*$")
_FOLDED = {"|", ">", "|-", ">-", "|+", ">+"}


def split_front_matter(text: str) -> tuple[dict[str, str], str]:
    """Give the fields (none where there are none, or where they make no sense) and the text after them."""
    for mark, parse in (("---", _yaml_fields), ("+++", _toml_fields)):
        if not text.startswith(mark + "\n"):
            continue
        end = re.compile(rf"^{re.escape(mark)}[ \t]*(?:\n|\Z)", re.MULTILINE).search(text, len(mark), _MOST_CHARACTERS)
        fields = parse(text[len(mark) + 1 : end.start()]) if end else None
        if fields and end:
            return fields, text[end.end() :]
    return {}, text


def _toml_fields(text: str) -> dict[str, str] | None:
    try:
        return {key: _shown(value) for key, value in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _yaml_fields(text: str) -> dict[str, str] | None:
    """Read `key: value`, lists and indented texts; what is deeper is kept as it stands. None: it is no such thing."""
    fields: dict[str, list[str]] = {}
    key = ""
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        field = _FIELD.match(line)
        if field:
            key = field[1]
            value = _plain(field[2] or "")
            fields[key] = [value] if value and value not in _FOLDED else []
        elif key and (line[0].isspace() or _ITEM.match(line)):
            item = _ITEM.match(line)
            fields[key].append(_plain(item[1] if item else line))
        else:
            return None
    return {key: ", ".join(values) for key, values in fields.items()}


def _plain(value: str) -> str:
    """Give a value without its quotes, brackets and comment."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    value = _COMMENT.sub("", value)
    if value.startswith("[") and value.endswith("]"):
        return ", ".join(part.strip().strip("'\"") for part in value[1:-1].split(","))
    return value


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in cast("list[Any]", value))
    return str(value)
