"""Declarations: the tools of a file, checked all at once, so that whoever wrote it mends it in one go."""

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta, Struct

from .addresses import address_faults, health_faults, read_address
from .chat import ToolSpec
from .http_tools import OF_SERVER, SAFE, WITH_BODY, HttpTool, Method, body_placeholders
from .schemas import schema_faults
from .steps import Access, ToolKind
from .tools import BUILT_IN

_SECRET = re.compile(r"\$\{([^}]*)\}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\xff]")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# Deskbus sets them itself.
_RESERVED = {
    "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "host", "idempotency-key",
    "traceparent", "transfer-encoding",
}  # fmt: skip
_TAKEN = {*BUILT_IN, "none"}
_WRONG_SHAPE = 'The file must hold a list `tools`: [[tools]] in TOML, {"tools": [...]} in JSON'


class Declaration(Struct, frozen=True, kw_only=True):
    """A tool as a file declares it; docs/tools.md has the meanings."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{2,40}$")]
    description: Annotated[str, Meta(min_length=1, max_length=1000)]
    url: Annotated[str, Meta(max_length=2000)]
    method: Method = "GET"
    parameters: dict[str, Any] = {}
    headers: dict[str, str] = {}
    body: dict[str, Any] | None = None
    timeout_s: Annotated[float, Meta(ge=0.1, le=30)] = 5.0
    idempotent: bool | None = None
    access: Access | None = None
    doing: Annotated[str, Meta(min_length=1, max_length=100)] = "Looking that up"
    requires_user: bool | None = None
    result_characters: Annotated[int, Meta(ge=1, le=20_000)] = 4_000
    health_url: str | None = None


class ToolFileFault(Exception):
    """A file of tools cannot be used; `faults` has all that is wrong with it, by tool and field."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(["The file of tools cannot be used:", *(f"  - {fault}" for fault in faults)]))
        self.faults = faults


def read_declarations(content: object, secrets: Mapping[str, str]) -> list[HttpTool]:
    """Give the tools that a file declares, in its order.

    Args:
        content: the file, read as TOML or JSON.
        secrets: values of `${NAME}` in headers.

    Raises:
        ToolFileFault: with every fault found; no secret is in it.
    """
    if not isinstance(content, dict):
        raise ToolFileFault([_WRONG_SHAPE])
    file = cast(dict[str, object], content)
    listed = file.get("tools")
    if not isinstance(listed, list):
        raise ToolFileFault([_WRONG_SHAPE])
    faults = [f"{name}: the file has nothing but `tools`" for name in file if name != "tools"]
    tools: list[HttpTool] = []
    seen: set[str] = set()
    for number, item in enumerate(cast(list[object], listed), start=1):
        name = _name(item, number)
        found, declaration = _converted(item)
        if declaration is not None:
            found += [*_faults(declaration, secrets), *(["name: is there twice"] if declaration.name in seen else [])]
            seen.add(declaration.name)
            if not found:
                tools.append(_tool(declaration, secrets))
        faults += [f"{name}, {fault}" for fault in found]
    if faults:
        raise ToolFileFault(faults)
    return tools


def _name(item: object, number: int) -> str:
    name = cast(dict[str, object], item).get("name") if isinstance(item, dict) else None
    return f"tool {number} ({name[:50]})" if isinstance(name, str) and name else f"tool {number}"


def _converted(item: object) -> tuple[list[str], Declaration | None]:
    """Read a declaration field by field, so that all of its faults are found."""
    if not isinstance(item, dict):
        return ["must be a table of fields"], None
    given = cast(dict[str, object], item)
    fields = {field.name: field for field in msgspec.structs.fields(Declaration)}
    faults: list[str] = []
    for name in given.keys() - fields.keys():
        near = difflib.get_close_matches(name, fields, n=1)
        faults.append(f"{name}: no such field" + (f"; did you mean {near[0]}?" if near else ""))
    faults.sort()
    for name, field in fields.items():
        if name in given:
            try:
                msgspec.convert(given[name], field.type)
            except msgspec.ValidationError as error:
                faults.append(f"{name}: {_reason(error)}")
        elif field.required:
            faults.append(f"{name}: is missing")
    return faults, None if faults else msgspec.convert(given, Declaration)


def _reason(error: msgspec.ValidationError) -> str:
    text = str(error)
    return f"must be {text.removeprefix('Expected ')}" if text.startswith("Expected ") else text


