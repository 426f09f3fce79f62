"""Declared tools against a server that can fail in every way: what is sent, what is told, and what happens once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from services.agent.adapters.http_tools import HttpTools
from services.agent.app.steps import Unconfirmed
from services.agent.app.tools import Registry
from services.agent.domain.steps import ToolContext, ToolResult
from services.agent.domain.tool_declarations import read_declarations
from services.agent.ports import Tool
from tests.support.tool_server import SECRET, ToolServer
from tests.unit.agent.fakes import Log, until
from tests.unit.agent.tool_fakes import Stage, asks

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTEXT = ToolContext(tenant="acme", session_id="sess_1", turn_id="turn_1", user_id="ann", key="turn_1-1")
Declare = Callable[..., Tool]


@pytest.fixture
async def server() -> AsyncIterator[ToolServer]:
    async with ToolServer() as running:
        yield running


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def declare(server: ToolServer, log: Log) -> AsyncIterator[Declare]:
    """Declare one tool on the server; it is closed at the end."""
    opened: list[HttpTools] = []

    def one(url: str, trace: str = TRACE, **fields: Any) -> Tool:
        item = {"name": "the_tool", "description": "A tool", "url": url if "://" in url else server.url + url, **fields}
        tools = HttpTools(read_declarations({"tools": [item]}, {"CRM": SECRET}), log, lambda: trace)
        opened.append(tools)
        return tools.tools[0]

    yield one
    for tools in opened:
        await tools.close()


def order_parameters(name: str = "order_id") -> dict[str, Any]:
    return {"properties": {name: {"type": "string"}}, "required": [name]}


def find_order(declare: Declare, **fields: Any) -> Tool:
    return declare(
        "/api/users/{user_id}/orders/{order_id}",
        parameters=order_parameters(),
        headers={"Authorization": "Bearer ${CRM}"},
        **fields,
    )


def refund(declare: Declare, then: str = "", **fields: Any) -> Tool:
    given = {
        "method": "POST", "access": "approval", "parameters": order_parameters("order"), "name": "refund_order", **fields
    }  # fmt: skip
    return declare(f"/api/refunds?then={then}", **given)


# --- what is sent and told


async def test_a_look_up(server: ToolServer, declare: Declare, log: Log) -> None:
    result = await find_order(declare).call({"order_id": "A-1042"}, CONTEXT)
    assert result == ToolResult(text='{"order":"A-1042","status":"shipped","items":["kettle"],"total":39.9}')
    (request,) = server.requests
    assert (request["method"], request["path"], request["body"]) == ("GET", "/api/users/ann/orders/A-1042", None)
    headers = request["headers"]
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert (headers["Idempotency-Key"], headers["traceparent"]) == ("turn_1-1", TRACE)
    assert headers["Accept-Encoding"] == "identity"
    ((event, facts),) = log.lines
    assert (event, facts["tool"], facts["status"], set(facts)) == (
        "tool_call",
        "the_tool",
        "200",
        {"tool", "status", "ms"},
    )
    assert SECRET not in repr(log.lines)


async def test_nothing_of_one_customer_goes_along_with_the_next(server: ToolServer, declare: Declare) -> None:
    tool = find_order(declare)
    await tool.call({"order_id": "A-1042"}, CONTEXT)
    await tool.call({"order_id": "A-1042"}, CONTEXT)
    assert not any("Cookie" in request["headers"] for request in server.requests)


async def test_without_a_trace_none_is_sent(server: ToolServer, declare: Declare) -> None:
    await declare("/answers/text", trace="").call({}, CONTEXT)
    assert "traceparent" not in server.requests[0]["headers"]


async def test_what_a_model_gives_stays_in_its_segment(server: ToolServer, declare: Declare) -> None:
    tool = find_order(declare)
    result = await tool.call({"order_id": "7;x=1/8?a=b&c=d#e%2F é@:+"}, CONTEXT)
    assert result.failed
    sent = "7%3Bx%3D1%2F8%3Fa%3Db%26c%3Dd%23e%252F%20%C3%A9%40%3A%2B"
    assert server.requests[0]["path"] == f"/api/users/ann/orders/{sent}"


@pytest.mark.parametrize("order", ["", ".", "..", "../../admin", "..\\x", "a/../b"])
async def test_what_would_leave_its_segment_is_not_sent(server: ToolServer, declare: Declare, order: str) -> None:
    result = await find_order(declare).call({"order_id": order}, CONTEXT)
    assert result.failed
    assert "order_id" in result.text
    assert server.requests == []


async def test_the_user_is_never_the_models(server: ToolServer, declare: Declare) -> None:
    stage = Stage(find_order(declare))
    result = await stage.attempt().run(asks('{"order_id": "A-1042", "user_id": "bob"}', "the_tool"), 1)
    assert (result.failed, "user_id: no such parameter" in result.text, server.requests) == (True, True, [])


async def test_without_a_user_nothing_is_asked(server: ToolServer, declare: Declare) -> None:
    stage = Stage(find_order(declare))
    result = await stage.attempt(user_id=None).run(asks('{"order_id": "A-1042"}', "the_tool"), 1)
    assert (result.failed, "signed in" in result.text, server.requests) == (True, True, [])


async def test_a_query_has_what_is_given(server: ToolServer, declare: Declare) -> None:
    parameters = {"properties": {"q": {"type": "string"}, "page": {"type": "number"}, "open": {"type": "boolean"}}}
    tool = declare("/answers/text?all=1&q={q}&page={page}&open={open}&key={key}", parameters=parameters)
    await tool.call({"q": "a&b=c d", "page": 2.0}, CONTEXT)
    await tool.call({"open": True, "page": 1.5}, CONTEXT)
    assert [request["path"] for request in server.requests] == [
        "/answers/text?all=1&q=a%26b%3Dc%20d&page=2&key=turn_1-1",
        "/answers/text?all=1&page=1.5&open=true&key=turn_1-1",
    ]


async def test_a_body_is_what_is_left(server: ToolServer, declare: Declare) -> None:
    parameters = {"properties": {"order": {"type": "string"}, "lines": {"type": "array"}}, "required": ["order"]}
    tool = declare("/answers/text?order={order}", method="POST", access="read_only", parameters=parameters)
    await tool.call({"order": "A-1", "lines": [1, 2]}, CONTEXT)
    assert server.requests[0]["body"] == {"lines": [1, 2]}
    assert server.requests[0]["headers"]["Content-Type"] == "application/json"


async def test_a_body_as_declared(server: ToolServer, declare: Declare) -> None:
    parameters = {"properties": {"count": {"type": "integer"}, "note": {"type": "string"}}, "required": ["count"]}
    body = {
        "who": "{user_id}",
        "n": "{count}",
        "text": "{count} of {tenant}",
        "notes": ["{note}", {"in": "{session_id}"}],
    }
    tool = declare("/answers/text", method="PUT", access="read_only", parameters=parameters, body=body)
    await tool.call({"count": 3}, CONTEXT)
    assert server.requests[0]["body"] == {"who": "ann", "n": 3, "text": "3 of acme", "notes": [{"in": "sess_1"}]}


# --- what comes back


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text", "In stock: 7"),
        ("latin", "café"),
        ("problem_json", '{"a":1}'),
        ("empty", "Done. The system gave no text."),
        ("long_4000", "y" * 4000),
        ("long_4001", "y" * 4000 + "\n(cut: the answer goes on)"),
    ],
)
async def test_answers_that_can_be_read(declare: Declare, kind: str, text: str) -> None:
    assert await declare(f"/answers/{kind}").call({}, CONTEXT) == ToolResult(text=text)


@pytest.mark.parametrize("kind", ["html", "image", "binary", "nul", "bad_json", "charset", "untyped", "zipped"])
async def test_answers_that_cannot_be_read(declare: Declare, kind: str) -> None:
    result = await declare(f"/answers/{kind}").call({}, CONTEXT)
    assert result == ToolResult(text="The system's answer is no text that can be read.", failed=True)


async def test_an_answer_that_is_too_long_is_read_no_further(server: ToolServer, declare: Declare) -> None:
    huge = await declare("/answers/huge", result_characters=20_000).call({}, CONTEXT)
    assert huge.text.startswith("[1234567,1234567")
    assert len(huge.text) == 20_000 + len("\n(cut: the answer goes on)")
    endless = await declare("/answers/trickle", timeout_s=10).call({}, CONTEXT)
    assert endless.text == "x" * 4000 + "\n(cut: the answer goes on)"
    await until(lambda: server.effects["trickle ended"], 5)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (301, "points to another address"),
        (400, "refused this: 400 Bad Request"),
        (401, "refused this: 401 Unauthorized"),
        (404, "Not found"),
        (409, "refused this: 409 Conflict"),
        (429, "too busy"),
        (499, "refused this: 499 no known reason"),
        (500, "could not be reached; try later"),
        (503, "could not be reached; try later"),
    ],
)
async def test_answers_that_say_no(
    server: ToolServer, declare: Declare, log: Log, status: int, words: str
) -> None:  # fmt: skip
    result = await declare(f"/answers/{status}").call({}, CONTEXT)
    assert result.failed
    assert words in result.text
    assert result.escalation is None
    assert "stack trace" not in repr((result, log.lines))
    assert len(server.requests) == 1
    assert log.named("tool_call")[0]["status"] == str(status)


@pytest.mark.parametrize("kind", ["hang", "drop"])
async def test_answers_that_do_not_come(declare: Declare, kind: str) -> None:
    result = await declare(f"/answers/{kind}", timeout_s=0.3).call({}, CONTEXT)
    assert result == ToolResult(text="The system could not be reached; try later.", failed=True)


async def test_a_system_that_is_not_there(declare: Declare, log: Log) -> None:
    gone = "http://127.0.0.1:1/orders"
    assert (await declare(gone).call({}, CONTEXT)).text == "The system could not be reached; try later."
    # Nothing was sent, so of an action it is known as well that it was not done.
    action = await declare(gone, method="POST", access="approval").call({}, CONTEXT)
    assert (action.failed, action.escalation) == (True, None)
    assert [facts["status"] for facts in log.named("tool_call")] == ["ClientConnectorError"] * 2


# --- actions


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("then", ["hang", "drop", "fail"])
async def test_an_action_without_a_clear_answer_calls_for_a_person(
    server: ToolServer, declare: Declare, method: str, then: str
) -> None:
    server.forgetful = True
    tool = declare(f"/api/refunds?then={then}", method=method, access="approval", timeout_s=0.3)
    result = await tool.call({}, CONTEXT)
    assert result.failed
    assert result.escalation
    assert result.escalation.reasons == ["action_unconfirmed"]
    assert server.effects == {"turn_1-1": 1}


async def test_an_action_that_was_done_stays_done_whatever_is_said_of_it(declare: Declare) -> None:
    result = await declare("/answers/html", method="POST", access="approval").call({}, CONTEXT)
    assert (result.failed, result.text) == (False, "Done. The system's answer is no text that can be read.")


async def test_an_allowed_action_happens_once_although_its_attempts_die(server: ToolServer, declare: Declare) -> None:
    """The system honours keys: whoever repeats the call with the approval's key changes nothing more."""
    stage = Stage(refund(declare, "hang", idempotent=True, timeout_s=30))
    await stage.attempt().run(asks('{"order": "A-1"}', "refund_order"), 1)
    assert server.requests == []
    stage.approvals.decide("appr_1", "approved")
    for attempt in (1, 2):
        running = asyncio.create_task(stage.attempt(attempt, turn_id="turn_2").approved("appr_1", 1))
        await until(lambda sent=attempt: len(server.requests) == sent, 5)
        running.cancel()
        await asyncio.wait([running])
        await stage.die()
    server.release.set()
    named = [stage.attempt(attempt, turn_id=turn) for turn, attempt in (("turn_2", 3), ("turn_2", 4), ("turn_3", 1))]
    results = await asyncio.gather(*(steps.approved("appr_1", 1) for steps in named))
    assert {decided.result.text for decided in results} == {'{"refund":"appr_1"}'}
    assert server.effects == {"appr_1": 1}


