"""How a service says how it is."""

from msgspec import Struct


class AskHealth(Struct, frozen=True):
    """The question of a readiness probe."""


class CheckResult(Struct, frozen=True):
    """One thing that a service stands on, tried by a real round trip.

    Attributes:
        name: what was tried, in words that an operator knows.
        ok: whether it answered as it should.
        required: whether the service is of no use without it.
        latency_ms: how long the try took, in milliseconds.
        detail: what is known about it, or what is wrong and what to do.
    """

    name: str
    ok: bool
    required: bool = True
    latency_ms: float = 0.0
    detail: str = ""


class HealthReport(Struct, frozen=True):
    """How one instance of a service is; `ready` is whether it should be given work."""

    service: str
    instance: str
    version: str
    ready: bool
    checks: list[CheckResult] = []


class AskMetrics(Struct, frozen=True):
    """The question of whoever collects figures."""


class MetricsText(Struct, frozen=True):
    """One instance's figures in Prometheus's text format."""

    service: str
    instance: str
    text: str
