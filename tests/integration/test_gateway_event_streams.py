"""What the gateway says by server-sent events, over a desk in memory."""

import asyncio

import pytest
from aiohttp import ClientTimeout

from libs.contracts.errors import Unavailable
from libs.contracts.session import OpenTurn
from libs.runtime.ids import mint
from services.gateway.adapters.event_stream import asks_for_events
from tests.support.event_stream import event_stream
from tests.unit.gateway.edge import gateway


def events(desk, session_id, **options):
    return event_stream(desk.client, "GET", f"/api/chat/sessions/{session_id}/events", **options)


def send(desk, session_id, message="Hi", **fields):
    body = {"message": message, **fields}
    return event_stream(desk.client, "POST", f"/api/chat/sessions/{session_id}/messages", json=body)


async def refused(desk, method, path, **options):
    headers = {"Accept": "text/event-stream", **options.pop("headers", {})}
    async with desk.client.request(method, path, headers=headers, **options) as response:
        assert response.content_type == "application/problem+json"
        problem = await response.json()
        return response.status, problem["code"]


async def until(condition, timeout=3.0):
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


# --- GET .../events


async def test_a_stream_shows_what_a_socket_shows():
    async with gateway(cors_origins=["https://shop.example"]) as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        async with (
            desk.socket(session_id) as talk,
            events(desk, session_id, headers={"Origin": "https://shop.example"}) as stream,
        ):
            await talk.until("connected")
            connected = await stream.until("connected")
            assert (connected["session_id"], connected["resumed"]) == (session_id, False)
            headers = stream.response.headers
            assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert headers["Cache-Control"] == "no-cache"
            assert headers["X-Accel-Buffering"] == "no"
            assert headers["Access-Control-Allow-Origin"] == "https://shop.example"
            assert headers["X-Request-ID"]
            room.ask()
            room.answer("One.\nTwo.")
            await talk.until("complete")
            await stream.until("complete")
            assert stream.frames[1:] == talk.frames[1:]
            assert stream.ids == [frame["cursor"] for frame in stream.frames]
            assert stream.retries == [3000]
        await until(lambda: len(desk.connections) == 0, 8)


@pytest.mark.parametrize("by", ["header", "query", "both"])
async def test_a_stream_goes_on_where_the_client_stopped(by):
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        async with events(desk, session_id) as stream:
            await stream.until("connected")
            first = stream.last_id
            room.ask()
            room.start()
            room.say("Hello")
            await stream.until("text")
        room.say(" world")
        header = {"last_event_id": stream.last_id} if by != "query" else {}
        query = {"params": {"cursor": first if by == "both" else stream.last_id}} if by != "header" else {}
        async with events(desk, session_id, **header, **query) as stream:
            assert (await stream.until("connected"))["resumed"] is True
            text = await stream.until("text")
            assert (text["content"], text["offset"]) == (" world", 5)
            room.complete()
            await stream.until("complete")
            assert stream.kinds == ["connected", "text", "complete"]


async def test_faults_before_a_stream_are_problems():
    async with gateway(most_per_session=2) as desk:
        assert await refused(desk, "GET", "/api/chat/sessions/null/events") == (400, "invalid_session_id")
        assert await refused(desk, "GET", f"/api/chat/sessions/{mint('sess')}/events") == (404, "session_not_found")
        session_id = await desk.session()
        path = f"/api/chat/sessions/{session_id}/events"
        desk.desk.faults["events_after"] = Unavailable("session_unavailable", "away")
        assert await refused(desk, "GET", path) == (503, "session_unavailable")
        desk.desk.faults.clear()
        async with desk.socket(session_id) as talk, events(desk, session_id) as stream:
            await talk.until("connected")
            await stream.until("connected")
            assert await refused(desk, "GET", path) == (429, "too_many_connections")
            messages = f"/api/chat/sessions/{session_id}/messages"
            assert await refused(desk, "POST", messages, json={"message": "Hi"}) == (429, "too_many_connections")
            async with desk.socket(session_id) as third:
                assert await third.closed() == 4429
        assert desk.desk.rooms[session_id].messages == []
        desk.draining = True
        assert await refused(desk, "GET", path) == (503, "draining")


