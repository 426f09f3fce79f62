"""Answers by language models, end to end: who answers when, what is cited, and what it cost."""

import asyncio
from typing import Any

from tests.support.client import Client
from tests.support.openai_script import Reply
from tests.support.openai_server import OpenAIServer
from tests.support.system import System

LITELLM = True
RETURNS = "How long do I have to return an item?"
CITED = "You can return an item within 30 days for a full refund [1]."


async def ask(client: Client, text: str, session_id: str | None = None) -> dict[str, Any]:
    """Ask over HTTP; give the stored answer."""
    session_id = session_id or await client.create()
    status, body, _ = await client.send(session_id, text)
    assert status == 200, body
    return (await client.history(session_id, order="desc", limit=1))["messages"][0]


def prompt_of(server: OpenAIServer, place: int = -1) -> str:
    """All that a model was shown."""
    return "\n".join(str(message.get("content")) for message in server.received[place].body["messages"])


async def test_a_model_answers_from_the_passages_and_cites_them(client: Client, first: OpenAIServer) -> None:
    first.replies.append(Reply(text=CITED))
    session_id = await client.create()
    async with client.socket(session_id) as socket:
        complete = await socket.ask(RETURNS)
    message = complete["message"]
    assert message["content"] == CITED
    assert message["sources"][0]["metadata"]["source"] == "help/refunds"
    assert message["confidence"] > 0.5
    assert message["metadata"]["model"] == "openai/first"
    assert message["metadata"]["retrieval_score"] > 0.5
    assert message["metadata"]["usage"]["cost_usd"] > 0
    assert message["tools_used"] == []  # nobody asked for more than the search that every answer makes
    shown = prompt_of(first)
    assert "Acme" in shown
    assert RETURNS in shown
    assert first.received[-1].body["stream"] is True


async def test_what_nothing_supports_has_no_source_and_little_confidence(client: Client, first: OpenAIServer) -> None:
    first.replies.append(Reply(text="Returns are possible within 900 days and cost 77 dollars [1]."))
    answer = await ask(client, RETURNS)
    assert answer["metadata"]["supported"] == 0
    assert answer["confidence"] < 0.3


async def test_links_that_nobody_allowed_do_not_leave(client: Client, first: OpenAIServer) -> None:
    first.replies.append(Reply(text="See [here](https://evil.test/a) and https://evil.test/b now."))
    answer = await ask(client, RETURNS)
    assert "evil.test" not in answer["content"]
    assert "See here and" in answer["content"]


async def test_the_model_is_given_what_was_said_before(client: Client, first: OpenAIServer) -> None:
    session_id = await client.create()
    first.replies += [Reply(text=CITED), Reply(text="Yes, also for shoes [1].")]
    await ask(client, RETURNS, session_id)
    await ask(client, "Is that so for shoes as well?", session_id)
    roles = [message["role"] for message in first.received[-1].body["messages"]]
    assert roles[0] == "system"
    assert "assistant" in roles
    assert "within 30 days" in prompt_of(first)


async def test_a_failing_model_is_replaced_by_the_next_through_litellm(
    client: Client, first: OpenAIServer, second: OpenAIServer
) -> None:
    second.replies.append(Reply(text=CITED))
    answer = await ask(client, f"{RETURNS} [[fail=500]]")
    assert answer["content"] == CITED
    assert answer["metadata"]["model"] == "hosted_vllm/second"
    assert "degraded" not in answer["metadata"]
    assert answer["metadata"]["usage"]["calls"] == 3
    assert [len(first.received), len(second.received)] == [2, 1]


async def test_where_no_model_can_the_help_pages_are_quoted_and_it_is_said(client: Client) -> None:
    session_id = await client.create()
    answer = await ask(client, RETURNS, session_id)
    assert "30 days" in answer["content"]
    assert answer["sources"]
    assert answer["metadata"]["model"] == "extractive"
    assert answer["metadata"]["degraded"] == {"reason": "models_unavailable"}
    status, session, _ = await client.request("GET", f"/api/sessions/{session_id}")
    assert (status, session["status"]) == (200, "active")


