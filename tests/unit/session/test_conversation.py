"""The Conversation aggregate: numbers are dense, one answer at a time, and only the one in charge may speak."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from libs.contracts import session as told
from libs.contracts.errors import Conflict, Malformed, NotFound
from services.session.domain.conversation import Conversation, NewMessage
from services.session.domain.session import TRANSITIONS, SessionState
from services.session.domain.turn import FAILED_ANSWER, MAX_ATTEMPTS, Turn

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def state(**fields: object) -> SessionState:
    values = {
        "session_id": "sess_1", "tenant": "default", "thread_id": "thread_1", "user_id": None, "status": "active",
        "epoch": 0, "metadata": {}, "last_seq": 0, "last_ev_seq": 0, "created_at": NOON, "updated_at": NOON,
        "last_activity": NOON, **fields,
    }  # fmt: skip
    return SessionState(**values)


def message(number: int = 1) -> NewMessage:
    return NewMessage(
        message_id=f"msg_{number}", client_message_id=f"client_{number}", content="hello", attachments=[],
        turn_id=f"turn_{number}", traceparent="",
    )  # fmt: skip


def running(attempt: int = 1, answers: tuple[int, ...] = (1,)) -> Turn:
    return Turn(
        turn_id="turn_1", status="running", answers_seq=list(answers), attempt=attempt, agent_id="agent_1",
        created_at=NOON,
    )  # fmt: skip


def names(conversation: Conversation) -> list[str]:
    return [logged.event.name for logged in conversation.events]


def test_a_message_opens_a_turn_where_none_is_open() -> None:
    conversation = Conversation(state(), NOON)
    stored = conversation.post(message())
    assert (stored.seq, stored.turn_id) == (1, "turn_1")
    assert conversation.opened is not None
    assert conversation.opened.answers_seq == [1]
    assert not conversation.waits(stored)
    assert names(conversation) == ["message_added"]


def test_a_message_waits_while_a_turn_is_open() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running())
    stored = conversation.post(message(2))
    assert (stored.seq, stored.turn_id, conversation.opened) == (2, None, None)
    assert conversation.waits(stored)


def test_a_message_to_a_person_opens_no_turn_and_does_not_wait_for_the_agent() -> None:
    conversation = Conversation(state(status="escalated"), NOON)
    stored = conversation.post(message())
    assert conversation.opened is None
    assert not conversation.waits(stored)


def test_an_ended_session_takes_no_message() -> None:
    with pytest.raises(Malformed):
        Conversation(state(status="ended"), NOON).post(message())


@pytest.mark.parametrize(("attempt", "status"), [(1, "running"), (2, "completed"), (3, "running")])
def test_only_the_current_attempt_may_speak(attempt: int, status: str) -> None:
    turn = running(attempt=2)
    turn.status = status
    with pytest.raises(Conflict):
        Conversation(state(), NOON, turn).check_fence(turn, attempt)


def test_only_the_current_epoch_may_speak() -> None:
    turn = running()
    conversation = Conversation(state(epoch=3), NOON, turn)
    conversation.check_fence(turn, 1, 3)
    for other in (2, 4):
        with pytest.raises(Conflict):
            conversation.check_fence(turn, 1, other)


def test_an_answer_names_what_it_answers() -> None:
    conversation = Conversation(state(last_seq=2, last_ev_seq=5), NOON, running(answers=(1, 2)))
    answer = told.Answer(content="hi", confidence=0.7, metadata={"model": "m"})
    stored = conversation.complete("msg_a", answer, NOON - timedelta(seconds=2), "tick_1")
    assert (stored.seq, stored.processing_time, stored.metadata) == (3, 2.0, {"model": "m", "attempt": 1})
    completed = conversation.events[-1].payload
    assert isinstance(completed, told.TurnCompleted)
    assert (completed.answers_seq, completed.ticket) == ([1, 2], None)
    assert [logged.ev_seq for logged in conversation.events] == [6, 7]
    assert conversation.turn is None


def test_an_answer_that_escalates_hands_over_once() -> None:
    conversation = Conversation(state(), NOON, running())
    escalation = told.Escalation(reasons=["legal"], category="legal", priority="urgent")
    conversation.complete("msg_a", told.Answer(content="hi", escalation=escalation), NOON, "tick_1")
    assert (conversation.state.status, conversation.state.epoch) == ("escalated", 1)
    assert conversation.state.ticket is not None
    assert conversation.state.ticket.category == "legal"
    assert names(conversation) == ["message_added", "session_escalated", "turn_completed", "session_status_changed"]


def test_giving_up_says_so_to_the_customer() -> None:
    conversation = Conversation(state(), NOON, running(attempt=MAX_ATTEMPTS))
    stored = conversation.fail("msg_a", "agent_lost")
    assert (stored.content, stored.status, stored.confidence) == (FAILED_ANSWER, "failed", 0.0)
    assert conversation.state.status == "active"


@pytest.mark.parametrize(("attempt", "spared", "exhausted"), [(4, 0, False), (5, 0, True), (5, 1, False), (7, 2, True)])
def test_attempts_are_limited_and_drained_ones_do_not_count(attempt: int, spared: int, exhausted: bool) -> None:
    turn = running(attempt)
    turn.spared = spared
    assert turn.exhausted is exhausted


def test_only_answers_are_rated() -> None:
    conversation = Conversation(state(), NOON)
    question = conversation.post(message())
    with pytest.raises(NotFound):
        conversation.give_feedback(question, told.Feedback(rating="up"))


class AnyConversation(RuleBasedStateMachine):
    """Whatever is done, in whatever order: numbers stay dense, and one turn at most is open."""

    def __init__(self) -> None:
        super().__init__()
        self.state = state()
        self.turn: Turn | None = None
        self.seqs: list[int] = []
        self.ev_seqs: list[int] = []
        self.count = 0
        self.tickets = 0

    def change(self) -> Conversation:
        return Conversation(self.state, NOON, self.turn)

    def keep(self, conversation: Conversation) -> None:
        self.turn = conversation.turn
        self.seqs += [stored.seq for stored in conversation.messages]
        self.ev_seqs += [logged.ev_seq for logged in conversation.events]
        self.tickets += conversation.ticket is not None

    @rule()
    def post(self) -> None:
        self.count += 1
        conversation = self.change()
        if self.state.status == "ended":
            with pytest.raises(Malformed):
                conversation.post(message(self.count))
        else:
            conversation.post(message(self.count))
        self.keep(conversation)

    @precondition(lambda self: self.turn is not None)
    @rule()
    def start(self) -> None:
        assert self.turn is not None
        self.turn.status, self.turn.agent_id = "running", "agent_1"
        self.turn.attempt += 1
        conversation = self.change()
        conversation.start(self.turn)
        self.keep(conversation)

    @precondition(lambda self: self.turn is not None and self.turn.status == "running")
    @rule(escalates=st.booleans())
    def complete(self, escalates: bool) -> None:
        conversation = self.change()
        escalation = told.Escalation(reasons=["asked_for_person"]) if escalates else None
        conversation.complete("msg_a", told.Answer(content="hi", escalation=escalation), NOON, "tick_1")
        self.keep(conversation)

    @precondition(lambda self: self.turn is not None and self.turn.status == "running")
    @rule()
    def fail(self) -> None:
        conversation = self.change()
        conversation.fail("msg_a", "agent_lost")
        self.keep(conversation)

    @rule(status=st.sampled_from(["active", "escalated", "ended"]))
    def move(self, status: str) -> None:
        before, epoch = self.state.status, self.state.epoch
        conversation = self.change()
        if status != before and status not in TRANSITIONS[before]:
            with pytest.raises(Conflict):
                conversation.set_status(status, "tick_1")
            assert (self.state.status, self.state.epoch) == (before, epoch)
        else:
            conversation.set_status(status, "tick_1")
            assert self.state.epoch == epoch + (status != before)
        self.keep(conversation)

    @invariant()
    def numbers_are_dense(self) -> None:
        assert self.seqs == list(range(1, len(self.seqs) + 1))
        assert self.ev_seqs == list(range(1, len(self.ev_seqs) + 1))

    @invariant()
    def a_turn_is_open_only_while_the_agent_may_speak(self) -> None:
        assert self.turn is None or self.state.status == "active"

    @invariant()
    def a_ticket_is_open_only_while_escalated(self) -> None:
        assert (self.state.ticket is not None) == (self.state.status == "escalated")


TestAnyConversation = AnyConversation.TestCase
TestAnyConversation.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
