"""Reading JSON from outside: bounded in depth, and telling a fault by the field that it is in."""

import re
from typing import Any, TypeVar, cast

import msgspec

from libs.contracts.errors import FieldError, Invalid, Malformed

T = TypeVar("T")

_PLACE = re.compile(r" - at `(?:key in )?\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[(?:\.\.\.)\]")
_EXPECTED = re.compile(r"Expected `([^`]+)`(?:, got `([^`]+)`)?( [<>]=? \d+)?")
_DAY = re.compile(r"^Invalid RFC3339 encoded date\b")
_MISSING = re.compile(r"missing required field `([^`]+)`")


def read_json(data: bytes, depth: int) -> Any:
    """Read JSON that is nested no deeper than `depth`; nothing at all is an empty object.

    Raises:
        Malformed: `invalid_json` or `json_too_deep`.
    """
    if not data.strip():
        return {}
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Malformed("invalid_json", "The body is not valid JSON in UTF-8") from fault
    except RecursionError as fault:
        raise _too_deep(depth) from fault
    _check_depth(value, depth)
    return value


def read_as(kind: type[T], value: object, *, where: str = "body", lax: bool = False) -> T:
    """Turn what was read into a struct; `lax` takes numbers written as text, as in queries.

    Raises:
        Invalid: `invalid_request`; a field is missing, or of the wrong type or size.
    """
    try:
        return msgspec.convert(value, kind, strict=not lax)
    except msgspec.ValidationError as fault:
        error = field_error(fault, where)
        raise Invalid("invalid_request", sentence(error), errors=[error]) from fault


def field_error(fault: msgspec.ValidationError, where: str = "body") -> FieldError:
    """Say in our own words which field is at fault, and why."""
    text = str(fault)
    place = _PLACE.search(text)
    loc: list[str | int] = [where]
    for name, index in _STEP.findall(place[1] if place else ""):
        loc.append(int(index) if index else name or "...")
    if missing := _MISSING.search(text):
        return FieldError([*loc, missing[1]], "is missing")
    if expected := _EXPECTED.search(text):
        wanted, got, bound = expected.groups()
        return FieldError(loc, f"must be {wanted}{bound or ''}" + (f", not {got}" if got else ""))
    if _DAY.search(text):
        return FieldError(loc, "must be a day, as YYYY-MM-DD")
    return FieldError(loc, "has a value that is not allowed")


def sentence(error: FieldError) -> str:
    """Give a field's fault as a sentence."""
    name = ".".join(map(str, error.loc[1:])) or str(error.loc[0])
    return f"{name} {error.msg}"


def _check_depth(value: object, depth: int) -> None:
    level = [value]
    for _ in range(depth):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise _too_deep(depth)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value).values())
    return cast("list[object]", value) if isinstance(value, list) else []


def _too_deep(depth: int) -> Malformed:
    return Malformed("json_too_deep", f"The JSON is nested deeper than {depth} levels")
