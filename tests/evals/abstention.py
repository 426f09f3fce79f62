"""Abstention: are answerable questions answered, the others not, and vague ones asked back about?

With no model: `sufficiency.judge` over real searches, which is what models are told, and what the extractive model does.
Our own questions are in two halves by a hash; rules are tuned by the errors of one only.
"""

from __future__ import annotations

from collections.abc import Sequence

from .judged import Judged, everything
from .report import Figure, Options, Report, Table

_COLUMNS = (
    "set",
    "answerable",
    "right at rank 1",
    "false abstention",
    "asked back",
    "unanswerable",
    "abstention",
    "vague",
    "clarified",
)


async def run(options: Options) -> Report:
    """Measure."""
    sets = await everything(options.faq)
    english = [row for row in sets.own if row.language == "en"]
    table = Table(
        columns=_COLUMNS,
        rows=[
            _row("own, tuning", [row for row in english if row.half == "tuning"]),
            _row("own, held out", [row for row in english if row.half == "held_out"]),
            _row("own, de es fr", [row for row in sets.own if row.language != "en"]),
            *([_row("faq", sets.faq), _row("faq, every second topic away", sets.halved)] if sets.faq else []),
        ],
    )
    tables = [table]
    if options.errors:
        tables.append(_errors([row for row in sets.own if row.half == "tuning"]))
    return Report(title="Abstention", figures=figures(sets.own), tables=tables, notes=[] if sets.faq else [_NO_FAQ])


_NO_FAQ = "The shared evals/faq is not at hand: `--faq FOLDER` or DESKBUS_EVALS_FAQ names it."


def figures(own: Sequence[Judged]) -> list[Figure]:
    """What CI holds: our own questions, both halves. The thresholds are a little below what was measured (docs/evals.md)."""
    english = [row for row in own if row.language == "en"]
    foreign = [row for row in own if row.language != "en"]
    answerable = [row for row in english if row.expect == "answer"]
    unanswerable = [row for row in english if row.expect == "abstain"]
    vague = [row for row in own if row.expect == "clarify"]
    return [
        Figure(name="questions", value=float(len(own)), least=150),
        Figure(name="false abstention, English", value=_part(answerable, "abstain"), most=0.17),
        Figure(name="asked back though clear, English", value=_part(answerable, "clarify"), most=0.03),
        Figure(name="abstention recall, English", value=1 - _part(unanswerable, "answer"), least=0.85),
        Figure(name="clarification recall", value=_part(vague, "clarify"), least=0.8),
        Figure(name="right source at rank 1, English", value=_found(answerable), least=0.9),
        Figure(
            name="abstention recall, de es fr",
            value=1 - _part([row for row in foreign if row.expect == "abstain"], "answer"),
            least=0.85,
        ),
        Figure(
            name="false abstention, de es fr",
            value=_part([row for row in foreign if row.expect == "answer"], "abstain"),
        ),
    ]


def _row(name: str, rows: Sequence[Judged]) -> tuple[object, ...]:
    answerable, unanswerable, vague = (
        [row for row in rows if row.expect == wanted] for wanted in ("answer", "abstain", "clarify")
    )
    return (
        name,
        len(answerable),
        _found(answerable),
        _part(answerable, "abstain"),
        _part(answerable, "clarify"),
        len(unanswerable),
        1 - _part(unanswerable, "answer"),
        len(vague),
        _part(vague, "clarify"),
    )


def _part(rows: Sequence[Judged], decision: str) -> float:
    return sum(row.verdict.decision == decision for row in rows) / len(rows) if rows else 0.0


def _found(rows: Sequence[Judged]) -> float:
    return sum(row.found for row in rows) / len(rows) if rows else 0.0


def _errors(rows: Sequence[Judged]) -> Table:
    wrong = [row for row in rows if row.verdict.decision != row.expect]
    return Table(
        columns=("wanted", "decided", "score", "margin", "coverage", "evidence", "question"),
        rows=[
            (row.expect, v.decision, v.score, v.margin, v.coverage, v.evidence, row.question)
            for row in sorted(wrong, key=lambda row: (row.expect, row.question))
            for v in [row.verdict]
        ],
    )