async def test_an_allowed_action_of_a_system_without_keys_is_sent_once(server: ToolServer, declare: Declare) -> None:
    server.forgetful = True
    stage = Stage(refund(declare, "hang", timeout_s=30))
    await stage.attempt().run(asks('{"order": "A-1"}', "refund_order"), 1)
    stage.approvals.decide("appr_1", "approved")
    running = asyncio.create_task(stage.attempt(turn_id="turn_2").approved("appr_1", 1))
    await until(lambda: server.requests, 5)
    running.cancel()
    await asyncio.wait([running])
    await stage.die()
    server.release.set()
    for turn, attempt in (("turn_2", 2), ("turn_2", 3), ("turn_3", 1)):
        with pytest.raises(Unconfirmed):
            await stage.attempt(attempt, turn_id=turn).approved("appr_1", 1)
    assert server.effects == {"appr_1": 1}


# --- readiness


async def test_a_system_is_asked_how_it_is_where_that_is_declared(
    server: ToolServer, declare: Declare, log: Log
) -> None:
    registry = Registry(log)
    registry.register(find_order(declare, health_url=f"{server.url}/health", name="find_order"))
    registry.register(declare("/answers/text", name="stock_level"))
    await registry.initialise()
    assert log.named("tool_not_ready") == []
    assert await registry.probe() == "2: find_order, stock_level"
    server.well = False
    assert await registry.probe() == "2: find_order, stock_level (away: find_order)"
    await registry.initialise()
    assert log.named("tool_not_ready") == [{"tool": "find_order", "code": "tool_unreachable"}]
    assert {request["path"] for request in server.requests} == {"/health"}
    await registry.close()
