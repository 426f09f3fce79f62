"""A colleague's yes or no: its words, and the turn that answers it."""

import pytest

from libs.contracts import session as told
from libs.contracts.errors import Malformed, NotFound
from services.session.domain.conversation import Conversation
from services.session.domain.decisions import decision_of, is_allowed, to_be_answered
from services.session.domain.turn import MOST_DECISIONS, MOST_QUESTIONS, UNCONFIRMED_ANSWER, Turn
from tests.unit.session.given import (
    IDS,
    NOON,
    approval,
    escalated,
    message,
    names,
    payload,
    queued,
    reply,
    running,
    state,
)

# --- its words


@pytest.mark.parametrize(
    ("status", "comment", "content"),
    [
        ("approved", None, "A colleague allowed the requested action: Refund an order."),
        ("approved", "Go\n ahead.", "A colleague allowed the requested action: Refund an order. Comment: Go ahead."),
        ("refused", "  ", "A colleague did not allow the requested action: Refund an order."),
        ("refused", "Too old", "A colleague did not allow the requested action: Refund an order. Comment: Too old"),
        ("expired", None, "Nobody allowed the requested action in time: Refund an order."),
    ],
)
def test_a_decision_is_told_in_a_sentence(status: str, comment: str | None, content: str) -> None:
    decision = decision_of(approval(status=status, comment=comment))
    assert decision.content == content
    assert decision.metadata["decision"] == status


def test_a_decision_is_named_after_its_approval() -> None:
    decision = decision_of(approval(7))
    assert decision.message_id == "msg_01M7WFKX817W324VZC06MW7W07"
    assert decision.metadata == {
        "approval_id": "appr_01M7WFKX817W324VZC06MW7W07", "decision": "approved", "tool": "refund_order",
        "operator": "Ann",
    }  # fmt: skip
    assert "A-1042" not in decision.content


@pytest.mark.parametrize(("length", "cut"), [(300, False), (301, True)])
def test_a_long_description_is_cut(length: int, cut: bool) -> None:
    content = decision_of(approval(description="x" * length)).content
    assert len(content) == len("A colleague allowed the requested action: .") + 300
    assert content.endswith("….") is cut


@pytest.mark.parametrize(("length", "cut"), [(500, False), (501, True)])
def test_a_long_comment_is_cut(length: int, cut: bool) -> None:
    comment = decision_of(approval(comment="x" * length)).content.split(" Comment: ")[1]
    assert len(comment) == 500
    assert comment.endswith("…") is cut


def test_without_a_description_the_tool_is_named() -> None:
    assert decision_of(approval(description=" . ")).content.endswith("action: refund_order.")


def test_braces_in_a_description_are_only_braces() -> None:
    assert "{what} {0}" in decision_of(approval(description="{what} {0}")).content


@pytest.mark.parametrize("fields", [{"status": "pending"}, {"approval_id": "appr_1"}, {"approval_id": "msg_x"}])
def test_what_is_not_decided_or_not_ours_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(Malformed) as caught:
        decision_of(approval(**fields))
    assert caught.value.code == "bad_approval"


# --- the turn that answers it


def decide(conversation: Conversation, status: str = "approved") -> told.Message | None:
    return conversation.tell_decision(decision_of(approval(status=status)), "turn_d", "trace")


def test_a_decision_opens_a_turn_where_the_agent_is_in_charge() -> None:
    conversation = Conversation(state(last_seq=2), NOON)
    stored = decide(conversation)
    assert stored is not None
    assert (stored.seq, stored.role, stored.turn_id, stored.client_message_id) == (3, "system", "turn_d", None)
    assert conversation.opened is not None
    assert (conversation.opened.answers_seq, conversation.opened.traceparent) == ([3], "trace")
    assert not conversation.waits(stored)
    assert names(conversation) == ["message_added"]
    assert payload(conversation, "message_added") == told.MessageAdded(stored)


@pytest.mark.parametrize("turn", [queued(), running(), running(cancelling=True), running(expired=True)])
def test_a_decision_waits_while_a_turn_is_open(turn: object) -> None:
    conversation = Conversation(state(last_seq=1), NOON, turn)
    stored = decide(conversation)
    assert stored is not None
    assert conversation.waits(stored)
    assert (conversation.opened, conversation.settled, conversation.revoked) == (None, None, None)


def test_a_decision_joins_the_turn_whose_window_is_open() -> None:
    conversation = Conversation(state(last_seq=1), NOON, queued(joinable=True))
    stored = decide(conversation)
    assert stored is not None
    assert stored.turn_id == "turn_1"
    assert conversation.joined is not None
    assert conversation.joined.answers_seq == [1, 2]


