"""Figures of several processes become one text that Prometheus can read."""

from prometheus_client.parser import text_string_to_metric_families

from libs.contracts.health import MetricsText
from libs.runtime.metrics import HANDLED, merged, own_text

ONE = """# HELP deskbus_example_total An example
# TYPE deskbus_example_total counter
deskbus_example_total{kind="a"} 2.0
"""


def test_each_sample_says_whose_it_is_and_each_family_stands_once() -> None:
    text = merged([MetricsText("session", "session_1", ONE), MetricsText("agent", "agent_1", ONE)])
    assert text.count("# TYPE deskbus_example_total counter") == 1
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert {(sample.labels["service"], sample.labels["kind"], sample.value) for sample in samples} == {
        ("session", "a", 2.0),
        ("agent", "a", 2.0),
    }


def test_own_figures_can_be_read_and_merged() -> None:
    HANDLED.labels("session.post_message", "done").observe(0.003)
    text = merged([MetricsText("session", "session_1", own_text())])
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert any(sample.name == "deskbus_handled_seconds_count" and sample.value >= 1 for sample in samples)
