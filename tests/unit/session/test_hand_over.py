"""What an operator is told of a conversation at its hand-over: the same words for the same conversation."""

import pytest

from libs.contracts import session as told
from libs.contracts.knowledge import Source
from services.session.domain.conversation import Conversation
from services.session.domain.hand_over import RANKS, shortened, sources_tried, summarise
from tests.unit.session.given import IDS, NOON, running, state

WHY = told.Escalation(reasons=["asked_for_person", "legal"], category="legal", priority="urgent")


def said(seq: int, role: str, content: str, **fields: object) -> told.Message:
    return told.Message(id=f"msg_{seq}", seq=seq, role=role, content=content, timestamp=NOON, **fields)


def source(document: str | None, chunk: int = 0, content: str = "a passage") -> Source:
    metadata = {"document_id": document, "chunk": chunk} if document else {}
    return Source(content=content, metadata=metadata, relevance_score=0.5, rank=1)


def test_a_summary_says_why_how_much_and_what_about() -> None:
    messages = [
        said(1, "user", "Where is\nmy   parcel?"),
        said(2, "assistant", "It is on its way.", confidence=0.614),
        said(3, "user", "I want to talk to a lawyer"),
        said(4, "assistant", "half", status="cancelled"),
    ]
    assert summarise(WHY, messages, 4) == (
        "Handed over for: asked for person, legal (category legal, priority urgent). "
        "The conversation has 4 messages. "
        'First question: "Where is my parcel?" '
        'Last question: "I want to talk to a lawyer" '
        'The agent last answered (confidence 0.61): "It is on its way."'
    )


def test_a_summary_quotes_some_of_the_evidence() -> None:
    why = told.Escalation(reasons=["legal"], evidence=["I will\n sue you", "x" * 81, "third", "fourth"])
    assert f'Evidence: "I will sue you"; "{"x" * 79}…"; "third". First question' in summarise(
        why, [said(1, "user", "hello")], 1
    )
    assert "Evidence" not in summarise(WHY, [], 0)


def stored_evidence(*evidence: str, score: float = 0.5) -> told.Ticket:
    conversation = Conversation(state(last_seq=1), NOON, running())
    why = told.Escalation(reasons=["legal"], evidence=list(evidence), score=score)
    conversation.complete(told.Answer(content="Somebody will come.", escalation=why), IDS)
    assert conversation.hand_over is not None
    assert conversation.state.ticket == conversation.hand_over.ticket
    return conversation.hand_over.ticket


@pytest.mark.parametrize(("length", "cut"), [(200, False), (201, True)])
def test_a_piece_of_evidence_is_bounded(length: int, cut: bool) -> None:
    [piece] = stored_evidence("x" * length).evidence
    assert len(piece) == 200
    assert piece.endswith("…") is cut


@pytest.mark.parametrize("given", [5, 6])
def test_evidence_is_five_pieces_at_most(given: int) -> None:
    assert stored_evidence(" ", *map(str, range(given))).evidence == list("01234")


@pytest.mark.parametrize(("given", "stored"), [(-0.1, 0.0), (0.0, 0.0), (0.73, 0.73), (1.0, 1.0), (1.1, 1.0)])
def test_a_score_is_kept_within_its_bounds(given: float, stored: float) -> None:
    assert stored_evidence(score=given).score == stored


def test_a_hand_over_by_hand_has_no_evidence() -> None:
    conversation = Conversation(state(), NOON)
    conversation.set_status("escalated", IDS, [])
    ticket = conversation.state.ticket
    assert ticket is not None
    assert (ticket.score, ticket.evidence) == (1.0, [])


def test_an_answer_that_hands_over_says_why_without_the_evidence() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running())
    why = told.Escalation(reasons=["legal"], category="legal", priority="urgent", evidence=["I will sue"], score=0.9)
    stored = conversation.complete(told.Answer(content="Somebody will come.", escalation=why), IDS)
    assert stored.metadata == {
        "ticket_id": "tick_1", "reasons": ["legal"], "category": "legal", "priority": "urgent", "attempt": 1,
    }  # fmt: skip


def test_a_summary_of_nothing_and_of_one_message() -> None:
    nothing = summarise(told.Escalation(reasons=[]), [], 0)
    assert nothing == (
        "Handed over for: no reason given (category general, priority normal). The conversation has 0 messages."
    )
    assert summarise(WHY, [said(1, "user", "hello")], 1).endswith(
        'The conversation has 1 message. First question: "hello"'
    )


@pytest.mark.parametrize(("length", "cut"), [(160, False), (161, True)])
def test_long_words_are_cut(length: int, cut: bool) -> None:
    text = shortened("x" * length)
    assert len(text) == 160
    assert text.endswith("…") is cut


def test_sources_are_those_of_the_answers_each_once_the_newest_first() -> None:
    messages = [
        said(1, "assistant", "a", sources=[source("doc_1"), source("doc_2")]),
        said(2, "assistant", "void", status="failed", sources=[source("doc_9")]),
        said(3, "assistant", "b", sources=[source("doc_2"), source("doc_2", 1), source(None, content="x")]),
        said(4, "assistant", "c", sources=[source(None, content="x")]),
    ]
    found = [
        (one.metadata.get("document_id"), one.metadata.get("chunk"), one.content) for one in sources_tried(messages)
    ]
    assert found == [
        (None, None, "x"), ("doc_2", 0, "a passage"), ("doc_2", 1, "a passage"), ("doc_1", 0, "a passage"),
    ]  # fmt: skip
    many = [said(1, "assistant", "a", sources=[source(f"doc_{number}") for number in range(30)])]
    assert len(sources_tried(many)) == 20


def test_the_answer_that_hands_over_is_part_of_what_is_known() -> None:
    conversation = Conversation(state(last_seq=1), NOON, running())
    conversation.background = [said(1, "user", "a person, please")]
    answer = told.Answer(content="Somebody will come.", confidence=0.9, sources=[source("doc_1")], escalation=WHY)
    conversation.complete(answer, IDS)
    made = conversation.hand_over
    assert made is not None
    assert (made.seq, [one.metadata["document_id"] for one in made.sources]) == (2, ["doc_1"])
    assert "2 messages" in made.summary
    assert "Somebody will come." in made.summary
    [told_of] = [one.payload for one in conversation.events if one.event.name == "session_escalated"]
    assert told_of == told.SessionEscalated(made.ticket, made.summary)


def test_ranks_are_the_queues_order() -> None:
    assert sorted(RANKS, key=RANKS.__getitem__) == ["urgent", "high", "normal", "low"]
