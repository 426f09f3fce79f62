"""Which frames follow from what happened, by examples."""

import msgspec
import pytest

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.agent import Snapshot, TurnFrame
from libs.contracts.frames import (
    Cancelled,
    Complete,
    Error,
    MessageAddedFrame,
    NoteAddedFrame,
    SessionUpdated,
    Sources,
    Start,
    Status,
    Text,
)
from libs.contracts.knowledge import Source
from libs.contracts.operators import ControlChanged, Note, NoteAdded
from services.gateway.domain.position import Position, read_cursor
from services.gateway.domain.projection import HELD_EVENTS, HELD_FRAMES, Projection

from .fakes import NOW, message, record, text

T = "turn_1"


def started(ev_seq, turn=T, attempt=1, epoch=0):
    payload = told.TurnStarted(turn_id=turn, attempt=attempt, epoch=epoch, agent_id="a", answers_seq=[1])
    return record(ev_seq, bus_map.TURN_STARTED, payload)


def completed(ev_seq, content, turn=T, attempt=1, ticket=None):
    row = message(2, "assistant", content, turn_id=turn, confidence=0.8, processing_time=1.5)
    payload = told.TurnCompleted(turn_id=turn, attempt=attempt, answers_seq=[1], message=row, ticket=ticket)
    return record(ev_seq, bus_map.TURN_COMPLETED, payload)


def failed(ev_seq, apology="Sorry", attempt=5):
    row = message(2, "assistant", apology, turn_id=T, status="failed", confidence=0.0)
    payload = told.TurnFailed(turn_id=T, attempt=attempt, answers_seq=[1], code="model_failed", message=row)
    return record(ev_seq, bus_map.TURN_FAILED, payload)


def added(ev_seq, role="user", **fields):
    return record(ev_seq, bus_map.MESSAGE_ADDED, told.MessageAdded(message(1, role, "Hi", **fields)))


def shown(frames):
    """Frames in short: texts as they are, others by their kind."""
    return [frame.content if isinstance(frame, Text) else type(frame).__name__ for frame in frames]


def running(*pieces, attempt=1):
    view = Projection()
    view.apply_event(started(1, attempt=attempt))
    for piece in pieces:
        view.apply_turn_frame(text(T, attempt, view.position.offset, piece))
    return view


def test_an_answer_in_order():
    view = Projection()
    frames = view.apply_event(added(1)) + view.apply_event(started(2))
    frames += view.apply_turn_frame(text(T, 1, 0, "Hello ")) + view.apply_turn_frame(text(T, 1, 6, "world"))
    frames += view.apply_event(completed(3, "Hello world"))
    assert shown(frames) == ["MessageAddedFrame", "Start", "Hello ", "world", "Complete"]
    assert [frame.offset for frame in frames if isinstance(frame, Text)] == [0, 6]
    assert not view.behind
    complete = frames[-1]
    assert isinstance(complete, Complete)
    assert (complete.confidence, complete.processing_time, complete.requires_escalation) == (0.8, 1.5, False)


def test_a_completion_that_overtakes_text_brings_the_missing_suffix():
    view = running("Hel")
    frames = view.apply_event(completed(2, "Hello"))
    assert shown(frames) == ["lo", "Complete"]
    assert isinstance(frames[0], Text)
    assert frames[0].offset == 3
    assert view.apply_turn_frame(text(T, 1, 3, "lo")) == []
    assert not view.behind


def test_a_stored_answer_that_is_not_what_was_shown_is_shown_anew():
    assert shown(running("Hullo").apply_event(completed(2, "Hello"))) == ["Start", "Hello", "Complete"]
    assert shown(running("Hello ").apply_event(completed(2, "Hello"))) == ["Start", "Hello", "Complete"]


def test_a_completion_by_another_attempt_begins_it():
    frames = running("Hel").apply_event(completed(2, "Hello", attempt=2))
    assert shown(frames) == ["Start", "Hello", "Complete"]
    assert isinstance(frames[0], Start)
    assert frames[0].attempt == 2


def test_an_empty_answer_has_no_text_frame():
    assert shown(running().apply_event(completed(2, ""))) == ["Complete"]


