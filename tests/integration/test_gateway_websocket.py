"""What the gateway says over a WebSocket, over a desk in memory."""

import asyncio

import pytest
from aiohttp import WSMsgType

from libs.contracts.errors import Unavailable
from libs.runtime.ids import mint
from services.gateway.adapters import outbox as outbox_module
from services.gateway.adapters.outbox import Outbox
from tests.unit.gateway.edge import gateway


async def test_r19_a_whole_answer():
    async with gateway(send_timeout=1) as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.answer("One.\nTwo.")
        async with desk.socket(session_id, protocols=["deskbus.v1"]) as talk:
            assert talk.socket.protocol == "deskbus.v1"
            connected = await talk.until("connected")
            assert connected["session_id"] == session_id
            assert (connected["status"], connected["protocol"], connected["resumed"]) == ("active", "deskbus.v1", False)
            assert {"client_id", "server_version", "timestamp", "cursor"} <= connected.keys()
            await talk.socket.send_json({"type": "message", "content": "Hi", "client_message_id": "m1"})
            complete = await talk.until("complete")
            kinds = [kind for kind in talk.types if kind != "text"]
            assert kinds == ["connected", "acknowledged", "start", "status", "complete"]
            joined = "".join(frame["content"] for frame in talk.frames if frame["type"] == "text")
            assert joined == complete["message"]["content"]
            assert "\n" in joined
            for frame in talk.frames:
                assert frame["timestamp"].endswith("Z")
                assert frame["cursor"]
                if frame["type"] in {"start", "status", "text", "complete"}:
                    assert (frame["turn_id"], frame["attempt"]) == (complete["turn_id"], 1)


async def test_resuming_goes_on_where_the_client_stopped():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        async with desk.socket(session_id) as talk:
            await talk.until("connected")
            room.ask()
            room.start()
            room.say("Hello")
            cursor = (await talk.until("text"))["cursor"]
        room.say(" world")
        async with desk.socket(session_id, query={"cursor": cursor}) as talk:
            assert (await talk.until("connected"))["resumed"] is True
            text = await talk.until("text")
            assert (text["content"], text["offset"]) == (" world", 5)
            room.complete()
            await talk.until("complete")
            assert talk.types == ["connected", "text", "complete"]


@pytest.mark.parametrize("placeholder", [None, "", " ", "undefined", "null", "NaN"])
async def test_r01_a_placeholder_for_an_id_is_told_and_closed(placeholder):
    async with gateway() as desk:
        async with desk.socket(placeholder) as talk:
            assert await talk.closed() == 4001
            assert [frame["code"] for frame in talk.frames] == ["invalid_session_id"]
        assert desk.desk.rooms == {}


async def test_an_unknown_session_is_told_and_closed():
    async with gateway() as desk:
        for session_id in (mint("sess"), "sess_1"):
            async with desk.socket(session_id) as talk:
                assert await talk.closed() == 4004
                assert [frame["code"] for frame in talk.frames] == ["session_not_found"]


async def test_a_foreign_origin_is_told_and_closed():
    async with gateway(cors_origins=["https://shop.example"]) as desk:
        session_id = await desk.session()
        async with desk.socket(session_id, headers={"Origin": "https://shop.example"}) as talk:
            await talk.until("connected")
        for origin in ("https://evil.example", "https://shop.example.evil", "null"):
            async with desk.socket(session_id, headers={"Origin": origin}) as talk:
                assert await talk.closed() == 4403
                assert [frame["code"] for frame in talk.frames] == ["origin_refused"]


async def test_too_many_sockets_are_told_and_closed():
    async with gateway(most_per_session=1) as desk:
        session_id = await desk.session()
        async with desk.socket(session_id) as first:
            await first.until("connected")
            async with desk.socket(session_id) as second:
                assert await second.closed() == 4429
                assert [frame["code"] for frame in second.frames] == ["too_many_connections"]
        async with desk.socket(session_id) as third:
            await third.until("connected")
        assert not desk.sockets._per_session


async def test_a_part_that_is_away_is_told_and_closed():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.faults["events_after"] = Unavailable("session_unavailable", "away")
        async with desk.socket(session_id) as talk:
            assert await talk.closed() == 1011
            assert (talk.frames[0]["code"], talk.frames[0]["retryable"]) == ("session_unavailable", True)


async def test_a_fault_of_ours_is_told_and_closed():
    async with gateway() as desk:
        session_id = await desk.session()
        async with desk.socket(session_id) as talk:
            await talk.until("connected")
            desk.desk.faults["post_message"] = ZeroDivisionError("secret")
            await talk.socket.send_json({"type": "message", "content": "Hi"})
            error = await talk.until("error")
            assert error["code"] == "internal"
            assert "secret" not in str(error)


