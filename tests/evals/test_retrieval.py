"""Our own collection is searched as well as declared: deterministic, over the real embedding model."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from . import retrieval, retrieval_sets
from .report import Figure, Options, Report
from .retrieval import Found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def report(model_folder: Path) -> Report:
    return await retrieval.run(Options(ci=True), model_folder)


def value(report: Report, name: str) -> float:
    return next(figure.value for figure in report.figures if figure.name == name)


async def test_our_own_collection_is_searched_as_declared(report: Report) -> None:
    missed: list[Figure] = [figure for figure in report.figures if not figure.passed]
    assert [f"{figure.name}: {figure.value:.3f}, declared {figure.declared}" for figure in missed] == []


async def test_the_chosen_method_finds_more_than_each_of_the_plain_ones(report: Report) -> None:
    accuracies = {str(row[1]): float(str(row[3])) for row in report.tables[0].rows if row[0] == "own"}
    assert set(accuracies) == {"dense", "BM25", "rank fusion 1:1", "chosen"}
    assert max(accuracies, key=lambda name: accuracies[name]) == "chosen"
    assert accuracies["chosen"] == value(report, "accuracy@1")


def test_questions_name_documents_that_there_are_and_are_asked_once() -> None:
    own = retrieval_sets.own()
    known = {document.document_id for document in own.documents}
    assert len(known) == len(own.documents)
    assert len({asked.text for asked in own.questions}) == len(own.questions)
    for asked in own.questions:
        assert asked.relevant <= known
        assert bool(asked.relevant) == (asked.kind not in ("near", "unanswerable"))


def test_every_second_document_is_away_and_its_questions_have_no_answer() -> None:
    own = retrieval_sets.own()
    first, second = retrieval_sets.halves(own)
    assert [*first.documents, *second.documents] == [*own.documents[::2], *own.documents[1::2]]
    for whole, one, other in zip(own.questions, first.questions, second.questions, strict=True):
        assert one.relevant | other.relevant == whole.relevant
        assert (one.kind == "removed") == bool(whole.relevant and not one.relevant)


def found(*documents: str) -> Found:
    return Found(documents=documents, score=0.5)


def test_measures_are_what_their_names_say() -> None:
    rows = [(frozenset("a"), found("a", "b")), (frozenset("a"), found("b", "a")), (frozenset("a"), found())]
    assert retrieval.accuracy(rows) == pytest.approx(1 / 3)
    assert retrieval.reciprocal_rank(rows) == pytest.approx(0.5)
    assert retrieval.gain(rows) == pytest.approx((1 + 0.6309) / 3, abs=1e-4)
    assert retrieval.gain([(frozenset("ab"), found("b", "a"))]) == 1
    assert retrieval.reciprocal_rank([(frozenset("z"), found(*"bcdefghijkz"))]) == 0


@pytest.mark.parametrize(("false", "share", "threshold"), [(0.0, 0.5, 0.2), (0.25, 1.0, 0.4), (0.24, 0.5, 0.2)])
def test_abstention_is_counted_at_the_threshold_that_costs_so_much(
    false: float, share: float, threshold: float
) -> None:
    assert retrieval.abstention([0.8, 0.2, 0.4, 0.6], [0.1, 0.3], false) == (share, threshold)
