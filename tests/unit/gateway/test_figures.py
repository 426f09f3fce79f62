"""The gateway's merged figures say what they are, and who is missing."""

from libs.contracts.errors import Unavailable
from libs.contracts.health import MetricsText
from libs.runtime.metrics import merged
from services.gateway.app.figures import Figures
from tests.unit.gateway.fakes import TENANT, Desk


async def test_whose_figures_they_are_is_told_and_who_did_not_answer():
    desk = Desk()
    desk.answers["metrics"] = lambda *_: MetricsText("session", "session_1", "# TYPE a gauge\na 1.0\n")
    figures = Figures(desk, TENANT, lambda: MetricsText("gateway", "gateway_1", "# TYPE a gauge\na 2.0\n"), merged)
    text = await figures.text()
    assert text.startswith("# Of each other service these are the figures of one process")
    assert "No figures now" not in text
    assert 'a{instance="gateway_1",service="gateway"} 2.0' in text
    assert 'a{instance="session_1",service="session"} 1.0' in text
    desk.faults["metrics"] = Unavailable("agent_unavailable", "away")
    text = await figures.text()
    assert "# No figures now of: session, agent, knowledge, attachments\n" in text
    assert 'service="gateway"' in text