def test_a_failed_turn_says_so_and_shows_the_apology():
    assert shown(running(attempt=5).apply_event(failed(2))) == ["Error", "Sorry", "Complete"]
    frames = running("I thi", attempt=5).apply_event(failed(2))
    assert shown(frames) == ["Error", "Start", "Sorry", "Complete"]
    error = frames[0]
    assert isinstance(error, Error)
    assert (error.code, error.message, error.retryable, error.turn_id) == ("model_failed", "Sorry", True, T)


TICKET = told.Ticket(
    ticket_id="tick_1", session_id="sess_1", reasons=["legal"], category="legal", priority="urgent", created_at=NOW
)


def test_an_answer_that_hands_over_says_so_before_it_is_complete():
    frames = running("Some").apply_event(completed(2, "Somebody will help.", ticket=TICKET))
    assert shown(frames) == ["Escalation", "body will help.", "Complete"]
    escalation, complete = frames[0], frames[-1]
    assert (escalation.required, escalation.reason, escalation.priority) == (True, ["legal"], "urgent")
    assert (escalation.ticket_id, escalation.category, escalation.turn_id) == ("tick_1", "legal", T)
    assert complete.requires_escalation


def test_every_frame_of_an_answer_that_hands_over_can_be_resumed_after():
    view = running("I thi", attempt=1)
    whole = view.apply_event(completed(2, "Somebody will help.", ticket=TICKET))
    assert shown(whole) == ["Escalation", "Start", "Somebody will help.", "Complete"]
    for place, frame in enumerate(whole):
        again = Projection(read_cursor(str(frame.cursor)))
        assert shown(again.apply_event(completed(2, "Somebody will help.", ticket=TICKET))) == shown(whole[place + 1 :])


def test_a_later_attempt_voids_the_text_and_late_frames_of_the_one_before():
    view = running("Hel")
    assert shown(view.apply_event(started(2, attempt=2))) == ["Start"]
    assert view.apply_turn_frame(text(T, 1, 3, "lo")) == []
    assert shown(view.apply_turn_frame(text(T, 2, 0, "Hi"))) == ["Hi"]


def test_frames_of_an_older_epoch_are_dropped():
    view = Projection()
    view.apply_event(started(1, epoch=3))
    assert view.apply_turn_frame(text(T, 1, 0, "x", epoch=2)) == []
    changed = told.SessionStatusChanged("escalated", "active", 4)
    assert isinstance(view.apply_event(record(2, bus_map.SESSION_STATUS_CHANGED, changed))[0], SessionUpdated)
    assert view.apply_turn_frame(text(T, 1, 0, "x", epoch=3)) == []
    assert not view.behind


def test_a_cancelled_turn_is_told_and_its_late_frames_are_not():
    view = running("Hel")
    payload = told.TurnCancelled(turn_id=T, attempt=1, answers_seq=[1], reason="escalated")
    assert shown(view.apply_event(record(2, bus_map.TURN_CANCELLED, payload))) == ["Cancelled"]
    assert view.apply_turn_frame(text(T, 1, 3, "lo")) == []
    assert not view.behind


def called_off(ev_seq, content=None, attempt=1, reason="cancelled"):
    row = None if content is None else message(2, "assistant", content, turn_id=T, status="cancelled")
    payload = told.TurnCancelled(turn_id=T, attempt=attempt, answers_seq=[1], reason=reason, message=row)
    return record(ev_seq, bus_map.TURN_CANCELLED, payload)


