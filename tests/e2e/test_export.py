"""Exports, black box: whole, downloadable, readable, and never with what is not the customer's."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.support.client import Client, assert_times_aware
from tests.support.system import System
from tests.unit.gateway.test_transcript import HOSTILE, outline

REFUND = "How long do I have to return something?"


async def export(client: Client, session_id: str, **query: str) -> tuple[str, dict[str, str]]:
    async with client.http.get(f"{client.url}/api/sessions/{session_id}/export", params=query) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        return await answer.text(), dict(answer.headers)


async def test_an_export_has_all_that_was_said(client: Client) -> None:
    session_id = await client.create(user_id="ann", metadata={"plan": "gold"})
    form = aiohttp.FormData({"message": REFUND}, quote_fields=False)
    form.add_field("attachments", b"hello", filename="my [notes](x).txt", content_type="text/plain")
    status, answer, _ = await client.request("POST", f"/api/chat/sessions/{session_id}/messages", data=form)
    assert status == 200
    at = f"/api/sessions/{session_id}"
    await client.request("POST", f"{at}/takeover", json={"operator": "Ann B*"})
    await client.request("POST", f"{at}/notes", json={"note": "a secret", "operator": "Ann B*"})
    await client.request("POST", f"{at}/reply", json={"message": "# I am\n- here", "operator": "Ann B*"})
    text, headers = await export(client, session_id)
    assert headers["Content-Type"] == "application/json"
    assert f"conversation-{session_id}.json" in headers["Content-Disposition"]
    whole = json.loads(text)
    assert_times_aware(whole)
    assert whole["messages"] == (await client.history(session_id))["messages"]
    assert whole["session"] == (await client.request("GET", at))[1]
    assert whole["messages"][0]["attachments"][0]["filename"] == "my [notes](x).txt"
    assert whole["messages"][1]["sources"]
    text, headers = await export(client, session_id, format="markdown")
    assert headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert f"conversation-{session_id}.md" in headers["Content-Disposition"]
    for part in (
        "Customer: ann",
        "30 days",
        "## 3. Operator Ann B\\*",
        "> \\# I am",
        "my \\[notes\\](x).txt",
        "Sources:",
    ):
        assert part in text
    assert "secret" not in text
    assert answer["message"][:10] in text.replace("\\", "")


async def test_hostile_words_change_nothing_of_a_document(client: Client) -> None:
    session_id = await client.create(user_id="<b> # [x](y)")
    await client.request("PATCH", f"/api/sessions/{session_id}/status", json={"status": "escalated"})
    sent = [text for text in HOSTILE if text.strip()]
    for text in sent:
        assert (await client.send(session_id, text))[0] == 200, text
    text, _ = await export(client, session_id, format="markdown")
    assert outline(text) == ["h1", "ul", *["h2", "quote"] * len(sent), "hr", "p"]
    whole = json.loads((await export(client, session_id))[0])
    assert [message["content"] for message in whole["messages"]] == [text.strip() for text in sent]


async def test_a_long_conversation_comes_whole_and_in_order(client: Client) -> None:
    session_id = await client.create()
    await client.request("PATCH", f"/api/sessions/{session_id}/status", json={"status": "escalated"})
    gate = asyncio.Semaphore(20)

    async def send(number: int) -> None:
        async with gate:
            assert (await client.send(session_id, f"{number} " + "\N{GRINNING FACE}" * 3900))[0] == 200

    await asyncio.gather(*(send(number) for number in range(120)))
    whole = json.loads((await export(client, session_id))[0])
    assert [message["seq"] for message in whole["messages"]] == list(range(1, 121))
    # and so does its history, which is far more than the bus takes at once
    assert (await client.history(session_id, limit=200))["messages"] == whole["messages"]
    some = await client.history(session_id, limit=70, offset=20, order="desc")
    assert [message["seq"] for message in some["messages"]] == list(range(100, 30, -1))
    some = await client.history(session_id, limit=60, after_seq=10, before_seq=90)
    assert ([message["seq"] for message in some["messages"]], some["total"]) == (list(range(11, 71)), 79)
    text, _ = await export(client, session_id, format="markdown")
    assert text.endswith("messages: 120\n")


@pytest.mark.parametrize("query", [{}, {"format": "json"}, {"format": "markdown"}])
async def test_an_empty_conversation_is_one_too(client: Client, query: dict[str, str]) -> None:
    text, _ = await export(client, await client.create(), **query)
    if query.get("format") == "markdown":
        assert text.endswith("messages: 0\n")
    else:
        assert json.loads(text)["messages"] == []


@pytest.mark.parametrize(("session_id", "query", "expected", "code"), [
    ("undefined", {}, 400, "invalid_session_id"), ("sess_01M7WFKX817W324VZC06MW7WMX", {}, 404, "session_not_found"),
    (None, {"format": "pdf"}, 422, "invalid_request"), (None, {"format": ""}, 422, "invalid_request"),
])  # fmt: skip
async def test_exports_that_are_refused(
    client: Client, session_id: str | None, query: dict[str, str], expected: int, code: str
) -> None:
    path = f"/api/sessions/{session_id or await client.create()}/export"
    status, body, headers = await client.request("GET", path, params=query)
    assert (status, body["code"]) == (expected, code)
    assert "Content-Disposition" not in headers


async def test_an_export_is_one_session_s(client: Client) -> None:
    mine, other = await client.create(), await client.create()
    for session_id in (mine, other):
        await client.send(session_id, f"canary-{session_id}")
    for query in ({}, {"format": "markdown"}):
        text, _ = await export(client, mine, **query)
        assert f"canary-{mine}" in text.replace("\\", "")
        assert other not in text


def test_nothing_of_this_is_logged_as_an_error(system: System) -> None:
    for name in ("gateway", "session"):
        found: list[Any] = [line for line in system.log(name).splitlines() if '"level": "error"' in line]
        assert found == []
