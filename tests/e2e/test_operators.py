"""Operators over HTTP, black box: the queue, who gets a conversation, what the customer sees of it, and who may do all that."""

import asyncio
import re
from typing import Any

import pytest

from libs.runtime.ids import mint
from tests.e2e.test_contract import another_gateway
from tests.support.client import Client
from tests.support.system import System

A_PERSON = "I want to talk to a human"
REFUND = "How long do I have to return something?"


async def act(client: Client, session_id: str, verb: str, expected: int = 200, **body: Any) -> Any:
    """Do what an operator does; give the answer's body."""
    status, told, _ = await client.request("POST", f"/api/sessions/{session_id}/{verb}", json=body)
    assert status == expected, told
    return told


async def handed_over(client: Client, text: str = A_PERSON) -> tuple[str, str]:
    """Open a session whose customer wants a person; give its id and that of its ticket."""
    session_id = await client.create()
    status, answer, _ = await client.send(session_id, text)
    assert (status, answer["requires_escalation"]) == (200, True)
    return session_id, answer["metadata"]["ticket_id"]


async def queue(client: Client, **query: Any) -> list[dict[str, Any]]:
    """Read the whole queue, page by page; no ticket stands on two pages."""
    path, rows = "/api/escalations", []
    params: dict[str, Any] | None = {"limit": 3, **query}
    while path:
        status, page, headers = await client.request("GET", path, params=params)
        assert status == 200, page
        rows += page
        found = re.fullmatch(r'<([^>]+)>; rel="next"', headers.get("Link", ""))
        path, params = (found[1] if found else ""), None
        assert found or len(rows) == int(headers["X-Total-Count"])
    assert len({row["ticket_id"] for row in rows}) == len(rows)
    return rows


async def roles(client: Client, session_id: str) -> list[str]:
    return [message["role"] for message in (await client.history(session_id))["messages"]]


# --- the queue


async def test_the_queue_has_the_most_urgent_first_and_the_oldest_of_these_first(client: Client) -> None:
    texts = (A_PERSON, "I will sue you", A_PERSON, "my account was hacked", "I will sue you", A_PERSON, A_PERSON)
    made = [(await handed_over(client, text))[1] for text in texts]
    waiting = await queue(client, status="open", claimed="false")
    rank = {"urgent": 0, "high": 1, "normal": 2, "low": 3}
    keys = [(rank[row["priority"]], row["created_at"], row["ticket_id"]) for row in waiting]
    assert keys == sorted(keys)
    assert len({key[0] for key in keys}) > 1
    assert set(made) <= {row["ticket_id"] for row in waiting}
    assert all(row["status"] == "open" and row["operator"] is None for row in waiting)


async def test_what_is_claimed_and_what_is_closed_leaves_the_queue_of_what_waits(client: Client) -> None:
    session_id, ticket_id = await handed_over(client)

    async def where() -> list[bool]:
        found = [
            await queue(client, **query, limit=100)
            for query in (
                {"status": "open", "claimed": "false"},
                {"claimed": "true", "status": "open"},
                {"status": "closed"},
                {},
            )
        ]
        return [ticket_id in {row["ticket_id"] for row in rows} for rows in found]

    assert await where() == [True, False, False, True]
    await act(client, session_id, "takeover", operator="Ann")
    assert await where() == [False, True, False, True]
    await act(client, session_id, "resolve", operator="Ann")
    assert await where() == [False, False, True, True]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "status=active", "claimed=perhaps", "cursor=x", "cursor="])
async def test_the_queue_keeps_its_bounds(client: Client, query: str) -> None:
    status, body, _ = await client.request("GET", f"/api/escalations?{query}")
    assert (status, body["code"]) == (422, "invalid_cursor" if "cursor" in query else "invalid_request")
    assert (await client.request("GET", "/api/escalations?limit=1"))[0] == 200
    assert (await client.request("GET", "/api/escalations?limit=100"))[0] == 200


async def test_pages_of_the_queue_stay_disjoint_and_complete_while_it_changes(client: Client) -> None:
    before = [(await handed_over(client))[1] for _ in range(6)]
    seen: list[str] = []
    path: str | None = "/api/escalations?limit=2&status=open"
    while path:
        _, page, headers = await client.request("GET", path)
        seen += [row["ticket_id"] for row in page]
        await handed_over(client, "I will sue you")  # more urgent: it stands before all that was seen
        found = re.fullmatch(r'<([^>]+)>; rel="next"', headers.get("Link", ""))
        path = found[1] if found else None
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)


