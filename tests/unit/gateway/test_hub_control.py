"""Hubs while people take over: operators' sockets, notes, cancelling, and clients that lost frames."""

import asyncio

import pytest

from libs.contracts.errors import Unavailable
from libs.contracts.frames import Acknowledged
from services.gateway.app.idle import IdleWatch
from services.gateway.app.participant import Participant

from .fakes import Desk, Screen, clock, running_hubs
from .test_hub import client, talking, until


async def test_a_takeover_is_told_to_everybody_and_the_agent_is_silent_from_then_on():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room) as customer, client(hubs, room, operator="Ann") as ann:
        assert (customer.frames[0]["status"], customer.frames[0]["controller"]) == ("active", "agent")
        room.ask()
        turn = room.start()
        room.say("Hel")
        room.take_over("Ann")
        room.turn, room.epoch = turn, 0
        room.say("lo")
        room.turn, room.epoch = None, 1
        for screen in (customer, ann):
            kinds = [kind for kind in screen.types if kind != "presence"]
            assert kinds == [
                "connected", "message_added", "start", "text", "cancelled", "session_updated", "session_updated",
            ]  # fmt: skip
            assert screen.of("cancelled")[0]["reason"] == "taken_over"
            assert "message" not in screen.of("cancelled")[0] or screen.of("cancelled")[0]["message"] is None
            assert [(each["controller"], each["operator"]) for each in screen.of("session_updated")] == [
                ("operator", None), ("operator", "Ann"),
            ]  # fmt: skip
        async with client(hubs, room) as later:
            assert (later.frames[0]["status"], later.frames[0]["controller"]) == ("escalated", "operator")


async def test_an_operators_messages_are_replies():
    desk = Desk()
    room = desk.room()
    async with (
        running_hubs(desk) as hubs,
        client(hubs, room) as customer,
        talking(desk, hubs, room, "client_op", "Ann") as ann,
    ):
        ann.conversation.receive(b'{"type":"message","content":"Hello","client_message_id":"r1"}')
        await until(lambda: "error" in ann.types)
        assert ann.of("error")[0]["code"] == "not_in_control"
        room.take_over("Ann")
        ann.conversation.receive(b'{"type":"message","content":" Hello ","client_message_id":"r2"}')
        await until(lambda: "acknowledged" in ann.types)
        assert ann.of("acknowledged")[0]["client_message_id"] == "r2"
        assert (room.messages[-1].role, room.messages[-1].content) == ("operator", "Hello")
        assert room.messages[-1].metadata == {"operator": "Ann"}
        assert customer.of("message_added")[0]["message"]["role"] == "operator"
        assert "message_added" not in ann.types
        ann.conversation.receive(
            b'{"type":"message","content":"Hi","attachment_ids":["att_01M7W000000000000000000000"]}'
        )
        assert ann.of("error")[-1]["code"] == "invalid_attachment"


async def test_notes_reach_operators_alone_live_and_resumed():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs:
        async with client(hubs, room) as customer, client(hubs, room, operator="Ann") as ann:
            begin = customer.frames[0]["cursor"]
            room.note("careful")
            room.ask()
            assert [kind for kind in ann.types if kind != "presence"] == ["connected", "note_added", "message_added"]
            assert ann.of("note_added")[0]["note"]["content"] == "careful"
            assert customer.types == ["connected", "message_added"]
        room.note("more")
        async with client(hubs, room, customer.frames[-1]["cursor"]) as again:
            room.ask("Another")
            assert again.types == ["connected", "message_added"]
        async with client(hubs, room, begin) as from_the_start:
            assert from_the_start.types == ["connected", "message_added", "message_added"]
            assert "careful" not in str(from_the_start.frames)
        async with client(hubs, room, begin, operator="Ann") as ann:
            kinds = ["connected", "note_added", "message_added", "note_added", "message_added"]
            assert [kind for kind in ann.types if kind != "presence"] == kinds


async def test_cancelling_stops_the_answer_and_shows_what_is_stored():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, talking(desk, hubs, room) as one, client(hubs, room) as two:
        one.conversation.receive(b'{"type":"cancel"}')
        await until(lambda: "error" in one.types)
        assert (one.of("error")[0]["code"], one.of("error")[0]["retryable"]) == ("nothing_to_cancel", False)
        room.ask()
        turn = room.start()
        room.say("Hello")
        one.conversation.receive(b'{"type":"cancel","turn_id":"turn_1"}')
        assert one.of("error")[-1]["code"] == "turn_not_found"
        one.conversation.receive(b'{"type":"cancel","turn_id":7}')
        assert one.of("error")[-1]["code"] == "invalid_frame"
        one.conversation.receive(b'{"type":"cancel","turn_id":"%s"}' % turn.turn_id.encode())
        await until(lambda: "cancelled" in two.types)
        for screen in (one, two):
            cancelled = screen.of("cancelled")[0]
            assert (cancelled["turn_id"], cancelled["attempt"], cancelled["reason"]) == (turn.turn_id, 1, "cancelled")
            assert cancelled["message"]["content"] == "Hello"
            assert screen.joined == "Hello"
        assert len(one.of("error")) == 3


