"""Grounding: does the extractive model cite the right document, is its confidence what it says, and are sentences judged rightly?

The sentences are our own: what a language model might say about the example documents, true and false. How they are judged
needs no model, so that it can be held in CI.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from libs.contracts.knowledge import Source
from libs.contracts.session import Message
from services.agent.domain.grounding import Grounding, Support

from . import library
from .judged import Judged, everything
from .report import Figure, Options, Report, Table

SENTENCES = Path(__file__).with_name("sentences.jsonl")
_BINS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


async def run(options: Options) -> Report:
    """Measure."""
    sets = await everything(options.faq)
    own = answers(sets.own)
    held_out = [row for row in own if row.half == "held_out"]
    tables = [
        _sources({"own": own, "own, held out": held_out, "faq": answers(sets.faq), "halved": answers(sets.halved)})
    ]
    tables += [_reliability(name, rows) for name, rows in (("own", own), ("faq", answers(sets.faq))) if rows]
    judged = sentences()
    if options.errors:
        tables.append(Table(columns=("wanted", "judged", "sentence"), rows=[row for row in judged if row[0] != row[1]]))
    return Report(title="Grounding", figures=[*figures(own), *sentence_figures(judged)], tables=tables)


def answers(rows: Sequence[Judged]) -> list[Judged]:
    """Those that were answered from a document, but for the vague: there is no right or wrong about these."""
    return [row for row in rows if row.answered and row.expect != "clarify"]


def figures(own: Sequence[Judged]) -> list[Figure]:
    """What CI holds of the extractive model's answers."""
    answerable = [row for row in own if row.expect == "answer"]
    right = [row.right for row in answerable]
    sure = [row for row in own if (row.outcome.confidence or 0.0) > 0.5]
    return [
        Figure(name="answers", value=float(len(own)), least=50),
        Figure(name="right document, of answers to answerable", value=_mean(right), least=0.93),
        Figure(name="right document, of all answers", value=_mean([row.right for row in own]), least=0.85),
        Figure(name="right document, of answers above 0.5", value=_mean([row.right for row in sure]), least=0.88),
        Figure(name="expected calibration error", value=calibration_error(_pairs(own)), most=0.2),
        Figure(name="the same of evidence alone", value=calibration_error(_uncalibrated(own))),
    ]


def sentences() -> list[tuple[str, str, str]]:
    """Judge the sentences: (wanted, judged, sentence)."""
    shelf = [
        Source(
            content=document.body,
            metadata={"title": document.title, "document_id": document.document_id},
            relevance_score=0.6,
            rank=n,
        )
        for n, document in enumerate(library.shop(), start=1)
    ]
    ranks = {source.metadata["document_id"]: source.rank for source in shelf}
    question = Message(id="msg_1", seq=1, role="user", content="?", timestamp=datetime(2026, 5, 4, tzinfo=UTC))
    found: list[tuple[str, str, str]] = []
    for row in library.rows(SENTENCES):
        grounding = Grounding(shelf, [question], cited=[ranks[row["cites"]]] if "cites" in row else [])
        text = row["text"]
        grounding.hear(f"{text[:-1]} [1]{text[-1]}" if "cites" in row else text)
        found.append((row["expect"], _judgement(grounding.finish()), text))
    return found


def sentence_figures(judged: Sequence[tuple[str, str, str]]) -> list[Figure]:
    """What CI holds of the judgement of sentences."""
    true = [found == "supported" for wanted, found, _ in judged if wanted == "supported"]
    false = [found == "supported" for wanted, found, _ in judged if wanted == "unsupported"]
    empty = [found == "nothing" for wanted, found, _ in judged if wanted == "nothing"]
    return [
        Figure(name="sentences", value=float(len(judged)), least=60),
        Figure(name="true sentences found supported", value=_mean(true), least=0.9),
        Figure(name="false sentences found supported", value=_mean(false), most=0.1),
        Figure(name="sentences that state nothing, left out", value=_mean(empty), least=0.9),
    ]


def calibration_error(pairs: Sequence[tuple[float, bool]]) -> float:
    """The expected calibration error: the mean over bins, by their sizes, of |confidence - share that is right|.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (2015); the bins are
    narrower where most answers are.
    """
    gaps = (
        abs(_mean([c for c, _ in rows]) - _mean([right for _, right in rows])) * len(rows) for _, rows in _binned(pairs)
    )
    return sum(gaps) / len(pairs) if pairs else 0.0


def _judgement(support: Support) -> str:
    if not support.sentences:
        return "nothing"
    return "supported" if support.supported == support.sentences else "unsupported"


def _pairs(rows: Sequence[Judged]) -> list[tuple[float, bool]]:
    return [(row.outcome.confidence or 0.0, row.right) for row in rows]


def _uncalibrated(rows: Sequence[Judged]) -> list[tuple[float, bool]]:
    return [(min(1.0, row.verdict.evidence), row.right) for row in rows]


def _binned(pairs: Sequence[tuple[float, bool]]) -> list[tuple[str, list[tuple[float, bool]]]]:
    found = [
        (f"{low:.1f}-{high:.1f}", [pair for pair in pairs if low <= pair[0] < high or (pair[0] == high == 1.0)])
        for low, high in pairwise(_BINS)
    ]
    return [(name, rows) for name, rows in found if rows]


def _sources(sets: dict[str, list[Judged]]) -> Table:
    return Table(
        columns=(
            "answers of",
            "answers",
            "answerable",
            "right document of these",
            "ECE of evidence",
            "ECE of confidence",
        ),
        rows=[
            (
                name,
                len(rows),
                sum(row.expect == "answer" for row in rows),
                _mean([row.right for row in rows if row.expect == "answer"]),
                calibration_error(_uncalibrated(rows)),
                calibration_error(_pairs(rows)),
            )
            for name, rows in sets.items()
            if rows
        ],
    )


def _reliability(name: str, rows: Sequence[Judged]) -> Table:
    return Table(
        columns=(f"confidence, {name}", "answers", "mean confidence", "right"),
        rows=[
            (bin_name, len(pairs), _mean([c for c, _ in pairs]), _mean([right for _, right in pairs]))
            for bin_name, pairs in _binned(_pairs(rows))
        ],
    )


def _mean(values: Sequence[float] | Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0
