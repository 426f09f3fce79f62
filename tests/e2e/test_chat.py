"""A conversation over HTTP and WebSocket, black box: R08, R19, R22, R34, R35, and resume."""

import asyncio

import pytest

from tests.support.client import Client

REFUND = "How long do I have to return something?"


async def test_r08_what_was_said_is_stored_in_order(client: Client) -> None:
    session_id = await client.create()
    status, answer, headers = await client.send(session_id, REFUND, client_message_id="one")
    assert status == 200
    assert "30 days" in answer["message"]
    assert (answer["session_id"], answer["seq"]) == (session_id, 2)
    assert float(headers["X-Process-Time"]) > 0
    history = await client.history(session_id)
    assert (history["total"], history["session_id"]) == (2, session_id)
    question, stored = history["messages"]
    assert (question["role"], question["seq"], question["content"]) == ("user", 1, REFUND)
    assert (stored["role"], stored["seq"], stored["content"]) == ("assistant", 2, answer["message"])
    assert stored["id"] == answer["message_id"]
    fields = {
        "id", "seq", "role", "content", "status", "timestamp", "attachments", "sources", "tools_used", "confidence",
        "processing_time", "turn_id", "client_message_id",
    }  # fmt: skip
    assert fields <= set(question) & set(stored)


async def test_r22_a_question_that_is_known_brings_its_source(client: Client) -> None:
    _, answer, _ = await client.send(await client.create(), REFUND)
    assert answer["sources"][0]["metadata"]["document_id"] == "doc_refunds"
    assert "[1]" in answer["message"]
    source = answer["sources"][0]
    assert set(source) == {"content", "metadata", "relevance_score", "rank", "cosine"}
    assert 0 < source["relevance_score"] <= 1
    assert {"document_id", "title", "source", "version", "chunk"} <= set(source["metadata"])


@pytest.mark.parametrize(
    ("question", "document", "words"),
    [
        ("How do I reset my password?", "doc_password_reset", "Forgot"),
        ("What is your refund policy?", "doc_refunds", "30 days"),
        ("How long does shipping take?", "doc_shipping", "3"),
        ("How can I contact support?", "doc_support_contact", "chat"),
    ],
)
async def test_r34_the_welcome_questions_find_their_document(
    client: Client, question: str, document: str, words: str
) -> None:
    _, answer, _ = await client.send(await client.create(), question)
    assert answer["sources"][0]["metadata"]["document_id"] == document
    assert words in answer["message"]


async def test_r35_confidence_is_about_the_answer(client: Client) -> None:
    _, answer, _ = await client.send(await client.create(), REFUND)
    assert answer["confidence"] > 0.5
    assert answer["requires_escalation"] is False
    _, unknown, _ = await client.send(await client.create(), "Who won the football match last night?")
    assert unknown["confidence"] < 0.5
    assert unknown["sources"] == []
    assert unknown["requires_escalation"] is False


async def test_the_model_is_named_as_what_it_is(client: Client) -> None:
    _, answer, _ = await client.send(await client.create(), REFUND)
    assert answer["metadata"]["model"] == "extractive"


async def test_r19_frames_come_whole_and_in_order(client: Client) -> None:
    session_id = await client.create()
    async with client.socket(session_id) as socket:
        assert set(socket.connected) >= {
            "session_id", "client_id", "status", "protocol", "resumed", "server_version", "timestamp",
        }  # fmt: skip
        complete = await socket.ask("How do I reset my password?", client_message_id="mine")
        kinds = [kind for kind in socket.kinds() if kind != "status"]
        assert kinds == ["connected", "acknowledged", "start", "sources", "text", "complete"]
        acknowledged = next(frame for frame in socket.frames if frame["type"] == "acknowledged")
        assert (acknowledged["seq"], acknowledged["client_message_id"]) == (1, "mine")
        assert all("cursor" in frame for frame in socket.frames if frame["type"] in ("start", "text", "complete"))
        assert {"turn_id", "message", "confidence", "processing_time", "requires_escalation"} <= set(complete)
        assert not any(character.isupper() for frame in socket.frames for key in frame for character in key)
    stored = (await client.history(session_id))["messages"][1]
    assert stored == complete["message"]
    assert stored["content"] == socket.text


async def test_a_ping_is_answered_while_an_answer_streams(client: Client) -> None:
    async with client.socket(await client.create()) as socket:
        await socket.send(REFUND)
        await socket.ws.send_json({"type": "ping", "id": "p1"})
        frames = [await socket.until("pong"), socket.frames]
        assert frames[0]["id"] == "p1"
        if "complete" not in socket.kinds():
            await socket.until("complete")


