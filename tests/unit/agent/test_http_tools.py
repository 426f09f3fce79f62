"""Declarations of tools: what a file may say, and that all of its faults are told at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.agent.adapters.tool_file import read_tool_file
from services.agent.domain.http_answers import HttpAnswer, told
from services.agent.domain.http_tools import HttpTool, refusal
from services.agent.domain.schemas import Schema, schema_faults
from services.agent.domain.steps import ToolContext
from services.agent.domain.tool_declarations import ToolFileFault, read_declarations
from services.agent.domain.tools import BUILT_IN

DOCS = Path(__file__).parents[3] / "docs" / "tools.md"
ORDER = {"properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
LEAST = {"name": "find_order", "description": "Looks an order up", "url": "https://crm.example/api/orders"}


def declared(**fields: Any) -> HttpTool:
    (tool,) = read_declarations({"tools": [{**LEAST, **fields}]}, {"CRM": "s3cret"})
    return tool


def faults(**fields: Any) -> list[str]:
    item = {name: value for name, value in {**LEAST, **fields}.items() if value is not None}
    with pytest.raises(ToolFileFault) as raised:
        read_declarations({"tools": [item]}, {"CRM": "s3cret", "BROKEN": "a\nb"})
    assert "s3cret" not in str(raised.value)
    return raised.value.faults


def test_the_least_that_a_tool_needs() -> None:
    tool = declared()
    assert tool.kind.spec.parameters == {"type": "object", "properties": {}, "additionalProperties": False}
    assert (tool.method, tool.kind.access, tool.kind.idempotent) == ("GET", "read_only", True)
    assert (tool.timeout_s, tool.result_characters, tool.requires_user) == (5.0, 4000, False)


def test_additional_arguments_are_refused_where_nothing_is_said_of_them() -> None:
    tool = declared(url="https://crm.example/users/{user_id}/orders/{order_id}", parameters=ORDER)
    schema = Schema(tool.kind.spec.parameters)
    assert schema.faults({"order_id": "7"}) == []
    assert schema.faults({"order_id": "7", "user_id": "bob"}) == ["user_id: no such parameter"]
    assert tool.requires_user


def test_an_action_is_idempotent_only_where_it_says_so() -> None:
    assert not declared(method="PUT", access="approval").kind.idempotent
    assert declared(method="POST", access="approval", idempotent=True).kind.idempotent
    assert not declared(idempotent=False).kind.idempotent


def test_secrets_are_filled_in() -> None:
    tool = declared(headers={"Authorization": "Bearer ${CRM}", "X-Two": "${CRM}-${CRM}"})
    assert tool.headers == {"Authorization": "Bearer s3cret", "X-Two": "s3cret-s3cret"}


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_what_a_system_says_holds_no_secret_of_ours(kind: str) -> None:
    headers = {"Authorization": "Bearer ${CRM}", "X-Short": "${SHORT}"}
    (tool,) = read_declarations({"tools": [{**LEAST, "headers": headers}]}, {"CRM": 's3cret"\\x', "SHORT": "abc"})
    page = json.dumps({"Authorization": 'Bearer s3cret"\\x', "X-Short": "abc"})
    result = told(tool, HttpAnswer(status=200, content_type=kind, body=page.encode()))
    assert "s3cret" not in result.text
    assert "Bearer (removed)" in result.text
    assert "abc" in result.text


FORMS = {
    "json": r"s3cr3t\/key+1", "address": "s3cr3t%2Fkey%2B1", "lower case": "s3cr3t%2fkey%2b1", "path": "s3cr3t/key%2B1",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "more"), [("text/plain", False), ("application/json", True)], ids=["text", "cut"])
def test_a_secret_goes_in_whatever_form(form: str, kind: str, more: bool) -> None:
    (tool,) = read_declarations({"tools": [{**LEAST, "headers": {"X": "${CRM}"}}]}, {"CRM": "s3cr3t/key+1"})
    result = told(
        tool, HttpAnswer(status=200, content_type=kind, body=f'{{"a":"{FORMS[form]}", "b'.encode(), more=more)
    )
    assert result.text.startswith('{"a":"(removed)", "b')


@pytest.mark.parametrize(
    ("end", "more", "left"),
    [("abcdefg", True, "abcdefg"), ("abcdefgh", True, "(removed)"), ("abcdefghijk", True, "(removed)"), ("abcdefgh", False, "abcdefgh")],
    ids=["7 characters", "8 characters", "all but one", "not cut"],
)  # fmt: skip
def test_a_secret_that_is_cut_in_two_leaves_no_part(end: str, more: bool, left: str) -> None:
    (tool,) = read_declarations({"tools": [{**LEAST, "headers": {"X": "${CRM}"}}]}, {"CRM": "abcdefghijkl"})
    result = told(tool, HttpAnswer(status=200, content_type="text/plain", body=f"x {end}".encode(), more=more))
    assert result.text.split("\n")[0] == f"x {left}"


def test_a_tool_does_not_show_its_secrets() -> None:
    tool = declared(headers={"Authorization": "Bearer ${CRM}"})
    assert repr(tool) == f"HttpTool({tool.kind.spec.name})"


@pytest.mark.parametrize(
    ("order", "refused"),
    [
        ("x" * 500, False), ("x" * 501, True), ("%" + "25" * 4 + "41", False), ("%" + "25" * 5 + "41", True),
        ("%" + "25" * 200, True),
    ],
    ids=["500", "501", "5 rounds", "6 rounds", "many rounds"],
)  # fmt: skip
def test_what_stands_in_a_path_has_bounds(order: str, refused: bool) -> None:
    tool = declared(url="https://crm.example/orders/{order_id}", parameters=ORDER)
    ctx = ToolContext(tenant="t", session_id="s", turn_id="u", user_id="ann", key="k")
    assert (refusal(tool, {"order_id": order}, ctx) is not None) is refused


@pytest.mark.parametrize(
    "order",
    ["%2e%2e", "%2e%2e%2fx", "%252e%252e%252fx", "..;/x", "a/..;v=1/x", "..%5cx"],
)
def test_ways_out_of_a_segment_are_refused_also_where_they_are_encoded(order: str) -> None:
    tool = declared(url="https://crm.example/users/{user_id}/orders/{order_id}", parameters=ORDER)
    ctx = ToolContext(tenant="t", session_id="s", turn_id="u", user_id="ann", key="k")
    assert "order_id must not" in (refusal(tool, {"order_id": order}, ctx) or "")
    assert refusal(tool, {"order_id": "50%-A..b%2e"}, ctx) is None


@pytest.mark.parametrize(
    ("field", "at", "beyond"),
    [
        ("timeout_s", 0.1, 0.09), ("timeout_s", 30, 30.1), ("result_characters", 1, 0), ("result_characters", 20_000, 20_001),
        ("name", "abc", "ab"), ("name", "a" * 41, "a" * 42), ("description", "x" * 1000, "x" * 1001), ("description", "x", ""),
        ("doing", "x" * 100, "x" * 101), ("url", "https://c.example/".ljust(2000, "x"), "https://c.example/".ljust(2001, "x")),
    ],
    ids=range(10),
)  # fmt: skip
def test_bounds(field: str, at: Any, beyond: Any) -> None:
    declared(**{field: at})
    (fault,) = faults(**{field: beyond})
    assert re.match(rf"tool 1.*, {field}: must be ", fault)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": None}, "name: is missing"),
        ({"name": "Find-Order"}, "name: must be "),
        ({"name": "none"}, "name: none is taken"),
        *[({"name": name}, f"name: {name} is taken") for name in BUILT_IN],
        ({"timeout": 3}, "timeout: no such field; did you mean timeout_s?"),
        ({"url": None}, "url: is missing"),
        ({"url": "ftp://crm.example/x"}, "url: must be http:// or https://"),
        ({"url": "/api/orders"}, "url: must be http:// or https://"),
        ({"url": "https://crm.example/a#b"}, "url: must be http:// or https://"),
        ({"url": "https:///orders"}, "url: has no host"),
        ({"url": "https://crm.example:0/"}, "url: has no port"),
        ({"url": "https://crm.example:70000/"}, "url: has no port"),
        ({"url": "https://{tenant}.example/x"}, "url: scheme and host must have no placeholders"),
        ({"url": "https://crm.example{x}/"}, "url: scheme and host must have no placeholders"),
        ({"url": "https://${CRM}.example/"}, "url: scheme and host must have no placeholders"),
        ({"url": "https://me:pw@crm.example/"}, "url: must not hold a user name"),
        ({"url": "https://crm.example/a b"}, "url: has characters"),
        ({"url": "https://crm.example/{}"}, "url: has characters"),
        ({"url": "https://crm.example/{a-b}"}, "url: has characters"),
        ({"url": "https://crm.example/%zz"}, "url: has characters"),
        ({"url": "https://crm.example/a/../b"}, "url: must not have the path segments"),
        ({"url": "https://crm.example/%2E%2e/b"}, "url: must not have the path segments"),
        ({"url": "https://crm.example/?{tenant}=1"}, "url: names in the query"),
        ({"url": "https://crm.example/?=1"}, "url: names in the query"),
        ({"url": "https://crm.example/{order}"}, "url: {order} is no parameter"),
        ({"url": "https://crm.example/{order_id}", "parameters": {**ORDER, "required": []}}, "must be required"),
        (
            {"url": "https://crm.example/?x={x}", "parameters": {"properties": {"x": {"type": "array"}}}},
            "url: {x} must have the type string",
        ),
        ({"url": "https://crm.example/?x={x}", "parameters": {"properties": {"x": {}}}}, "url: {x} must have the type"),
        ({"parameters": ORDER}, "parameters: order_id is used nowhere"),
        ({"method": "TRACE"}, "method: "),
        ({"method": "POST"}, "access: must be said for POST"),
        ({"method": "DELETE"}, "access: must be said for DELETE"),
        ({"method": "POST", "access": "write"}, "access: "),
        ({"body": {}}, "body: GET has none"),
        ({"method": "POST", "access": "approval", "body": {"a": ["{nobody}"]}}, "body: {nobody} is no parameter"),
        (
            {"method": "POST", "access": "approval", "body": {}, "parameters": ORDER},
            "parameters: order_id is used nowhere",
        ),
        ({"parameters": {"type": "objekt"}}, "parameters: type: "),
        ({"parameters": {"type": "array"}}, "parameters: type must be object"),
        ({"parameters": {"properties": {"x": {"pattern": "("}}}}, "parameters: properties.x.pattern: "),
        ({"parameters": {"additionalProperties": True}}, "parameters: a model names only what is declared"),
        ({"parameters": {"patternProperties": {".": {}}}}, "parameters: a model names only what is declared"),
        ({"parameters": {"$ref": "https://x.example/s.json"}}, "parameters: $ref"),
        (
            {"parameters": {"properties": {"a": {"$ref": "#/$defs/b"}}}},
            "parameters: $ref '#/$defs/b' leads to no place",
        ),
        ({"parameters": {"$id": "https://x.example/"}}, "parameters: $id is not used here"),
        ({"parameters": {"$schema": "http://json-schema.org/draft-04/schema#"}}, "parameters: $schema must be"),
        *[
            (
                {"parameters": {"properties": {name: {"type": "string"}}}},
                f"parameters: {name} is filled in by the server",
            )
            for name in ("user_id", "session_id", "tenant", "key")
        ],
        ({"parameters": {"properties": {"a-b": {"type": "string"}}}}, "parameters: 'a-b' must be letters"),
        (
            {"headers": {"X-Key": "${NOBODY}"}},
            "headers, X-Key: there is no secret 'NOBODY'; set DESKBUS_TOOL_SECRET_NOBODY",
        ),
        ({"headers": {"X-Key": "${BROKEN}"}}, "headers, X-Key: has characters"),
        ({"headers": {"X-Key": "a\r\nb"}}, "headers, X-Key: has characters"),
        ({"headers": {"X Key": "a"}}, "headers: 'X Key' is no header"),
        ({"headers": {"Host": "a"}}, "headers: 'Host' is no header"),
        ({"headers": {"idempotency-KEY": "a"}}, "headers: 'idempotency-KEY' is no header"),
        ({"url": "https://crm.example/{user_id}", "requires_user": False}, "requires_user: must be true"),
        ({"health_url": "https://crm.example/{tenant}"}, "health_url: must not have placeholders"),
        ({"health_url": "crm.example"}, "health_url: must be http:// or https://"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_faults_are_told_by_tool_and_field(fields: dict[str, Any], fault: str) -> None:
    found = faults(**fields)
    assert len(found) == 1, found
    assert found[0].startswith("tool 1")
    assert fault in found[0]


def test_all_faults_are_told_together() -> None:
    tools = [
        {**LEAST, "timeout_s": 99, "method": "FETCH", "wrong": 1},
        LEAST,
        {**LEAST, "headers": {"X-A": "${NO}", "Host": "x"}, "url": "https://{a}"},
        "not a tool",
    ]
    with pytest.raises(ToolFileFault) as raised:
        read_declarations({"tools": tools, "version": 1}, {})
    places = [" ".join(re.split(r"[:,]", fault)[:2]) for fault in raised.value.faults]
    assert places == [
        "version  the file has nothing but `tools`",
        "tool 1 (find_order)  wrong",
        "tool 1 (find_order)  method",
        "tool 1 (find_order)  timeout_s",
        "tool 3 (find_order)  url",
        "tool 3 (find_order)  headers",
        "tool 3 (find_order)  headers",
        "tool 3 (find_order)  name",
        "tool 4  must be a table of fields",
    ]
    assert str(raised.value).count("\n  - ") == len(places)


@pytest.mark.parametrize("content", [[], "x", {}, {"tools": {}}, {"tool": []}], ids=range(5))
def test_a_file_holds_a_list_of_tools(content: object) -> None:
    with pytest.raises(ToolFileFault, match="must hold a list `tools`"):
        read_declarations(content, {})


def test_a_file_may_declare_nothing() -> None:
    assert read_declarations({"tools": []}, {}) == []


# --- the file


TOML = """
[[tools]]
name = "find_order"
description = "Looks an order up"
url = "https://crm.example/api/orders"
headers = { Authorization = "Bearer ${CRM}" }
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    item = {**LEAST, "headers": {"Authorization": "Bearer ${CRM}"}}
    variables = {"DESKBUS_TOOL_SECRET_CRM": "s3cret", "PATH": "/bin"}
    toml = read_tool_file(written(tmp_path, "tools.toml", TOML), variables)
    assert toml == read_tool_file(written(tmp_path, "tools.JSON", json.dumps({"tools": [item]})), variables)
    assert toml[0].headers == {"Authorization": "Bearer s3cret"}


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    secret = written(tmp_path, "secret", "from file\n")
    path = written(tmp_path, "tools.toml", TOML)
    (tool,) = read_tool_file(path, {"DESKBUS_TOOL_SECRET_CRM_FILE": str(secret)})
    assert tool.headers == {"Authorization": "Bearer from file"}
    both = {"DESKBUS_TOOL_SECRET_CRM_FILE": str(secret), "DESKBUS_TOOL_SECRET_CRM": "from environment"}
    assert read_tool_file(path, both)[0].headers == {"Authorization": "Bearer from environment"}


