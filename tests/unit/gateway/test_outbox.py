"""What waits for a client that is behind, and what becomes of it: joined, dropped, told of, closed."""

import asyncio
import json

import pytest

from libs.contracts.channels import encode
from libs.contracts.frames import (
    Acknowledged,
    Cancelled,
    Complete,
    Draining,
    Error,
    MessageAddedFrame,
    Pong,
    Resync,
    Start,
    Text,
)
from services.gateway.adapters.outbox import Outbox
from services.gateway.adapters.wires import event
from services.gateway.domain.backlog import (
    BEHIND_BYTES,
    BEHIND_FRAMES,
    KEPT,
    MOST_BYTES,
    MOST_FRAMES,
    Backlog,
)
from tests.unit.gateway.fakes import NOW, message

STALLED_S = 0.05


def text(content, offset=0, turn_id="turn_1", attempt=1):
    return Text(
        content=content, offset=offset, turn_id=turn_id, attempt=attempt, cursor=f"c{offset + len(content)}",
        timestamp=NOW,
    )  # fmt: skip


def answer(seq):
    return Complete(
        turn_id="turn_1", attempt=1, message=message(seq, "assistant", "x"), confidence=None, processing_time=None
    )


def add(backlog, *frames):
    for frame in frames:
        backlog.add(encode(frame), frame)


def all_of(backlog):
    frames = []
    while len(backlog):
        frames.append(json.loads(backlog.pop()[0]))
    return frames


def pieces(count, length=1):
    return [text(chr(97 + number % 26) * length, number * length) for number in range(count)]


# --- joining


def test_text_is_joined_only_beyond_the_bound_of_frames():
    backlog = Backlog()
    add(backlog, *pieces(BEHIND_FRAMES + 1))
    assert len(backlog) == BEHIND_FRAMES + 1
    add(backlog, *pieces(BEHIND_FRAMES + 100)[BEHIND_FRAMES + 1 :])
    assert len(backlog) == BEHIND_FRAMES + 1
    frames = all_of(backlog)
    assert "".join(frame["content"] for frame in frames) == "".join(
        each.content for each in pieces(BEHIND_FRAMES + 100)
    )
    joined = frames[-1]
    assert (joined["offset"], joined["cursor"]) == (BEHIND_FRAMES, f"c{BEHIND_FRAMES + 100}")
    assert (joined["turn_id"], joined["attempt"], joined["type"]) == ("turn_1", 1, "text")


@pytest.mark.parametrize(("more", "joined"), [(0, False), (1, True)])
def test_text_is_joined_beyond_the_bound_of_bytes(more, joined):
    backlog = Backlog()
    first = text("")
    length = BEHIND_BYTES + more - len(encode(text("", 0)))
    first = text("x" * length)
    first = text("x" * (length - (len(encode(first)) - BEHIND_BYTES - more)))
    assert len(encode(first)) == BEHIND_BYTES + more
    add(backlog, first, text("y", len(first.content)))
    assert len(backlog) == (1 if joined else 2)


def test_only_text_that_goes_on_is_joined():
    backlog = Backlog()
    add(backlog, *pieces(BEHIND_FRAMES + 1))
    end = BEHIND_FRAMES + 1
    apart = [
        text("a", 0, attempt=2), text("b", 0, turn_id="turn_2"), text("c", 5, turn_id="turn_2"), Pong(),
        text("d", end), Start(turn_id="turn_3", attempt=1), text("e", 0, turn_id="turn_3"),
    ]  # fmt: skip
    add(backlog, *apart)
    assert len(backlog) == end + len(apart)
    assert [frame.get("content") for frame in all_of(backlog)[end:]] == ["a", "b", "c", None, "d", None, "e"]


def test_joined_text_is_whole_however_many_pieces_it_has():
    backlog = Backlog()
    every = [text(f"ä{number}\n", 0) for number in range(3000)]
    offset = 0
    for frame in every:
        frame.offset, offset = offset, offset + len(frame.content)
    add(backlog, *every)
    assert "".join(frame["content"] for frame in all_of(backlog)) == "".join(each.content for each in every)
    assert len(backlog) == 0
    assert not backlog.is_behind


# --- dropping


def test_beyond_the_bound_of_frames_all_is_dropped():
    backlog = Backlog()
    add(backlog, *(Pong(id=number) for number in range(MOST_FRAMES)))
    assert (len(backlog), backlog.dropped) == (MOST_FRAMES, False)
    add(backlog, Pong(id="one too many"))
    assert (len(backlog), backlog.dropped, backlog.lowest_seq) == (0, True, None)


def test_joined_text_counts_as_one_frame():
    backlog = Backlog()
    add(backlog, *pieces(4 * MOST_FRAMES))
    assert not backlog.dropped


