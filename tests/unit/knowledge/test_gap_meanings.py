"""Which questions mean the same, which ratings leave a gap, and what an answered gap becomes."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.knowledge import Source
from libs.contracts.session import Feedback, FeedbackGiven, Message
from services.knowledge.app.usage import citations
from services.knowledge.domain import Meaning, faq_text, nearest, rated_down

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at_angle(cosine: float) -> bytes:
    """A packed vector of length 1 with this cosine to (1, 0)."""
    return Meaning("m", [cosine, math.sqrt(1 - cosine**2)]).packed


def test_the_nearest_gap_is_taken_from_the_threshold_on() -> None:
    asked = Meaning("m", [1.0, 0.0])
    assert nearest(asked, [("far", at_angle(0.5)), ("near", at_angle(0.71)), ("nearer", at_angle(0.9))]) == "nearer"
    assert nearest(asked, [("just", at_angle(0.7001))]) == "just"
    assert nearest(asked, [("not", at_angle(0.6999))]) is None
    assert nearest(asked, []) is None


def test_a_vector_of_another_dimension_is_left_out() -> None:
    assert nearest(Meaning("m", [1.0, 0.0]), [("other", Meaning("m", [1.0, 0.0, 0.0]).packed)]) is None


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=8))
def test_a_meaning_is_nearest_to_itself(vector: list[float]) -> None:
    length = math.sqrt(sum(value * value for value in vector))
    if length < 0.01:
        return
    meaning = Meaning("m", [value / length for value in vector])
    assert nearest(meaning, [("itself", meaning.packed)], 0.999) == "itself"


def rated(rating: str, question: str, turn_id: str | None = "turn_1") -> FeedbackGiven:
    feedback = Feedback(rating="down" if rating == "down" else "up")
    return FeedbackGiven(message_id="msg_1", feedback=feedback, turn_id=turn_id, question=question)


def test_a_question_whose_answer_was_rated_down_is_a_gap() -> None:
    asked = rated_down(rated("down", "Do you ship to Iceland?"), NOON)
    assert asked is not None
    assert (asked.turn_id, asked.question, asked.asked_at) == ("turn_1", "Do you ship to Iceland?", NOON)


@pytest.mark.parametrize(
    "event",
    [rated("up", "Do you ship?"), rated("down", ""), rated("down", "Thanks a lot"), rated("down", "Why?", None)],
    ids=["up", "nothing", "no question", "no turn"],
)
def test_other_ratings_are_none(event: FeedbackGiven) -> None:
    assert rated_down(event, NOON) is None


def test_an_answered_gap_is_one_section() -> None:
    assert faq_text("Do you ship to Iceland?", " Yes.\n") == "# Do you ship to Iceland?\n\nYes.\n"


def source(document_id: object, version: object, chunk: object) -> Source:
    metadata = {"document_id": document_id, "version": version, "chunk": chunk}
    return Source(content="x", metadata=metadata, relevance_score=0.5, rank=1)


def test_citations_are_counted_by_document_and_version() -> None:
    sources = [source("a", 1, 2), source("a", 1, 0), source("a", 2, 0), source("b", 1, 0), source(None, 1, 0)]
    answer = Message(id="msg_1", seq=2, role="assistant", content="x", timestamp=NOON, sources=sources)
    found = [(document_id, cited.version, cited.passages) for document_id, cited in citations(answer, "turn_1", "s")]
    assert found == [("a", 1, [0, 2]), ("a", 2, [0]), ("b", 1, [0])]
