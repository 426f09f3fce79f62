"""Whether what was found is enough to answer from, over passages of this file; the figures over real ones are in tests/evals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from libs.contracts.knowledge import Source
from libs.contracts.session import AttachmentRef, Message
from services.agent.domain import calibration, evidence, sufficiency
from services.agent.domain.sufficiency import Verdict, judge

from .fakes import message, source


def page(text: str, title: str, score: float, rank: int) -> Source:
    found = source(text, title=title, score=score, rank=rank)
    return replace(found, metadata={"title": title, "document_id": f"doc_{title}"})


RETURNS = page("You can return an item within 30 days for a full refund.", "Returns", 0.6, 1)
SHIPPING = page("Standard shipping of an order takes 3-5 business days.", "Shipping", 0.3, 2)
TRACKING = page("You can track an order by its number.", "Tracking", 0.28, 3)
FOUND = [RETURNS, SHIPPING, TRACKING]


def verdict(*texts: str, passages: list[Source] | None = None, history: list[Message] | None = None) -> Verdict:
    asked = [message(text, seq=10 + n) for n, text in enumerate(texts)]
    return judge(asked, history or [], FOUND if passages is None else passages)


def scored(score: float, other: float = 0.1) -> list[Source]:
    return [replace(RETURNS, relevance_score=score), replace(SHIPPING, relevance_score=other)]


def test_a_question_that_a_passage_is_about_is_answered() -> None:
    found = verdict("How many days do I have to return an item?")
    assert (found.decision, found.score, found.margin, found.coverage) == ("answer", 0.6, 0.3, 1.0)
    assert found.missing == []
    assert found.titles == ["Returns", "Shipping", "Tracking"]


def test_what_nothing_is_about_is_abstained_from_with_what_was_looked_for() -> None:
    found = verdict("Do you sell garden gnomes?", passages=scored(0.3))
    assert (found.decision, found.looked_for) == ("abstain", "Do you sell garden gnomes?")
    assert found.missing == ["sell", "garden", "gnomes"]
    assert verdict("Do you sell garden gnomes?", passages=[]).decision == "abstain"


@pytest.mark.parametrize(("score", "decision"), [(0.30, "answer"), (0.29, "abstain")])
def test_the_evidence_that_is_needed_has_two_sides(score: float, decision: str) -> None:
    assert verdict("How many days for the return of an item?", passages=scored(score)).decision == decision


@pytest.mark.parametrize(("score", "decision"), [(0.42, "answer"), (0.41, "abstain")])
def test_without_shared_words_it_is_the_score_alone(score: float, decision: str) -> None:
    assert verdict("Tell me about giving goods back", passages=scored(score)).decision == decision


@pytest.mark.parametrize(("score", "decision"), [(0.22, "answer"), (0.21, "abstain")])
def test_words_of_other_languages_are_not_held_against_a_question(score: float, decision: str) -> None:
    found = verdict("Wie lange kann ich die Ware zurückgeben?", passages=scored(score))
    assert (found.decision, found.foreign) == (decision, True)


def test_whether_something_is_so_needs_its_words() -> None:
    passages = scored(0.42)
    assert verdict("Tell me about refunds to Canada", passages=passages).decision == "answer"
    assert verdict("Do you give refunds to Canada?", passages=passages).decision == "abstain"


def test_a_price_needs_a_price() -> None:
    passages = [page("Premium members get early access.", "Premium", 0.6, 1)]
    assert verdict("What do premium members get?", passages=passages).decision == "answer"
    assert verdict("How much is premium for members?", passages=passages).decision == "abstain"


@pytest.mark.parametrize(
    "text",
    [
        "it doesn't work",
        "help",
        "I have a problem",
        "not working!!",
        "?",
        "can you help me?",
        "Es funktioniert nicht",
        "J'ai besoin d'aide",
    ],
)
@pytest.mark.parametrize("passages", [FOUND, []])
def test_no_subject_is_asked_back_about(text: str, passages: list[Source]) -> None:
    assert verdict(text, passages=passages).decision == "clarify"


@pytest.mark.parametrize("text", ["my order", "problem with my order", "I have an issue with an order"])
def test_one_word_that_several_documents_are_about_is_asked_back_about(text: str) -> None:
    near = [replace(SHIPPING, relevance_score=0.5), replace(TRACKING, relevance_score=0.45)]
    assert verdict(text, passages=near).decision == "clarify"


@pytest.mark.parametrize("text", ["returns?", "refund", "Where is my order?", "how do I track it, my order"])
def test_short_and_clear_is_not_asked_back_about(text: str) -> None:
    assert verdict(text).decision == "answer"


def test_nobody_is_asked_back_twice() -> None:
    asked_back = replace(message("What?", seq=2, role="assistant"), metadata={sufficiency.CLARIFIED: True})
    assert verdict("it is broken", history=[message("help"), asked_back], passages=[]).decision == "abstain"
    later = [asked_back, message("ok", seq=3, role="assistant")]
    assert verdict("it is broken", history=later, passages=[]).decision == "clarify"


def test_a_file_is_what_a_message_without_a_subject_is_about() -> None:
    attached = AttachmentRef("att_1", "error.txt", "text/plain", 10)
    asked = replace(message("it doesn't work"), attachments=[attached])
    assert judge([asked], [], [page("Error 17.", "error.txt", 0.65, 1)]).decision == "answer"


@pytest.mark.parametrize(
    "text",
    [
        "Hello!",
        "thank you",
        "Guten Tag",
        "muchas gracias",
        "bonjour !",
        "",
        "what is my email?",
        "my email is ada@example.com",
    ],
)
def test_what_needs_no_passage_is_answered(text: str) -> None:
    assert verdict(text, passages=[]).decision == "answer"


def test_messages_of_others_are_no_questions() -> None:
    assert judge([message("Do you sell gnomes?", role="system")], [], []).decision == "answer"


def test_a_question_that_points_back_is_read_with_what_it_points_to() -> None:
    found = verdict("I'd like to return an item. How does it work?")
    assert (found.decision, found.looked_for) == ("answer", "I'd like to return an item. How does it work?")


def test_one_of_several_questions_is_enough_to_answer() -> None:
    found = verdict("How many days do I have to return an item? Do you sell garden gnomes?")
    assert (found.decision, found.missing) == ("answer", ["sell", "garden", "gnomes"])


def test_what_was_looked_for_is_short_and_private() -> None:
    text = "Why did ada@example.com not get the gnome of order A-10422\nor +49 170 1234567? " + "Gnomes " * 40
    found = verdict(text, passages=[]).looked_for
    assert len(found) <= sufficiency.MAX_LOOKED_FOR + 2
    assert "ada" not in found
    assert "10422" not in found
    assert "1234567" not in found
    assert "\n" not in found


def test_passages_of_one_document_are_not_several() -> None:
    twice = [RETURNS, replace(RETURNS, rank=2, relevance_score=0.59), replace(SHIPPING, rank=3)]
    assert verdict("How many days to return an item?", passages=twice).margin == pytest.approx(0.3)


@given(
    st.lists(st.text(max_size=80), max_size=3), st.lists(st.tuples(st.text(max_size=200), st.floats(0, 1)), max_size=4)
)
def test_any_words_get_a_verdict(texts: list[str], found: list[tuple[str, float]]) -> None:
    passages = [source(text, score=score, rank=n) for n, (text, score) in enumerate(found, start=1)]
    given_verdict = verdict(*texts, passages=passages)
    assert given_verdict.decision in ("answer", "clarify", "abstain")
    assert 0 <= given_verdict.coverage <= 1


def test_the_calibration_rises_and_stays_a_chance() -> None:
    chances = [calibration.chance(n / 100) for n in range(-20, 140)]
    assert chances == sorted(chances)
    assert 0 < chances[0] < 0.05
    assert 0.95 < chances[-1] < 1
    assert calibration.chance(evidence.LEAST) > 0.5


@pytest.mark.parametrize("knot", calibration.KNOTS, ids=str)
def test_the_calibration_meets_its_knots(knot: tuple[float, float]) -> None:
    assert calibration.chance(knot[0]) == pytest.approx(knot[1])