@pytest.mark.parametrize(("more", "dropped"), [(0, False), (1, True)])
def test_beyond_the_bound_of_bytes_all_is_dropped(more, dropped):
    backlog = Backlog()
    backlog.add(b"x" * (MOST_BYTES // 2))
    backlog.add(b"x" * (MOST_BYTES - MOST_BYTES // 2 + more))
    assert backlog.dropped is dropped


def test_joined_text_has_the_same_bound_of_bytes():
    backlog = Backlog()
    taken = 0
    for frame in pieces(MOST_BYTES // 1000 + BEHIND_FRAMES, 1000):
        add(backlog, frame)
        if backlog.dropped:
            break
        taken += 1000
    assert backlog.dropped
    assert taken > 0.9 * MOST_BYTES


def test_a_frame_beyond_the_bound_is_taken_where_nothing_waits():
    backlog = Backlog()
    backlog.add(b"x" * (2 * MOST_BYTES))
    assert (len(backlog), backlog.dropped) == (1, False)
    backlog.add(b"y")
    assert backlog.dropped


@pytest.mark.parametrize(
    ("frames", "lowest"),
    [
        ([text("a"), Pong()], None),
        ([Acknowledged(message_id="m", seq=4), answer(5)], 4),
        ([answer(7), MessageAddedFrame(message=message(6, "user", "x"))], 6),
        ([Cancelled(turn_id="t", reason="cancelled", message=message(3, "assistant", ""))], 3),
        ([Cancelled(turn_id="t", reason="superseded")], None),
    ],
)
def test_the_lowest_message_among_the_dropped_is_known(frames, lowest):
    before, after = Backlog(), Backlog()
    add(before, *frames)
    add(before, *(Pong() for _ in range(MOST_FRAMES + 1 - len(frames))))
    add(after, *(Pong() for _ in range(MOST_FRAMES + 1)))
    add(after, *frames)
    for backlog in (before, after):
        assert (backlog.dropped, backlog.lowest_seq) == (True, lowest)


def test_what_nothing_stored_tells_of_is_kept_but_not_without_end():
    backlog = Backlog()
    add(backlog, Error(code="early", message="x"), *(Pong() for _ in range(MOST_FRAMES)))
    add(backlog, Error(code="turn_failed", message="x", turn_id="turn_1"), Draining(retry_after_ms=1), text("x"))
    assert [type(frame) for _, frame in backlog.recover()] == [Error, Draining]
    assert (backlog.dropped, backlog.recover()) == (False, [])
    add(backlog, *(Pong() for _ in range(MOST_FRAMES + 1)), *(Error(code=str(n), message="") for n in range(KEPT + 5)))
    assert [frame.code for _, frame in backlog.recover()] == [str(number) for number in range(5, KEPT + 5)]


# --- the outbox, over a wire that takes what it is told to take


class StubWire:
    """Takes frames while it is open."""

    def __init__(self):
        self.frames, self.goodbye, self.aborted = [], None, False
        self.open = asyncio.Event()
        self.open.set()
        self.left = 0
        self.lost = False

    @property
    def has_room(self):
        return self.open.is_set()

    def put(self, data, frame):
        self.frames.append(json.loads(data))

    async def drained(self):
        await self.open.wait()
        if self.lost:
            raise ConnectionResetError

    def waiting(self):
        return self.left

    def say_goodbye(self, code, reason):
        self.goodbye = code

    def abort(self):
        self.aborted = True

    @property
    def kinds(self):
        return [frame["type"] for frame in self.frames]


class Setting:
    def __init__(self, tasks):
        self.spawned = 0
        self.wire = StubWire()

        def spawn(work):
            self.spawned += 1
            return tasks.create_task(work)

        self.outbox = Outbox(self.wire, spawn, stalled_s=STALLED_S, close_s=STALLED_S)

    def offer(self, *frames):
        for frame in frames:
            self.outbox.offer(encode(frame), frame)


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def setting():
    async with asyncio.TaskGroup() as tasks:
        opened = Setting(tasks)
        yield opened
        opened.outbox.end()
        opened.wire.open.set()


async def test_frames_go_straight_onto_a_wire_with_room_and_start_no_task(setting):
    setting.offer(Pong(id=1), text("a"))
    assert setting.wire.kinds == ["pong", "text"]
    assert setting.spawned == 0
    await asyncio.wait_for(setting.outbox.flush(), 1)


async def test_frames_wait_for_room_in_their_order_and_one_task_writes_them(setting):
    setting.wire.open.clear()
    setting.offer(*(Pong(id=number) for number in range(10)))
    flushed = asyncio.create_task(setting.outbox.flush())
    await turns()
    assert (setting.wire.frames, setting.spawned, flushed.done()) == ([], 1, False)
    setting.wire.open.set()
    await asyncio.wait_for(flushed, 1)
    setting.offer(Pong(id=10))
    assert [frame["id"] for frame in setting.wire.frames] == list(range(11))
    assert setting.spawned == 1


async def test_after_a_drop_the_first_word_is_that_of_whoever_was_told(setting):
    told = []

    def on_dropped(seq):
        told.append(seq)
        setting.offer(Resync(seq=seq), Start(turn_id="turn_1", attempt=1))

    setting.outbox.on_dropped = on_dropped
    setting.wire.open.clear()
    setting.offer(answer(8), *(Pong() for _ in range(MOST_FRAMES)), answer(9), Error(code="kept", message=""))
    await turns()
    assert told == []
    setting.wire.open.set()
    await asyncio.wait_for(setting.outbox.flush(), 1)
    setting.offer(Pong())
    assert told == [8]
    assert setting.wire.kinds == ["resync", "start", "error", "pong"]


async def test_a_goodbye_comes_after_what_waits(setting):
    setting.wire.open.clear()
    setting.offer(Pong(), Error(code="session_ended", message=""))
    setting.outbox.dismiss("session_ended")
    setting.offer(Pong())
    await turns()
    assert setting.wire.goodbye is None
    setting.wire.open.set()
    await asyncio.wait_for(setting.outbox.over(), 1)
    assert (setting.wire.kinds, setting.wire.goodbye) == (["pong", "error"], 4409)


async def test_the_error_before_a_goodbye_survives_a_drop(setting):
    setting.outbox.on_dropped = lambda seq: setting.offer(Resync(seq=seq or 0))
    setting.wire.open.clear()
    setting.offer(*(Pong() for _ in range(MOST_FRAMES + 1)), Error(code="session_deleted", message=""))
    setting.outbox.dismiss("session_deleted")
    setting.wire.open.set()
    await asyncio.wait_for(setting.outbox.over(), 1)
    assert (setting.wire.kinds, setting.wire.goodbye) == (["resync", "error"], 4409)


async def test_a_goodbye_without_anything_waiting_is_said_at_once(setting):
    assert not setting.outbox.closing
    setting.outbox.close(1012, "service restart")
    assert (setting.outbox.closing, setting.wire.goodbye, setting.spawned) == (True, 1012, 0)
    setting.outbox.close(1011, "late")
    assert setting.wire.goodbye == 1012
    await asyncio.wait_for(setting.outbox.over(), 1)


async def test_a_client_that_takes_nothing_is_closed(setting):
    setting.wire.open.clear()
    setting.wire.left = 1000
    setting.offer(Pong())
    await asyncio.wait_for(setting.outbox.over(), 20 * STALLED_S)
    assert (setting.wire.goodbye, setting.wire.frames) == (1013, [])
    setting.offer(Pong())
    assert setting.wire.frames == []


async def test_a_client_that_takes_little_is_kept(setting):
    setting.wire.open.clear()
    setting.wire.left = 1000
    setting.offer(Pong())
    for _ in range(8):
        await asyncio.sleep(STALLED_S / 2)
        setting.wire.left -= 1
    assert setting.wire.goodbye is None
    setting.wire.open.set()
    await asyncio.wait_for(setting.outbox.flush(), 1)
    assert setting.wire.kinds == ["pong"]


async def test_after_a_goodbye_a_client_is_kept_while_it_takes_what_was_said(setting):
    setting.wire.left = 1000
    setting.outbox.close(1000, "")
    for _ in range(8):
        await asyncio.sleep(STALLED_S / 2)
        setting.wire.left -= 1
    assert not setting.wire.aborted
    await asyncio.sleep(3 * STALLED_S)
    assert setting.wire.aborted


async def test_a_client_that_does_not_answer_a_goodbye_is_left(setting):
    setting.outbox.close(1000, "")
    await asyncio.sleep(3 * STALLED_S)
    assert setting.wire.aborted


async def test_a_client_that_answers_a_goodbye_is_not_aborted(setting):
    setting.outbox.close(1000, "")
    setting.outbox.end()
    await asyncio.sleep(3 * STALLED_S)
    assert not setting.wire.aborted


async def test_what_is_left_at_the_end_is_not_kept_for_ever(setting):
    setting.wire.left = 1000
    setting.outbox.end()
    await asyncio.sleep(3 * STALLED_S)
    assert setting.wire.aborted


async def test_a_client_that_is_gone_ends_everything(setting):
    setting.wire.open.clear()
    setting.offer(Pong())
    waiting = [asyncio.create_task(setting.outbox.flush()), asyncio.create_task(setting.outbox.over())]
    await turns()
    setting.wire.lost = True
    setting.wire.open.set()
    await asyncio.wait_for(asyncio.gather(*waiting), 1)
    assert (setting.wire.frames, setting.wire.goodbye) == ([], None)


# --- server-sent events


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (None, b"data: {}\n\n"),
        (Pong(), b"data: {}\n\n"),
        (text("abc"), b"id: c3\ndata: {}\n\n"),
        (Draining(retry_after_ms=1500), b"retry: 1500\ndata: {}\n\n"),
    ],
)
def test_a_frame_as_an_event(frame, expected):
    assert event(b"{}", frame) == expected
