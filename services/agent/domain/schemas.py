"""Schemas: whether a tool's parameters are a JSON Schema, and what is wrong with a model's arguments, in words for it.

Draft 2020-12 (json-schema.org). References stay within the schema: nothing is ever fetched to check an argument.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
# Sentences in one refusal: a model mends what it is told of, and the rest at its next try.
_MOST_FAULTS = 4
_MOST_SHOWN = 60


class Schema:
    """A schema that is ready to check arguments. It must have no faults (`schema_faults`)."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._validator = Draft202012Validator(parameters)

    def faults(self, arguments: dict[str, Any]) -> list[str]:
        """Say what is wrong with arguments, each fault in a few words that begin with where it is; none where all is well.

        What was given is not repeated.
        """
        try:
            errors = sorted(_errors(self._validator, arguments), key=_place)
        except Exception:  # a schema can call itself without end, or hold an expression that Python cannot run
            return ["the arguments cannot be checked"]
        return [_words(error) for error in errors[:_MOST_FAULTS]]


def schema_faults(parameters: dict[str, Any]) -> list[str]:
    """Say why something is no JSON Schema that can be used here; none where it is one."""
    if parameters.get("$schema", _DRAFT) not in (_DRAFT, f"{_DRAFT}#"):
        return [f"$schema must be {_DRAFT} or be left out"]
    judge = Draft202012Validator(
        cast(dict[str, Any], Draft202012Validator.META_SCHEMA), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    faults = [f"{_place(error) or 'the schema'}: {_cut(error.message)}" for error in _errors(judge, parameters)]
    return faults or list(_outside(parameters, parameters))


def _errors(validator: Draft202012Validator, value: Any) -> list[ValidationError]:
    return list(cast(Iterator[ValidationError], validator.iter_errors(value)))  # pyright: ignore[reportUnknownMemberType]


def _outside(root: dict[str, Any], part: object) -> Iterator[str]:
    """Find references that do not lead to a place within the schema."""
    if isinstance(part, dict):
        for key, value in cast(dict[str, object], part).items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str) and not _leads_inside(root, value):
                yield f"{key} {_cut(value)!r} leads to no place in the schema: write #/$defs/name"
            elif key == "$id" and isinstance(value, str):
                yield "$id is not used here: leave it out"
            else:
                yield from _outside(root, value)
    elif isinstance(part, list):
        for item in cast(list[object], part):
            yield from _outside(root, item)


def _leads_inside(root: dict[str, Any], reference: str) -> bool:
    if reference == "#":
        return True
    if not reference.startswith("#/"):
        return False
    place: object = root
    for token in reference[2:].split("/"):
        if not isinstance(place, Mapping):
            return False
        place = cast(Mapping[str, object], place).get(token.replace("~1", "/").replace("~0", "~"))
    return isinstance(place, dict | bool)


def _place(error: ValidationError) -> str:
    return ".".join(_cut(str(part)) for part in cast(list[object], list(error.absolute_path)))


def _words(error: ValidationError) -> str:
    """Say one fault, without what was given."""
    rule, bound = str(error.validator), cast(Any, error.validator_value)
    place = _place(error) or "the arguments"
    if rule == "required":
        missing = [_cut(str(name)) for name in bound if name not in cast(dict[str, Any], error.instance)]
        return (
            f"{place}: {', '.join(missing)} is missing" if error.absolute_path else f"{', '.join(missing)} is missing"
        )
    if rule in ("additionalProperties", "unevaluatedProperties"):
        known = cast(dict[str, Any], cast(dict[str, Any], error.schema).get("properties", {}))
        extra = [_cut(name) for name in cast(dict[str, Any], error.instance) if name not in known]
        return f"{', '.join(extra[:_MOST_FAULTS])}: no such parameter"
    sentences = {
        "type": f"must be of type {bound if isinstance(bound, str) else ' or '.join(map(str, _listed(bound)))}",
        "enum": f"must be one of {', '.join(str(item) for item in _listed(bound)[:20])}",
        "const": f"must be {_cut(str(bound))}",
        "minLength": "must not be empty" if bound == 1 else f"must have at least {bound} characters",
        "maxLength": f"must have at most {bound} characters",
        "minimum": f"must be at least {bound}",
        "maximum": f"must be at most {bound}",
        "exclusiveMinimum": f"must be more than {bound}",
        "exclusiveMaximum": f"must be less than {bound}",
        "minItems": f"must have at least {bound} items",
        "maxItems": f"must have at most {bound} items",
        "pattern": f"must match the expression {_cut(str(bound))}",
    }
    return f"{place} {sentences.get(rule, f'breaks the rule {rule!r} of its schema')}"


def _listed(value: object) -> list[object]:
    return cast(list[object], value) if isinstance(value, list) else [value]


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
