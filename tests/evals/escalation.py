"""Escalation: does a person take over where a sensible support lead would want it, and only there?

With no model: `escalation.decide` over the customers' messages of `escalation.jsonl`. The table was written and labelled
without a look at the rules. It is in two halves, alike in language, label and kind; rules are tuned by the errors of one
only, and the other half's are never listed. `escalation_blind.jsonl` was written after the training by somebody who had seen
none of it; its errors are never listed either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from libs.contracts.session import Escalation, Message
from services.agent.adapters.intent_weights import read_intents
from services.agent.domain import escalation
from services.agent.domain.intents import Intents

from .report import Figure, Options, Report, Table

CASES = Path(__file__).with_name("escalation.jsonl")
BLIND = Path(__file__).with_name("escalation_blind.jsonl")

Half = Literal["tuning", "held_out"]
HALVES: tuple[Half, ...] = ("tuning", "held_out")

# What is aimed at in the held-out half, and not reached: nothing fails by it yet.
AIM = 0.95
# What is kept: a little below what was measured.
FLOORS: dict[Half, dict[str, float]] = {
    "tuning": {"precision": 0.98, "recall": 0.95},
    "held_out": {"precision": 0.94, "recall": 0.91},
}
BLIND_FLOORS = {"precision": 0.89, "recall": 0.81}
# What the blind cases call by names of their own; a hurry and money change the category, and are no reasons here.
_NAMED = {"person": "asked_for_person", "frustration": "anger", "repeated": "unhappy_repeatedly"}
_NO_REASONS = ("urgent", "money")
# So many ordinary questions may call a person, at most.
OWN_ALARMS, FAQ_ALARMS = 0.0, 2.0

_NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """An earlier message of the conversation."""

    role: Literal["user", "assistant", "operator"]
    content: str


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a customer writes, and what should come of it.

    Attributes:
        kind: what makes it worth asking: of the positive ones what they are about, of the negative ones what they look like.
        messages: the open ones.
        history: the earlier ones.
        category: the right one; None where several are.
        reasons: those that must be among the reasons.
        why: for people.
    """

    id: str
    language: str
    kind: str
    tone: str
    messages: list[str]
    escalate: bool
    half: Half
    why: str
    history: list[Said] = []
    category: str | None = None
    reasons: list[str] = []


class Decided(Struct, frozen=True):
    """A case with what was decided."""

    case: Case
    escalation: Escalation | None

    @property
    def right(self) -> bool:
        """Whether it was decided as labelled."""
        return (self.escalation is not None) == self.case.escalate


class Counts(Struct, frozen=True, kw_only=True):
    """How often it was decided right and wrong."""

    hits: int
    false_alarms: int
    misses: int

    @property
    def precision(self) -> float:
        """Of those escalated, how many should be."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Of those that should be, how many were escalated."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return _share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)


async def run(options: Options) -> Report:
    """Measure."""
    decided = decide_all()
    languages = sorted({row.case.language for row in decided})
    tables = [
        _table("set", [*((half, of_half(decided, half)) for half in HALVES), ("both", decided)]),
        _table("language", [(name, [row for row in decided if row.case.language == name]) for name in languages]),
    ]
    blind = decide_all(BLIND)
    tables.append(_table("blind, by an author who saw nothing of the training", blind_sets(blind)))
    if options.errors:
        tables.append(_errors(of_half(decided, "tuning")))
    told = [*figures(decided), *blind_figures(blind), *alarms(options.faq)]
    note = f"Aimed at in the held-out half: precision and recall of at least {AIM}."
    return Report(title="Escalation", figures=told, tables=tables, notes=[note])


def cases(path: Path = CASES) -> list[Case]:
    """A whole table; a category of no characters is none."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    for row in rows:
        row["category"] = row.get("category") or None
        row["reasons"] = [_NAMED.get(name, name) for name in row.get("reasons", ()) if name not in _NO_REASONS]
    return [msgspec.convert(row, Case) for row in rows]


def decide_all(path: Path = CASES) -> list[Decided]:
    """Decide all cases of a table."""
    intents = read_intents()
    return [Decided(case, _decided(case, intents)) for case in cases(path)]


def blind_sets(decided: Sequence[Decided]) -> list[tuple[str, Sequence[Decided]]]:
    """The blind cases as one, and by language."""
    languages = sorted({row.case.language for row in decided})
    by_language = [(name, [row for row in decided if row.case.language == name]) for name in languages]
    return [("all", decided), *by_language]


def blind_figures(decided: Sequence[Decided]) -> list[Figure]:
    """What is told of the blind cases."""
    counts = counted(decided)
    return [
        Figure(name="cases, blind", value=float(len(decided))),
        Figure(name="precision, blind", value=counts.precision, least=BLIND_FLOORS["precision"]),
        Figure(name="recall, blind", value=counts.recall, least=BLIND_FLOORS["recall"]),
        Figure(name="F1, blind", value=counts.f1),
    ]


