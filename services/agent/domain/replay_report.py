"""What a replay prints: a line for each turn, the sentences that differ, and the sums."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from statistics import median

from msgspec import Struct

from .replay import Comparison

HEADING = (
    f"{'turn':<31} {'similar':>7}  {'confidence':>12}  {'cost in USD':>21}  {'seconds':>16}  changed"
)  # fmt: skip
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_LONGEST_QUESTION, _LONGEST_SENTENCE, _MOST_SENTENCES = 60, 160, 8


class Sums(Struct, frozen=True, kw_only=True):
    """What came of all turns.

    Attributes:
        models_before, models_after: which model gave how many answers.
        same: turns without any difference.
        changed: how many differ in what.
        failed: new answers that are apologies, or broke off.
        degraded: new answers that another model than the wanted one gave.
        not_as_recorded: turns with calls of tools that were not recorded so.
        seconds_before, seconds_after: medians, of the turns where it is known; None where there is none.
    """

    turns: int
    models_before: dict[str, int]
    models_after: dict[str, int]
    same: int
    changed: dict[str, int]
    failed: int
    degraded: int
    not_as_recorded: int
    cost_before_usd: float
    cost_after_usd: float
    seconds_before: float | None
    seconds_after: float | None


def summed(comparisons: Sequence[Comparison]) -> Sums:
    """Add up."""
    return Sums(
        turns=len(comparisons),
        models_before=_counted(one.before.model for one in comparisons),
        models_after=_counted(one.after.model for one in comparisons),
        same=sum(not one.changed for one in comparisons),
        changed=_counted(what for one in comparisons for what in one.changed),
        failed=sum(bool(one.after.error) for one in comparisons),
        degraded=sum(bool(one.after.degraded) for one in comparisons),
        not_as_recorded=sum(bool(one.notes) for one in comparisons),
        cost_before_usd=round(sum(one.before.cost_usd for one in comparisons), 9),
        cost_after_usd=round(sum(one.after.cost_usd for one in comparisons), 9),
        seconds_before=_middle([one.before.seconds for one in comparisons]),
        seconds_after=_middle([one.after.seconds for one in comparisons]),
    )


def _counted(things: Iterable[str]) -> dict[str, int]:
    return dict(Counter(things).most_common())


def _middle(seconds: Sequence[float | None]) -> float | None:
    known = [one for one in seconds if one is not None]
    return round(median(known), 3) if known else None


def line(one: Comparison) -> str:
    """Give the line of a turn."""
    before, after = one.before, one.after
    confidence = f"{_figure(before.confidence, 2)} > {_figure(after.confidence, 2)}"
    cost = f"{before.cost_usd:.6f} > {after.cost_usd:.6f}"
    seconds = f"{_figure(before.seconds, 3)} > {_figure(after.seconds, 3)}"
    told = [", ".join(one.changed) or "-"]
    told += [f"failed: {after.error}"] if after.error else []
    told += [f"degraded: {after.degraded}"] if after.degraded else []
    told += one.notes
    return f"{one.turn_id:<31} {one.similarity:>7.3f}  {confidence:>12}  {cost:>21}  {seconds:>16}  {'; '.join(told)}"


def difference(one: Comparison) -> list[str]:
    """Give the question, what else than the text differs, and the sentences that only one of the two texts has."""
    before, after = one.before, one.after
    lines = [f"  ? {_short(one.question, _LONGEST_QUESTION)}"]
    if "sources" in one.changed:
        lines.append(f"  sources: {', '.join(before.sources) or 'none'} > {', '.join(after.sources) or 'none'}")
    for what, was, now in (
        ("abstention", before.abstained, after.abstained),
        ("escalation", before.escalated, after.escalated),
    ):
        if was != now:
            lines.append(f"  {what}: {_word(was)} > {_word(now)}")
    if "tools" in one.changed:
        lines.append(f"  tools: {', '.join(before.tools_used) or 'none'} > {', '.join(after.tools_used) or 'none'}")
    return lines + _sentences(before.text, after.text)


def _sentences(before: str, after: str) -> list[str]:
    old, new = _SENTENCES.split(before), _SENTENCES.split(after)
    found: list[str] = []
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            found += [f"  - {_short(text, _LONGEST_SENTENCE)}" for text in old[old_from:old_to] if text]
            found += [f"  + {_short(text, _LONGEST_SENTENCE)}" for text in new[new_from:new_to] if text]
    left = len(found) - _MOST_SENTENCES
    return found if left <= 0 else [*found[:_MOST_SENTENCES], f"  ... and {left} more"]


def closing(sums: Sums) -> list[str]:
    """Give the sums as lines."""
    changed = _listed(sums.changed)
    lines = [
        f"models   {_listed(sums.models_before)} > {_listed(sums.models_after)}",
        f"turns    {sums.turns}: {sums.same} the same, {sums.turns - sums.same} changed"
        + (f" ({changed})" if changed else ""),
        f"cost     {sums.cost_before_usd:.6f} > {sums.cost_after_usd:.6f} USD",
        f"seconds  {_figure(sums.seconds_before, 3)} > {_figure(sums.seconds_after, 3)} (p50)",
    ]
    if sums.failed or sums.degraded:
        lines.append(f"failed   {sums.failed}; answered by another model than the wanted one: {sums.degraded}")
    if sums.not_as_recorded:
        lines.append(f"tools    not as recorded in {sums.not_as_recorded} turns")
    return lines


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{what or 'unknown'} {count}" for what, count in counts.items())


def _figure(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def _word(value: bool) -> str:
    return "yes" if value else "no"


def _short(text: str, longest: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."