async def test_http_and_sockets_are_one_conversation(client: Client) -> None:
    session_id = await client.create()
    async with client.socket(session_id) as one, client.socket(session_id) as two:
        (_, answer, _), complete, other = await asyncio.gather(
            client.send(session_id, REFUND), one.until("complete"), two.until("complete")
        )
        assert complete["message"]["content"] == other["message"]["content"] == answer["message"]
        added = next(frame for frame in one.frames if frame["type"] == "message_added")
        assert added["message"]["content"] == REFUND


async def test_a_client_that_comes_back_misses_and_repeats_nothing(client: Client) -> None:
    session_id = await client.create()
    async with client.socket(session_id) as first:
        await first.ask("How long does shipping take?")
    _, answer, _ = await client.send(session_id, REFUND)
    async with client.socket(session_id, first.cursor) as second:
        assert second.connected["resumed"] is True
        complete = await second.until("complete")
        assert complete["message"]["content"] == answer["message"]
        assert [kind for kind in second.kinds() if kind not in ("status", "sources")] == [
            "connected", "message_added", "start", "text", "complete",
        ]  # fmt: skip
    async with client.socket(session_id, second.cursor) as third:
        await third.ws.send_json({"type": "ping"})
        assert (await third.read())["type"] == "pong"


@pytest.mark.parametrize("cursor", ["nonsense", "AAAA", "%00", "x" * 3000])
async def test_a_cursor_that_is_none_is_told(client: Client, cursor: str) -> None:
    async with client.socket(await client.create(), cursor) as socket:
        assert socket.connected["resumed"] is False
        assert (await socket.read())["code"] == "invalid_cursor"
        await socket.ask(REFUND)


async def test_the_same_message_sent_five_times_at_once_is_one(client: Client) -> None:
    session_id = await client.create()
    async with client.socket(session_id) as one, client.socket(session_id) as two:
        await asyncio.gather(
            *(socket.send(REFUND, client_message_id="same") for socket in (one, two)),
            *(client.send(session_id, REFUND, client_message_id="same") for _ in range(3)),
        )
        for socket in (one, two):
            if "complete" not in socket.kinds():
                await socket.until("complete")
    status, again, _ = await client.send(session_id, REFUND, client_message_id="same")
    history = await client.history(session_id)
    assert history["total"] == 2
    assert (status, again["message_id"]) == (200, history["messages"][1]["id"])


async def test_messages_that_arrive_while_an_answer_runs_are_all_answered(client: Client) -> None:
    session_id = await client.create()
    answers = await asyncio.gather(
        *(client.send(session_id, REFUND, client_message_id=str(number)) for number in range(8))
    )
    assert {status for status, _, _ in answers} == {200}
    messages = (await client.history(session_id, limit=200))["messages"]
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    turns = {message["turn_id"] for message in messages if message["role"] == "user"}
    assert turns == {message["turn_id"] for message in messages if message["role"] == "assistant"}


async def test_an_ended_session_takes_no_message(client: Client) -> None:
    session_id = await client.create()
    await client.request("PATCH", f"/api/sessions/{session_id}/status", json={"status": "ended"})
    status, body, _ = await client.send(session_id, "hello?")
    assert (status, body["code"]) == (400, "session_ended")


@pytest.mark.parametrize(("length", "expected"), [(0, 422), (1, 200), (4000, 200), (4001, 422)])
async def test_a_message_has_its_limits(client: Client, length: int, expected: int) -> None:
    status, _, _ = await client.send(await client.create(), "  " + "x" * length + "\n")
    assert status == expected


async def test_respond_async_answers_at_once(client: Client) -> None:
    session_id = await client.create()
    status, body, _ = await client.request(
        "POST", f"/api/chat/sessions/{session_id}/messages", json={"message": REFUND},
        headers={"Prefer": "respond-async"},
    )  # fmt: skip
    assert status == 202
    assert (body["seq"], body["session_id"]) == (1, session_id)


@pytest.mark.parametrize("raw", ["not json", "[]", "1", "null", '{"type":"dance"}', '{"no":"type"}', '{"type":5}'])
async def test_nonsense_is_told_and_the_socket_stays(client: Client, raw: str) -> None:
    async with client.socket(await client.create()) as socket:
        await socket.ws.send_str(raw)
        assert (await socket.read())["type"] == "error"
        await socket.ws.send_bytes(b"\x00\x01")
        assert (await socket.read())["type"] == "error"
        await socket.ws.send_json({"type": "message", "content": " "})
        assert (await socket.read())["type"] == "error"
        await socket.ask(REFUND)
