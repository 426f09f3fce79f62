"""What the gateway says over a WebSocket, over a desk in memory."""

import asyncio
import socket

import msgspec
import pytest

from libs.contracts.errors import Unavailable
from libs.contracts.session import OpenTurn
from libs.runtime.ids import mint
from tests.chaos.wire import CLOSE, Closed, Wire, frame
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
        assert desk.connections.of_session(session_id) == 0


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
    sent = [
        "{", "[]", "{}", '{"type":"dance"}', '{"type":"typing","isTyping":1}', '{"type":"cancel","turn_id":[]}',
        '{"type":"cancel","turn_id":"other"}', '{"type":"message","content":5}', '{"type":"message","content":" "}',
        '{"type":"message","content":"a","attachments":[{}]}',
    ]  # fmt: skip
    async with gateway() as desk, desk.socket(await desk.session()) as talk:
        for text in sent:
            await talk.socket.send_str(text)
        await talk.socket.send_bytes(b'{"type":"ping"}')
        await talk.socket.send_json({"type": "ping", "id": "p"})
        assert (await talk.until("pong"))["id"] == "p"
        assert [frame["code"] for frame in talk.frames if frame["type"] == "error"] == [
            "invalid_json", "invalid_frame", "invalid_frame", "unknown_type", "invalid_frame", "invalid_frame",
            "turn_not_found", "invalid_frame", "invalid_message", "invalid_attachment", "binary_frame",
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
            await desk.connections.drain(1.0)
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


# --- those who do not read, do not answer, or say nothing


class Deaf:
    """A client that opens a socket and then reads nothing, or only when told to."""

    @classmethod
    async def at(cls, desk, session_id):
        self, server = cls(), desk.client.server
        # What the kernel takes for it must not hide that it does not read.
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plug, (server.host, server.port))
        self.reader, self.writer = await asyncio.open_connection(sock=plug, limit=1024)
        handshake = (
            f"GET /ws?session_id={session_id} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self.writer.write(handshake.encode())
        while await self.reader.readline() != b"\r\n":
            pass
        return self

    async def frame(self):
        """Read one frame."""
        kind, length = await self.reader.readexactly(2)
        if length >= 126:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        data = await self.reader.readexactly(length)
        return msgspec.json.decode(data) if kind == 0x81 else None


async def test_a_client_that_reads_too_late_is_led_on_with_a_resync_and_others_miss_nothing():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        deaf = await Deaf.at(desk, session_id)
        async with desk.socket(session_id) as good:
            await good.until("connected")
            while len(desk.connections) < 2:
                await asyncio.sleep(0.01)
            room.ask("before")
            await good.until("message_added")
            for number in range(400):
                room.ask(str(number) + "x" * 4000)
                await good.until("message_added")
            room.turn = OpenTurn(turn_id=mint("turn"), attempt=0)
            room.start()
            room.say("Hello")
            await good.until("text")
            frames = [await asyncio.wait_for(deaf.frame(), 3)]
            while frames[-1] is None or frames[-1]["type"] != "text":
                frames.append(await asyncio.wait_for(deaf.frame(), 3))
            types = [frame["type"] for frame in frames if frame]
            assert types[types.index("resync") :] == ["resync", "session_updated", "start", "text"]
            shown = [frame["message"]["seq"] for frame in frames if frame and frame["type"] == "message_added"]
            [resync] = [frame for frame in frames if frame and frame["type"] == "resync"]
            assert shown == list(range(1, resync["seq"]))
            assert 1 < resync["seq"] <= 401
            assert frames[-1]["content"] == "Hello"
            room.complete()
            assert (await good.until("complete"))["message"]["content"] == "Hello"
            while (frame := await asyncio.wait_for(deaf.frame(), 3))["type"] != "complete":
                pass
            assert frame["message"]["content"] == "Hello"
        deaf.writer.transport.abort()


async def test_a_client_that_answers_no_ping_is_found_gone():
    async with gateway(heartbeat_s=0.4) as desk:
        session_id = await desk.session()
        # It reads and never answers: the other end of a connection that is only half there.
        deaf = await Deaf.at(desk, session_id)
        async with desk.socket(session_id, heartbeat=None) as good:
            await good.until("connected")
            assert len(desk.connections) == 2
            reading = asyncio.create_task(good.until("pong"))
            async with asyncio.timeout(3):
                while len(desk.connections) > 1:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(1)
            assert len(desk.connections) == 1
            await good.socket.send_json({"type": "ping"})
            await reading
            assert len(desk.desk.rooms[session_id].followers) == 1
        deaf.writer.transport.abort()


async def test_an_idle_client_is_told_and_closed():
    async with gateway(idle_s=0.6, heartbeat_s=0.2) as desk:
        session_id = await desk.session()
        async with desk.socket(session_id) as silent, desk.socket(session_id) as speaking:
            await speaking.until("connected")
            closing = asyncio.create_task(silent.closed())
            for number in range(10):
                await asyncio.sleep(0.15)
                await speaking.socket.send_json({"type": "ping", "id": number})
                await speaking.until("pong")
            assert await closing == 4408
            assert (silent.frames[-1]["code"], silent.frames[-1]["retryable"]) == ("idle_timeout", True)
            assert not speaking.socket.closed


async def test_typing_is_shown_to_the_other_sockets_and_ends_with_the_writers():
    async with gateway() as desk:
        session_id = await desk.session()
        async with desk.socket(session_id) as reader:
            await reader.until("connected")
            async with desk.socket(session_id) as writer:
                client_id = (await writer.until("connected"))["client_id"]
                await writer.socket.send_json({"type": "typing"})
                typing = await reader.until("user_typing")
                assert (typing["client_id"], typing["is_typing"], typing["role"]) == (client_id, True, "user")
            typing = await reader.until("user_typing")
            assert (typing["client_id"], typing["is_typing"]) == (client_id, False)


async def test_cancel_stops_the_answer_for_all_sockets():
    async with gateway() as desk:
        session_id = await desk.session()
        desk.desk.script = lambda room: (room.start(), room.say("Hel"))
        async with desk.socket(session_id) as one, desk.socket(session_id) as two:
            await two.until("connected")
            await one.socket.send_json({"type": "message", "content": "Hi"})
            await one.until("text")
            await two.until("text")
            await two.socket.send_json({"type": "cancel"})
            for talk in (one, two):
                cancelled = await talk.until("cancelled")
                assert (cancelled["message"]["content"], cancelled["message"]["status"]) == ("Hel", "cancelled")
            await two.socket.send_json({"type": "cancel"})
            assert (await two.until("error"))["code"] == "nothing_to_cancel"


@pytest.mark.parametrize("begins", ["gateway", "client"])
async def test_each_side_says_goodbye_once_and_then_the_connection_ends(begins):
    """A browser takes a second close frame for a fault, and shows its page 1006 instead of the code."""
    async with gateway() as desk:
        session_id = await desk.session() if begins == "client" else "undefined"
        async with Wire.to(str(desk.client.make_url("/")), session_id) as wire:
            await wire.read_json()
            if begins == "client":
                await wire.send(frame((1000).to_bytes(2, "big"), CLOSE))
            with pytest.raises(Closed) as closed:
                await wire.read()
            assert closed.value.code == (1000 if begins == "client" else 4001)
            if begins == "gateway":
                await wire.send(frame((4001).to_bytes(2, "big"), CLOSE))
            async with asyncio.timeout(2):
                assert await wire.reader.read() == b""
