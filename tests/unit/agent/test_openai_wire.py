"""Chat completions as bytes: what is sent, and what is made of what comes, however it is cut into pieces."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.agent.adapters import openai_wire
from services.agent.adapters.openai_chat import Endpoint
from services.agent.adapters.openai_stream import LARGEST_EVENT, Events, Reading
from services.agent.domain.chat import ChatEnd, ChatMessage, ChatRequest, ToolCall, ToolSpec, Usage
from services.agent.domain.token_estimate import TokenEstimate, texts
from services.agent.ports import ModelFault

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return json.dumps({"id": "x", "choices": choices} | more).encode()


def read(*events: bytes, place: int = 1) -> tuple[list[str], ChatEnd]:
    reading = Reading(place)
    told = [text for event in events if (text := reading.take(event)) is not None]
    return told, reading.end()


def piece(index: int | None, arguments: Any = "", **more: Any) -> dict[str, Any]:
    name = more.pop("name", None)
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"function": function} | ({} if index is None else {"index": index}) | more


# --- server-sent events

STREAM = (
    'data: {"a": "grün 😀"}\n\n: keep-alive\n\nevent: message\nid: 7\ndata:{"b": 1}\r\n\r\nretry: 3\n\n'
    'data: {"c":\ndata: 2}\n\ndata: [DONE]\n\n'
).encode()
DATA = ['{"a": "grün 😀"}', '{"b": 1}', '{"c":\n2}', "[DONE]"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 16, 1000])
def test_events_are_found_wherever_the_stream_was_cut(size: int) -> None:
    events = Events()
    found = [data for at in range(0, len(STREAM), size) for data in events.feed(STREAM[at : at + size])]
    assert [data.decode() for data in found] == DATA
    assert events.finish() == []


def test_a_last_event_without_its_empty_line_counts() -> None:
    events = Events()
    assert events.feed(b"data: 1\n\ndata: 2") == [b"1"]
    assert events.finish() == [b"2"]


def test_an_event_may_be_a_mebibyte_and_no_larger() -> None:
    fitting = b"data: " + b"x" * (LARGEST_EVENT - 6)
    assert [len(data) for data in Events().feed(fitting + b"\n\n")] == [LARGEST_EVENT - 6]
    for too_large in (fitting + b"x", fitting + b"x\n\n", fitting + b"\ndata: x\n\n"):
        events = Events()
        with pytest.raises(ModelFault, match="model_malformed"):
            for at in range(0, len(too_large), 65_536):
                events.feed(too_large[at : at + 65_536])


def test_many_events_in_one_piece_are_not_one_large_event() -> None:
    assert len(Events().feed(b"data: " + b"x" * 1000 + b"\n\n")) == 1
    assert len(Events().feed((b"data: " + b"x" * 1000 + b"\n\n") * 2000)) == 2000


# --- completions


def test_text_and_usage_in_a_chunk_of_its_own() -> None:
    usage = {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "more": {"cached": 1}}}
    told, end = read(chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), chunk({"content": "\n"}),
                     chunk({}, "stop"), chunk(**usage), b"[DONE]")  # fmt: skip
    assert told == ["Hi", "\n"]
    assert end == ChatEnd(finish="stop", usage=Usage(prompt_tokens=9, completion_tokens=2))


def test_usage_in_the_last_chunk_of_the_text() -> None:
    _told, end = read(chunk({"content": "Hi"}), chunk({}, "stop", usage={"prompt_tokens": 9, "completion_tokens": 2}))
    assert end.usage == Usage(prompt_tokens=9, completion_tokens=2)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}])
def test_usage_that_is_not_told_is_none(usage: Any) -> None:
    assert read(chunk({"content": "Hi"}), chunk({}, "stop", usage=usage))[1].usage is None


@pytest.mark.parametrize(
    ("word", "finish"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("end_turn", "stop"),
     ("eos", "stop"), ("max_tokens", "length"), ("tool_calls", "tool_calls")],
)  # fmt: skip
def test_every_word_for_the_finish_means_one_of_four(word: str, finish: str) -> None:
    assert read(chunk({"content": "Hi"}), chunk({}, word))[1].finish == finish


def test_calls_are_put_together_by_their_index() -> None:
    told, end = read(
        chunk({"tool_calls": [piece(0, '{"a"', id="c1", name="one")]}),
        chunk({"tool_calls": [piece(1, "", id="c2", name="two"), piece(0, ":1")]}),
        chunk({"tool_calls": [piece(0, "}"), piece(1, '{"b":2}')]}),
        chunk({}, "tool_calls"),
    )
    assert told == ["", "", ""], "each is a sign of life"
    assert end.tool_calls == [ToolCall("c1", "one", '{"a":1}'), ToolCall("c2", "two", '{"b":2}')]
    assert end.finish == "tool_calls"


def test_calls_without_ids_get_the_same_ones_each_time() -> None:
    events = [chunk({"tool_calls": [piece(0, "{}", name="one"), piece(1, "", name="two")]}), chunk({}, "stop")]
    expected = [ToolCall("call_5_0", "one", "{}"), ToolCall("call_5_1", "two", "{}")]
    assert read(*events, place=5)[1].tool_calls == expected == read(*events, place=5)[1].tool_calls
    assert read(*events, place=7)[1].tool_calls[0].id == "call_7_0"
    assert read(*events)[1].finish == "tool_calls", "whatever word the provider chose"


def test_calls_without_an_index_or_all_with_the_same() -> None:
    for index in (None, 0):
        _told, end = read(
            chunk({"tool_calls": [piece(index, {"a": 1}, id="c1", name="one")]}),
            chunk({"tool_calls": [piece(index, "{}", id="c2", name="two")]}),
            chunk({}, "tool_calls"),
        )
        assert end.tool_calls == [ToolCall("c1", "one", '{"a":1}'), ToolCall("c2", "two", "{}")]


def test_an_id_that_is_repeated_without_an_index_is_one_call() -> None:
    _told, end = read(
        chunk({"tool_calls": [piece(None, "", id="c1", name="one")]}),
        chunk({"tool_calls": [piece(None, '{"a"', id="c1"), piece(None, "{", id="c2", name="two")]}),
        chunk({"tool_calls": [piece(None, ":1}", id="c1"), piece(None, "}", id="c2")]}),
        chunk({}, "tool_calls"),
    )
    assert end.tool_calls == [ToolCall("c1", "one", '{"a":1}'), ToolCall("c2", "two", "{}")]


@pytest.mark.parametrize("call_id", ["c1", None], ids=["id", "no id"])
def test_a_piece_without_id_and_index_continues_the_last_call(call_id: str | None) -> None:
    first = piece(None, '{"a"', name="one") | ({"id": call_id} if call_id else {})
    _told, end = read(chunk({"tool_calls": [first]}), chunk({"tool_calls": [piece(None, ":1}")]}), chunk({}, "stop"))
    assert [(call.name, call.arguments) for call in end.tool_calls] == [("one", '{"a":1}')]


def test_thinking_aloud_is_a_sign_of_life_and_no_text() -> None:
    told, _end = read(
        chunk({"reasoning_content": "hm"}), chunk({"reasoning": "hm"}), chunk({"content": "Hi"}), b"[DONE]"
    )
    assert told == ["", "", "Hi"]


def test_a_stream_that_stops_without_a_finish_was_cut() -> None:
    with pytest.raises(ModelFault, match="model_cut"):
        read(chunk({"content": "Hi"}))
    assert read(chunk({"content": "Hi"}), b"[DONE]")[1].finish == "stop"
    assert read(chunk({"content": "Hi"}, "stop"))[1].finish == "stop"


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"choices": 3}', b"\xff", b'{"choices": [{"delta": {"content": 3}}]}'])
def test_what_cannot_be_read_is_malformed_and_not_told_on(data: bytes) -> None:
    with pytest.raises(ModelFault) as caught:
        Reading(1).take(data)
    assert (caught.value.code, caught.value.__cause__) == ("model_malformed", None)


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [({"message": "x", "code": 500}, "model_unavailable", True), ({"code": "429"}, "model_rate_limited", True),
     ({"code": "rate_limit_exceeded"}, "model_rate_limited", True), ("overloaded", "model_unavailable", True),
     ({"code": 401}, "model_key_refused", False), ({"code": None, "type": "x"}, "model_unavailable", True)],
    ids=str,
)  # fmt: skip
def test_an_error_inside_a_stream_is_a_fault(error: Any, code: str, retryable: bool) -> None:
    with pytest.raises(ModelFault) as caught:
        Reading(1).take(chunk(error=error))
    assert (caught.value.code, caught.value.retryable) == (code, retryable)


# --- faults


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [(400, "model_request_refused", False), (401, "model_key_refused", False), (402, "model_key_refused", False),
     (403, "model_key_refused", False), (404, "model_request_refused", False), (408, "model_unavailable", True),
     (409, "model_unavailable", True), (413, "model_request_refused", False), (422, "model_request_refused", False),
     (429, "model_rate_limited", True), (500, "model_unavailable", True), (529, "model_unavailable", True),
     (302, "model_request_refused", False)],
)  # fmt: skip
def test_a_status_is_a_fault(status: int, code: str, retryable: bool) -> None:
    fault = openai_wire.fault(status)
    assert (fault.code, fault.retryable) == (code, retryable)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2", 2.0), ("0", 0.0), ("1.5", 1.5), ("-3", 0.0), ("", None), ("soon", None),
     ("Mon, 04 May 2026 12:00:07 GMT", 7.0), ("Mon, 04 May 2026 11:00:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert openai_wire.retry_after_s({"Retry-After": value}, NOON) == seconds
    assert openai_wire.retry_after_s({}, NOON) is None


# --- requests


def test_a_request_as_the_api_wants_it() -> None:
    request = ChatRequest(
        messages=[
            ChatMessage(role="system", content="Be kind."),
            ChatMessage(role="user", content="Where is «it»?\n"),
            ChatMessage(role="assistant", content="", tool_calls=[ToolCall("c1", "find", '{"a":1}')]),
            ChatMessage(role="tool", content="there", tool_call_id="c1"),
        ],
        tools=[ToolSpec(name="find", description="Finds.", parameters={"type": "object"})],
        max_tokens=50,
        temperature=0.2,
    )
    assert msgspec.json.decode(openai_wire.encode(request, "gpt", "max_completion_tokens")) == {
        "model": "gpt",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 50,
        "temperature": 0.2,
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Where is «it»?\n"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"a":1}'}}]},
            {"role": "tool", "content": "there", "tool_call_id": "c1"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "find", "description": "Finds.", "parameters": {"type": "object"}}}],
    }  # fmt: skip


def test_what_is_not_set_is_not_sent() -> None:
    body = msgspec.json.decode(
        openai_wire.encode(ChatRequest(messages=[ChatMessage(role="user", content="x")]), "m", "l")
    )
    assert body.keys() == {"model", "messages", "stream", "stream_options"}


@pytest.mark.parametrize(("arguments", "sent"), [('{"a": 1}', '{"a": 1}'), ("{", "{}"), ("[1]", "{}"), ("", "{}")])
def test_arguments_that_are_no_object_are_not_sent_back(arguments: str, sent: str) -> None:
    called = ChatMessage(role="assistant", content="x", tool_calls=[ToolCall("c", "t", arguments)])
    (message,) = openai_wire.messages(ChatRequest(messages=[called]))
    assert message["tool_calls"][0]["function"]["arguments"] == sent


def test_an_endpoint_says_its_name_alone() -> None:
    endpoint = Endpoint(name="openai/x", model="x", base_url="https://secret.example", key="sk-secret")
    assert "secret" not in f"{endpoint} {endpoint!r} {[endpoint]}"


# --- token estimates


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("", 0, 0), ("a", 1, 1), ("How long do I have to return something? " * 10, 90, 120), ("退款需要多长时间" * 10, 60, 80),
     ("Сколько времени займёт возврат денег? " * 10, 100, 170), ("Ich möchte zurückgeben, bitte. " * 10, 60, 100)],
    ids=["none", "one", "english", "chinese", "russian", "german"],
)  # fmt: skip
def test_tokens_are_estimated_by_script(text: str, least: int, most: int) -> None:
    assert least <= TokenEstimate().count(text) <= most


def test_reports_correct_the_estimate_within_bounds() -> None:
    request = ChatRequest(messages=[ChatMessage(role="user", content="word " * 760)])
    raw = TokenEstimate().count("word " * 760)
    for reported, factor in [(raw * 1.3, 1.3), (raw * 50, 2.0), (raw / 50, 0.5)]:
        estimate = TokenEstimate()
        for _ in range(100):
            estimate.learn(request, int(reported) + 4)
        assert estimate.count("word " * 760) == pytest.approx(raw * factor, rel=0.01)


def test_one_report_moves_the_estimate_a_little_and_none_of_nothing() -> None:
    estimate, request = TokenEstimate(), ChatRequest(messages=[ChatMessage(role="user", content="word " * 760)])
    before = estimate.count("x" * 3800)
    estimate.learn(request, 0)
    estimate.learn(ChatRequest(messages=[ChatMessage(role="user", content="")]), 500)
    assert estimate.count("x" * 3800) == before
    estimate.learn(request, 100_000)
    assert before < estimate.count("x" * 3800) <= before * 1.11


def test_all_that_a_model_reads_is_counted() -> None:
    request = ChatRequest(
        messages=[
            ChatMessage(role="user", content="a"),
            ChatMessage(role="assistant", content="b", tool_calls=[ToolCall("id", "name", "{}")]),
        ],
        tools=[ToolSpec(name="find", description="Finds.", parameters={})],
    )
    *told, tools = texts(request)
    assert told == ["a", "b", "name", "{}"]
    assert "Finds." in tools
