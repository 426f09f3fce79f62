"""What the gateway says over HTTP, over a desk in memory."""

import asyncio
import io
import json
from datetime import datetime

import pytest
from aiohttp import FormData

from libs.contracts.errors import Conflict, Internal, Unavailable
from libs.contracts.health import CheckResult
from libs.runtime.ids import mint
from tests.unit.gateway.edge import gateway

ADVICE = "POST /api/sessions"


async def problem(response, status, code):
    body = await response.json(content_type="application/problem+json")
    assert (response.status, body["status"], body["code"]) == (status, status, code), body
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert len(body["trace_id"]) == 32
    assert {"type", "title", "detail", "retryable"} <= body.keys()
    return body


# --- sessions


async def test_r01_the_returned_id_is_the_one_to_use_everywhere():
    async with gateway() as desk:
        async with desk.client.post("/api/sessions") as response:
            session = await response.json()
        assert {
            "session_id",
            "thread_id",
            "status",
            "created_at",
            "updated_at",
            "last_activity",
            "metadata",
        } <= session.keys()
        assert not any("I" in name for name in session)
        async with desk.client.get(f"/api/chat/sessions/{session['session_id']}/messages") as response:
            assert await response.json() == {"messages": [], "total": 0, "session_id": session["session_id"]}
        async with desk.socket(session["session_id"]) as talk:
            assert (await talk.until("connected"))["session_id"] == session["session_id"]


@pytest.mark.parametrize("placeholder", ["", "%20", "undefined", "null", "NaN"])
async def test_r01_a_placeholder_for_an_id_is_a_bad_request(placeholder):
    async with gateway() as desk:
        client = desk.client
        for method, path in [
            ("GET", f"/api/sessions/{placeholder}"),
            ("PATCH", f"/api/sessions/{placeholder}/status?status=ended"),
            ("GET", f"/api/chat/sessions/{placeholder}/messages"),
            ("POST", f"/api/chat/sessions/{placeholder}/messages"),
        ]:
            async with client.request(method, path, json={"message": "Hi"}) as response:
                await problem(response, 400, "invalid_session_id")
        assert desk.desk.rooms == {}


async def test_an_unknown_session_is_not_found_with_advice():
    async with gateway() as desk:
        for session_id in (mint("sess"), "sess_1", "a.b"):
            for method, path in [
                ("GET", f"/api/sessions/{session_id}"),
                ("GET", f"/api/chat/sessions/{session_id}/messages"),
                ("POST", f"/api/chat/sessions/{session_id}/messages"),
                ("PATCH", f"/api/sessions/{session_id}/status?status=ended"),
            ]:
                async with desk.client.request(method, path, json={"message": "Hi"}) as response:
                    assert ADVICE in (await problem(response, 404, "session_not_found"))["detail"]


@pytest.mark.parametrize(
    "body", [None, {}, {"metadata": None}, {"metadata": {"source": "web", "more": {"a": [1, None]}}}]
)
async def test_r04_r05_metadata_is_given_back_as_it_came(body):
    wanted = (body or {}).get("metadata") or {}
    async with gateway() as desk:
        async with desk.client.post("/api/sessions", json=body) as response:
            assert response.status == 200
            session = await response.json()
        assert session["metadata"] == wanted
        path = f"/api/sessions/{session['session_id']}"
        for method, at in [("GET", path), ("PATCH", f"{path}/status?status=escalated")]:
            async with desk.client.request(method, at) as response:
                assert (await response.json())["metadata"] == wanted
        async with desk.client.get("/api/sessions") as response:
            assert [each["metadata"] for each in await response.json()] == [wanted]


async def test_r04_tool_metadata_is_an_alias():
    async with gateway() as desk, desk.client.post("/api/sessions", json={"tool_metadata": {"a": 1}}) as response:
        assert (await response.json())["metadata"] == {"a": 1}


async def test_r03_many_sessions_at_once():
    async with gateway() as desk:
        made = await asyncio.gather(*(desk.session(metadata={"n": n}) for n in range(100)))
        assert len(set(made)) == 100
        async with desk.client.get("/api/sessions?limit=100") as response:
            assert response.headers["X-Total-Count"] == "100"
            assert sorted(each["metadata"]["n"] for each in await response.json()) == list(range(100))


