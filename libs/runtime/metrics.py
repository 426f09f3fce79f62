"""Figures for Prometheus: what every service counts, and how the texts of several become one.

Labels are bounded: channels, outcomes and names of our own, never an id or a word of a customer.
"""

from collections.abc import Iterable

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from libs.contracts.health import MetricsText

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

HANDLED = Histogram(
    "deskbus_handled_seconds", "Requests answered over the bus", ["channel", "outcome"], buckets=_SECONDS
)
EVENTS_HANDLED = Counter("deskbus_events_handled_total", "Events handled durably", ["durable", "outcome"])
EVENTS_PUBLISHED = Counter("deskbus_events_published_total", "Events that the relay has published", ["owner"])
EVENTS_UNPUBLISHED = Gauge("deskbus_events_unpublished", "Events that the relay still has to publish", ["owner"])
BROKER_RECONNECTS = Counter("deskbus_broker_reconnects_total", "Reconnections to the broker")
HTTP = Histogram("deskbus_http_seconds", "HTTP requests answered", ["method", "route", "status"], buckets=_SECONDS)
SOCKETS = Gauge("deskbus_sockets", "WebSockets that are open")
TURNS = Counter("deskbus_turns_total", "Turns that agents have ended", ["outcome"])
TURN_SECONDS = Histogram("deskbus_turn_seconds", "From claim to stored answer", buckets=_SECONDS)


def own_text() -> str:
    """Give this process's figures in Prometheus's text format."""
    return generate_latest(REGISTRY).decode()


def merged(texts: Iterable[MetricsText]) -> str:
    """Make one text of several processes' figures; each sample says whose it is by `service` and `instance`."""
    families: dict[str, Metric] = {}
    for text in texts:
        whose = {"service": text.service, "instance": text.instance}
        for family in text_string_to_metric_families(text.text):
            whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            whole.samples += [sample._replace(labels={**sample.labels, **whose}) for sample in family.samples]
    registry = CollectorRegistry()
    registry.register(_Fixed(list(families.values())))
    return generate_latest(registry).decode()


class _Fixed(Collector):
    """Gives metrics that were collected elsewhere."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Give them."""
        return self._families