async def test_a_message_and_its_cancel_are_taken_in_their_order():
    desk = Desk()
    room = desk.room()
    desk.script = lambda room: (room.start(), room.say("Hel"))
    async with running_hubs(desk) as hubs, talking(desk, hubs, room) as screen:
        screen.conversation.receive(b'{"type":"message","content":"Hi"}')
        screen.conversation.receive(b'{"type":"cancel"}')
        await until(lambda: "cancelled" in screen.types)
        assert screen.types == ["connected", "acknowledged", "start", "text", "cancelled"]


async def test_a_fault_while_cancelling_is_told():
    desk = Desk()
    room = desk.room()
    desk.faults["cancel_turn"] = Unavailable("session_unavailable", "away")
    async with running_hubs(desk) as hubs, talking(desk, hubs, room) as screen:
        screen.conversation.receive(b'{"type":"cancel"}')
        await until(lambda: "error" in screen.types)
        assert (screen.frames[-1]["code"], screen.frames[-1]["retryable"]) == ("session_unavailable", True)


# --- clients that lost frames


async def test_whoever_lost_frames_is_led_on_in_one_step():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room) as screen:
        for _ in range(2):
            room.ask()
            room.answer("Yes.")
        room.ask()
        screen.full = True
        room.start()
        room.say("Hello")
        room.take_over()
        room.turn, room.answers = None, []
        screen.full = False
        screen.on_dropped(None)
        resync, updated = screen.frames[-2:]
        assert (resync["type"], resync["seq"]) == ("resync", 6)
        assert (updated["status"], updated["controller"], updated["operator"]) == ("escalated", "operator", "Ann")
        screen.on_dropped(4)
        assert [frame["type"] for frame in screen.frames[-2:]] == ["resync", "session_updated"]
        assert screen.frames[-2]["seq"] == 4


async def test_whoever_lost_text_gets_the_running_answer_whole_and_can_resume_from_there():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs:
        async with client(hubs, room) as screen:
            room.ask()
            room.start()
            room.say("Hel")
            screen.full = True
            room.say("lo")
            screen.full = False
            screen.on_dropped(None)
            assert screen.types[-4:] == ["resync", "session_updated", "start", "text"]
            assert screen.of("resync")[0]["seq"] == 2
            room.say(" world")
            assert screen.joined == "Hello world"
        for frame in screen.frames[-5:]:
            async with client(hubs, room, frame["cursor"]) as again:
                assert again.frames[0]["resumed"] is True
                shown = (
                    again.joined if "start" in again.types else "".join(each["content"] for each in again.of("text"))
                )
                assert "Hello world".endswith(shown)
        room.complete()


@pytest.mark.parametrize("operator", [None, "Ann"])
async def test_frames_lost_while_resuming_are_told_of_when_it_is_over(operator):
    class Lossy(Screen):
        async def flush(self):
            await asyncio.sleep(0)
            if self.full:
                self.full = False
                self.on_dropped(2)

    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs:
        async with client(hubs, room) as first:
            pass
        for _ in range(30):
            room.ask()
            room.answer("Yes.")
        screen = Lossy()
        participant = Participant(screen, "client_1", clock, operator)
        async with hubs.joined(room.session_id) as hub:
            screen.full = True
            await hub.join(participant, first.frames[0]["cursor"])
            assert screen.types[:2] == ["resync", "session_updated"]
            assert screen.frames[0]["seq"] == 1
            room.ask()
            assert "message_added" in screen.types
            hub.leave(participant)


async def test_an_acknowledgement_says_which_message_it_is_of():
    # The outlet finds the message of a dropped frame by it.
    offered = []

    class Watched(Screen):
        def offer(self, data, frame=None):
            offered.append(frame)

    participant = Participant(Watched(), "client_1", clock)
    participant.send(Acknowledged(message_id="m", seq=3))
    assert offered[0].seq == 3


# --- idle clients


async def test_only_whoever_neither_spoke_nor_was_told_anything_is_let_go():
    desk = Desk()
    quiet_room, lively_room = desk.room(), desk.room()
    idle = IdleWatch(0.5)
    watching = asyncio.create_task(idle.run())
    async with (
        running_hubs(desk) as hubs,
        talking(desk, hubs, quiet_room) as speaker,
        client(hubs, quiet_room) as silent,
        client(hubs, lively_room) as listener,
    ):
        for screen in (speaker, silent, listener):
            idle.add(screen.participant)
        for _ in range(10):
            await asyncio.sleep(0.1)
            speaker.conversation.receive(b'{"type":"ping"}')
            lively_room.ask()
        assert silent.dismissed == "idle_timeout"
        assert silent.frames[-1]["code"] == "idle_timeout"
        assert (speaker.dismissed, listener.dismissed) == (None, None)
    watching.cancel()


async def test_without_a_limit_nobody_is_idle():
    await asyncio.wait_for(IdleWatch(0).run(), 1)