def test_a_secret_that_is_nowhere_is_told_with_all_else(tmp_path: Path) -> None:
    path = written(tmp_path, "tools.toml", TOML.replace("https", "gopher"))
    with pytest.raises(ToolFileFault) as raised:
        read_tool_file(path, {"DESKBUS_TOOL_SECRET_CRM_FILE": str(tmp_path / "gone")})
    assert [fault.partition(":")[0] for fault in raised.value.faults] == [
        "DESKBUS_TOOL_SECRET_CRM_FILE",
        "tool 1 (find_order), url",
        "tool 1 (find_order), headers, Authorization",
    ]


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("tools.yaml", "tools: []", "must end with .toml or .json"),
        ("tools.toml", "[[tools", "end of document"),
        ("tools.json", "{", "line 1"),
        ("tools.json", "[" * 100_000, "tools.json"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, text: str, word: str) -> None:
    with pytest.raises(ToolFileFault, match=re.escape(word)):
        read_tool_file(written(tmp_path, name, text), {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ToolFileFault, match="No such file"):
        read_tool_file(tmp_path / "tools.toml", {})


@pytest.mark.parametrize("over", [0, 1])
def test_a_file_has_a_size(tmp_path: Path, over: int) -> None:
    path = written(tmp_path, "tools.toml", "tools = []".ljust(1024 * 1024 + over))
    if over:
        with pytest.raises(ToolFileFault, match="is larger than"):
            read_tool_file(path, {})
    else:
        assert read_tool_file(path, {}) == []


def test_the_example_in_the_documents_can_be_used(tmp_path: Path) -> None:
    text = DOCS.read_text(encoding="utf-8")
    toml, as_json = re.findall(r"```(?:toml|json)\n(.*?)```", text, re.DOTALL)
    variables = {f"DESKBUS_TOOL_SECRET_{name}": "x" for name in ("CRM", "BILLING", "STOCK")}
    tools = read_tool_file(written(tmp_path, "tools.toml", toml), variables)
    assert [tool.kind.spec.name for tool in tools] == ["find_order", "list_invoices", "stock_level", "refund_order"]
    assert [tool.kind.access for tool in tools] == ["read_only", "read_only", "read_only", "approval"]
    assert read_tool_file(written(tmp_path, "tools.json", as_json), variables) == tools[2:3]


# --- schemas


PARCEL = {
    "$defs": {"code": {"type": "string", "enum": ["a", "b"]}},
    "properties": {
        "code": {"$ref": "#/$defs/code"}, "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 9},
        "items": {"type": "array", "items": {"type": "object", "required": ["id"]}, "maxItems": 2},
    },
    "additionalProperties": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"code": "a", "n": 1, "items": [{"id": 1}]}, []),
        ({"n": 9}, []),
        ({"n": None}, []),
        ({"n": 0}, ["n must be at least 1"]),
        ({"n": 10}, ["n must be at most 9"]),
        ({"n": 1.5}, ["n must be of type integer or null"]),
        ({"code": "c"}, ["code must be one of a, b"]),
        ({"items": [{}, {"id": 1}]}, ["items.0: id is missing"]),
        ({"items": [{"id": 1}] * 3}, ["items must have at most 2 items"]),
        ({"x" * 100: 1}, ["x" * 60 + "...: no such parameter"]),
    ],
    ids=range(10),
)
def test_what_is_wrong_is_told_in_words(arguments: dict[str, Any], told: list[str]) -> None:
    assert schema_faults(PARCEL) == []
    assert Schema(PARCEL).faults(arguments) == told


def test_not_everything_is_told_at_once() -> None:
    parameters = {"properties": {name: {"type": "string"} for name in "abcdef"}}
    assert len(Schema(parameters).faults(dict.fromkeys("abcdef", 1))) == 4


def test_a_schema_that_calls_itself_without_end_refuses() -> None:
    assert Schema({"$ref": "#"}).faults({}) == ["the arguments cannot be checked"]