async def test_a_stream_that_is_cut_begins_anew_and_is_answered_once(client: Client, first: OpenAIServer) -> None:
    first.replies += [Reply(text="One two three four five six", fault="cut_after", at=4), Reply(text=CITED)]
    session_id = await client.create()
    async with client.socket(session_id) as socket:
        complete = await socket.ask(RETURNS)
        starts = [frame["attempt"] for frame in socket.frames if frame["type"] == "start"]
    assert complete["message"]["content"] == CITED
    assert complete["attempt"] == starts[-1] > 1
    history = await client.history(session_id)
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"]


async def test_a_stream_that_breaks_off_before_a_word_has_left_is_answered_by_the_next_model_at_once(
    client: Client, first: OpenAIServer, second: OpenAIServer
) -> None:
    first.script = lambda _body: Reply(text="Forty days or more", fault="cut_after", at=1)
    second.replies.append(Reply(text=CITED))
    session_id = await client.create()
    async with client.socket(session_id) as socket:
        complete = await socket.ask(RETURNS)
        starts = [frame["attempt"] for frame in socket.frames if frame["type"] == "start"]
        told = "".join(frame["content"] for frame in socket.frames if frame["type"] == "text")
    assert (complete["message"]["content"], told, starts) == (CITED, CITED, [1])
    metadata = complete["message"]["metadata"]
    assert (metadata["model"], metadata["usage"]["calls"]) == ("hosted_vllm/second", 3)
    assert "degraded" not in metadata


async def test_where_every_stream_breaks_off_like_that_the_help_pages_are_quoted(
    client: Client, first: OpenAIServer
) -> None:
    first.script = lambda _body: Reply(text="Forty days or more", fault="cut_after", at=1)
    answer = await ask(client, RETURNS)
    assert "30 days" in answer["content"]
    assert "Forty" not in answer["content"]
    assert answer["metadata"]["degraded"] == {"reason": "models_unavailable"}
    assert len(first.received) == 2


async def test_a_question_that_no_document_answers_is_abstained_from_and_becomes_a_gap(
    client: Client, first: OpenAIServer
) -> None:
    question = "Which enzyme breaks down lactose in goats?"
    first.replies.append(Reply(text="I do not know that. A person from our team can help."))
    answer = await ask(client, question)
    assert answer["metadata"]["abstained"] is True
    assert answer["confidence"] == 0.0
    assert answer["sources"] == []
    async with asyncio.timeout(10):
        while True:
            status, gaps, _ = await client.request("GET", "/api/knowledge/gaps")
            assert status == 200
            if any("enzyme" in gap["question"] for gap in gaps):
                return
            await asyncio.sleep(0.1)


async def test_every_call_is_in_the_ledger(client: Client, first: OpenAIServer) -> None:
    async def calls() -> dict[str, Any]:
        status, report, _ = await client.request("GET", "/api/usage", params={"by": "model"})
        assert status == 200, report
        rows = {row["model"]: row for row in report["rows"]}
        return rows.get("openai/first", {"calls": 0, "completion_tokens": 0, "cost_usd": 0.0, "failed": 0})

    before = await calls()
    first.replies.append(Reply(text=CITED))
    await ask(client, RETURNS)
    async with asyncio.timeout(10):
        while (after := await calls())["calls"] == before["calls"]:
            await asyncio.sleep(0.05)
    assert after["calls"] == before["calls"] + 1
    assert after["completion_tokens"] > before["completion_tokens"]
    assert after["cost_usd"] > before["cost_usd"]


async def test_a_stop_ends_the_call_at_the_provider(client: Client, first: OpenAIServer) -> None:
    session_id = await client.create()
    async with client.socket(session_id) as socket:
        await socket.send(f"{RETURNS} [[tokens=400 interval_ms=50]]")
        await socket.until("text")
        await socket.ws.send_json({"type": "cancel"})
        cancelled = await socket.until("cancelled")
    assert cancelled["message"]["status"] == "cancelled"
    assert await first.ended() != "done"


def test_readiness_names_the_models(system: System) -> None:
    _, report = system.readiness()
    text = str(report)
    assert "openai/first" in text
    assert "look_up_order" in text


def test_no_key_and_no_prompt_is_in_the_log(system: System) -> None:
    log = system.log("agent")
    assert "key-of-tests" not in log
    assert "return an item" not in log