async def test_later_faults_are_frames_and_then_the_end():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        async with events(desk, session_id) as stream:
            await stream.until("connected")
            cursor = stream.last_id
            async with events(desk, session_id, last_event_id="nonsense") as other:
                assert (await other.until("error"))["code"] == "invalid_cursor"
                room.ask()
                await other.until("message_added")
            desk.desk.faults["events_after"] = Unavailable("session_unavailable", "away")
            async with events(desk, session_id, last_event_id=cursor) as other:
                await other.rest(3)
                assert other.kinds == ["connected", "error"]
                assert (other.frames[-1]["code"], other.frames[-1]["retryable"]) == ("session_unavailable", True)
            await stream.until("message_added")


@pytest.mark.parametrize("what", ["deleted", "ended"])
async def test_a_session_that_is_over_ends_its_streams(what):
    async with gateway() as desk:
        session_id = await desk.session()
        async with events(desk, session_id) as stream:
            await stream.until("connected")
            if what == "deleted":
                await desk.client.delete(f"/api/sessions/{session_id}")
            else:
                await desk.client.patch(f"/api/sessions/{session_id}/status", json={"status": "ended"})
            await stream.rest(3)
            assert stream.kinds[-2:] == ["session_updated", "error"]
            assert stream.frames[-1]["code"] == f"session_{what}"
            assert stream.ended
        if what == "deleted":
            path = f"/api/chat/sessions/{session_id}/events"
            assert await refused(desk, "GET", path) == (404, "session_not_found")


async def test_draining_tells_streams_and_ends_them():
    async with gateway() as desk:
        session_id = await desk.session()
        async with events(desk, session_id) as one, events(desk, session_id) as two, desk.socket(session_id) as talk:
            for each in (one, two, talk):
                await each.until("connected")
            await asyncio.wait_for(desk.connections.drain(1.0), 3)
            for each in (one, two):
                await each.rest(3)
                assert each.kinds[-1] == "draining"
                hint = each.frames[-1]["retry_after_ms"]
                assert each.retries == [3000, hint]
                assert 0 <= hint <= 8000
            assert await talk.closed() == 1012
        await asyncio.wait_for(desk.edge.drained(), 3)
        # One that came in before the drain and got this far after it began is told too.
        async with events(desk, session_id) as late:
            await late.rest(3)
            assert late.kinds[0] == "draining"


async def test_a_client_that_has_gone_is_missed():
    async with gateway() as desk:
        session_id = await desk.session()
        async with events(desk, session_id) as stream:
            await stream.until("connected")
            assert desk.connections.of_session(session_id) == 1
        await until(lambda: desk.connections.of_session(session_id) == 0, 8)
        await asyncio.wait_for(desk.edge.drained(), 3)


async def test_http_1_0_gets_a_stream_without_chunks():
    async with gateway() as desk:
        session_id = await desk.session()
        server = desk.client.server
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"GET /api/chat/sessions/{session_id}/events HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 3)
        assert b"chunked" not in head.lower()
        assert await asyncio.wait_for(reader.readline(), 3) == b"retry: 3000\n"
        assert await asyncio.wait_for(reader.readline(), 3) == b"\n"
        assert (await asyncio.wait_for(reader.readline(), 3)).startswith(b"id: ")
        assert (await asyncio.wait_for(reader.readline(), 3)).startswith(b'data: {"type":"connected"')
        writer.close()


# --- POST .../messages


async def test_an_answer_is_streamed_from_its_receipt_to_its_end():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.answer("One.\nTwo.")
        async with desk.socket(session_id) as talk, send(desk, session_id, client_message_id="m1") as stream:
            await stream.rest(3)
            complete = await talk.until("complete")
            assert stream.kinds == ["acknowledged", "start", "status", "text", "complete"]
            assert stream.frames[0]["client_message_id"] == "m1"
            assert stream.frames[1:] == talk.frames[2:]
            assert stream.text == complete["message"]["content"]
            assert stream.ids == [frame["cursor"] for frame in stream.frames]


async def test_only_the_turn_that_answers_is_streamed():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        room.ask("Mine is first")
        room.start()
        room.say("Not for the stream.")
        async with send(desk, session_id) as stream:
            await stream.until("acknowledged")
            room.complete("Not for the stream. Nor this.")
            room.turn, room.answers = OpenTurn(turn_id=mint("turn"), attempt=0), [2]
            room.start()
            room.say("This is.")
            room.complete("This is.")
            await stream.rest(3)
            assert stream.kinds == ["acknowledged", "start", "text", "complete"]
            assert stream.text == "This is."


