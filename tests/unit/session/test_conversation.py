"""Messages and turns of the aggregate: numbers are dense, one answer at a time, and only the one in charge may speak."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from libs.contracts import session as told
from libs.contracts.errors import Conflict, Malformed, NotFound
from services.session.domain.conversation import Conversation
from services.session.domain.turn import FAILED_ANSWER, MAX_ATTEMPTS
from tests.unit.session.given import IDS, NOON, escalated, message, names, payload, queued, running, state

PERSON = told.Escalation(reasons=["legal"], category="legal", priority="urgent")


# --- messages


def test_a_message_opens_a_turn_where_none_is_open() -> None:
    conversation = Conversation(state(), NOON)
    stored = conversation.post(message())
    assert (stored.seq, stored.turn_id) == (1, "turn_1")
    assert conversation.opened is not None
    assert conversation.opened.answers_seq == [1]
    assert not conversation.waits(stored)
    assert names(conversation) == ["message_added"]


@pytest.mark.parametrize("turn", [queued(), running(), running(cancelling=True)])
def test_a_message_waits_while_a_turn_is_open(turn: object) -> None:
    conversation = Conversation(state(last_seq=1), NOON, replace(turn))
    stored = conversation.post(message(2))
    assert (stored.seq, stored.turn_id, conversation.opened) == (2, None, None)
    assert conversation.waits(stored)


@pytest.mark.parametrize("operator", [None, "Ann"])
def test_a_message_to_people_opens_no_turn_and_waits(operator: str | None) -> None:
    conversation = Conversation(escalated(operator), NOON)
    stored = conversation.post(message())
    assert conversation.opened is None
    assert conversation.waits(stored)


def test_an_ended_session_takes_no_message() -> None:
    with pytest.raises(Malformed):
        Conversation(state(status="ended"), NOON).post(message())


def test_a_message_within_the_window_joins_the_turn_that_waits_for_it() -> None:
    for policy in ("coalesce", "supersede"):
        conversation = Conversation(state(last_seq=1), NOON, queued(joinable=True))
        stored = conversation.post(message(2), policy)
        assert stored.turn_id == "turn_1"
        assert not conversation.waits(stored)
        assert conversation.joined is conversation.turn
        assert conversation.joined is not None
        assert conversation.joined.answers_seq == [1, 2]
        assert (conversation.opened, conversation.settled) == (None, None)
        assert names(conversation) == ["message_added"]


def test_a_message_supersedes_the_open_turn_where_the_policy_says_so() -> None:
    conversation = Conversation(state(last_seq=3), NOON, running((1, 2), waiting=[3]))
    stored = conversation.post(message(4), "supersede")
    assert stored.turn_id == "turn_4"
    assert conversation.opened is not None
    assert conversation.opened.answers_seq == [1, 2, 3, 4]
    assert names(conversation) == ["message_added", "turn_cancelled"]
    told_of = payload(conversation, "turn_cancelled")
    assert isinstance(told_of, told.TurnCancelled)
    assert (told_of.turn_id, told_of.reason, told_of.message) == ("turn_1", "superseded", None)
    assert conversation.revoked is not None
    assert (conversation.revoked.agent_id, conversation.revoked.wanted) == ("agent_1", False)


def test_a_queued_turn_is_superseded_too_and_nobody_is_told_to_stop() -> None:
    conversation = Conversation(state(last_seq=1), NOON, queued())
    conversation.post(message(2), "supersede")
    assert conversation.opened is not None
    assert conversation.opened.answers_seq == [1, 2]
    assert conversation.revoked is None


def test_what_the_customer_has_called_off_is_not_superseded() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running(cancelling=True))
    assert conversation.waits(conversation.post(message(2), "supersede"))
    assert conversation.opened is None


def test_only_answers_are_rated() -> None:
    conversation = Conversation(state(), NOON)
    question = conversation.post(message())
    with pytest.raises(NotFound):
        conversation.give_feedback(question, told.Feedback(rating="up"))


# --- the fence


@pytest.mark.parametrize(("attempt", "status"), [(1, "running"), (2, "completed"), (2, "cancelled"), (3, "running")])
def test_only_the_current_attempt_may_speak(attempt: int, status: str) -> None:
    turn = running(attempt=2, status=status)
    with pytest.raises(Conflict):
        Conversation(state(), NOON, turn).check_fence(turn, attempt)


def test_only_the_current_epoch_may_speak() -> None:
    turn = running()
    conversation = Conversation(state(epoch=3), NOON, turn)
    conversation.check_fence(turn, 1, 3)
    for other in (2, 4):
        with pytest.raises(Conflict):
            conversation.check_fence(turn, 1, other)


# --- answers


def test_an_answer_names_what_it_answers() -> None:
    conversation = Conversation(
        state(last_seq=2, last_ev_seq=5), NOON, running((1, 2), created_at=NOON - timedelta(seconds=2))
    )
    stored = conversation.complete(told.Answer(content="hi", confidence=0.7, metadata={"model": "m"}), IDS)
    assert (stored.seq, stored.processing_time, stored.metadata) == (3, 2.0, {"model": "m", "attempt": 1})
    completed = conversation.events[-1].payload
    assert isinstance(completed, told.TurnCompleted)
    assert (completed.answers_seq, completed.ticket) == ([1, 2], None)
    assert [logged.ev_seq for logged in conversation.events] == [6, 7]
    assert (conversation.turn, conversation.revoked) == (None, None)


def test_what_was_said_meanwhile_is_the_next_turns() -> None:
    conversation = Conversation(state(last_seq=3), NOON, running(waiting=[2, 3], traceparent="trace"))
    conversation.complete(told.Answer(content="hi"), IDS)
    conversation.go_on("turn_2")
    assert conversation.opened is conversation.turn
    assert conversation.turn is not None
    assert (conversation.turn.answers_seq, conversation.turn.traceparent) == ([2, 3], "trace")


def test_nothing_goes_on_where_nothing_was_settled_or_waits_or_people_are_in_charge() -> None:
    settled = Conversation(state(), NOON, running())
    settled.complete(told.Answer(content="hi"), IDS)
    escalating = Conversation(state(), NOON, running(waiting=[2]))
    escalating.complete(told.Answer(content="hi", escalation=PERSON), IDS)
    untouched = Conversation(state(), NOON, running(waiting=[2]))
    for conversation in (settled, escalating, untouched):
        conversation.go_on("turn_2")
        assert conversation.opened is None


def test_an_answer_that_escalates_hands_over_once() -> None:
    conversation = Conversation(state(), NOON, running())
    stored = conversation.complete(told.Answer(content="hi", escalation=PERSON), IDS)
    assert (conversation.state.status, conversation.state.epoch) == ("escalated", 1)
    assert (conversation.state.controller, conversation.state.operator) == ("nobody", None)
    assert conversation.state.ticket is not None
    assert conversation.state.ticket.category == "legal"
    assert stored.metadata["ticket_id"] == "tick_1"
    assert names(conversation) == [
        "message_added", "session_escalated", "turn_completed", "session_status_changed", "control_changed",
    ]  # fmt: skip


def test_giving_up_says_so_to_the_customer() -> None:
    conversation = Conversation(state(), NOON, running(attempt=MAX_ATTEMPTS))
    stored = conversation.fail(IDS, "agent_lost")
    assert (stored.content, stored.status, stored.confidence) == (FAILED_ANSWER, "failed", 0.0)
    assert conversation.state.status == "active"


@pytest.mark.parametrize(("attempt", "spared", "exhausted"), [(4, 0, False), (5, 0, True), (5, 1, False), (7, 2, True)])
def test_attempts_are_limited_and_drained_ones_do_not_count(attempt: int, spared: int, exhausted: bool) -> None:
    assert running(attempt=attempt, spared=spared).exhausted is exhausted


# --- calling an answer off


def test_what_nobody_holds_is_called_off_at_once() -> None:
    for turn in (queued(), queued(joinable=True), running(held=False), running(cancelling=True, overdue=True)):
        conversation = Conversation(state(last_seq=1), NOON, turn)
        assert conversation.cancel(IDS) == "cancelled"
        [stored] = conversation.messages
        assert (stored.role, stored.status, stored.content, stored.turn_id) == ("assistant", "cancelled", "", "turn_1")
        assert names(conversation) == ["message_added", "turn_cancelled"]
        told_of = payload(conversation, "turn_cancelled")
        assert isinstance(told_of, told.TurnCancelled)
        assert (told_of.reason, told_of.message, told_of.answers_seq) == ("cancelled", stored, [1])
        assert conversation.turn is None
        assert not conversation.waiting_again


def test_what_an_agent_holds_is_given_a_moment_however_often_it_is_asked() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running())
    for _ in range(2):
        assert conversation.cancel(IDS) == "cancelling"
        assert conversation.called_off is conversation.turn
        assert conversation.revoked is not None
        assert (conversation.revoked.agent_id, conversation.revoked.attempt) == ("agent_1", 1)
        assert conversation.revoked.wanted
        assert (conversation.events, conversation.settled) == ([], None)


@pytest.mark.parametrize(("cancelling", "cancelled"), [(True, True), (True, False), (False, True)])
def test_an_answer_that_was_called_off_is_stored_as_cancelled(cancelling: bool, cancelled: bool) -> None:
    conversation = Conversation(state(last_seq=1), NOON, running(cancelling=cancelling, waiting=[2]))
    stored = conversation.complete(told.Answer(content="half an ans"), IDS, cancelled=cancelled)
    assert (stored.status, stored.content, stored.id) == ("cancelled", "half an ans", "msg_a")
    assert names(conversation) == ["message_added", "turn_cancelled"]
    assert conversation.revoked is None
    conversation.go_on("turn_2")
    assert conversation.opened is not None
    assert conversation.opened.answers_seq == [2]


def test_a_wish_for_a_person_is_honoured_whatever_was_called_off() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running(cancelling=True))
    stored = conversation.complete(told.Answer(content="hi", escalation=PERSON), IDS, cancelled=True)
    assert stored.status == "complete"
    assert conversation.state.status == "escalated"


def test_a_failure_of_what_was_called_off_is_a_cancellation() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running(attempt=MAX_ATTEMPTS, cancelling=True))
    assert conversation.fail(IDS, "model_failed").status == "cancelled"
    assert names(conversation) == ["message_added", "turn_cancelled"]


# --- sealing


@pytest.mark.parametrize(
    "turn",
    [
        queued(), running(), running(cancelling=True), running(cancelling=True, expired=True),
        running(attempt=MAX_ATTEMPTS), running(attempt=4, held=False), running(cancelling=True, held=False),
    ],
)  # fmt: skip
def test_what_somebody_may_still_answer_is_not_sealed(turn: object) -> None:
    conversation = Conversation(state(), NOON, replace(turn))
    assert not conversation.seal(IDS)
    assert (conversation.settled, conversation.events) == (None, [])


def test_no_turn_is_not_sealed() -> None:
    assert not Conversation(state(), NOON).seal(IDS)


def test_a_turn_whose_agent_does_not_say_how_far_it_came_is_sealed_empty() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running(cancelling=True, overdue=True))
    assert conversation.seal(IDS)
    [stored] = conversation.messages
    assert (stored.status, stored.content) == ("cancelled", "")
    assert conversation.revoked is not None
    assert not conversation.revoked.wanted


@pytest.mark.parametrize(
    ("turn", "code"),
    [
        (running(attempt=MAX_ATTEMPTS, held=False), "agent_lost"), (running(expired=True), "turn_expired"),
        (queued(expired=True), "turn_expired"), (running(attempt=5, held=False, expired=True), "turn_expired"),
    ],
)  # fmt: skip
def test_a_turn_that_nobody_will_answer_is_sealed_with_an_honest_message(turn: object, code: str) -> None:
    conversation = Conversation(state(last_seq=1), NOON, replace(turn))
    assert conversation.seal(IDS)
    told_of = payload(conversation, "turn_failed")
    assert isinstance(told_of, told.TurnFailed)
    assert (told_of.code, told_of.message.content) == (code, FAILED_ANSWER)