async def test_frames_that_are_none_are_told_and_the_socket_stays():
    sent = ["{", "[]", "{}", '{"type":"dance"}', '{"type":"typing"}', '{"type":"message","content":5}',
            '{"type":"message","content":" "}', '{"type":"message","content":"a","attachments":[{}]}']  # fmt: skip
    async with gateway() as desk, desk.socket(await desk.session()) as talk:
        for text in sent:
            await talk.socket.send_str(text)
        await talk.socket.send_bytes(b'{"type":"ping"}')
        await talk.socket.send_json({"type": "ping", "id": "p"})
        assert (await talk.until("pong"))["id"] == "p"
        assert [frame["code"] for frame in talk.frames if frame["type"] == "error"] == [
            "invalid_json", "invalid_frame", "invalid_frame", "unknown_type", "unsupported_type", "invalid_frame",
            "invalid_message", "invalid_attachment", "binary_frame",
        ]  # fmt: skip


async def test_a_frame_may_have_64_kib_and_no_more():
    async with gateway() as desk, desk.socket(await desk.session()) as talk:
        frame = '{"type":"ping","id":"p","pad":"%s"}'
        await talk.socket.send_str(frame % ("x" * (65536 - len(frame) + 2)))
        await talk.until("pong")
        await talk.socket.send_str(frame % ("x" * 65536))
        assert await talk.closed() == 1009


async def test_reading_goes_on_while_an_answer_streams_and_a_message_is_posted():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        gate = asyncio.Event()
        desk.desk.before_reply["post_message"] = gate.wait
        desk.desk.script = lambda room: (room.start(), room.say("Hel"))
        async with desk.socket(session_id) as talk:
            await talk.socket.send_json({"type": "message", "content": "Hi"})
            await talk.until("text")
            await talk.socket.send_json({"type": "ping"})
            await talk.until("pong")
            gate.set()
            room.complete()
            await talk.until("complete")
            assert talk.types.count("acknowledged") == 1


async def test_all_sockets_of_a_session_see_the_same_conversation():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.answer()
        async with desk.socket(session_id) as one, desk.socket(session_id) as two:
            await one.until("connected")
            await two.until("connected")
            await one.socket.send_json({"type": "message", "content": "Hi"})
            await one.until("complete")
            await two.until("complete")
            assert two.types[1] == "message_added"
            assert one.types[1] == "acknowledged"
            assert one.frames[2:] == two.frames[2:]


async def test_a_message_over_http_is_seen_on_the_socket():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: room.answer()
        async with desk.socket(session_id) as talk:
            await talk.until("connected")
            async with desk.client.post(
                f"/api/chat/sessions/{session_id}/messages", json={"message": "Hi"}
            ) as response:
                reply = await response.json()
            assert (await talk.until("complete"))["message"]["id"] == reply["message_id"]


async def test_draining_tells_and_closes():
    async with gateway() as desk:
        session_id = await desk.session()
        async with desk.socket(session_id) as one, desk.socket(session_id) as two:
            await one.until("connected")
            await two.until("connected")
            await desk.sockets.drain(1.0)
            for talk in (one, two):
                assert await talk.closed() == 1012
                assert talk.types[-1] == "draining"
                assert 0 <= talk.frames[-1]["retry_after_ms"] <= 8000
        await asyncio.wait_for(desk.edge.drained(), 1)


async def test_r17_many_idle_sockets_block_nothing():
    async with gateway(most=300, most_per_session=300) as desk:
        session_id = await desk.session()
        sockets = [await desk.client.ws_connect(f"/ws?session_id={session_id}") for _ in range(200)]
        assert await asyncio.wait_for(desk.session(), 1)
        assert len(desk.desk.rooms[session_id].followers) == 1
        await asyncio.gather(*(socket.close() for socket in sockets))


async def test_a_client_that_does_not_read_is_closed_and_others_go_on():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        server = desk.client.server
        _, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
        handshake = (
            f"GET /ws?session_id={session_id} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        writer.write(handshake.encode())
        async with desk.socket(session_id) as good:
            await good.until("connected")
            while len(desk.sockets._open) < 2:
                await asyncio.sleep(0.01)
            room.ask()
            room.start()
            for _ in range(400):
                room.say("x" * 100_000)
                await good.until("text")
                if len(desk.sockets._open) == 1 or any(outbox.closing for outbox in desk.sockets._open):
                    break
            else:
                raise AssertionError("the client that does not read was kept")
            room.complete("Short.")
            assert (await good.until("complete"))["message"]["content"] == "Short."
            async with asyncio.timeout(5):
                while len(desk.sockets._open) > 1:
                    await asyncio.sleep(0.05)
        writer.transport.abort()


async def test_an_outbox_that_is_full_says_goodbye():
    class Stuck:
        def __init__(self):
            self.sent, self.code = 0, None

        async def send_frame(self, data, kind):
            if kind is WSMsgType.CLOSE:
                self.code = int.from_bytes(data[:2], "big")
                outbox.end()
            else:
                self.sent += 1
                await asyncio.Event().wait()

    stuck = Stuck()
    outbox = Outbox(stuck, None)
    writing = asyncio.create_task(outbox.write())
    for _ in range(outbox_module.MOST_FRAMES + 10):
        outbox.offer(b"x")
        await asyncio.sleep(0)
    await asyncio.wait_for(writing, 2)
    assert (stuck.sent, stuck.code) == (1, 1013)
    await asyncio.wait_for(outbox.flush(), 1)