async def test_the_answer_to_a_repeated_message_is_told_again():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.answer("One. Two.")
        async with send(desk, session_id, client_message_id="m1") as first:
            await first.rest(3)
        async with send(desk, session_id, client_message_id="m1") as again:
            await again.rest(3)
        assert again.kinds == ["acknowledged", "start", "text", "complete"]
        assert again.frames[0] | {"timestamp": "", "cursor": "", "duplicate": False} == first.frames[0] | {
            "timestamp": "", "cursor": ""
        }  # fmt: skip
        assert again.text == first.text == again.frames[-1]["message"]["content"]
        assert again.frames[-1]["message"] == first.frames[-1]["message"]


async def test_a_repeated_message_whose_answer_is_being_written_joins_it():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        desk.desk.script = lambda room: (room.start(), room.say("Hel"))
        async with send(desk, session_id, client_message_id="m1") as first:
            await first.until("text")
        async with send(desk, session_id, client_message_id="m1") as again:
            await again.until("text")
            room.say("lo")
            room.complete("Hello")
            await again.rest(3)
        assert again.kinds == ["acknowledged", "start", "text", "complete"]
        assert (again.text, again.frames[0]["duplicate"]) == ("Hello", True)
        assert len(room.messages) == 2


async def test_the_client_that_goes_away_cancels_nothing():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        desk.desk.script = lambda room: (room.start(), room.say("Hel"))
        async with send(desk, session_id) as stream:
            await stream.until("text")
        await until(lambda: len(desk.connections) == 0, 8)
        room.complete("Hello")
        assert [message.content for message in room.messages] == ["Hi", "Hello"]


async def test_faults_before_the_post_are_problems():
    async with gateway() as desk:
        session_id = await desk.session()
        path = f"/api/chat/sessions/{session_id}/messages"
        assert await refused(desk, "POST", path, json={"message": " "}) == (422, "invalid_message")
        assert await refused(desk, "POST", path, data=b"{", headers={"Content-Type": "application/json"}) == (
            400, "invalid_json",
        )  # fmt: skip
        unknown = f"/api/chat/sessions/{mint('sess')}/messages"
        assert await refused(desk, "POST", unknown, json={"message": "Hi"}) == (404, "session_not_found")
        desk.desk.faults["post_message"] = Unavailable("session_unavailable", "away")
        assert await refused(desk, "POST", path, json={"message": "Hi"}) == (503, "session_unavailable")
        assert len(desk.connections) == 0


async def test_an_ended_session_takes_no_message():
    async with gateway() as desk:
        session_id = await desk.session()
        await desk.client.patch(f"/api/sessions/{session_id}/status", json={"status": "ended"})
        path = f"/api/chat/sessions/{session_id}/messages"
        assert await refused(desk, "POST", path, json={"message": "Hi"}) == (400, "session_ended")


async def test_with_a_person_in_charge_the_ticket_is_told():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        await desk.client.patch(f"/api/sessions/{session_id}/status", json={"status": "escalated"})
        async with send(desk, session_id) as stream:
            await stream.rest(3)
            assert stream.kinds == ["acknowledged", "escalation"]
            assert stream.frames[-1]["ticket_id"] == room.ticket.ticket_id


async def test_a_session_that_goes_to_a_person_meanwhile_ends_with_the_ticket():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: (room.start(), room.say("Hel"))
        async with send(desk, session_id) as stream:
            await stream.until("text")
            await desk.client.patch(f"/api/sessions/{session_id}/status", json={"status": "escalated"})
            await stream.rest(3)
            assert stream.kinds[-1] == "escalation"
            assert "complete" not in stream.kinds


async def test_a_failed_turn_says_so_and_completes_with_its_apology():
    async with gateway() as desk:
        session_id = await desk.session()

        def fail(room):
            room.start()
            room.fail("Sorry")

        desk.desk.script = fail
        async with send(desk, session_id, client_message_id="m1") as stream:
            await stream.rest(3)
            assert [kind for kind in stream.kinds if kind != "start"] == ["acknowledged", "error", "text", "complete"]
            assert stream.text == "Sorry"
        async with send(desk, session_id, client_message_id="m1") as again:
            await again.rest(3)
            assert again.kinds == ["acknowledged", "error", "start", "text", "complete"]


async def test_a_cancelled_answer_ends_its_stream_with_what_was_said():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        desk.desk.script = lambda room: (room.start(), room.say("Hel"))
        async with send(desk, session_id, client_message_id="m1") as stream:
            await stream.until("text")
            room.call_off("Hello")
            await stream.rest(3)
            assert stream.kinds == ["acknowledged", "start", "text", "cancelled"]
            assert stream.text == stream.frames[-1]["message"]["content"] == "Hello"
        async with send(desk, session_id, client_message_id="m1") as again:
            await again.rest(3)
            assert again.kinds == ["acknowledged", "start", "text", "cancelled"]
            assert again.frames[-1]["message"] == stream.frames[-1]["message"]


