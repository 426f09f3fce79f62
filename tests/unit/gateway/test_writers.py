"""Who is writing: how often it is told, for how long it holds, and who is told."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.gateway import Typing
from services.gateway.app.writers import MOST_WRITERS, Writers
from services.gateway.domain.keystrokes import Keystrokes

from .fakes import Desk, running_hubs
from .test_hub import client, talking, until


def said(name, is_typing=True, role="user"):
    return Typing(client_id=name, role=role, is_typing=is_typing)


async def test_only_what_changes_is_shown_and_silence_ends_it():
    shown = []
    writers = Writers(lambda frame: shown.append((frame.client_id, frame.is_typing)), silent_s=0.2)
    for _ in range(5):
        writers.hear(said("a"))
        await asyncio.sleep(0.08)
    assert shown == [("a", True)]
    writers.hear(said("b", role="operator"))
    assert [(frame.client_id, frame.role) for frame in writers.current()] == [("a", "user"), ("b", "operator")]
    writers.hear(said("b", is_typing=False))
    writers.hear(said("b", is_typing=False))
    await asyncio.sleep(0.3)
    assert shown == [("a", True), ("b", True), ("b", False), ("a", False)]
    assert writers.current() == []


async def test_so_many_may_write_and_no_more():
    shown = []
    writers = Writers(shown.append)
    for number in range(MOST_WRITERS + 1):
        writers.hear(said(f"c{number}"))
    assert len(shown) == len(writers.current()) == MOST_WRITERS
    writers.hear(said(f"c{MOST_WRITERS}", is_typing=False))
    assert len(shown) == MOST_WRITERS
    writers.hear(said("c0", is_typing=False))
    writers.hear(said(f"c{MOST_WRITERS}"))
    assert shown[-1].client_id == f"c{MOST_WRITERS}"
    writers.close()


@pytest.mark.parametrize(
    ("told", "passed_on"),
    [
        ([(1, 0.0), (1, 0.9), (1, 1.0), (1, 1.9), (1, 2.0)], [True, False, True, False, True]),
        ([(1, 0.0), (0, 0.1), (0, 5.0)], [True, True, False]),
        ([(0, 0.0)], [False]),
        ([(1, 0.0), (0, 0.0), (1, 0.0), (0, 0.0), (1, 0.0), (1, 1.0)], [True, True, True, True, False, True]),
    ],
)
def test_how_often_a_socket_may_tell(told, passed_on):
    keystrokes = Keystrokes()
    assert [keystrokes.take(is_typing=bool(value), time=100 + at) for value, at in told] == passed_on


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 0.5)), max_size=200))
def test_a_socket_tells_of_no_more_than_its_share(told):
    keystrokes, at, times = Keystrokes(), 100.0, []
    for is_typing, wait in told:
        at += wait
        if keystrokes.take(is_typing=is_typing, time=at):
            times.append(at)
    # Four changes at once, and from then on a change and a refresh a second at the most.
    assert len(times) <= 4 + 2 * (at - 100) + 1


async def test_typing_is_told_to_all_others_and_never_to_the_sender():
    desk = Desk()
    room = desk.room()
    async with (
        running_hubs(desk) as hubs,
        talking(desk, hubs, room, "client_a") as writer,
        client(hubs, room, name="client_b") as reader,
    ):
        for text in (
            b'{"type":"typing"}',
            b'{"type":"typing","isTyping":true}',
            b'{"type":"typing","is_typing":false}',
        ):
            writer.conversation.receive(text)
        await until(lambda: len(reader.of("user_typing")) == 2)
        assert [(frame["client_id"], frame["is_typing"], frame["role"]) for frame in reader.of("user_typing")] == [
            ("client_a", True, "user"), ("client_a", False, "user"),
        ]  # fmt: skip
        assert writer.of("user_typing") == []
        for text in (b'{"type":"typing","is_typing":1}', b'{"type":"typing","isTyping":"yes"}'):
            writer.conversation.receive(text)
        assert [frame["code"] for frame in writer.of("error")] == ["invalid_frame"] * 2


async def test_whoever_comes_later_is_told_who_is_writing():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, talking(desk, hubs, room, "client_a") as writer:
        writer.conversation.receive(b'{"type":"typing"}')
        await asyncio.sleep(0.02)
        async with client(hubs, room, name="client_b") as reader:
            assert reader.types == ["connected", "user_typing"]


async def test_a_message_and_leaving_end_it():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room, name="client_b") as reader:
        async with talking(desk, hubs, room, "client_a") as writer:
            writer.conversation.receive(b'{"type":"typing"}')
            writer.conversation.receive(b'{"type":"message","content":"Hi"}')
            await until(lambda: "message_added" in reader.types)
            writer.conversation.receive(b'{"type":"typing"}')
            await until(lambda: len(reader.of("user_typing")) == 3)
        await until(lambda: len(reader.of("user_typing")) == 4)
        assert [frame["is_typing"] for frame in reader.of("user_typing")] == [True, False, True, False]


async def test_whoever_does_not_write_announces_nothing():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs:
        async with talking(desk, hubs, room, "client_a") as writer:
            writer.conversation.receive(b'{"type":"typing","is_typing":false}')
            writer.conversation.receive(b'{"type":"message","content":"Hi"}')
            await until(lambda: "acknowledged" in writer.types)
        await asyncio.sleep(0.02)
    assert desk.announced == []
