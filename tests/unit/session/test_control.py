"""Who may speak: take-over, reply, release, resolve and the statuses; each change raises the epoch and is told."""

import pytest

from libs.contracts import operators
from libs.contracts import session as told
from libs.contracts.errors import Conflict, Malformed
from services.session.domain.conversation import Conversation
from services.session.domain.session import SessionState
from tests.unit.session.given import (
    IDS,
    NOON,
    escalated,
    names,
    payload,
    queued,
    reply,
    running,
    state,
    ticket,
)  # fmt: skip


def control(conversation: Conversation) -> operators.ControlChanged:
    told_of = payload(conversation, "control_changed")
    assert isinstance(told_of, operators.ControlChanged)
    return told_of


def code(caught: pytest.ExceptionInfo[Conflict]) -> str:
    return caught.value.code


@pytest.mark.parametrize(
    ("known", "controller"),
    [
        (state(), "agent"), (escalated(), "nobody"), (escalated("Ann"), "operator"), (state(status="ended"), "nobody"),
        (state(status="escalated"), "nobody"),
    ],
)  # fmt: skip
def test_who_is_in_charge(known: SessionState, controller: str) -> None:
    assert known.controller == known.shown().controller == controller


# --- statuses


@pytest.mark.parametrize("status", ["active", "escalated", "ended"])
def test_the_present_status_changes_nothing(status: told.SessionStatus) -> None:
    known = escalated() if status == "escalated" else state(status=status)
    conversation = Conversation(known, NOON)
    conversation.set_status(status, IDS, [])
    assert (conversation.events, known.epoch) == ([], 0)


@pytest.mark.parametrize("status", ["active", "escalated"])
def test_an_ended_session_stays_ended(status: told.SessionStatus) -> None:
    with pytest.raises(Conflict) as caught:
        Conversation(state(status="ended"), NOON).set_status(status, IDS, [])
    assert code(caught) == "invalid_transition"


def test_escalating_stops_the_agent_and_its_questions_wait() -> None:
    conversation = Conversation(state(last_seq=3), NOON, running((1, 2)))
    conversation.set_status("escalated", IDS, [])
    assert names(conversation) == [
        "session_escalated", "turn_cancelled", "session_status_changed", "control_changed",
    ]  # fmt: skip
    stopped = payload(conversation, "turn_cancelled")
    assert isinstance(stopped, told.TurnCancelled)
    assert (stopped.reason, stopped.message) == ("escalated", None)
    assert conversation.waiting_again == [1, 2]
    assert not conversation.nothing_waits
    assert conversation.revoked is not None
    assert (conversation.revoked.agent_id, conversation.revoked.wanted) == ("agent_1", False)
    status = payload(conversation, "session_status_changed")
    assert status == told.SessionStatusChanged("escalated", "active", 1, "nobody")
    assert control(conversation) == operators.ControlChanged(
        controller="nobody", previous="agent", epoch=1, status="escalated", with_status=True
    )


def test_ending_stops_the_agent_and_nothing_waits_any_more() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running())
    conversation.set_status("ended", IDS, [])
    assert names(conversation) == ["turn_cancelled", "session_status_changed", "control_changed"]
    assert conversation.nothing_waits
    assert not conversation.ticket_closed


def test_ending_what_nobody_had_taken_is_no_change_of_control() -> None:
    conversation = Conversation(escalated(), NOON)
    conversation.set_status("ended", IDS, [])
    assert names(conversation) == ["session_status_changed"]
    assert conversation.ticket_closed
    assert conversation.state.ticket is None


def test_the_agent_takes_up_what_nobody_answered_on_its_return() -> None:
    conversation = Conversation(escalated("Ann", last_seq=4), NOON)
    conversation.set_status("active", IDS, [3, 4])
    assert conversation.opened is not None
    assert (conversation.opened.turn_id, conversation.opened.answers_seq) == ("turn_n", [3, 4])
    assert control(conversation) == operators.ControlChanged(
        controller="agent", previous="operator", epoch=1, status="active", with_status=True
    )
    assert conversation.ticket_closed


