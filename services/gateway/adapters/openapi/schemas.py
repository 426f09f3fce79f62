"""JSON schemas of the structs that clients send and get, with what their docstrings say about the fields."""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.inspect import DateTimeType, Field, StructType, Type, UnionType

from libs.contracts.frames import Frame

from ...domain import limits
from ...domain.approvals import REMARK_CHARACTERS
from ...domain.marks import CURSOR_CHARACTERS
from ...domain.operators import NOBODY_IN_PARTICULAR, NOTE_CHARACTERS, OPERATOR_CHARACTERS
from ...domain.usage import KEYS

Schema = dict[str, Any]
Bounds = Mapping[tuple[str, str], Schema]

REF = "#/components/schemas/{name}"
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_OPERATOR = {
    "minLength": 1, "maxLength": OPERATOR_CHARACTERS,
    "description": f"Who acts, by a name that the customer sees; `{NOBODY_IN_PARTICULAR}` where it is absent",
}  # fmt: skip
_NOT_BLANK = r"^[^\u0000]*\S[^\u0000]*$"
_KEY = f"({'|'.join(KEYS)})"
_NOTE = {"minLength": 1, "pattern": _NOT_BLANK}

# What the structs cannot say, because it is checked elsewhere: after trimming, or of values that are kept as they come.
_BOUNDS: Bounds = {
    ("NewSession", "user_id"): {"maxLength": limits.TOKEN_CHARACTERS},
    ("NewSession", "metadata"): {"description": f"At most {limits.METADATA_BYTES // 1024} KiB as JSON, without NUL"},
    ("NewSession", "tool_metadata"): {"description": "The old name of `metadata`", "deprecated": True},
    ("NewMessage", "client_message_id"): {
        "maxLength": limits.TOKEN_CHARACTERS,
        "description": "The client's own id: the same one always gives the same message and answer",
    },
    ("NewSearch", "query"): {
        "minLength": 1, "pattern": r"\S", "description": f"1 to {limits.QUERY_CHARACTERS} characters after trimming",
    },
    ("NewSearch", "filters"): {"maxProperties": limits.FILTERS},
    ("NewFeedback", "comment"): {"maxLength": limits.COMMENT_CHARACTERS},
    ("NewNote", "note"): {**_NOTE, "description": f"1 to {NOTE_CHARACTERS} characters after trimming"},
    ("NewNote", "content"): {**_NOTE, "description": "Another name of `note`"},
    ("ReleaseOrder", "operator"): _OPERATOR,
    ("ResolveOrder", "operator"): _OPERATOR,
    ("TakeOverOrder", "operator"): _OPERATOR,
    ("NewReply", "operator"): _OPERATOR,
    ("NewNote", "operator"): _OPERATOR,
    ("NewReply", "client_message_id"): {
        "maxLength": limits.TOKEN_CHARACTERS,
        "description": "The operator's own id: the same one always gives the same message",
    },
    ("SessionQuery", "cursor"): {"maxLength": CURSOR_CHARACTERS},
    ("EscalationQuery", "cursor"): {"maxLength": CURSOR_CHARACTERS},
    ("ApprovalQuery", "cursor"): {"maxLength": CURSOR_CHARACTERS},
    ("ApprovalOrder", "operator"): {"minLength": 1, "maxLength": OPERATOR_CHARACTERS, "pattern": r"\S"},
    ("ApprovalOrder", "comment"): {"maxLength": REMARK_CHARACTERS},
    ("Ticket", "score"): {"description": "How much speaks for a person, 0..1; not how sure the agent is of an answer"},
    ("Ticket", "evidence"): {"description": "What the customer wrote that says so, or what happened"},
    ("UsageQuery", "by"): {"pattern": f"^({_KEY}(,{_KEY})*)?$"},
}  # fmt: skip


