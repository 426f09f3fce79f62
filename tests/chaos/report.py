"""What a run says of itself: figures in one line each, and the faults that were found."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from tests.bench.figures import percentile
from tests.support.checker import Fault, check_all
from tests.support.evidence import Evidence
from tests.support.timing import Death, accept_times, restart_times


class Outcome(Struct, kw_only=True):
    """What came of a load.

    Attributes:
        quiet_s: how long everything took to be answered and shown after the last fault; None where it never was.
        accepts: seconds from each message to its first receipt.
        restarts: seconds after which turns went on whose agent died.
        breaks: how often a client lost its connection.
    """

    faults: list[Fault]
    quiet_s: float | None
    accepts: list[float]
    restarts: list[float]
    messages: int
    answers: int
    cancelled: int
    breaks: int
    refusals: Counter[str]

    def __str__(self) -> str:
        return self.told()

    def told(self, most: int = 12) -> str:
        """Give the figures and the first faults."""
        quiet = "never quiet" if self.quiet_s is None else f"quiet after {self.quiet_s:.1f} s"
        refused = ", ".join(f"{code} {count}" for code, count in self.refusals.most_common(4))
        lines = [
            f"{self.messages} messages, {self.answers} answers ({self.cancelled} cancelled), {self.breaks} lost connections"
            + (f", told {refused}" if refused else ""),
            f"accept {spread(self.accepts)}; restart {spread(self.restarts)}; {quiet}; {len(self.faults)} faults",
        ]
        return "\n".join(lines + [str(fault) for fault in self.faults[:most]])


def outcome(
    evidence: list[Evidence], quiet_s: float | None, *, breaks: int, refusals: Counter[str],
    deaths: Sequence[Death] = (),
) -> Outcome:  # fmt: skip
    """Check the evidence and take its times."""
    return Outcome(
        faults=check_all(evidence),
        quiet_s=quiet_s,
        accepts=accept_times(evidence),
        restarts=restart_times(evidence, deaths),
        messages=sum(len(each.sent) for each in evidence),
        cancelled=sum(message["status"] == "cancelled" for each in evidence for message in each.messages),
        answers=sum(message["role"] == "assistant" for each in evidence for message in each.messages),
        breaks=breaks,
        refusals=refusals,
    )


def spread(seconds: Sequence[float]) -> str:
    """Give how many times there are and p50, p99 and the largest, in milliseconds."""
    if not seconds:
        return "(none)"
    p50, p99, most = (percentile(seconds, share) * 1000 for share in (0.5, 0.99, 1.0))
    return f"p50 {p50:.0f} p99 {p99:.0f} max {most:.0f} ms (of {len(seconds)})"
