"""The classifier of intents: honest numbers, bounded work, and weights that belong to the training texts."""

import json
from collections.abc import Callable
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from libs.contracts.session import Message
from services.agent.adapters.intent_weights import WEIGHTS, read_intents, read_weights
from services.agent.domain import escalation, intents
from services.agent.domain.intents import LABELS, ROWS, Intents, Label, Weights
from tests.evals import train_escalation

from .fakes import message

Said = Callable[..., list[str]]


@pytest.fixture(scope="module")
def real() -> Intents:
    return read_intents()


@pytest.fixture
def reasons(real: Intents) -> Said:
    def decided(text: str, *before: Message) -> list[str]:
        found = escalation.decide([message(text, seq=len(before) + 1)], before, real)
        return found.escalation.reasons if found else []

    return decided


def test_the_weights_were_made_from_the_training_texts() -> None:
    # Whoever edits the texts trains again: `python -m tests.evals.train_escalation`.
    assert json.loads(WEIGHTS.read_text())["texts"] == train_escalation.digest()


def test_training_texts_are_labelled_and_none_has_two_labels() -> None:
    rows = train_escalation.rows()
    assert {row["label"] for row in rows} == set(LABELS)
    labelled = {(row["text"], row["label"]) for row in rows}
    assert len({text for text, _ in labelled}) == len(labelled) >= 3000


def test_the_file_of_weights_is_small() -> None:
    assert WEIGHTS.stat().st_size < 600_000


@pytest.mark.parametrize("wrong", [{"labels": ["none"]}, {"table": ROWS - 1}])
def test_weights_for_something_else_are_refused(wrong: dict[str, object]) -> None:
    told = json.loads(WEIGHTS.read_text())
    assert read_weights(told).rows
    with pytest.raises(ValueError, match="train them again"):
        read_weights(told | wrong)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_scores_are_probabilities_and_always_the_same(text: str) -> None:
    classifier = _shared()
    scores = classifier.scores(text)
    assert list(scores) == list(LABELS)
    assert sum(scores.values()) == pytest.approx(1)
    assert all(0 <= score <= 1 for score in scores.values())
    assert classifier.scores(text) == scores


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\0", "...", "?!", "🙂", "👍👍", "\0\0 🙂"])
def test_text_without_words_says_nothing(real: Intents, text: str) -> None:
    assert real.scores(text)["none"] == 1
    assert real.reading(text).pieces == []


@pytest.mark.parametrize(
    "text", ["Где мой заказ 17?", "注文はいつ届きますか", "طلبي متى يصل", "주문은 언제 오나요", "מתי ההזמנה מגיעה"]
)
def test_a_script_that_it_never_learned_is_nothing(real: Intents, reasons: Said, text: str) -> None:
    assert max(real.scores(text).items(), key=lambda score: score[1])[0] == "none"
    assert reasons(text) == []


def test_nul_and_lone_surrogates_do_no_harm(real: Intents) -> None:
    assert real.scores("I want\0 a human \ud800 please")["person"] > 0.5


def _looked_up(text: str) -> int:
    rows = intents.of_text(text)
    return len(rows.words) + len(rows.runs) + len(rows.concepts)


@pytest.mark.parametrize(
    "piece", ["human ", "a ", "x", "!", "a!", "call me now. ", "not you me call bot ", "é", "漢字 "]
)
def test_what_is_looked_at_grows_with_the_text_and_then_no_more(piece: str) -> None:
    most = (piece * 4000)[:4000]
    assert _looked_up(most) <= 12 * 4000
    assert _looked_up(most) <= 1.2 * 2 * max(_looked_up(most[:2000]), 150)
    assert _looked_up((piece * 20000)[:20000]) <= 1.2 * max(_looked_up(most), 150)


def test_the_beginning_and_the_end_of_a_long_text_are_read(real: Intents) -> None:
    filling = "The parcel is blue and it is on its way to the shop. " * 200
    for text in ("I will sue you in court. " + filling, filling + "I will sue you in court."):
        assert max(scores["legal"] for _, scores in real.reading(text).pieces) > 0.5


def test_a_clause_of_a_long_sentence_is_read_by_itself(real: Intents) -> None:
    story = " ".join(["so then we went to the shop and looked at lamps and chairs and tables"] * 6)
    pieces = real.reading(f"{story} and I want to speak to a real person {story}").pieces
    assert len(pieces) > 2
    assert max(scores["person"] for _, scores in pieces) > real.reading(story).whole["person"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Vorrei parlare con un operatore", "asked_for_person"),
        ("quero falar com um atendente", "asked_for_person"),
        ("ik wil een medewerker spreken", "asked_for_person"),
        ("Aus meinem Ladegerät kommt Rauch", "safety"),
        ("Il mio avvocato vi porterà in tribunale", "legal"),
        ("er staan bestellingen in mijn account die niet van mij zijn", "security"),
        ("SIETE DEI LADRI, VERGOGNA!!", "anger"),
    ],
)
def test_a_person_takes_over_in_languages_that_the_tables_lack(reasons: Said, text: str, reason: str) -> None:
    assert reason in reasons(text)