def test_a_return_with_nothing_waiting_opens_no_turn() -> None:
    conversation = Conversation(escalated(), NOON)
    conversation.set_status("active", IDS, [])
    assert conversation.opened is None


@pytest.mark.parametrize("status", ["escalated", "ended"])
def test_what_the_customer_had_called_off_is_settled_as_that_when_control_changes(status: told.SessionStatus) -> None:
    conversation = Conversation(state(last_seq=1), NOON, running(cancelling=True))
    conversation.set_status(status, IDS, [])
    assert names(conversation)[0] == "message_added"
    stopped = payload(conversation, "turn_cancelled")
    assert isinstance(stopped, told.TurnCancelled)
    assert stopped.reason == "cancelled"
    assert stopped.message is not None
    assert stopped.message.id == "msg_a"
    assert conversation.waiting_again == []


# --- taking over


def test_taking_over_from_the_agent_opens_a_ticket_that_is_claimed() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running())
    conversation.take_over("Ann", IDS, force=False)
    assert names(conversation) == [
        "session_escalated", "turn_cancelled", "session_status_changed", "control_changed",
    ]  # fmt: skip
    assert conversation.hand_over is not None
    made = conversation.hand_over.ticket
    assert conversation.state.ticket is made
    assert (made.reasons, made.category, made.priority) == (["taken_over"], "general", "normal")
    assert (made.operator, made.claimed_at) == ("Ann", NOON)
    assert (conversation.state.status, conversation.state.controller) == ("escalated", "operator")
    stopped = payload(conversation, "turn_cancelled")
    assert isinstance(stopped, told.TurnCancelled)
    assert stopped.reason == "taken_over"
    assert conversation.waiting_again == [1]
    assert control(conversation).with_status
    assert control(conversation).operator == "Ann"
    status = payload(conversation, "session_status_changed")
    assert isinstance(status, told.SessionStatusChanged)
    assert status.controller == "operator"


def test_claiming_what_waits_changes_control_and_nothing_else() -> None:
    conversation = Conversation(escalated(), NOON)
    conversation.take_over("Ann", IDS, force=False)
    assert names(conversation) == ["control_changed"]
    assert control(conversation) == operators.ControlChanged(
        controller="operator", previous="nobody", epoch=1, status="escalated", operator="Ann"
    )
    assert conversation.claimed == conversation.state.ticket == ticket(operator="Ann", claimed_at=NOON)
    assert conversation.hand_over is None


@pytest.mark.parametrize("force", [False, True])
def test_claiming_twice_changes_nothing(force: bool) -> None:
    conversation = Conversation(escalated("Ann"), NOON)
    conversation.take_over("Ann", IDS, force=force)
    assert (conversation.events, conversation.claimed, conversation.state.epoch) == ([], None, 0)


def test_what_another_has_claimed_is_refused_and_taken_by_force() -> None:
    conversation = Conversation(escalated("Ann"), NOON)
    with pytest.raises(Conflict) as caught:
        conversation.take_over("Bob", IDS, force=False)
    assert code(caught) == "claimed_by_another"
    assert "Ann" in caught.value.detail
    assert conversation.events == []
    conversation.take_over("Bob", IDS, force=True)
    assert control(conversation) == operators.ControlChanged(
        controller="operator", previous="operator", epoch=1, status="escalated", operator="Bob"
    )
    assert conversation.state.operator == "Bob"


def test_an_escalated_session_without_a_ticket_gets_one_when_it_is_taken() -> None:
    conversation = Conversation(state(status="escalated"), NOON)
    conversation.take_over("Ann", IDS, force=False)
    assert names(conversation) == ["session_escalated", "control_changed"]
    assert conversation.state.operator == "Ann"


def test_nobody_takes_over_what_has_ended() -> None:
    with pytest.raises(Malformed) as caught:
        Conversation(state(status="ended"), NOON).take_over("Ann", IDS, force=True)
    assert caught.value.code == "session_ended"