async def test_a_packet_tells_all_that_is_known(client: Client) -> None:
    session_id = await client.create()
    await client.send(session_id, "my email is ann.lee@example.com")
    await client.send(session_id, REFUND)
    _, answer, _ = await client.send(session_id, A_PERSON)
    await act(client, session_id, "notes", note="Called before", operator="Ben")
    status, packet, _ = await client.request("GET", f"/api/escalations/{answer['metadata']['ticket_id']}")
    assert status == 200
    assert packet["ticket"]["ticket_id"] == answer["metadata"]["ticket_id"]
    assert (packet["session"]["session_id"], packet["session"]["controller"]) == (session_id, "nobody")
    assert REFUND[:20] in packet["summary"] or "email" in packet["summary"]
    assert [message["role"] for message in packet["messages"]] == ["user", "assistant"] * 3
    assert packet["sources"]
    assert packet["facts"] == [{"kind": "email", "value": "ann.lee@example.com"}]
    assert [note["content"] for note in packet["notes"]] == ["Called before"]
    assert packet["missing"] == []


@pytest.mark.parametrize("ticket_id", ["tick_01M7WFKX817W324VZC06MW7WMX", "undefined", "sess_1", "*"])
async def test_a_ticket_that_is_none(client: Client, ticket_id: str) -> None:
    status, body, _ = await client.request("GET", f"/api/escalations/{ticket_id}")
    assert (status, body["code"]) == (404, "ticket_not_found")


# --- taking over


async def test_of_ten_operators_at_once_exactly_one_gets_it(client: Client) -> None:
    for _ in range(5):
        session_id, _ = await handed_over(client)
        names = [f"op{number}" for number in range(10)]
        answers = await asyncio.gather(
            *(client.request("POST", f"/api/sessions/{session_id}/takeover", json={"operator": name}) for name in names)
        )
        won = [name for name, (status, _, _) in zip(names, answers, strict=True) if status == 200]
        assert len(won) == 1
        assert {body["code"] for status, body, _ in answers if status != 200} == {"claimed_by_another"}
        assert all(won[0] in body["detail"] for status, body, _ in answers if status != 200)
        _, session, _ = await client.request("GET", f"/api/sessions/{session_id}")
        assert (session["controller"], session["escalation"]["operator"]) == ("operator", won[0])


async def test_the_customer_sees_the_round_trip(client: Client) -> None:
    session_id, ticket_id = await handed_over(client)
    taken = await act(client, session_id, "takeover", operator="Ann")
    assert (taken["status"], taken["controller"], taken["escalation"]["ticket_id"]) == (
        "escalated",
        "operator",
        ticket_id,
    )
    again = await act(client, session_id, "takeover", operator="Ann")
    assert again["escalation"] == taken["escalation"]
    _, answer, _ = await client.send(session_id, "Are you there?")
    assert (answer["requires_escalation"], answer["metadata"]["ticket_id"]) == (True, ticket_id)
    reply = await act(client, session_id, "reply", message=" Yes, Ann here. ", operator="Ann", client_message_id="r1")
    assert (reply["duplicate"], reply["status"]) == (False, "escalated")
    history = (await client.history(session_id))["messages"]
    assert [message["role"] for message in history] == ["user", "assistant", "user", "operator"]
    last = history[-1]
    assert (last["content"], last["metadata"]["operator"], last["seq"]) == ("Yes, Ann here.", "Ann", reply["seq"])
    assert (last["id"], last["status"]) == (reply["message_id"], "complete")
    released = await act(client, session_id, "release", operator="Ann")
    assert (released["status"], released["controller"], released["escalation"]) == ("active", "agent", None)
    _, answer, _ = await client.send(session_id, REFUND)
    assert "30 days" in answer["message"]
    await act(client, session_id, "takeover", operator="Ben")
    resolved = await act(client, session_id, "resolve", operator="Ben")
    assert (resolved["status"], resolved["controller"]) == ("ended", "nobody")
    status, body, _ = await client.send(session_id, "Hello?")
    assert (status, body["code"]) == (400, "session_ended")
    for verb, code in (("takeover", "session_ended"), ("reply", "session_ended")):
        told = (await client.request("POST", f"/api/sessions/{session_id}/{verb}", json={"message": "Hi"}))[1]
        assert told["code"] in {code, "not_in_control"}
    assert (await act(client, session_id, "release", 409))["code"] == "not_escalated"
    assert await act(client, session_id, "resolve") == resolved