def bounds(within: limits.Limits) -> Bounds:
    """Give what the structs cannot say, of a gateway with these limits."""
    text = {
        "minLength": 1, "pattern": _NOT_BLANK, "description": f"1 to {within.message_characters} characters after trimming",
    }  # fmt: skip
    ids = {"description": f"Ids of uploads of this session, at most {within.files_per_message} a message"}
    return {
        **_BOUNDS,
        ("NewMessage", "message"): text,
        ("NewMessage", "attachment_ids"): ids,
        ("NewReply", "message"): text,
        ("ClientMessage", "content"): text,
        ("ClientMessage", "attachment_ids"): ids,
    }


def components(requests: Iterable[Any], answers: Iterable[Any], bounds: Bounds) -> dict[str, Schema]:
    """Give the schemas of these types and of all that they are made of.

    What a client sends may leave out what has a default; what it gets has every field.
    """
    requests, answers = list(requests), list(answers)
    _, schemas = msgspec.json.schema_components([*requests, *answers], ref_template=REF)
    sent = {info.cls.__name__ for info in _structs(requests)}
    for info in _structs([*requests, *answers]):
        name = info.cls.__name__
        _describe(schemas[name], info.cls)
        _complete(name, schemas[name], info, bounds, whole=name not in sent)
    return schemas


def schema_of(kind: Any) -> Schema:
    """Give the schema by which an operation refers to a type."""
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return schema


def _structs(kinds: Iterable[Any]) -> Iterable[StructType]:
    """Give every struct that these types are made of, each once."""
    seen: set[type] = set()
    waiting: list[Type] = list(msgspec.inspect.multi_type_info(kinds))
    while waiting:
        info = waiting.pop()
        if isinstance(info, StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            yield info
            waiting += [field.type for field in info.fields]
        for name in ("type", "item_type", "value_type"):
            waiting += [inner] if isinstance(inner := getattr(info, name, None), Type) else []
        waiting += getattr(info, "types", ())


def _describe(schema: Schema, cls: type) -> None:
    """Take the docstring apart: the first part is the struct's, each of its attributes a property's."""
    text, _, attributes = inspect.cleandoc(cls.__doc__ or "").partition("\nAttributes:\n")
    schema["description"] = text.strip()
    for name, said in _ATTRIBUTE.findall(attributes):
        if (shown := schema["properties"].get(name)) is not None:
            schema["properties"][name] = {**shown, "description": " ".join(said.split())}


def _complete(name: str, schema: Schema, info: StructType, bounds: Bounds, *, whole: bool) -> None:
    required: set[str] = set(schema.get("required", []))
    for field in info.fields:
        shown = schema["properties"][field.encode_name]
        if isinstance(field.type, DateTimeType) or _may_be_time(field.type):
            shown.update({"format": "date-time"})
        shown.update(bounds.get((name, field.encode_name), {}))
        if whole and _is_written(field, info):
            required.add(field.encode_name)
            shown.pop("default", None)
    schema["required"] = [each for each in schema["properties"] if each in required]


def _is_written(field: Field, info: StructType) -> bool:
    """Say whether a field is always there; every frame has its time when it is sent."""
    has_default = field.default is not msgspec.NODEFAULT or field.default_factory is not msgspec.NODEFAULT
    omitted = has_default and info.cls.__struct_config__.omit_defaults
    is_frame = issubclass(info.cls, Frame)
    return field.required or (has_default and not omitted) or (is_frame and field.name == "timestamp")


def _may_be_time(kind: Type) -> bool:
    return isinstance(kind, UnionType) and any(isinstance(each, DateTimeType) for each in kind.types)


def properties_of(struct: type[Struct]) -> list[tuple[str, Schema, bool]]:
    """Give a query's parameters: each one's name, schema, and whether it must be there."""
    schema = components([struct], [], _BOUNDS)[struct.__name__]
    required = set(schema["required"])
    return [(name, _without_null(shown), name in required) for name, shown in schema["properties"].items()]


def _without_null(schema: Schema) -> Schema:
    """A query has no null: a parameter that may be None is one that may be absent."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    return {**kinds[0], **rest} if len(kinds) == 1 else rest if not kinds else {**rest, "anyOf": kinds}