def of_half(decided: Sequence[Decided], half: Half) -> list[Decided]:
    """Those of one half."""
    return [row for row in decided if row.case.half == half]


def counted(decided: Sequence[Decided]) -> Counts:
    """Count right and wrong ones."""
    return Counts(
        hits=len(_hits(decided)),
        false_alarms=sum(row.escalation is not None and not row.case.escalate for row in decided),
        misses=sum(row.escalation is None and row.case.escalate for row in decided),
    )


def figures(decided: Sequence[Decided]) -> list[Figure]:
    """What is told."""
    told = [Figure(name="cases", value=float(len(decided)))]
    for half in HALVES:
        counts = counted(of_half(decided, half))
        told += [
            Figure(name=f"precision, {half}", value=counts.precision, least=FLOORS[half]["precision"]),
            Figure(name=f"recall, {half}", value=counts.recall, least=FLOORS[half]["recall"]),
            Figure(name=f"F1, {half}", value=counts.f1),
        ]
    return [
        *told,
        Figure(name="right category, of those rightly escalated", value=_categories(decided)),
        Figure(name="labelled reasons given, of those rightly escalated", value=_reasons(decided)),
    ]


def alarms(faq: Path | None) -> list[Figure]:
    """How many ordinary questions, of our own and of the shared set, a person would be called for."""
    sets = {"our own questions": ([CASES.with_name("questions.jsonl")], "question", OWN_ALARMS)}
    if faq:
        sets["the shared questions"] = ([faq / "queries.jsonl", faq / "out_of_scope.jsonl"], "query", FAQ_ALARMS)
    intents = read_intents()
    told: list[Figure] = []
    for name, (paths, key, most) in sets.items():
        asked = [json.loads(line)[key] for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
        called = sum(escalation.decide([_message(1, "user", text)], (), intents) is not None for text in asked)
        told.append(Figure(name=f"false alarms in {name} ({len(asked)})", value=float(called), most=most))
    return told


def _message(seq: int, role: Literal["user", "assistant", "operator"], text: str) -> Message:
    return Message(id=f"msg_{seq}", seq=seq, role=role, content=text, timestamp=_NOON)


def _decided(case: Case, intents: Intents | None) -> Escalation | None:
    said = [*case.history, *(Said("user", text) for text in case.messages)]
    messages = [_message(seq, each.role, each.content) for seq, each in enumerate(said, start=1)]
    earlier = len(case.history)
    found = escalation.decide(messages[earlier:], messages[:earlier], intents)
    return None if found is None else found.escalation


def _hits(decided: Sequence[Decided]) -> list[tuple[Case, Escalation]]:
    return [(row.case, row.escalation) for row in decided if row.case.escalate and row.escalation is not None]


def _categories(decided: Sequence[Decided]) -> float:
    return _part(decided, lambda case: bool(case.category), lambda case, found: found.category == case.category)


def _reasons(decided: Sequence[Decided]) -> float:
    return _part(decided, lambda case: bool(case.reasons), lambda case, found: set(case.reasons) <= set(found.reasons))


def _part(
    decided: Sequence[Decided], labelled: Callable[[Case], bool], right: Callable[[Case, Escalation], bool]
) -> float:
    told = [right(case, found) for case, found in _hits(decided) if labelled(case)]
    return _share(sum(told), len(told))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _table(name: str, sets: Sequence[tuple[str, Sequence[Decided]]]) -> Table:
    rows: list[tuple[object, ...]] = []
    for label, decided in sets:
        counts = counted(decided)
        wanted = counts.hits + counts.misses
        rows.append(
            (
                label,
                len(decided),
                wanted,
                counts.precision,
                counts.recall,
                counts.f1,
                *((_categories(decided), _reasons(decided)) if counts.hits else ("-", "-")),
            )
        )
    columns = (name, "cases", "to escalate", "precision", "recall", "F1", "right category", "right reasons")
    return Table(columns=columns, rows=rows)


def _errors(decided: Sequence[Decided]) -> Table:
    wrong = [row for row in decided if not row.right or _mislabelled(row)]
    return Table(
        columns=("case", "wanted", "decided", "why", "messages"),
        rows=[
            (
                row.case.id,
                _words(row.case.category, row.case.reasons) if row.case.escalate else "-",
                _words(row.escalation.category, row.escalation.reasons) if row.escalation else "-",
                row.case.why,
                " // ".join(row.case.messages),
            )
            for row in sorted(wrong, key=lambda row: (row.right, row.case.escalate, row.case.id))
        ],
    )


def _mislabelled(row: Decided) -> bool:
    found = row.escalation
    if found is None or not row.case.escalate:
        return False
    return row.case.category not in (None, found.category) or not set(row.case.reasons) <= set(found.reasons)


def _words(category: str | None, reasons: Sequence[str]) -> str:
    return f"{category or 'any'}: {', '.join(reasons) or 'any'}"