async def test_force_takes_a_conversation_from_another_operator(client: Client) -> None:
    session_id, _ = await handed_over(client)
    await act(client, session_id, "takeover", operator="Ann")
    assert (await act(client, session_id, "takeover", 409, operator="Ben"))["code"] == "claimed_by_another"
    for verb in ("release", "resolve"):
        assert (await act(client, session_id, verb, 409, operator="Ben"))["code"] == "claimed_by_another"
    assert (await act(client, session_id, "reply", 409, operator="Ben", message="Hi"))["code"] == "not_in_control"
    taken = await act(client, session_id, "takeover", operator="Ben", force=True)
    assert taken["escalation"]["operator"] == "Ben"
    assert (await act(client, session_id, "reply", 409, operator="Ann", message="Hi"))["code"] == "not_in_control"
    await act(client, session_id, "reply", operator="Ben", message="Hi")


async def test_an_active_conversation_is_taken_over_with_a_ticket_of_its_own(client: Client) -> None:
    session_id = await client.create()
    await client.send(session_id, REFUND)
    assert (await act(client, session_id, "reply", 409, message="Hi"))["code"] == "not_in_control"
    taken = await act(client, session_id, "takeover")
    assert (taken["status"], taken["escalation"]["operator"]) == ("escalated", "operator")
    assert taken["escalation"]["reasons"] == ["taken_over"]
    status, packet, _ = await client.request("GET", f"/api/escalations/{taken['escalation']['ticket_id']}")
    assert (status, packet["ticket"]["claimed_at"] is not None) == (200, True)


async def test_what_waits_is_answered_after_a_release_unless_the_operator_says_no(client: Client) -> None:
    for answer, expected in ((True, ["user", "assistant"]), (False, ["user"])):
        session_id = await client.create()
        await act(client, session_id, "takeover", operator="Ann")
        await client.send(session_id, REFUND)
        await act(client, session_id, "release", operator="Ann", answer=answer)
        if answer:
            async with asyncio.timeout(20):
                while await roles(client, session_id) != expected:
                    await asyncio.sleep(0.05)
        else:
            await asyncio.sleep(1)
        assert await roles(client, session_id) == expected


async def test_a_reply_is_stored_once_however_often_it_is_sent(client: Client) -> None:
    session_id, _ = await handed_over(client)
    await act(client, session_id, "takeover", operator="Ann")
    replies = await asyncio.gather(
        *(act(client, session_id, "reply", message="Hello", operator="Ann", client_message_id="same") for _ in range(5))
    )
    assert len({(reply["seq"], reply["message_id"]) for reply in replies}) == 1
    assert sorted(reply["duplicate"] for reply in replies) == [False, True, True, True, True]
    assert (await roles(client, session_id)).count("operator") == 1


async def test_a_customer_s_socket_hears_an_operator(client: Client) -> None:
    session_id, _ = await handed_over(client)
    async with client.socket(session_id) as socket:
        await act(client, session_id, "takeover", operator="Ann")
        updated = await socket.until("session_updated")
        assert (updated["status"], updated["controller"], updated["operator"]) == ("escalated", "operator", "Ann")
        await act(client, session_id, "notes", note="A difficult one", operator="Ann")
        await act(client, session_id, "reply", message="Hello", operator="Ann")
        added = await socket.until("message_added")
        assert (added["message"]["role"], added["message"]["content"]) == ("operator", "Hello")
        await act(client, session_id, "release", operator="Ann")
        assert (await socket.until("session_updated"))["controller"] == "agent"
        assert "note_added" not in socket.kinds()
        assert "difficult" not in str(socket.frames)


# --- bounds


@pytest.mark.parametrize(("verb", "body", "expected", "code"), [
    ("takeover", {"operator": "x" * 80}, 200, None), ("takeover", {"operator": "x" * 81}, 422, "invalid_request"),
    ("takeover", {"operator": " "}, 422, "invalid_request"), ("takeover", {"operator": "a\nb"}, 422, "invalid_request"),
    ("reply", {"message": "x" * 4000}, 200, None), ("reply", {"message": " " + "x" * 4001}, 422, "invalid_message"),
    ("reply", {"message": "a", "client_message_id": "x" * 128}, 200, None),
    ("reply", {"message": "a", "client_message_id": "x" * 129}, 422, "invalid_request"),
    ("reply", {"message": "a\0"}, 422, "invalid_message"), ("notes", {"note": "x" * 4000}, 200, None),
    ("notes", {"note": "x" * 4001}, 422, "invalid_note"), ("notes", {"content": "\n"}, 422, "invalid_note"),
    ("release", {"answer": "no"}, 422, "invalid_request"),
])  # fmt: skip
async def test_bounds_on_both_sides(
    client: Client, verb: str, body: dict[str, Any], expected: int, code: str | None
) -> None:
    session_id = await client.create()
    if verb == "reply":
        await act(client, session_id, "takeover")
    assert (await act(client, session_id, verb, expected, **body)).get("code") == code