async def test_after_a_superseded_answer_the_stream_goes_on_with_the_next():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        desk.desk.script = lambda room: (room.start(), room.say("Void"))
        async with send(desk, session_id) as stream:
            await stream.until("text")
            desk.desk.script = None
            room.call_off(reason="superseded")
            room.turn, room.answers = OpenTurn(turn_id=mint("turn"), attempt=0), [1, 2]
            room.start()
            room.say("Both")
            room.complete("Both")
            await stream.rest(3)
            assert stream.kinds == ["acknowledged", "start", "text", "cancelled", "start", "text", "complete"]
            assert stream.text == "Both"


async def test_an_operator_who_takes_over_ends_the_stream_with_the_ticket():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        desk.desk.script = lambda room: (room.start(), room.say("Hel"))
        async with send(desk, session_id) as stream:
            await stream.until("text")
            room.take_over()
            await stream.rest(3)
            assert stream.kinds[:3] == ["acknowledged", "start", "text"]
            assert stream.kinds[-1] == "escalation"


async def test_an_answer_that_hands_over_is_told_with_its_ticket_and_again_so():
    async with gateway() as desk:
        session_id = await desk.session()

        def hand_over(room):
            room.start()
            room.say("A person will")
            room.complete("A person will", hands_over=True)

        desk.desk.script = hand_over
        async with send(desk, session_id, client_message_id="m1") as stream:
            await stream.rest(3)
            assert stream.kinds == ["acknowledged", "start", "text", "escalation", "complete"]
        async with send(desk, session_id, client_message_id="m1") as again:
            await again.rest(3)
            assert again.kinds == ["acknowledged", "escalation", "start", "text", "complete"]
        assert again.frames[-1]["requires_escalation"] is True
        tickets = [next(f["ticket_id"] for f in each.frames if f["type"] == "escalation") for each in (stream, again)]
        assert tickets == ["tick_1", "tick_1"]


async def test_an_answer_is_whole_where_its_events_were_lost():
    async with gateway(send_timeout=20) as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]

        def answer_in_silence(room):
            room.muted = True
            room.answer("One. Two.")
            room.muted = False

        desk.desk.script = answer_in_silence
        async with send(desk, session_id) as stream:
            await stream.rest(10)
            assert stream.kinds == ["acknowledged", "start", "text", "complete"]
            assert stream.text == room.messages[-1].content


async def test_at_the_time_out_the_stream_says_where_to_look():
    async with gateway(send_timeout=0.3) as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.start()
        async with send(desk, session_id) as stream:
            await stream.rest(3)
            assert stream.kinds == ["acknowledged", "start", "error"]
            error = stream.frames[-1]
            assert (error["code"], error["retryable"]) == ("timed_out", True)
            assert f"/api/chat/sessions/{session_id}/messages?after_seq=1" in error["message"]


async def test_a_session_that_is_deleted_meanwhile_ends_the_stream():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.start()
        async with send(desk, session_id) as stream:
            await stream.until("start")
            await desk.client.delete(f"/api/sessions/{session_id}")
            await stream.rest(3)
            assert stream.frames[-1]["code"] == "session_deleted"


async def test_respond_async_wins():
    async with gateway() as desk:
        session_id = await desk.session()
        headers = {"Accept": "text/event-stream", "Prefer": "respond-async"}
        path = f"/api/chat/sessions/{session_id}/messages"
        async with desk.client.post(path, json={"message": "Hi"}, headers=headers, timeout=ClientTimeout(3)) as reply:
            assert (reply.status, reply.content_type) == (202, "application/json")


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ([], False),
        (["*/*"], False),
        (["text/*"], False),
        (["application/json"], False),
        (["text/event-stream"], True),
        (["Text/Event-Stream; q=0.5"], True),
        (["text/event-stream;q=0"], False),
        (["text/event-stream;q=nonsense"], False),
        (["application/json, text/event-stream"], True),
        (["application/json;q=0.5, text/event-stream;q=0.4"], False),
        (["application/json;q=0.4, text/event-stream;q=0.5, */*"], True),
        (["*/*", "text/event-stream"], True),
        (["text/event-stream;q=1;charset=utf-8"], True),
    ],
)
def test_event_streams_are_for_those_who_name_them(accept, streams):
    assert asks_for_events(accept) is streams
