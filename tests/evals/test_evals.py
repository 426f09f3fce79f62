"""The figures that need no language model, held to their declared thresholds: deterministic, over the real embedding model."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from . import abstention, grounding, library, report
from .judged import QUESTIONS, Judged, everything
from .report import Figure, Options, Report, Table

CI = Options(ci=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(model_folder: Path) -> list[Judged]:
    return (await everything(None)).own


def missed(figures: list[Figure]) -> list[str]:
    return [f"{figure.name}: {figure.value:.3f}, declared {figure.declared}" for figure in figures if not figure.passed]


async def test_answerable_questions_are_answered_and_others_are_not(own: list[Judged]) -> None:
    assert missed(abstention.figures(own)) == []


async def test_answers_cite_the_right_document_with_a_confidence_that_holds(own: list[Judged]) -> None:
    assert missed(grounding.figures(grounding.answers(own))) == []


def test_sentences_are_judged_by_what_they_say() -> None:
    assert missed(grounding.sentence_figures(grounding.sentences())) == []


def test_the_questions_are_many_different_and_in_two_halves() -> None:
    rows = library.rows(QUESTIONS)
    assert len({row["question"] for row in rows}) == len(rows) >= 150
    known = {document.document_id for document in library.shop()}
    for row in rows:
        assert row["expect"] in ("answer", "abstain", "clarify")
        assert bool(row.get("documents")) == (row["expect"] == "answer")
        assert known.issuperset(row.get("documents", []))


def test_a_calibration_error_is_the_distance_between_said_and_right() -> None:
    assert grounding.calibration_error([]) == 0
    assert grounding.calibration_error([(1.0, True)] * 4) == 0
    assert grounding.calibration_error([(0.75, True), (0.75, False)]) == pytest.approx(0.25)
    assert grounding.calibration_error([(1.0, False), (0.0, False)]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("least", "most", "passed"),
    [(None, None, True), (0.5, None, True), (0.51, None, False), (None, 0.5, True), (None, 0.49, False)],
)
def test_a_figure_is_held_to_both_thresholds(least: float | None, most: float | None, passed: bool) -> None:
    figure = Figure(name="x", value=0.5, least=least, most=most)
    assert figure.passed is passed
    assert Report(title="t", figures=[figure]).passed is passed
    assert ("FAILED" in Report(title="t", figures=[figure]).text()) is not passed


def test_tables_are_aligned_markdown() -> None:
    table = report.markdown(Table(columns=("a", "long"), rows=[("x|y", 0.5), ("z", 2)]))
    assert table.splitlines() == ["| a   | long  |", "|-----|-------|", "| x/y | 0.500 |", "| z   | 2     |"]