@pytest.mark.parametrize(
    ("view", "stored", "frames"),
    [
        (running("Hel"), "Hello", ["lo", "Cancelled"]),
        (running("Hello"), "Hello", ["Cancelled"]),
        (running("Hello"), "Hel", ["Start", "Hel", "Cancelled"]),
        (running("Hello"), "", ["Start", "Cancelled"]),
        (running("Hel", attempt=2), "Hello", ["Start", "Hello", "Cancelled"]),
        (running(), "", ["Cancelled"]),
        (Projection(Position(1)), "", ["Cancelled"]),
        (Projection(Position(1)), "Hello", ["Start", "Hello", "Cancelled"]),
    ],
)
def test_an_answer_that_was_cancelled_is_shown_as_far_as_it_is_stored(view, stored, frames):
    assert view.apply_event(added(2, "assistant", turn_id=T)) == []
    before = view.position
    whole = view.apply_event(called_off(3, stored))
    assert shown(whole) == frames
    cancelled = whole[-1]
    assert isinstance(cancelled, Cancelled)
    assert (cancelled.turn_id, cancelled.attempt, cancelled.reason) == (T, 1, "cancelled")
    assert cancelled.message.content == stored
    assert view.position == Position(3)
    for place, frame in enumerate(whole[:-1]):
        again = Projection(read_cursor(str(frame.cursor)))
        assert shown(again.apply_event(called_off(3, stored))) == frames[place + 1 :]
    assert shown(Projection(before).apply_event(called_off(3, stored))) == frames


def test_an_answer_that_is_void_is_cancelled_without_a_message():
    view = running("Hel")
    [cancelled] = view.apply_event(called_off(2, reason="superseded"))
    assert (cancelled.reason, cancelled.message, cancelled.attempt) == ("superseded", None, msgspec.UNSET)
    assert view.apply_turn_frame(text(T, 1, 3, "lo")) == []


def control(ev_seq, controller, operator=None, *, status="escalated", with_status=False, epoch=7):
    payload = ControlChanged(
        controller=controller, previous="nobody", epoch=epoch, status=status, operator=operator, with_status=with_status
    )
    return record(ev_seq, bus_map.CONTROL_CHANGED, payload)


@pytest.mark.parametrize(
    ("event", "frames"),
    [
        (control(1, "operator", "Ann"), [("escalated", "operator", "Ann")]),
        (control(1, "operator", "Ann", with_status=True), [("escalated", "operator", "Ann")]),
        (control(1, "nobody"), [("escalated", "nobody", None)]),
        (control(1, "nobody", with_status=True), []),
        (control(1, "agent", status="active", with_status=True), []),
    ],
)
def test_who_may_speak_is_told_once_unless_somebody_has_a_name(event, frames):
    view = Projection()
    told_frames = view.apply_event(event)
    assert [(frame.status, frame.controller, frame.operator) for frame in told_frames] == frames
    assert view.position == Position(1)


@pytest.mark.parametrize(
    ("status", "told_controller", "controller"),
    [
        ("active", None, "agent"), ("escalated", None, "nobody"), ("ended", None, "nobody"),
        ("escalated", "operator", "operator"),
    ],
)  # fmt: skip
def test_a_status_tells_who_may_speak(status, told_controller, controller):
    changed = told.SessionStatusChanged(status, "active", 1, told_controller)
    [frame] = Projection().apply_event(record(1, bus_map.SESSION_STATUS_CHANGED, changed))
    assert (frame.status, frame.controller, frame.operator) == (status, controller, None)


def test_whoever_was_told_of_a_takeover_sees_no_frame_of_an_older_epoch():
    view = running("Hel")
    view.apply_event(control(2, "operator", "Ann", epoch=1))
    assert view.apply_turn_frame(text(T, 1, 3, "lo", epoch=0)) == []
    assert not view.behind
    assert shown(view.apply_turn_frame(text(T, 1, 3, "lo", epoch=1))) == ["lo"]


def test_notes_are_frames_of_their_own_and_move_the_cursor():
    note = Note(note_id="note_1", content="n", operator="Ann", created_at=NOW)
    view = Projection()
    [frame] = view.apply_event(record(1, bus_map.NOTE_ADDED, NoteAdded(note)))
    assert isinstance(frame, NoteAddedFrame)
    assert (frame.note, frame.cursor) == (note, Position(1).cursor())


def test_events_that_come_early_wait_and_those_that_come_twice_are_dropped():
    view = Projection()
    assert view.apply_event(started(2)) == []
    assert view.behind
    assert shown(view.apply_event(added(1))) == ["MessageAddedFrame", "Start"]
    assert not view.behind
    assert view.apply_event(added(1)) == view.apply_event(started(2)) == []


def test_text_that_comes_before_its_start_waits_for_it():
    view = Projection()
    assert view.apply_turn_frame(text(T, 1, 2, "b")) == []
    assert view.apply_turn_frame(text(T, 1, 0, "aa")) == []
    assert view.behind
    assert shown(view.apply_event(started(1))) == ["Start", "aa", "b"]
    assert not view.behind