# --- replies


def test_the_one_in_charge_replies_and_what_waited_is_answered() -> None:
    conversation = Conversation(escalated("Ann", last_seq=2), NOON)
    stored = conversation.reply(reply())
    assert (stored.seq, stored.role, stored.status, stored.metadata) == (3, "operator", "complete", {"operator": "Ann"})
    assert conversation.nothing_waits
    assert not conversation.waits(stored)
    assert names(conversation) == ["message_added"]
    assert conversation.state.epoch == 0


@pytest.mark.parametrize("known", [state(), escalated(), escalated("Bob"), state(status="ended")])
def test_nobody_else_replies(known: SessionState) -> None:
    conversation = Conversation(known, NOON)
    with pytest.raises(Conflict) as caught:
        conversation.reply(reply())
    assert code(caught) == "not_in_control"
    assert (conversation.messages, conversation.events) == ([], [])


# --- giving back and ending


@pytest.mark.parametrize("operator", [None, "Ann"])
def test_release_returns_to_the_agent_and_resolve_ends(operator: str | None) -> None:
    released = Conversation(escalated(operator), NOON)
    released.release("Ann", IDS, [2])
    assert (released.state.status, released.state.controller, released.ticket_closed) == ("active", "agent", True)
    assert released.opened is not None
    resolved = Conversation(escalated(operator), NOON)
    resolved.resolve("Ann", IDS)
    assert (resolved.state.status, resolved.state.controller, resolved.ticket_closed) == ("ended", "nobody", True)
    for conversation in (released, resolved):
        assert conversation.nothing_waits
        assert conversation.state.epoch == 1
        assert names(conversation)[0] == "session_status_changed"
    assert ("control_changed" in names(resolved)) is (operator is not None)


def test_a_release_without_an_answer_leaves_nothing_waiting() -> None:
    conversation = Conversation(escalated("Ann"), NOON)
    conversation.release("Ann", IDS, [])
    assert conversation.nothing_waits
    assert conversation.opened is None


def test_what_is_not_in_peoples_hands_is_not_closed() -> None:
    for known, close in (
        (state(status="ended"), lambda one: one.release("Ann", IDS, [])),
        (state(), lambda one: one.resolve("Ann", IDS)),
    ):
        with pytest.raises(Conflict) as caught:
            close(Conversation(known, NOON))
        assert code(caught) == "not_escalated"


def test_closing_twice_is_closing_once() -> None:
    released, resolved = Conversation(state(), NOON), Conversation(state(status="ended"), NOON)
    released.release("Ann", IDS, [1])
    resolved.resolve("Ann", IDS)
    for conversation in (released, resolved):
        assert (conversation.events, conversation.nothing_waits, conversation.opened) == ([], False, None)


def test_what_another_has_claimed_is_not_closed() -> None:
    for close in (lambda one: one.release("Bob", IDS, []), lambda one: one.resolve("Bob", IDS)):
        with pytest.raises(Conflict) as caught:
            close(Conversation(escalated("Ann"), NOON))
        assert code(caught) == "claimed_by_another"


# --- notes and deletion


@pytest.mark.parametrize("known", [state(), escalated("Ann"), state(status="ended")])
def test_notes_are_kept_whatever_the_status(known: SessionState) -> None:
    conversation = Conversation(known, NOON)
    note = operators.Note(note_id="note_1", content="careful", operator="Bob", created_at=NOON)
    conversation.add_note(note)
    assert names(conversation) == ["note_added"]
    assert (known.last_seq, known.epoch) == (0, 0)


def test_deleting_leaves_one_event_and_stops_the_agent() -> None:
    conversation = Conversation(state(), NOON, running())
    conversation.delete()
    assert [(logged.event.name, logged.final) for logged in conversation.events] == [("session_deleted", True)]
    assert conversation.revoked is not None
    unheld = Conversation(state(), NOON, queued())
    unheld.delete()
    assert unheld.revoked is None