async def test_the_same_idempotency_key_gives_the_same_session():
    async with gateway() as desk:
        made = set()
        for _ in range(2):
            async with desk.client.post("/api/sessions", headers={"Idempotency-Key": "k1"}) as response:
                made.add((await response.json())["session_id"])
        assert len(made) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[" * 99, 400, "invalid_json"),
        (b"[" * 99 + b"]" * 99, 400, "json_too_deep"),
        (b"[]", 422, "invalid_request"),
        (b'{"metadata": []}', 422, "invalid_request"),
        (b'{"metadata": {"a": "' + b"x" * 17000 + b'"}}', 422, "invalid_request"),
        (b'{"user_id": 5}', 422, "invalid_request"),
        (b" " * (1024 * 1024 + 1), 413, "body_too_large"),
    ],
)
async def test_bodies_that_are_refused(body, status, code):
    async with gateway() as desk, desk.client.post("/api/sessions", data=io.BytesIO(body)) as response:
        await problem(response, status, code)
        assert desk.desk.rooms == {}


async def test_listing_is_paged_and_bounded():
    async with gateway() as desk:
        for _ in range(5):
            await desk.session()
        async with desk.client.get("/api/sessions?limit=2&offset=2") as response:
            assert len(await response.json()) == 2
            assert response.headers["Link"] == '</api/sessions?limit=2&offset=4>; rel="next"'
        async with desk.client.get("/api/sessions?limit=2&offset=4") as response:
            assert "Link" not in response.headers
        for query in ("limit=0", "limit=101", "offset=-1", "status=asleep", "limit=x"):
            async with desk.client.get(f"/api/sessions?{query}") as response:
                body = await problem(response, 422, "invalid_request")
                assert body["errors"][0]["loc"] == ["query", query.partition("=")[0]]


async def test_listing_asks_for_the_admin_token():
    async with gateway(admin_token="s3cret") as desk:
        async with desk.client.get("/api/sessions") as response:
            await problem(response, 401, "admin_required")
        for headers in ({"Authorization": "Bearer s3cret"}, {"X-Admin-Token": "s3cret"}):
            async with desk.client.get("/api/sessions", headers=headers) as response:
                assert response.status == 200
        async with desk.client.get("/api/sessions", headers={"X-Admin-Token": "x"}) as response:
            await problem(response, 401, "admin_required")
    async with gateway() as desk, desk.client.get("/api/sessions", headers={"X-Forwarded-For": "1.2.3.4"}) as response:
        await problem(response, 401, "admin_required")


async def test_a_status_is_set_by_query_or_body():
    async with gateway() as desk:
        path = f"/api/sessions/{await desk.session()}/status"
        async with desk.client.patch(path, json={"status": "escalated"}) as response:
            assert (await response.json())["status"] == "escalated"
        async with desk.client.patch(f"{path}?status=ended") as response:
            assert (await response.json())["status"] == "ended"
        for options in ({"json": {"status": "x"}}, {"params": {"status": "x"}}, {}):
            async with desk.client.patch(path, **options) as response:
                await problem(response, 422, "invalid_request")
        desk.desk.faults["set_status"] = Conflict("invalid_transition", "no")
        async with desk.client.patch(f"{path}?status=active") as response:
            await problem(response, 409, "invalid_transition")


# --- chat


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"message": " Refund? "}},
        {"data": {"message": " Refund? "}},
        {"data": FormData({"message": " Refund? ", "attachments": ""}, default_to_multipart=True)},
    ],
    ids=["json", "urlencoded", "multipart"],
)
async def test_r08_a_sent_message_gets_its_answer_and_both_are_stored(options):
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.answer("Thirty days.")
        path = f"/api/chat/sessions/{session_id}/messages"
        async with desk.client.post(path, **options) as response:
            assert response.status == 200
            reply = await response.json()
        room = desk.desk.rooms[session_id]
        assert reply["message"] == room.messages[1].content
        assert (reply["message_id"], reply["seq"], reply["session_id"]) == (room.messages[1].id, 2, session_id)
        assert (reply["confidence"], reply["requires_escalation"], reply["sources"]) == (0.9, False, [])
        assert reply["metadata"] == {"model": "scripted", "message_count": 2, "tools_used": []}
        assert reply["turn_id"].startswith("turn_")
        async with desk.client.get(path) as response:
            page = await response.json()
        assert page["total"] == 2
        assert [each["role"] for each in page["messages"]] == ["user", "assistant"]
        assert page["messages"][0]["content"] == "Refund?"


async def test_r18_times_have_an_offset():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.answer()
        async with desk.client.post(f"/api/chat/sessions/{session_id}/messages", json={"message": "Hi"}) as response:
            times = [(await response.json())["timestamp"]]
        async with desk.client.get(f"/api/sessions/{session_id}") as response:
            session = await response.json()
            times += [session[name] for name in ("created_at", "updated_at", "last_activity")]
        assert all(datetime.fromisoformat(time).utcoffset() is not None for time in times)


async def test_a_repeated_message_gets_the_stored_answer():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.answer()
        replies = []
        for _ in range(2):
            body = {"message": "Hi", "client_message_id": "m1"}
            async with desk.client.post(f"/api/chat/sessions/{session_id}/messages", json=body) as response:
                assert response.status == 200
                replies.append(await response.json())
        assert replies[0] == replies[1]
        assert len(desk.desk.rooms[session_id].messages) == 2


