"""What the knowledge service answers: channel -> use case."""

from libs.contracts import bus_map
from libs.runtime.bus import Bus
from libs.runtime.service import Scope

from .app import App, Gaps


async def serve(bus: Bus, app: App, gaps: Gaps, scope: Scope) -> None:
    """Answer the service's channels."""
    await bus.serve(bus_map.SEARCH, app.search)
    await bus.serve(bus_map.LIST_GAPS, gaps.list_gaps)
    await bus.serve(bus_map.KNOWLEDGE_HEALTH, scope.health)
    await bus.serve(bus_map.KNOWLEDGE_METRICS, scope.metrics)