def always(label: Label, chance: float) -> Intents:
    """Make a classifier that finds a label as likely in any text, and nothing else but `none`."""
    likely = {label: chance, "none": 1 - chance}
    return Intents(Weights(rows={}, scale=1.0, bias=[log(likely.get(each, 1e-12)) for each in LABELS]))


@pytest.mark.parametrize(
    ("text", "label", "enough"),
    [
        ("lamp please", "person", 0.8),
        ("the blue lamp over there", "person", 0.83),
        ("the blue lamp over there", "security", 0.83),
        ("the blue lamp over there", "safety", 0.5),
        ("the blue lamp over there", "legal", 0.5),
        ("The blue lamp. It is over there.", "anger", 0.5),
    ],
)
def test_one_sentence_needs_more_than_several_but_for_danger_and_the_law(
    text: str, label: Label, enough: float
) -> None:
    asked = [message(text, seq=1)]
    assert escalation.decide(asked, (), always(label, enough - 0.01)) is None
    assert escalation.decide(asked, (), always(label, enough + 0.01)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Quanto tempo ci vuole per la consegna?",
        "Hoe kan ik mijn adres wijzigen?",
        "Onde vejo a fatura do mês passado?",
        "How long do I have to return something?",
        "phone",
        "Kann ich die Akkus einzeln nachkaufen?",
    ],
)
def test_ordinary_questions_stay_with_the_agent(reasons: Said, text: str) -> None:
    assert reasons(text) == []


def answer(text: str, seq: int, **metadata: object) -> Message:
    return replace(message(text, seq=seq, role="assistant"), metadata=metadata)


OFFER = "I couldn't find anything about that. If you like, a person from our team can help you: just ask for one."


@pytest.mark.parametrize(
    "text", ["yes please", "Yes, do that.", "ja gerne", "sí, por favor", "oui volontiers", "sim", "graag"]
)
def test_an_offered_person_is_accepted(reasons: Said, text: str) -> None:
    assert reasons(text, message("Do you rent boats?", seq=1), answer(OFFER, 2)) == ["asked_for_person"]


@pytest.mark.parametrize("text", ["no thanks", "nein danke", "ok thanks, not now", "yes, but do you sell oars?", "hm"])
def test_an_offered_person_is_declined(reasons: Said, text: str) -> None:
    assert reasons(text, message("Do you rent boats?", seq=1), answer(OFFER, 2)) == []


def test_a_yes_to_anything_else_asks_for_nobody(reasons: Said) -> None:
    assert reasons("yes please", answer("Would you like to see the blue one?", 1)) == []
    assert reasons("yes please", answer(OFFER, 1), answer("Your boat is booked.", 2)) == []
    assert reasons("yes please", answer(OFFER, 1, ticket_id="tick_1")) == []


def test_two_complaints_are_enough_where_an_answer_had_failed(reasons: Said) -> None:
    first, again = message("that did not help", seq=1), "that doesn't help either"
    assert reasons(again, first, answer("Try this.", 2)) == []
    assert reasons(again, first, answer("I couldn't find it.", 2, abstained=True)) == ["unhappy_repeatedly"]
    assert reasons(again, first, answer("Sorry.", 2, error={"code": "model_failed"})) == ["unhappy_repeatedly"]


def test_a_failure_of_ours_is_no_reason_by_itself(reasons: Said) -> None:
    failed = [answer("Sorry.", seq, error={"code": "model_failed"}) for seq in (1, 2, 3)]
    assert reasons("How long does shipping take?", *failed) == []


def test_a_question_asked_a_third_time_with_displeasure(reasons: Said) -> None:
    asked = "where is my parcel 4471"
    before = [message(asked, seq=1), answer("Three to five days.", 2), message(asked, seq=3), answer("Again.", 4)]
    assert reasons(asked, *before) == []
    assert reasons("where is my parcel 4471, useless", *before) == ["unhappy_repeatedly"]
    assert reasons("where is my parcel 4471, useless", *before[:2]) == []


def test_the_score_is_what_the_classifier_gives_where_no_table_speaks(real: Intents) -> None:
    text = "ik wil een medewerker spreken"
    scores = real.scores(text)
    decided = escalation.decide([message(text)], (), real)
    assert decided
    assert decided.escalation.score == round(1 - scores["none"] - scores["unhappy"], 3)
    assert decided.escalation.evidence == [text]


def test_a_line_of_a_film_is_no_wish(reasons: Said) -> None:
    assert reasons('In the film he says "get me your supervisor". Is it on your platform?') == []


_KEPT: list[Intents] = []


def _shared() -> Intents:
    """One classifier for what hypothesis runs, which takes no fixture of a function."""
    if not _KEPT:
        _KEPT.append(read_intents())
    return _KEPT[0]


@pytest.mark.parametrize(
    "text",
    [
        "123 456",
        "A-1042",
        "0 0 0",
        "#77 123-456",
        "[x=1] [y=2]",
        "17 [tokens=6000] [interval=0] [first=0]",
        "2026-11-20 10:30",
        "$5.99",
    ],
)
def test_numbers_and_codes_call_nobody(text: str) -> None:
    assert escalation.decide([message(text)], [], read_intents()) is None
