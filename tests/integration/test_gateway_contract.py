"""Hand-over, deletion, feedback, search and clean-up as clients see them, over a desk in memory."""

import asyncio

import pytest

from libs.contracts.errors import TimedOut, Unavailable
from libs.contracts.knowledge import Source
from libs.runtime.ids import mint
from tests.integration.test_gateway_http import problem
from tests.unit.gateway.edge import gateway

TICKET = {"required": True, "reason": ["asked_for_person"], "ticket_id": "tick_1", "priority": "high",
          "category": "general"}  # fmt: skip


def hand_over(room):
    room.start()
    room.say("Somebody ")
    room.complete("Somebody will help.", hands_over=True)


# --- hand-over


async def test_r12_an_answer_that_hands_over_says_so_before_it_is_complete():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = hand_over
        async with desk.socket(session_id) as talk:
            await talk.until("connected")
            await talk.socket.send_json({"type": "message", "content": "A person, please"})
            await talk.until("session_updated")
            assert talk.types == [
                "connected", "acknowledged", "start", "text", "escalation", "text", "complete", "session_updated",
            ]  # fmt: skip
            escalation, complete = talk.frames[4], talk.frames[6]
            assert TICKET.items() <= escalation.items()
            assert (escalation["turn_id"], escalation["attempt"]) == (complete["turn_id"], 1)
            assert complete["requires_escalation"] is True


async def test_a_client_that_resumes_between_hand_over_and_completion_is_told_once():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = hand_over
        async with desk.socket(session_id) as talk:
            await talk.until("connected")
            await talk.socket.send_json({"type": "message", "content": "A person, please"})
            cursor = (await talk.until("escalation"))["cursor"]
        async with desk.socket(session_id, query={"cursor": cursor}) as talk:
            await talk.until("session_updated")
            assert talk.types == ["connected", "text", "complete", "session_updated"]


async def test_r12_a_message_over_http_that_hands_over_names_the_ticket():
    async with gateway() as desk:
        desk.desk.script = hand_over
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        async with desk.client.post(path, json={"message": "A person, please"}) as response:
            reply = await response.json()
        assert (response.status, reply["requires_escalation"]) == (200, True)
        assert {"ticket_id": "tick_1", "priority": "high", "category": "general"}.items() <= reply["metadata"].items()
        assert reply["metadata"]["reasons"] == ["asked_for_person"]


async def test_r12_both_transports_stay_open_after_the_hand_over():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.rooms[session_id].set_status("escalated")
        async with desk.client.post(f"/api/chat/sessions/{session_id}/messages", json={"message": "Hi"}) as response:
            assert (response.status, (await response.json())["metadata"]["ticket_id"]) == (200, "tick_1")
        async with desk.socket(session_id) as talk:
            assert (await talk.until("connected"))["status"] == "escalated"
            await talk.socket.send_json({"type": "message", "content": "Are you there?"})
            assert TICKET.items() <= (await talk.until("escalation")).items()
            assert talk.types == ["connected", "acknowledged", "escalation"]
        assert len(desk.desk.rooms[session_id].messages) == 2


async def test_a_ticket_that_cannot_be_read_fails_no_message():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.rooms[session_id].set_status("escalated")
        desk.desk.faults["get_session"] = Unavailable("session_unavailable", "away")
        async with desk.client.post(f"/api/chat/sessions/{session_id}/messages", json={"message": "Hi"}) as response:
            reply = await response.json()
            assert (response.status, reply["requires_escalation"], "ticket_id" in reply["metadata"]) == (
                200,
                True,
                False,
            )


async def test_a_second_message_that_waits_when_a_person_takes_over_is_answered_at_once():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        path = f"/api/chat/sessions/{session_id}/messages"

        async def send(text):
            async with desk.client.post(path, json={"message": text}) as response:
                return await response.json()

        waiting = [asyncio.create_task(send(text)) for text in ("One", "Two")]
        async with asyncio.timeout(3):
            while len(room.messages) < 2:
                await asyncio.sleep(0.01)
            hand_over(room)
            replies = await asyncio.gather(*waiting)
        assert [reply["requires_escalation"] for reply in replies] == [True, True]
        assert {reply["metadata"]["ticket_id"] for reply in replies} == {"tick_1"}


# --- ended and deleted


@pytest.mark.parametrize("lost", [False, True], ids=["told", "event lost"])
async def test_a_deleted_session_lets_its_sockets_go(lost):
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.rooms[session_id].muted = lost
        async with desk.socket(session_id) as one, desk.socket(session_id) as two:
            await one.until("connected")
            await two.until("connected")
            async with desk.client.delete(f"/api/sessions/{session_id}") as response:
                assert (response.status, (await response.json())["session_id"]) == (200, session_id)
            if lost:
                desk.hubs.reconnected()
            for talk in (one, two):
                assert await talk.closed() == 4409
                assert talk.types == ["connected", "session_updated", "error"]
                assert (talk.frames[1]["status"], talk.frames[2]["code"]) == ("ended", "session_deleted")
        async with desk.socket(session_id) as late:
            assert await late.closed() == 4004
        async with desk.client.delete(f"/api/sessions/{session_id}") as response:
            await problem(response, 404, "session_not_found")


async def test_an_ended_session_lets_its_sockets_go_and_can_still_be_read():
    async with gateway() as desk:
        session_id = await desk.session()
        async with desk.socket(session_id) as talk:
            await talk.until("connected")
            async with desk.client.patch(f"/api/sessions/{session_id}/status?status=ended") as response:
                assert response.status == 200
            assert await talk.closed() == 4409
            assert talk.types == ["connected", "session_updated", "error"]
            assert talk.frames[2]["code"] == "session_ended"
        async with desk.socket(session_id) as talk:
            assert (await talk.until("connected"))["status"] == "ended"