async def test_five_at_once_with_one_id_get_one_answer():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]

        async def send():
            body = {"message": "Hi", "client_message_id": "m1"}
            async with desk.client.post(f"/api/chat/sessions/{session_id}/messages", json=body) as response:
                return response.status, (await response.json())["message_id"]

        async def work():
            while not room.messages:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            room.answer()

        *replies, _ = await asyncio.gather(*(send() for _ in range(5)), work())
        assert set(replies) == {(200, room.messages[1].id)}


async def test_a_turn_that_outlasts_the_deadline_is_acknowledged():
    async with gateway(send_timeout=0.2) as desk:
        session_id = await desk.session()
        path = f"/api/chat/sessions/{session_id}/messages"
        async with desk.client.post(path, json={"message": "Hi", "client_message_id": "m1"}) as response:
            assert response.status == 202
            body = await response.json()
        assert body["session_id"] == session_id
        assert (body["client_message_id"], body["seq"], body["status"]) == ("m1", 1, "accepted")
        assert body["links"]["messages"].startswith(path)


async def test_prefer_respond_async_is_acknowledged_at_once():
    async with gateway() as desk:
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        async with desk.client.post(path, json={"message": "Hi"}, headers={"Prefer": "respond-async"}) as response:
            assert response.status == 202
            assert response.headers["Preference-Applied"] == "respond-async"
            assert (await response.json())["client_message_id"]


async def test_a_failed_turn_is_an_honest_answer():
    async with gateway() as desk:
        desk.desk.script = lambda room: room.fail("Sorry")
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        async with desk.client.post(path, json={"message": "Hi"}) as response:
            reply = await response.json()
        assert (response.status, reply["message"], reply["confidence"]) == (200, "Sorry", 0.0)


async def test_an_escalated_session_takes_the_message_for_a_person():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.rooms[session_id].set_status("escalated")
        async with desk.client.post(f"/api/chat/sessions/{session_id}/messages", json={"message": "Hi"}) as response:
            reply = await response.json()
        assert (response.status, reply["requires_escalation"], reply["turn_id"]) == (200, True, None)
        assert (reply["metadata"]["ticket_id"], reply["metadata"]["priority"]) == ("tick_1", "high")
        assert "team" in reply["message"]


async def test_an_escalation_while_waiting_ends_the_wait():
    async with gateway() as desk:
        desk.desk.script = lambda room: (room.start(), room.set_status("escalated"))
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        async with desk.client.post(path, json={"message": "Hi"}) as response:
            assert (await response.json())["requires_escalation"] is True


async def test_an_ended_session_refuses():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.rooms[session_id].set_status("ended")
        async with desk.client.post(f"/api/chat/sessions/{session_id}/messages", json={"message": "Hi"}) as response:
            await problem(response, 400, "session_ended")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"json": {"message": "  "}}, 422, "invalid_message"),
        ({"json": {"message": "x" * 4001}}, 422, "invalid_message"),
        ({"json": {"message": 5}}, 422, "invalid_request"),
        ({"json": {}}, 422, "invalid_request"),
        ({"data": {"message": ""}}, 422, "invalid_message"),
        ({"data": {"text": "Hi"}}, 422, "invalid_request"),
        ({"json": {"message": "Hi", "attachments": ["att_1"]}}, 422, "invalid_attachment"),
        ({"json": {"message": "Hi", "attachment_ids": [{}]}}, 422, "invalid_attachment"),
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad_form"),
        (
            {"data": b"a=%ff", "headers": {"Content-Type": "application/x-www-form-urlencoded; charset=no"}},
            400,
            "bad_form",
        ),
        ({"data": b"<a/>", "headers": {"Content-Type": "text/xml"}}, 415, "unsupported_media_type"),
    ],
)
async def test_messages_that_are_refused(options, status, code):
    async with gateway() as desk:
        session_id = await desk.session()
        async with desk.client.post(f"/api/chat/sessions/{session_id}/messages", **options) as response:
            await problem(response, status, code)
        assert desk.desk.rooms[session_id].messages == []


async def test_history_has_its_bounds():
    async with gateway() as desk:
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        for query in ("limit=0", "limit=201", "offset=-1", "order=up", "after_seq=-1"):
            async with desk.client.get(f"{path}?{query}") as response:
                await problem(response, 422, "invalid_request")


# --- errors, headers, CORS


async def test_what_is_not_there_is_a_problem_too():
    async with gateway() as desk:
        async with desk.client.get("/nowhere") as response:
            await problem(response, 404, "not_found")
        async with desk.client.delete("/api/sessions") as response:
            await problem(response, 405, "method_not_allowed")
            assert response.headers["Allow"] == "GET,POST" or "POST" in response.headers["Allow"]
        async with desk.client.get("/ws") as response:
            await problem(response, 400, "upgrade_required")


