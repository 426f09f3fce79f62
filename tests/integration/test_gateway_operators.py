"""What operators ask over HTTP, cancelling, lists and exports, over a desk in memory: what is passed on, and what is refused."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from libs.contracts import bus_map, operators
from libs.contracts import session as told
from libs.contracts.agent import KnownFact, KnownFacts
from libs.contracts.channels import encode
from libs.contracts.errors import Conflict, NotFound, Unavailable
from libs.runtime.ids import mint
from services.gateway.domain.operators import NOTE_CHARACTERS
from tests.integration.test_gateway_http import problem
from tests.unit.gateway.edge import gateway
from tests.unit.gateway.fakes import NOW, message

ADMIN = {"X-Admin-Token": "s3cret"}
BY_OPERATORS = [
    ("POST", "/api/sessions/{id}/takeover", {}), ("POST", "/api/sessions/{id}/reply", {"message": "Hi"}),
    ("POST", "/api/sessions/{id}/release", {}), ("POST", "/api/sessions/{id}/resolve", {}),
    ("POST", "/api/sessions/{id}/notes", {"note": "Hi"}), ("GET", "/api/sessions/{id}/notes", None),
    ("GET", "/api/escalations", None), ("GET", "/api/escalations/tick_01J9Z3N8Q4V5W6X7Y8Z9A0B1C2", None),
]  # fmt: skip


def ticket(session_id, number=0, priority="high", **fields):
    return told.Ticket(
        ticket_id=mint("tick"), session_id=session_id, reasons=["legal"], category="legal", priority=priority,
        created_at=NOW + timedelta(seconds=number), **fields,
    )  # fmt: skip


async def ask(desk, method, path, status=200, **options):
    async with desk.client.request(method, path, **options) as response:
        assert response.status == status, await response.text()
        return await response.json()


# --- who may, and what is refused


@pytest.mark.parametrize(("method", "path", "body"), BY_OPERATORS)
async def test_operators_need_the_admin_token(method, path, body):
    async with gateway(admin_token="s3cret") as desk:
        session_id = await desk.session()
        where = path.format(id=session_id)
        for headers in (
            {},
            {"X-Admin-Token": "s3cre"},
            {"Authorization": "Bearer x"},
            {"Authorization": "Basic s3cret"},
        ):
            async with desk.client.request(method, where, json=body, headers=headers) as response:
                await problem(response, 401, "admin_required")
                assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "body"), BY_OPERATORS[:6])
async def test_sessions_that_are_none(method, path, body):
    async with gateway() as desk:
        for session_id, status, code in (
            ("undefined", 400, "invalid_session_id"),
            (mint("sess"), 404, "session_not_found"),
        ):
            async with desk.client.request(method, path.format(id=session_id), json=body) as response:
                await problem(response, status, code)


@pytest.mark.parametrize(("path", "body", "code"), [
    ("takeover", {"operator": ""}, "invalid_request"), ("takeover", {"operator": "x" * 81}, "invalid_request"),
    ("takeover", {"force": "yes"}, "invalid_request"), ("takeover", [], "invalid_request"),
    ("release", {"answer": 1}, "invalid_request"), ("release", {"operator": "a\nb"}, "invalid_request"),
    ("resolve", {"operator": 5}, "invalid_request"), ("reply", {}, "invalid_request"),
    ("reply", {"message": "  "}, "invalid_message"), ("reply", {"message": "x" * 4001}, "invalid_message"),
    ("reply", {"message": "a", "client_message_id": "x" * 129}, "invalid_request"), ("notes", {}, "invalid_request"),
    ("notes", {"note": " "}, "invalid_note"), ("notes", {"note": "x" * (NOTE_CHARACTERS + 1)}, "invalid_note"),
])  # fmt: skip
async def test_orders_that_are_refused(path, body, code):
    async with gateway() as desk:
        where = f"/api/sessions/{await desk.session()}/{path}"
        async with desk.client.post(where, json=body) as response:
            await problem(response, 422, code)


async def test_what_operators_order_is_passed_on():
    async with gateway() as desk:
        session_id = await desk.session()
        room, asked = desk.desk.rooms[session_id], []

        def answer(what):
            def given(request, key):
                asked.append((key, request))
                return what(request)

            return given

        for name in ("take_over", "release", "resolve_session"):
            desk.desk.answers[name] = answer(lambda _: room.shown())
        desk.desk.answers["reply"] = answer(
            lambda asked: told.MessagePosted(asked.message_id, 7, asked.client_message_id, "escalated", duplicate=True)
        )
        note = operators.Note(note_id="note_1", content="a", operator="Ann", created_at=NOW)
        desk.desk.answers["add_note"] = answer(lambda _: note)
        desk.desk.answers["list_notes"] = answer(lambda _: operators.Notes([note]))
        at = f"/api/sessions/{session_id}"
        for path, body in (
            ("takeover", None), ("takeover", {"operator": " Ann ", "force": True}), ("release", {"answer": False}),
            ("release", {}), ("resolve", {"operator": "Ann"}),
        ):  # fmt: skip
            assert (await ask(desk, "POST", f"{at}/{path}", json=body))["session_id"] == session_id
        reply = await ask(
            desk, "POST", f"{at}/reply", json={"message": " Hi ", "client_message_id": "c1", "operator": "Ann"}
        )
        assert (reply["seq"], reply["client_message_id"], reply["duplicate"], reply["status"]) == (
            7,
            "c1",
            True,
            "escalated",
        )
        assert await ask(desk, "POST", f"{at}/notes", json={"content": "a"}) == msgspec.to_builtins(note)
        async with desk.client.get(f"{at}/notes") as response:
            assert response.headers["X-Total-Count"] == "1"
            assert await response.json() == [msgspec.to_builtins(note)]
        assert {key for key, _ in asked} == {session_id}
        assert [each for _, each in asked[:5]] == [
            operators.TakeOver(operator="operator"), operators.TakeOver(operator="Ann", force=True),
            operators.Release(operator="operator", answer=False), operators.Release(operator="operator"),
            operators.ResolveSession(operator="Ann"),
        ]  # fmt: skip
        assert (asked[5][1].content, asked[5][1].operator) == ("Hi", "Ann")


async def test_a_conversation_that_another_has_is_a_conflict():
    async with gateway() as desk:
        desk.desk.faults["take_over"] = Conflict("claimed_by_another", "Ben has taken it over")
        async with desk.client.post(f"/api/sessions/{await desk.session()}/takeover") as response:
            assert "Ben" in (await problem(response, 409, "claimed_by_another"))["detail"]


# --- the queue


async def test_the_queue_is_paged_by_a_cursor():
    async with gateway() as desk:
        rows = [ticket("sess_1", number, priority) for priority in ("urgent", "low") for number in range(3)]
        asked = []

        def page(request, _):
            asked.append(request)
            start = 0 if request.after is None else 1 + [row.ticket_id for row in rows].index(request.after.id)
            return operators.TicketPage(
                rows[start : start + request.limit], len(rows), start + request.limit < len(rows)
            )

        desk.desk.answers["list_tickets"] = page
        path, seen = "/api/escalations?status=open&claimed=false&limit=2", []
        while path:
            async with desk.client.get(path) as response:
                assert (response.status, response.headers["X-Total-Count"]) == (200, "6")
                seen += [each["ticket_id"] for each in await response.json()]
                path = str(response.links["next"]["url"].relative()) if "next" in response.links else None
        assert seen == [row.ticket_id for row in rows]
        assert [(each.status, each.claimed, each.limit) for each in asked] == [("open", False, 2)] * 3
        assert asked[2].after == operators.TicketMark("low", rows[3].created_at, rows[3].ticket_id)
        for query in ("limit=0", "limit=101", "claimed=perhaps", "status=active"):
            async with desk.client.get(f"/api/escalations?{query}") as response:
                await problem(response, 422, "invalid_request")
        async with desk.client.get("/api/escalations?cursor=nonsense") as response:
            await problem(response, 422, "invalid_cursor")


@pytest.mark.parametrize("agent", [True, False], ids=["with agent", "without agent"])
async def test_a_packet_says_what_is_known_and_what_is_missing(agent):
    async with gateway() as desk:
        session_id = await desk.session()
        own = ticket(session_id)
        desk.desk.answers["get_ticket"] = lambda _, key: operators.TicketPacket(
            ticket=msgspec.structs.replace(own, ticket_id=key), session=desk.desk.rooms[session_id].shown(), summary="Sums",
            messages=[message(1, "user", "Hi")],
        )  # fmt: skip
        if agent:
            desk.desk.answers["recall"] = lambda _, key: KnownFacts([KnownFact("email", f"{key[:4]}@example.com")])
        else:
            desk.desk.faults["recall"] = Unavailable("agent_unavailable", "away")
        packet = await ask(desk, "GET", f"/api/escalations/{own.ticket_id}")
        assert (packet["ticket"]["ticket_id"], packet["summary"]) == (own.ticket_id, "Sums")
        assert packet["session"]["session_id"] == session_id
        assert packet["facts"] == ([{"kind": "email", "value": "sess@example.com"}] if agent else [])
        assert packet["missing"] == ([] if agent else ["facts"])
        assert (packet["notes"], packet["sources"], len(packet["messages"])) == ([], [], 1)


async def test_tickets_that_are_none():
    async with gateway() as desk:
        desk.desk.faults["get_ticket"] = NotFound("ticket_not_found", "There is no such ticket")
        for ticket_id in (mint("tick"), mint("sess"), "undefined", "*", "%3E"):
            async with desk.client.get(f"/api/escalations/{ticket_id}") as response:
                await problem(response, 404, "ticket_not_found")


# --- cancelling


def cancelled(room, said, reason="cancelled"):
    """Seal the open turn as cancelled, as the session service does, with what was said or without."""
    turn, room.turn = room.turn, None
    row = None
    if said is not None:
        row = message(
            len(room.messages) + 1, "assistant", said, turn_id=turn.turn_id, status="cancelled", id=mint("msg")
        )
        room.messages.append(row)
        room.happen(bus_map.MESSAGE_ADDED, told.MessageAdded(row))
    room.happen(
        bus_map.TURN_CANCELLED,
        told.TurnCancelled(
            turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=room.answers, reason=reason, message=row
        ),
    )
    return told.Cancellation(state="cancelled", turn_id=turn.turn_id)


async def test_cancelling_gives_what_had_been_said():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        room.ask()
        turn_id = room.start().turn_id

        def cancel(request, _):
            assert request.turn_id is None
            asyncio.get_running_loop().call_later(0.1, lambda: cancelled(room, "Thirty d"))
            return told.Cancellation(state="cancelling", turn_id=turn_id)

        desk.desk.answers["cancel_turn"] = cancel
        told_of = await ask(desk, "POST", f"/api/chat/sessions/{session_id}/cancel")
        assert (told_of["status"], told_of["turn_id"], told_of["message"]["content"]) == (
            "cancelled",
            turn_id,
            "Thirty d",
        )
        assert told_of["message"]["status"] == "cancelled"


@pytest.mark.parametrize("stored", [True, False])
async def test_cancelling_is_told_even_where_its_news_is_lost(stored):
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        room.ask()
        turn_id = room.start().turn_id
        room.muted = True

        def cancel(*_):
            if stored:
                cancelled(room, "")
            return told.Cancellation(state="cancelling", turn_id=turn_id)

        desk.desk.answers["cancel_turn"] = cancel
        told_of = await ask(desk, "POST", f"/api/chat/sessions/{session_id}/cancel", json={"turn_id": turn_id})
        assert (told_of["status"], told_of["turn_id"]) == ("cancelled" if stored else "cancelling", turn_id)
        assert (told_of["message"] is not None) is stored


async def test_cancelling_where_nothing_is_under_way():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.answers["cancel_turn"] = lambda *_: told.Cancellation(state="idle")
        path = f"/api/chat/sessions/{session_id}/cancel"
        assert await ask(desk, "POST", path) == {
            "session_id": session_id, "turn_id": None, "status": "idle", "message": None,
        }  # fmt: skip
        for turn_id in ("turn_1", mint("sess"), "*"):
            async with desk.client.post(path, json={"turn_id": turn_id}) as response:
                await problem(response, 404, "turn_not_found")
        async with desk.client.post(path, json={"turn_id": 5}) as response:
            await problem(response, 422, "invalid_request")
        async with desk.client.post(f"/api/chat/sessions/{mint('sess')}/cancel") as response:
            await problem(response, 404, "session_not_found")


# --- whoever waits for an answer that is called off


async def sent(desk, session_id):
    return await ask(desk, "POST", f"/api/chat/sessions/{session_id}/messages", json={"message": "Hi"})


async def test_a_sender_whose_answer_is_cancelled_gets_what_had_been_said():
    async with gateway() as desk:
        desk.desk.script = lambda room: (room.start(), cancelled(room, "Thirty d"))
        reply = await sent(desk, await desk.session())
        assert (reply["message"], reply["confidence"], reply["metadata"]["cancelled"]) == ("Thirty d", 0.0, True)


async def test_a_sender_whose_answer_is_superseded_waits_for_the_next_one():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]

        def supersede(_):
            room.start()
            cancelled(room, None, "superseded")
            room.turn = told.OpenTurn(turn_id=mint("turn"), attempt=0)
            asyncio.get_running_loop().call_later(0.1, lambda: room.answer("Both."))

        desk.desk.script = supersede
        assert (await sent(desk, session_id))["message"] == "Both.."


@pytest.mark.parametrize("reason", ["taken_over", "escalated"])
async def test_a_sender_is_told_that_a_person_took_over_whatever_the_hub_knows_of_it(reason):
    async with gateway() as desk:
        desk.desk.script = lambda room: (room.start(), cancelled(room, None, reason))
        reply = await sent(desk, await desk.session())
        assert (reply["requires_escalation"], "team" in reply["message"]) == (True, True)


# --- lists and history


async def test_sessions_are_paged_by_a_cursor_unless_the_client_pages_by_offset():
    async with gateway() as desk:
        made = {await desk.session() for _ in range(5)}
        path, seen = "/api/sessions?limit=2&status=active", []
        while path:
            async with desk.client.get(path) as response:
                assert response.headers["X-Total-Count"] == "5"
                seen += [each["session_id"] for each in await response.json()]
                await desk.session() if len(seen) == 2 else None
                path = str(response.links["next"]["url"].relative()) if "next" in response.links else None
                assert path is None or ("cursor=" in path and "offset" not in path and "status=active" in path)
            if len(seen) == 2:
                made_later = set(desk.desk.rooms) - made
                for later in made_later:  # newer than all, and so before the first page
                    del desk.desk.rooms[later]
        assert len(seen) == len(set(seen)) == 5
        async with desk.client.get("/api/sessions?limit=2&offset=0") as response:
            assert response.headers["Link"] == '</api/sessions?limit=2&offset=2>; rel="next"'


async def test_a_cursor_is_checked():
    async with gateway() as desk:
        await desk.session()
        for query, code in (
            ("cursor=x", "invalid_cursor"),
            ("cursor=", "invalid_cursor"),
            ("cursor=x&offset=1", "invalid_request"),
        ):
            async with desk.client.get(f"/api/sessions?{query}") as response:
                body = await problem(response, 422, code)
                assert body["errors"][0]["loc"] == ["query", "cursor"]


@pytest.mark.parametrize(
    ("order", "first", "second"), [("asc", [1, 2], "after_seq=2"), ("desc", [5, 4], "before_seq=4")]
)
async def test_the_history_says_where_it_goes_on(order, first, second):
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        for _ in range(5):
            room.ask()
        path = f"/api/chat/sessions/{session_id}/messages?limit=2&order={order}"
        seen, total = [], []
        while path:
            async with desk.client.get(path) as response:
                page = await response.json()
                seen.append([each["seq"] for each in page["messages"]])
                total.append(page["total"])
                path = str(response.links["next"]["url"].relative()) if "next" in response.links else None
                if len(seen) == 1:
                    assert second in path
        assert seen[0] == first
        assert sorted(seq for page in seen for seq in page) == [1, 2, 3, 4, 5]
        assert total == [5, 3, 1]


async def test_what_stands_above_a_page_can_be_fetched():
    async with gateway() as desk:
        session_id = await desk.session()
        for _ in range(5):
            desk.desk.rooms[session_id].ask()
        path = f"/api/chat/sessions/{session_id}/messages"
        page = await ask(desk, "GET", f"{path}?order=desc&before_seq=4&limit=2")
        assert [each["seq"] for each in page["messages"]] == [3, 2]
        page = await ask(desk, "GET", f"{path}?after_seq=1&before_seq=4")
        assert ([each["seq"] for each in page["messages"]], page["total"]) == ([2, 3], 2)
        async with desk.client.get(f"{path}?before_seq=-1") as response:
            await problem(response, 422, "invalid_request")


# --- export


async def test_an_export_is_a_download_of_everything():
    async with gateway() as desk:
        session_id = await desk.session(metadata={"plan": "gold"})
        for number in range(120):
            desk.desk.rooms[session_id].ask(f"# message {number}")
        async with desk.client.get(f"/api/sessions/{session_id}/export") as response:
            assert (response.status, response.content_type) == (200, "application/json")
            assert f'filename="conversation-{session_id}.json"' in response.headers["Content-Disposition"]
            assert response.headers["Content-Disposition"].startswith("attachment;")
            whole = await response.json()
        assert [each["content"] for each in whole["messages"]] == [f"# message {number}" for number in range(120)]
        assert whole["session"]["metadata"] == {"plan": "gold"}
        async with desk.client.get(f"/api/sessions/{session_id}/export?format=markdown") as response:
            assert (response.status, response.content_type, response.charset) == (200, "text/markdown", "utf-8")
            assert f'filename="conversation-{session_id}.md"' in response.headers["Content-Disposition"]
            text = await response.text()
        assert text.count("\n## ") == 120
        assert text.endswith("messages: 120\n")


async def test_exports_that_are_refused():
    async with gateway() as desk:
        session_id = await desk.session()
        for path, status, code in (
            (f"{session_id}/export?format=pdf", 422, "invalid_request"), (f"{mint('sess')}/export", 404, "session_not_found"),
            ("null/export", 400, "invalid_session_id"),
        ):  # fmt: skip
            async with desk.client.get(f"/api/sessions/{path}") as response:
                await problem(response, status, code)
        desk.desk.faults["history"] = Unavailable("session_unavailable", "away")
        async with desk.client.get(f"/api/sessions/{session_id}/export") as response:
            await problem(response, 503, "session_unavailable")


async def test_an_export_that_breaks_off_is_never_taken_for_whole():
    async with gateway() as desk:
        session_id = await desk.session()
        for _ in range(120):
            desk.desk.rooms[session_id].ask()
        history = desk.desk.rooms[session_id].history
        pages = []

        def failing(request, _):
            pages.append(encode(request))
            if len(pages) > 1:
                raise NotFound("session_not_found", "deleted meanwhile")
            return history(request)

        desk.desk.answers["history"] = failing
        with pytest.raises(Exception, match=r"(?i)payload|disconnected|reset|transfer"):
            async with desk.client.get(f"/api/sessions/{session_id}/export") as response:
                assert response.status == 200
                await response.read()
        assert len(pages) == 2
