"""The checker passes a sound history and finds every way in which one can be broken."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.support.checker import check
from tests.support.evidence import Event, Evidence, Receipt, Sent, Shown
from tests.support.timing import Death, accept_times, restart_times

from .histories import answer, question, sound

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def faults(evidence: Evidence) -> list[tuple[str, str]]:
    return [(fault.promise, fault.words) for fault in check(evidence)]


def test_a_sound_history_has_no_fault() -> None:
    assert faults(sound()) == []


def spoil(change: Callable[[Evidence], object]) -> list[tuple[str, str]]:
    evidence = sound()
    change(evidence)
    return faults(evidence)


def lose_message(evidence: Evidence) -> None:
    del evidence.messages[3]


def change_content(evidence: Evidence) -> None:
    evidence.messages[0]["content"] = "something else"


def lose_answered(evidence: Evidence) -> None:
    evidence.sent[1].receipts = [Receipt(None, None, 1.0, "200")]
    evidence.messages[2]["client_message_id"] = "own-99"


def store_twice(evidence: Evidence) -> None:
    evidence.messages.append({**question(6, "turn_second"), "client_message_id": "own-1"})


def acknowledge_twice(evidence: Evidence) -> None:
    evidence.sent[0].receipts.append(Receipt("msg_7", 7, 0.3))


def invent(evidence: Evidence) -> None:
    del evidence.sent[1]


def end_twice(evidence: Evidence) -> None:
    evidence.log.append(msgspec.structs.replace(evidence.log[5], ev_seq=12))


def never_end(evidence: Evidence) -> None:
    del evidence.log[10]


def answer_twice(evidence: Evidence) -> None:
    evidence.messages.append(answer(6, "turn_first_a"))


def answer_nothing(evidence: Evidence) -> None:
    evidence.log[10].payload["answers_seq"] = [3]


def answer_again(evidence: Evidence) -> None:
    evidence.log[10].payload["answers_seq"] = [1, 3, 4]


def store_stale(evidence: Evidence) -> None:
    evidence.log[5].payload["attempt"] = 1


def begin_after_end(evidence: Evidence) -> None:
    evidence.log.append(Event(12, "turn_started", {"turn_id": "turn_second", "attempt": 2, "agent_id": "agent_a"}))


def answer_unknown_turn(evidence: Evidence) -> None:
    evidence.messages.append(answer(6, "turn_nobody_knows"))


def gap_in_seq(evidence: Evidence) -> None:
    evidence.messages[4]["seq"] = 6


def swap_messages(evidence: Evidence) -> None:
    evidence.log[6], evidence.log[7] = evidence.log[7], evidence.log[6]


def gap_in_log(evidence: Evidence) -> None:
    del evidence.log[0], evidence.published[0]


def publish_less(evidence: Evidence) -> None:
    del evidence.published[-1]


def publish_otherwise(evidence: Evidence) -> None:
    evidence.published[5] = msgspec.structs.replace(evidence.published[5], payload={})


def publish_out_of_order(evidence: Evidence) -> None:
    evidence.published[3], evidence.published[4] = evidence.published[4], evidence.published[3]


def show_less(evidence: Evidence) -> None:
    shown = evidence.views[0].shown
    shown[1] = msgspec.structs.replace(shown[1], text=shown[1].text[:-3])


def show_something_else(evidence: Evidence) -> None:
    shown = evidence.views[0].shown[0]
    evidence.views[0].shown[0] = Shown(shown.turn_id, 2, "other", {**shown.message, "content": "other"})


def miss_answer(evidence: Evidence) -> None:
    del evidence.views[1].shown[0]


def repeat_answer(evidence: Evidence) -> None:
    evidence.views[1].shown.append(evidence.views[1].shown[0])


def reorder_answers(evidence: Evidence) -> None:
    evidence.views[1].shown.reverse()


def miss_question(evidence: Evidence) -> None:
    evidence.views[1].added.remove(3)


def repeat_question(evidence: Evidence) -> None:
    evidence.views[1].added.append(4)


def object_itself(evidence: Evidence) -> None:
    evidence.views[1].faults.append("text at 10 after 7 characters")


def lose_token(evidence: Evidence) -> None:
    content = "second:0 "
    for message in (evidence.messages[4], evidence.log[9].payload["message"], evidence.log[10].payload["message"]):
        message["content"] = content
    for view in evidence.views:
        view.shown[1] = Shown("turn_second", 1, content, {**view.shown[1].message, "content": content})


@pytest.mark.parametrize(
    ("change", "promise", "word"),
    [
        (lose_message, "I1", "lost"),
        (change_content, "I1", "changed"),
        (lose_answered, "I1", "lost"),
        (store_twice, "I2", "stored 2 times"),
        (acknowledge_twice, "I2", "acknowledged as"),
        (invent, "I2", "foreign"),
        (end_twice, "I3", "ended 2 times"),
        (never_end, "I3", "ended 0 times"),
        (answer_twice, "I3", "other stored answers"),
        (answer_nothing, "I3", "message 4 ('own-4') is answered 0 times"),
        (answer_again, "I3", "message 1 ('own-1') is answered 2 times"),
        (store_stale, "I3", "stale"),
        (begin_after_end, "I3", "stale"),
        (answer_unknown_turn, "I3", "does not know"),
        (gap_in_seq, "I4", "of which the one at 5 is 6"),
        (swap_messages, "I4", "the log tells of"),
        (gap_in_log, "I5", "ev_seq"),
        (publish_less, "I5", "10 published of 11"),
        (publish_otherwise, "I5", "6 turn_completed was published as 6"),
        (publish_out_of_order, "I5", "4 turn_started was published as 5"),
        (show_less, "I6", "writer: text"),
        (show_something_else, "I6", "not the stored one"),
        (miss_answer, "I6", "reader: missed: answers"),
        (repeat_answer, "I6", "reader: repeated: answers"),
        (reorder_answers, "I6", "reader: order"),
        (miss_question, "I6", "reader: missed: messages [3]"),
        (repeat_question, "I6", "reader: repeated: message_added"),
        (object_itself, "I6", "reader: text at 10"),
        (lose_token, "I6", "lost tokens [1]"),
    ],
)
def test_what_is_broken_is_found(change: Callable[[Evidence], None], promise: str, word: str) -> None:
    assert [words for kind, words in spoil(change) if kind == promise and word in words] != []


def test_a_message_that_nobody_acknowledged_may_be_missing() -> None:
    evidence = sound()
    evidence.sent.append(Sent("own-9", "unheard"))
    assert faults(evidence) == []


def test_who_read_the_history_after_a_resync_has_missed_nothing() -> None:
    evidence = sound()
    view = evidence.views[1]
    del view.shown[0], view.added[1]
    view.fetched = {"msg_2", "msg_3"}
    assert faults(evidence) == []


def test_a_turn_that_was_cancelled_without_a_message_leaves_its_questions_to_the_next() -> None:
    evidence = sound()
    cancelled = {"turn_id": "turn_gone_x", "attempt": 0, "answers_seq": [3], "reason": "superseded"}
    log = [*evidence.log[:7], Event(8, "turn_cancelled", cancelled), *evidence.log[7:]]
    evidence.log = evidence.published = [
        msgspec.structs.replace(event, ev_seq=number) for number, event in enumerate(log, 1)
    ]
    assert faults(evidence) == []


def test_accept_times_go_to_the_first_receipt_of_its_own() -> None:
    evidence = sound()
    evidence.sent += [Sent("own-5", "only answered", 0.0, [Receipt(None, None, 9.0, "200")]), Sent("own-6", "never")]
    assert accept_times([evidence]) == [0.1, 0.5, 2.0, float("inf")]


def test_restart_times_are_of_turns_that_lost_their_agent() -> None:
    evidence = sound()
    evidence.log = [
        msgspec.structs.replace(event, time=NOW + timedelta(seconds=event.ev_seq)) for event in evidence.log
    ]
    deaths = [Death("agent_a", NOW + timedelta(seconds=3.5)), Death("agent_b", NOW + timedelta(seconds=9.5))]
    assert restart_times([evidence], deaths) == [0.5]  # what agent_b had sent off was stored