async def test_a_fault_of_ours_tells_nothing_of_its_cause():
    async with gateway() as desk:
        desk.desk.faults["open_session"] = ZeroDivisionError("secret")
        async with desk.client.post("/api/sessions") as response:
            body = await problem(response, 500, "internal")
        assert {"error", "message", "support"} <= body.keys()
        assert "secret" not in json.dumps(body)
        desk.desk.faults["open_session"] = Internal("database_not_initialised", "The database has no tables")
        async with desk.client.post("/api/sessions") as response:
            assert (await problem(response, 500, "database_not_initialised"))["support"]


async def test_a_part_that_is_away_is_retryable():
    async with gateway() as desk:
        desk.desk.faults["open_session"] = Unavailable("session_unavailable", "away")
        async with desk.client.post("/api/sessions") as response:
            assert (await problem(response, 503, "session_unavailable"))["retryable"] is True
            assert int(response.headers["Retry-After"]) > 0


async def test_request_ids_and_traces_are_followed():
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"X-Request-ID": "mine-1", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    async with gateway() as desk:
        async with desk.client.get("/api/sessions/undefined", headers=headers) as response:
            body = await problem(response, 400, "invalid_session_id")
            assert (body["request_id"], body["trace_id"]) == ("mine-1", trace)
            assert float(response.headers["X-Process-Time"]) >= 0
        for bad in ("x" * 129, "a b"):
            async with desk.client.get("/", headers={"X-Request-ID": bad}) as response:
                assert response.headers["X-Request-ID"] not in {bad, ""}


async def test_r29_cors_headers_stand_on_every_answer():
    shop = {"Origin": "https://shop.example"}
    async with gateway(cors_origins=["https://shop.example"]) as desk:
        desk.desk.faults["list_sessions"] = ZeroDivisionError()
        for path, status in [("/", 200), ("/nowhere", 404), ("/api/sessions/null", 400), ("/api/sessions", 500)]:
            async with desk.client.get(path, headers=shop) as response:
                assert response.status == status
                assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
                assert "X-Request-ID" in response.headers["Access-Control-Expose-Headers"]
            async with desk.client.get(path, headers={"Origin": "https://shop.example.evil"}) as response:
                assert "Access-Control-Allow-Origin" not in response.headers
        asked = shop | {"Access-Control-Request-Method": "PATCH"}
        async with desk.client.options("/api/sessions/x/status", headers=asked) as response:
            assert response.status == 204
            assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
            assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"


# --- platform


async def test_the_calling_card():
    async with gateway() as desk, desk.client.get("/") as response:
        card = await response.json()
        assert (card["name"], card["status"], card["health"]) == ("Deskbus", "operational", "/health")
        assert {"uptime_seconds", "sessions", "messages_processed", "errors", "messages_per_minute"} == card[
            "stats"
        ].keys()


async def test_r24_health_is_told_by_what_answers():
    async with gateway() as desk:
        for path in ("/health", "/health/live"):
            async with desk.client.get(path) as response:
                assert response.status == 200
        async with desk.client.get("/health/ready") as response:
            ready = await response.json()
            assert (response.status, ready["status"]) == (200, "healthy")
            names = [check["name"] for check in ready["checks"]]
            assert names == ["NATS", "session", "agent", "knowledge", "attachments"]
            assert ready["checks"][0].keys() == {"name", "ok", "required", "latency_ms", "detail"}
        desk.desk.away = {"attachments"}
        async with desk.client.get("/health/ready") as response:
            assert (response.status, (await response.json())["status"]) == (200, "degraded")
        desk.desk.away = {"agent"}
        async with desk.client.get("/health/ready") as response:
            assert (response.status, (await response.json())["status"]) == (503, "unhealthy")
        desk.desk.away, desk.desk.unready = set(), {"session"}
        async with desk.client.get("/health/ready") as response:
            assert response.status == 503
        desk.desk.unready, desk.own = set(), [CheckResult("NATS", ok=False)]
        async with desk.client.get("/health/ready") as response:
            assert response.status == 503


async def test_a_draining_gateway_refuses_new_work_and_says_so():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.draining = True
        async with desk.client.post("/api/sessions") as response:
            await problem(response, 503, "draining")
            assert response.headers["Retry-After"]
        async with desk.client.get(f"/ws?session_id={session_id}") as response:
            await problem(response, 503, "draining")
        async with desk.client.get("/health/ready") as response:
            assert response.status == 503
        async with desk.client.get("/health/live") as response:
            assert response.status == 200
        await asyncio.wait_for(desk.edge.drained(), 1)
