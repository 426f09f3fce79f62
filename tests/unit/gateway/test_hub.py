"""Hubs: joining, resuming, catching up, and acknowledgement before start."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from libs.contracts.errors import NotFound, Unavailable
from libs.runtime.ids import mint
from services.gateway.app import hubs as hubs_module
from services.gateway.app.chat import Chat
from services.gateway.app.conversation import WAITING_MESSAGES, Conversation
from services.gateway.app.participant import Participant
from services.gateway.app.platform import Statistics
from services.gateway.domain.limits import Limits
from services.gateway.domain.position import Position, session_tag

from .fakes import NOW, TENANT, Desk, Screen, clock, free, running_hubs


@asynccontextmanager
async def client(hubs, room, cursor=None, name="client_1", operator=None):
    """A connected client: its screen, and the hub that it shares."""
    screen = Screen()
    participant = Participant(screen, name, clock, operator)
    async with hubs.joined(room.session_id) as hub:
        await hub.join(participant, cursor)
        screen.participant, screen.hub = participant, hub
        try:
            yield screen
        finally:
            hub.leave(participant)


@asynccontextmanager
async def talking(desk, hubs, room, name="client_1", operator=None):
    """A client that can send."""
    chat = Chat(desk, hubs, Statistics(NOW), free(), tenant=TENANT, mint=mint, now=clock, send_timeout=1)
    async with asyncio.TaskGroup() as tasks, client(hubs, room, None, name, operator) as screen:
        screen.conversation = Conversation(chat, screen.hub, screen.participant, tasks.create_task, Limits())
        yield screen


async def until(condition, timeout=3.0):
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_whole_answer_reaches_everybody_once():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs:
        async with client(hubs, room) as one, client(hubs, room) as two:
            assert len(room.followers) == 1
            room.ask()
            answer = room.answer()
            for screen in (one, two):
                kinds = [kind for kind in screen.types if kind != "text"]
                assert kinds == ["connected", "message_added", "start", "status", "complete"]
                assert screen.joined == answer.content == screen.of("complete")[0]["message"]["content"]
                assert all(frame["timestamp"].endswith("Z") for frame in screen.frames)
                assert all("cursor" in frame for frame in screen.frames)
        await until(lambda: room.followers == [])
        assert len(hubs) == 0


async def test_an_unknown_session_is_not_followed():
    desk = Desk()
    async with running_hubs(desk) as hubs:
        for _ in range(2):
            with pytest.raises(NotFound):
                async with hubs.joined(mint("sess")):
                    pass
        assert len(hubs) == 0


async def test_what_happens_while_a_hub_opens_is_not_lost():
    desk = Desk()
    room = desk.room()

    async def meanwhile():
        if not room.messages:
            room.ask()
            room.start()
            room.say("Hello")

    desk.before_reply["events_after"] = meanwhile
    async with running_hubs(desk) as hubs, client(hubs, room) as screen:
        room.say(" world")
        room.complete()
        assert screen.joined == "Hello world"
        assert screen.types.count("start") == screen.types.count("complete") == 1


async def test_a_client_that_comes_in_the_middle_gets_start_and_the_text_so_far():
    desk = Desk()
    room = desk.room()
    room.ask()
    room.start()
    room.say("Hello")
    async with running_hubs(desk) as hubs, client(hubs, room) as first:
        room.say(" wor")
        async with client(hubs, room) as second:
            assert second.types == ["connected", "start", "text"]
            room.say("ld")
            room.complete()
            assert first.joined == second.joined == "Hello world"
    assert len(desk.snapshots) == 1


async def test_lost_messages_are_caught_up():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room) as screen:
        room.muted = True
        room.ask()
        room.start()
        room.say("Hel")
        room.muted = False
        room.say("lo")
        await until(lambda: screen.joined == "Hello")
        room.muted = True
        room.complete()
        room.muted = False
        room.ask("Another")
        await until(lambda: "complete" in screen.types)
        kinds = [kind for kind in screen.types if kind != "text"]
        assert kinds == ["connected", "message_added", "start", "complete", "message_added"]


async def test_a_reconnected_bus_makes_every_hub_look():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room) as screen:
        room.muted = True
        room.ask()
        room.answer()
        hubs.reconnected()
        await until(lambda: "complete" in screen.types)


async def test_an_open_turn_is_looked_after_so_that_a_lost_last_frame_hangs_nobody():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room) as screen:
        room.ask()
        hub = screen.hub
        assert not hub.is_due(asyncio.get_running_loop().time())
        assert hub.is_due(asyncio.get_running_loop().time() + 6)
        room.muted = True
        room.answer()
        await hub.catch_up()
        assert screen.types[-1] == "complete"
        assert not hub.is_due(asyncio.get_running_loop().time() + 600)


async def test_the_answer_to_a_decision_is_looked_after_too():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room) as screen:
        assert not screen.hub.is_due(asyncio.get_running_loop().time() + 6)
        room.decide()
        assert screen.of("message_added")[0]["message"]["role"] == "system"
        assert screen.hub.is_due(asyncio.get_running_loop().time() + 6)
        room.muted = True
        room.answer()
        await screen.hub.catch_up()
        assert screen.types[-1] == "complete"
        assert not screen.hub.is_due(asyncio.get_running_loop().time() + 600)


async def test_catch_ups_do_not_repeat_while_the_text_cannot_be_had():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room) as screen:
        room.ask()
        room.start()
        desk.faults["snapshot"] = Unavailable("agent_unavailable", "gone")
        room.muted = True
        room.say("lost")
        room.muted = False
        asked = len(room.asked_after)
        for _ in range(50):
            room.say("x")
            await asyncio.sleep(0.004)
        assert len(room.asked_after) - asked <= 2
        room.complete()
        assert screen.joined == room.said


async def test_resume_at_every_cursor_gives_exactly_the_rest():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs:
        async with client(hubs, room) as screen:
            for content in ("One. Two.", "Three."):
                room.ask()
                room.answer(content)
            room.ask()
            room.start()
            room.say("Fou")
            seen = list(screen.frames)
        for cut in range(1, len(seen) + 1):
            async with client(hubs, room, seen[cut - 1]["cursor"]) as again:
                rest = again.frames[1:]
                assert again.frames[0]["resumed"] is True
                if seen[cut - 1]["type"] != "status":
                    assert [squeeze(frame) for frame in merged(rest)] == [
                        squeeze(frame) for frame in merged(seen[cut:]) if frame["type"] != "status"
                    ]


def merged(frames):
    """Frames with neighbouring pieces of text as one: how text is cut is not promised."""
    out = []
    for frame in frames:
        if frame["type"] == "status":
            continue
        if out and frame["type"] == out[-1]["type"] == "text":
            out[-1] = {**out[-1], "content": out[-1]["content"] + frame["content"]}
        else:
            out.append(frame)
    return out


def squeeze(frame):
    return {key: value for key, value in frame.items() if key not in {"cursor", "timestamp"}}


async def test_resume_on_a_replica_that_knows_less_text():
    desk = Desk()
    room = desk.room()
    room.ask()
    room.start()
    room.say("Hello")
    async with running_hubs(desk) as hubs, client(hubs, room) as screen:
        cursor = screen.frames[-1]["cursor"]
    desk.faults["snapshot"] = Unavailable("agent_unavailable", "gone")
    async with running_hubs(desk) as hubs, client(hubs, room, cursor) as again:
        assert again.types == ["connected", "start"]
        room.complete()
        assert again.joined == "Hello"


async def test_a_cursor_that_leads_nowhere_is_told_and_ignored():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs:
        tag = session_tag(room.session_id)
        for cursor in ("rubbish", Position(99).cursor(tag), Position(1).cursor(session_tag(mint("sess")))):
            async with client(hubs, room, cursor) as screen:
                assert screen.types == ["connected", "error"]
                assert screen.frames[0]["resumed"] is False
                assert screen.frames[1]["code"] == "invalid_cursor"


async def test_a_hub_that_is_behind_catches_up_with_the_clients_cursor():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room) as first:
        room.muted = True
        room.ask()
        room.answer()
        async with client(hubs, room, Position(len(room.log)).cursor(session_tag(room.session_id))) as second:
            assert second.types == ["connected"]
            assert second.frames[0]["resumed"] is True
            assert first.types[-1] == "complete"


async def test_hubs_refuse_when_they_are_not_run():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs:
        pass
    with pytest.raises(Unavailable):
        async with hubs.joined(room.session_id):
            pass
    assert hubs_module.Hubs.__len__(hubs) == 0


# --- sending


async def test_acknowledged_comes_before_start_when_the_event_overtakes_the_reply():
    desk = Desk()
    room = desk.room()
    desk.script = lambda room: room.answer()
    async with running_hubs(desk) as hubs, talking(desk, hubs, room) as screen:
        screen.conversation.receive(b'{"type":"message","content":" Hi ","client_message_id":"m1"}')
        await until(lambda: "complete" in screen.types)
        await asyncio.sleep(0.02)
        assert [kind for kind in screen.types if kind != "text"] == [
            "connected", "acknowledged", "start", "status", "complete",
        ]  # fmt: skip
        receipt = screen.of("acknowledged")[0]
        assert (receipt["client_message_id"], receipt["seq"], receipt["duplicate"]) == ("m1", 1, False)
        assert receipt["message_id"] == room.messages[0].id
        assert room.messages[0].content == "Hi"


async def test_acknowledged_comes_once_when_the_reply_overtakes_the_event():
    desk = Desk()
    room = desk.room()
    room.muted = True
    async with running_hubs(desk) as hubs, talking(desk, hubs, room) as screen, client(hubs, room) as other:
        screen.conversation.receive(b'{"type":"message","content":"Hi"}')
        await until(lambda: "acknowledged" in screen.types)
        room.muted = False
        await screen.hub.catch_up()
        assert screen.types == ["connected", "acknowledged"]
        assert other.types == ["connected", "message_added"]
        assert screen.of("acknowledged")[0]["client_message_id"]


async def test_a_repeated_message_is_acknowledged_as_a_duplicate_each_time():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, talking(desk, hubs, room) as screen:
        for _ in range(3):
            screen.conversation.receive(b'{"type":"message","content":"Hi","client_message_id":"m1"}')
        await until(lambda: screen.types.count("acknowledged") == 3)
        await asyncio.sleep(0.02)
        assert [frame["duplicate"] for frame in screen.of("acknowledged")] == [False, True, True]
        assert len(room.messages) == 1


async def test_messages_are_stored_in_the_order_in_which_they_were_sent():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, talking(desk, hubs, room) as screen:
        for number in range(WAITING_MESSAGES + 3):
            screen.conversation.receive(b'{"type":"message","content":"%d"}' % number)
        await until(lambda: screen.types.count("acknowledged") >= WAITING_MESSAGES)
        contents = [row.content for row in room.messages]
        assert contents == sorted(contents, key=int)
        assert {frame["code"] for frame in screen.of("error")} == {"too_many_messages"}


async def test_a_refused_message_is_told_and_the_conversation_goes_on():
    desk = Desk()
    room = desk.room()
    room.set_status("ended")
    async with running_hubs(desk) as hubs, talking(desk, hubs, room) as screen:
        screen.conversation.receive(b'{"type":"message","content":"Hi"}')
        await until(lambda: "error" in screen.types)
        screen.conversation.receive(b'{"type":"ping","id":7}')
        assert screen.frames[0]["status"] == "ended"
        assert screen.of("error")[0]["code"] == "session_ended"
        assert screen.of("pong")[0]["id"] == 7