@pytest.mark.parametrize(("end", "status", "code"), [
    ("delete", 404, "session_not_found"), ("ended", 400, "session_ended"),
])  # fmt: skip
async def test_whoever_waits_for_an_answer_is_told_at_once_that_none_will_come(end, status, code):
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        desk.desk.script = lambda room: room.start()

        async def send():
            path = f"/api/chat/sessions/{session_id}/messages"
            async with desk.client.post(path, json={"message": "Hi"}) as response:
                await problem(response, status, code)

        sending = asyncio.create_task(send())
        while not room.messages:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        room.delete() if end == "delete" else room.set_status(end)
        await asyncio.wait_for(sending, 2)


# --- feedback


async def test_an_answer_is_rated_over_http_and_over_a_socket():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        room.ask()
        answer = room.answer()
        path = f"/api/chat/messages/{answer.id}/feedback"
        async with desk.client.post(path, json={"rating": "up", "comment": " good "}) as response:
            assert await response.json() == {"message_id": answer.id, "rating": "up", "comment": "good"}
        async with desk.socket(session_id) as talk:
            await talk.socket.send_json({"type": "feedback", "message_id": answer.id, "rating": "down"})
            for wrong in (
                {"message_id": mint("msg"), "rating": "up"}, {"message_id": "x", "rating": "up"},
                {"message_id": answer.id, "rating": "great"}, {"message_id": answer.id},
                {"message_id": answer.id, "rating": "up", "comment": "x" * 2001},
            ):  # fmt: skip
                await talk.socket.send_json({"type": "feedback", **wrong})
                await talk.until("error")
            codes = [frame["code"] for frame in talk.frames if frame["type"] == "error"]
            assert codes == ["message_not_found"] * 2 + ["invalid_frame"] * 2 + ["invalid_request"]
        async with desk.client.get(f"/api/chat/sessions/{session_id}/messages") as response:
            assert (await response.json())["messages"][1]["feedback"]["rating"] == "down"


@pytest.mark.parametrize(("body", "status", "code"), [
    ({"rating": "great"}, 422, "invalid_request"), ({}, 422, "invalid_request"),
    ({"rating": "up", "comment": "x" * 2001}, 422, "invalid_request"), ({"rating": "up"}, 404, "message_not_found"),
])  # fmt: skip
async def test_feedback_that_is_refused(body, status, code):
    async with gateway() as desk:
        for message_id in (mint("msg"), "undefined"):
            async with desk.client.post(f"/api/chat/messages/{message_id}/feedback", json=body) as response:
                await problem(response, status, code)


# --- search and clean-up


async def test_search_asks_for_what_it_was_asked():
    async with gateway() as desk:
        desk.desk.found = [Source(content="Thirty days", metadata={"title": "Returns"}, relevance_score=0.8, rank=1)]
        body = {"query": "  returns ", "limit": 3, "min_score": 0.5, "filters": {"category": "billing"}}
        async with desk.client.post("/api/chat/search", json=body) as response:
            assert response.status == 200
            assert (await response.json())[0]["metadata"] == {"title": "Returns"}
        asked = desk.desk.searched[0]
        assert (asked.query, asked.limit, asked.min_score, asked.filters) == (
            "returns", 3, 0.5, {"category": "billing"},
        )  # fmt: skip


@pytest.mark.parametrize("body", [
    {}, {"query": ""}, {"query": "  "}, {"query": "x" * 501}, {"query": "a", "limit": 0}, {"query": "a", "limit": 21},
    {"query": "a", "min_score": 1.1}, {"query": "a", "min_score": -0.1}, {"query": "a", "filters": []},
    {"query": "a", "filters": {str(n): n for n in range(21)}},
])  # fmt: skip
async def test_searches_that_are_refused(body):
    async with gateway() as desk, desk.client.post("/api/chat/search", json=body) as response:
        await problem(response, 422, "invalid_request")
        assert desk.desk.searched == []


@pytest.mark.parametrize("fault", [Unavailable("knowledge_unavailable", "away"), TimedOut("timed_out", "slow")])
async def test_r40_a_lost_index_is_no_empty_list(fault):
    async with gateway() as desk:
        desk.desk.faults["search"] = fault
        async with desk.client.post("/api/chat/search", json={"query": "returns"}) as response:
            assert (await problem(response, 503, "knowledge_unavailable"))["retryable"] is True


async def test_r42_clean_up_has_its_bounds_and_asks_for_the_admin_token():
    async with gateway(admin_token="s3cret") as desk:
        admin = {"X-Admin-Token": "s3cret"}
        async with desk.client.post("/api/sessions/cleanup") as response:
            await problem(response, 401, "admin_required")
        for options in ({}, {"params": {"days": "7"}}, {"json": {"days": 3650}}):
            async with desk.client.post("/api/sessions/cleanup", headers=admin, **options) as response:
                body = await response.json()
                assert (response.status, body["sessions_deleted"]) == (200, 3)
                assert body["cutoff_date"].endswith("Z")
        assert desk.desk.cleaned == [30, 7, 3650]
        for days in ("0", "-1", "3651", "x", "1.5"):
            async with desk.client.post(f"/api/sessions/cleanup?days={days}", headers=admin) as response:
                await problem(response, 422, "invalid_request")
        assert desk.desk.cleaned == [30, 7, 3650]