def _faults(declared: Declaration, secrets: Mapping[str, str]) -> list[str]:
    """Say what is wrong with fields that have the right types."""
    faults = [f"name: {declared.name} is taken"] if declared.name in _TAKEN else []
    faults += [f"url: {fault}" for fault in address_faults(declared.url)]
    faults += [f"parameters: {fault}" for fault in _parameter_faults(declared)]
    faults += [fault for name, value in declared.headers.items() for fault in _header_faults(name, value, secrets)]
    if declared.method not in SAFE and declared.access is None:
        faults.append(f"access: must be said for {declared.method}: read_only where it changes nothing, else approval")
    if declared.body is not None and declared.method in SAFE:
        faults.append(f"body: {declared.method} has none")
    if declared.health_url is not None:
        faults += [f"health_url: {fault}" for fault in health_faults(declared.health_url)]
    return faults or _use_faults(declared)


def _parameter_faults(declared: Declaration) -> list[str]:
    schema = declared.parameters
    if faults := schema_faults(schema):
        return faults
    if schema.get("type", "object") != "object":
        faults.append("type must be object")
    if schema.get("additionalProperties", False) is not False or "patternProperties" in schema:
        faults.append("a model names only what is declared: additionalProperties is false, without patternProperties")
    for name in cast(dict[str, object], schema.get("properties", {})):
        if name in OF_SERVER:
            faults.append(f"{name} is filled in by the server and cannot be a parameter")
        elif not _PARAMETER.fullmatch(name):
            faults.append(f"{name[:70]!r} must be letters, digits and _, at most 64")
    return faults


def _header_faults(name: str, value: str, secrets: Mapping[str, str]) -> list[str]:
    """Say what is wrong with a header, and never what a secret is."""
    if not _HEADER.fullmatch(name) or name.lower() in _RESERVED:
        return [f"headers: {name[:70]!r} is no header that can be set here"]
    faults = [
        f"headers, {name}: there is no secret {secret!r}; set DESKBUS_TOOL_SECRET_{secret} or DESKBUS_TOOL_SECRET_{secret}_FILE"
        for secret in _SECRET.findall(value)
        if secret not in secrets
    ]
    if not faults and _UNPRINTABLE.search(_resolved(value, secrets)):
        faults.append(f"headers, {name}: has characters that cannot stand in a header")
    return faults


def _use_faults(declared: Declaration) -> list[str]:
    """Say which placeholders have no parameter and which parameters no use."""
    address = read_address(declared.url)
    properties = cast(dict[str, object], declared.parameters.get("properties", {}))
    required = cast(list[str], declared.parameters.get("required", []))
    in_path = address.path_placeholders()
    in_body = list(body_placeholders(declared.body))
    faults: list[str] = []
    for place, names in (("url", address.placeholders()), ("body", in_body)):
        unknown = [name for name in dict.fromkeys(names) if name not in properties and name not in OF_SERVER]
        faults += [f"{place}: {{{name}}} is no parameter, and nothing that the server fills in" for name in unknown]
    for name in address.placeholders():
        if name in properties and not _is_scalar(properties[name]):
            faults.append(f"url: {{{name}}} must have the type string, integer, number or boolean")
        if name in in_path and name in properties and name not in required:
            faults.append(f"url: {{{name}}} stands in the path, so the parameter must be required")
    used = {*address.placeholders(), *in_body}
    if declared.body is not None or declared.method not in WITH_BODY:
        faults += [f"parameters: {name} is used nowhere" for name in properties if name not in used]
    if "user_id" in used and declared.requires_user is False:
        faults.append("requires_user: must be true where {user_id} is used")
    return faults


def _is_scalar(schema: object) -> bool:
    if not isinstance(schema, dict):
        return False
    kinds = cast(dict[str, object], schema).get("type")
    listed = cast(list[object], kinds) if isinstance(kinds, list) else [kinds]
    return all(kind in ("string", "integer", "number", "boolean") for kind in listed)


def _tool(declared: Declaration, secrets: Mapping[str, str]) -> HttpTool:
    address = read_address(declared.url)
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {},
        **declared.parameters,
        "additionalProperties": False,
    }
    idempotent = declared.method in SAFE if declared.idempotent is None else declared.idempotent
    used = {*address.placeholders(), *body_placeholders(declared.body)}
    return HttpTool(
        kind=ToolKind(
            spec=ToolSpec(name=declared.name, description=declared.description, parameters=parameters),
            access=declared.access or "read_only",
            idempotent=idempotent,
            doing=declared.doing,
        ),
        method=declared.method,
        address=address,
        headers={name: _resolved(value, secrets) for name, value in declared.headers.items()},
        secrets=[secrets[name] for value in declared.headers.values() for name in _SECRET.findall(value)],
        body=declared.body,
        timeout_s=declared.timeout_s,
        requires_user=bool(declared.requires_user) or "user_id" in used,
        result_characters=declared.result_characters,
        health_url=declared.health_url,
    )


def _resolved(value: str, secrets: Mapping[str, str]) -> str:
    return _SECRET.sub(lambda match: secrets[match[1]], value)