def test_text_after_a_gap_waits_for_a_snapshot():
    view = running("He")
    assert view.apply_turn_frame(text(T, 1, 4, "o")) == []
    assert view.lacks_text
    assert shown(view.apply_snapshot(Snapshot(turn_id=T, attempt=1, text="Hell"))) == ["ll", "o"]
    assert not view.behind


def test_text_that_overlaps_is_trimmed():
    view = running("Hel")
    assert view.apply_turn_frame(text(T, 1, 0, "He")) == []
    assert shown(view.apply_turn_frame(text(T, 1, 1, "ello"))) == ["lo"]


def test_offsets_count_code_points():
    view = running("👋🏽 ")
    assert view.position.offset == 3
    assert shown(view.apply_event(completed(2, "👋🏽 hé"))) == ["hé", "Complete"]


def test_a_snapshot_of_another_attempt_or_of_none_says_nothing():
    view = running("Hel", attempt=2)
    assert view.apply_snapshot(Snapshot(turn_id=T, attempt=1, text="Other")) == []
    assert view.apply_snapshot(Snapshot(turn_id=T)) == []
    assert not view.behind


def test_assistant_messages_of_a_turn_and_unknown_events_only_move_on():
    view = Projection()
    assert view.apply_event(added(1, "assistant", turn_id=T)) == []
    assert view.apply_event(record(2, bus_map.OUTBOX_READY, {"from": "the future"})) == []
    newer = started(3)
    newer = told.EventRecord(ev_seq=3, type=newer.type, time=newer.time, payload=newer.payload, version=9)
    assert view.apply_event(newer) == []
    assert view.apply_event(record(4, bus_map.TURN_STARTED, {"turn_id": 7})) == []
    assert view.position == Position(4)
    assert isinstance(view.apply_event(added(5, "operator"))[0], MessageAddedFrame)
    assert isinstance(view.apply_event(added(6, "assistant"))[0], MessageAddedFrame)


def test_status_and_sources_carry_their_turn():
    view = running()
    source = Source(content="c", metadata={}, relevance_score=0.5, rank=1)
    for frame in (Status(stage="model", message="m"), Sources(sources=[source])):
        [told_frame] = view.apply_turn_frame(TurnFrame(turn_id=T, attempt=1, epoch=0, frame=frame))
        assert (told_frame.turn_id, told_frame.attempt, told_frame.cursor) == (T, 1, view.position.cursor())


def test_what_is_held_is_bounded():
    view = Projection()
    for number in range(HELD_EVENTS * 2):
        view.apply_event(added(number + 2))
        view.apply_turn_frame(text(T, 1, number, "x"))
    assert len(view.held_frames) == HELD_FRAMES
    assert len(view.apply_event(added(1))) == HELD_EVENTS + 1


def test_held_frames_that_a_catch_up_cannot_place_are_forgotten():
    view = running("a")
    view.apply_turn_frame(text("turn_0", 1, 9, "late"))
    view.apply_turn_frame(text(T, 1, 5, "gap"))
    view.discard(view.held_frames)
    assert [held.turn_id for held in view.held_frames] == [T]


def test_every_frame_of_a_failed_turn_can_be_resumed_after():
    view = running("I thi", attempt=5)
    whole = view.apply_event(failed(2))
    for place, frame in enumerate(whole):
        again = Projection(read_cursor(str(frame.cursor)))
        assert shown(again.apply_event(failed(2))) == shown(whole[place + 1 :])


def test_a_client_adopts_what_its_hub_shows():
    hub = running("Hello")
    at_start = Projection(Position(1))
    assert shown(at_start.adopt(hub)) == ["Start", "Hello"]
    assert at_start.position == hub.position
    behind = running("He")
    assert shown(behind.adopt(hub)) == ["llo"]
    other = running("Hu")
    assert shown(other.adopt(hub)) == ["Start", "Hello"]
    ahead = running("Hello you")
    assert shown(ahead.adopt(hub)) == ["Start", "Hello"]
    assert running("Hello").adopt(hub) == []
