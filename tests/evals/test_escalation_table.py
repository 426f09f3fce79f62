"""The table of escalations is what it says of itself, and what was reached on it is kept."""

from __future__ import annotations

from collections import Counter

import pytest

from . import escalation, train_escalation
from .escalation import BLIND, BLIND_FLOORS, FLOORS, HALVES, Case, Half

CATEGORIES = {"legal", "security", "billing", "complaint", "urgent", "general"}
REASONS = {"asked_for_person", "legal", "safety", "security", "anger", "unhappy_repeatedly", "charged_twice"}
# R36: measured as wrong in the system that this one replaces.
R36 = {
    "r36_sue": True,
    "r36_hacked_charged_twice": True,
    "r36_angry_frustrated": True,
    "r36_wifi_instructions": False,
    "r36_speak_about_bill": False,
}


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return escalation.cases()


def test_cases_are_many_and_different(cases: list[Case]) -> None:
    assert len({case.id for case in cases}) == len(cases) >= 320
    said = [
        " / ".join([*(each.content for each in case.history), *case.messages]).casefold().rstrip(".!?")
        for case in cases
    ]
    assert len(set(said)) == len(said)


def test_labels_are_valid(cases: list[Case]) -> None:
    for case in cases:
        assert case.messages, case.id
        assert all(text.strip() for text in case.messages), case.id
        assert case.why, case.id
        assert case.category is None or case.category in CATEGORIES, case.id
        assert set(case.reasons) <= REASONS, case.id
        assert case.escalate or (case.category is None and not case.reasons), case.id


def test_about_as_many_are_to_escalate_as_not(cases: list[Case]) -> None:
    assert 0.4 <= sum(case.escalate for case in cases) / len(cases) <= 0.5


def test_halves_are_balanced(cases: list[Case]) -> None:
    for some in ([True], [False], [True, False]):
        sizes = Counter(case.half for case in cases if case.escalate in some)
        assert abs(sizes["tuning"] - sizes["held_out"]) <= 0.1 * min(sizes.values())
    assert min(Counter(case.half for case in cases).values()) >= 120


@pytest.mark.parametrize("half", HALVES)
def test_each_half_has_all_languages_and_kinds(cases: list[Case], half: Half) -> None:
    languages = Counter(case.language for case in cases if case.half == half)
    assert all(languages[language] >= 20 for language in ("en", "de", "es", "fr"))
    assert {case.language for case in cases} == set(languages)
    assert {case.kind for case in cases} == {case.kind for case in cases if case.half == half}


def test_what_was_wrong_before_is_in_it(cases: list[Case]) -> None:
    assert {case.id: case.escalate for case in cases if case.id.startswith("r36_")} == R36


@pytest.mark.parametrize("half", HALVES)
def test_what_was_reached_is_kept(half: Half) -> None:
    counts = escalation.counted(escalation.of_half(escalation.decide_all(), half))
    assert counts.precision >= FLOORS[half]["precision"]
    assert counts.recall >= FLOORS[half]["recall"]


def test_blind_cases_are_many_and_none_is_trained_on() -> None:
    blind = escalation.cases(BLIND)
    trained = {row["text"].casefold().rstrip(".!?") for row in train_escalation.rows()}
    assert len({case.id for case in blind}) == len(blind) >= 250
    assert [case.id for case in blind if {text.casefold().rstrip(".!?") for text in case.messages} & trained] == []


def test_what_was_reached_on_the_blind_cases_is_kept() -> None:
    counts = escalation.counted(escalation.decide_all(BLIND))
    assert counts.precision >= BLIND_FLOORS["precision"]
    assert counts.recall >= BLIND_FLOORS["recall"]


def test_ordinary_questions_call_nobody() -> None:
    assert [figure.name for figure in escalation.alarms(None) if not figure.passed] == []