async def test_a_note_under_a_key_is_written_once(client: Client) -> None:
    session_id, other = (await handed_over(client))[0], (await handed_over(client))[0]

    async def note(session: str, key: str) -> str:
        status, body, _ = await client.request(
            "POST", f"/api/sessions/{session}/notes", json={"note": "again"}, headers={"Idempotency-Key": key}
        )
        assert status == 200, body
        return body["note_id"]

    assert len({await note(session_id, "k1"), await note(session_id, "k1")}) == 1
    assert len({await note(session_id, "k1"), await note(session_id, "k2"), await note(other, "k1")}) == 3
    _, notes, _ = await client.request("GET", f"/api/sessions/{session_id}/notes")
    assert len(notes) == 2


async def test_notes_are_kept_in_order_and_never_reach_the_customer(client: Client) -> None:
    session_id = await client.create()
    for number in range(3):
        note = await act(client, session_id, "notes", note=f"secret {number}", operator=f"op{number}")
        assert (note["content"], note["operator"]) == (f"secret {number}", f"op{number}")
    status, notes, headers = await client.request("GET", f"/api/sessions/{session_id}/notes")
    assert (status, [note["content"] for note in notes]) == (200, [f"secret {number}" for number in range(3)])
    assert headers["X-Total-Count"] == "3"
    for path in (f"/api/chat/sessions/{session_id}/messages", f"/api/sessions/{session_id}",
                 f"/api/sessions/{session_id}/export", f"/api/sessions/{session_id}/export?format=markdown"):  # fmt: skip
        status, body, _ = await client.request("GET", path)
        assert (status, "secret" in str(body)) == (200, False)


@pytest.mark.parametrize("bad", ["undefined", "null", "%20", "NaN"])
async def test_r01_a_placeholder_for_an_id_is_refused_here_too(client: Client, bad: str) -> None:
    for verb in ("takeover", "reply", "release", "resolve", "notes"):
        status, body, _ = await client.request(
            "POST", f"/api/sessions/{bad}/{verb}", json={"message": "a", "note": "a"}
        )
        assert (status, body["code"]) == (400, "invalid_session_id")
        status, body, _ = await client.request(
            "POST", f"/api/sessions/{mint('sess')}/{verb}", json={"message": "a", "note": "a"}
        )
        assert (status, body["code"]) == (404, "session_not_found")


# --- who may


async def test_only_who_has_the_token_is_an_operator(system: System) -> None:
    with another_gateway(system, admin_token="s3cret") as url:
        async with Client.at(url) as client:
            session_id, ticket_id = await handed_over(client)
            asked = [
                *(("POST", f"/api/sessions/{session_id}/{verb}") for verb in ("takeover", "reply", "release", "resolve", "notes")),
                ("GET", f"/api/sessions/{session_id}/notes"), ("GET", "/api/escalations"), ("GET", f"/api/escalations/{ticket_id}"),
            ]  # fmt: skip
            for headers in ({}, {"X-Admin-Token": "s3cre"}, {"Authorization": "Bearer wrong"}):
                for method, path in asked:
                    body = {"message": "Hi", "note": "Hi"} if method == "POST" else None
                    status, told, answer = await client.request(method, path, json=body, headers=headers)
                    assert (status, told["code"], answer["WWW-Authenticate"]) == (401, "admin_required", "Bearer")
            assert (await client.request("GET", f"/api/sessions/{session_id}"))[1]["controller"] == "nobody"
            for headers in ({"X-Admin-Token": "s3cret"}, {"Authorization": "Bearer s3cret"}):
                assert (await client.request("POST", asked[0][1], headers=headers))[0] == 200
                assert (await client.request("GET", "/api/escalations", headers=headers))[0] == 200
            # what a customer may do needs none
            assert (await client.request("GET", f"/api/sessions/{session_id}/export"))[0] == 200
            assert (await client.request("POST", f"/api/chat/sessions/{session_id}/cancel"))[0] == 200
