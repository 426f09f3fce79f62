"""Figures from times: percentiles, medians, and how late the tokens of a stream came."""

import math
from collections.abc import Iterable, Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Give the nearest-rank percentile: a value that was measured. NaN where there is none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values: Iterable[float]) -> float:
    """Give the middle of what is a number."""
    known = sorted(value for value in values if not math.isnan(value))
    if not known:
        return math.nan
    middle = len(known) // 2
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2


def lateness(arrivals: Sequence[float], interval: float, coalescing: float) -> tuple[list[float], list[float]]:
    """Say how late each token of a stream came, all in the same unit.

    The ideal schedule has one token every `interval` and is anchored where this stream was quickest, so that no token
    is early and a late first token counts as late.

    Returns:
        Lateness as it is, and with coalescing counted apart. A coalescing sender holds a token back on purpose until
        `coalescing` after the frame before, so a token is excused until then, and for never more than `coalescing`.
    """
    anchor = min(at - number * interval for number, at in enumerate(arrivals))
    whole: list[float] = []
    apart: list[float] = []
    before = frame = -math.inf
    for number, at in enumerate(arrivals):
        if at != frame:
            before, frame = frame, at
        due = anchor + number * interval
        whole.append(at - due)
        # The first frame is not held back.
        release = max(due, min(before + coalescing, due + coalescing))
        apart.append(max(0.0, at - release))
    return whole, apart