@pytest.mark.parametrize("operator", [None, "Ann"])
def test_a_decision_waits_while_people_are_in_charge(operator: str | None) -> None:
    conversation = Conversation(escalated(operator), NOON)
    stored = decide(conversation)
    assert stored is not None
    assert conversation.waits(stored)
    assert conversation.opened is None


def test_an_ended_session_is_told_nothing() -> None:
    conversation = Conversation(state(status="ended"), NOON)
    assert decide(conversation) is None
    assert (conversation.events, conversation.messages) == ([], [])


def test_a_turn_that_answers_a_decision_is_not_superseded() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running(acting=True))
    assert conversation.waits(conversation.post(message(2), "supersede"))
    assert (conversation.settled, conversation.revoked) == (None, None)
    other = Conversation(state(last_seq=1), NOON, running())
    other.post(message(2), "supersede")
    assert other.settled is not None


def test_a_decision_that_waits_goes_into_the_turn_that_supersedes() -> None:
    conversation = Conversation(state(last_seq=2), NOON, running((1,), waiting=[2]))
    conversation.post(message(3), "supersede")
    assert conversation.opened is not None
    assert conversation.opened.answers_seq == [1, 2, 3]


def test_the_next_turn_answers_what_waited() -> None:
    conversation = Conversation(state(last_seq=3), NOON, running((1,), waiting=[2, 3]))
    conversation.complete(told.Answer(content="hi"), IDS)
    conversation.go_on("turn_2")
    assert conversation.opened is not None
    assert conversation.opened.answers_seq == [2, 3]


def test_a_decision_is_no_answer_that_could_be_rated() -> None:
    conversation = Conversation(state(), NOON)
    stored = decide(conversation)
    assert stored is not None
    with pytest.raises(NotFound) as caught:
        conversation.give_feedback(stored, told.Feedback(rating="up"))
    assert caught.value.code == "message_not_found"


def test_only_what_was_allowed_outlasts_an_operators_reply() -> None:
    kept = []
    for status in ("approved", "refused", "expired"):
        conversation = Conversation(escalated("Ann"), NOON)
        stored = decide(conversation, status)
        assert stored is not None
        kept.append(is_allowed(stored))
    assert kept == [True, False, False]
    assert not is_allowed(Conversation(escalated("Ann"), NOON).reply(reply()))


# --- what an agent is given


def said(seq: int, role: str) -> told.Message:
    return told.Message(id=f"msg_{seq}", seq=seq, role=role, content="x", timestamp=NOON)


@pytest.mark.parametrize("more", [0, 1])
def test_of_many_questions_the_last_are_given_and_the_decisions_before_them(more: int) -> None:
    questions = [
        said(1, "user"),
        said(2, "system"),
        *(said(seq, "user") for seq in range(3, MOST_QUESTIONS + 2 + more)),
    ]
    given = [each.seq for each in to_be_answered(questions)]
    assert given == ([1] if not more else []) + list(range(2, MOST_QUESTIONS + 2 + more))


@pytest.mark.parametrize("more", [0, 1])
def test_decisions_are_bounded_too(more: int) -> None:
    questions = [said(seq, "system") for seq in range(1, MOST_DECISIONS + 1 + more)]
    assert [each.seq for each in to_be_answered(questions)] == list(range(1 + more, MOST_DECISIONS + 1 + more))


@pytest.mark.parametrize("how", ["called off", "sealed", "failed"])
def test_what_may_have_been_done_ends_with_a_person_where_no_agent_tells(how: str) -> None:
    def end(turn: Turn) -> Conversation:
        conversation = Conversation(state(last_seq=1), NOON, turn)
        if how == "called off":
            assert conversation.cancel(IDS) == "cancelled"
        elif how == "sealed":
            assert conversation.seal(IDS)
        else:
            conversation.fail(IDS, "agent_lost")
        return conversation

    expired = how == "sealed"
    begun = end(running(acting=True, held=False, expired=expired))
    assert begun.state.status == "escalated"
    completed = payload(begun, "turn_completed")
    assert isinstance(completed, told.TurnCompleted)
    assert completed.ticket is not None
    assert completed.ticket.reasons == ["action_unconfirmed"]
    assert completed.message.content == UNCONFIRMED_ANSWER
    assert end(running(held=False, expired=expired)).state.status == "active"  # nothing was allowed
    assert end(running(acting=True, attempt=0, held=False, expired=expired)).state.status == "active"  # nobody began
