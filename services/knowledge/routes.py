"""What the knowledge service answers: channel -> use case."""

from libs.contracts import bus_map
from libs.runtime.bus import Bus
from libs.runtime.service import Scope

from .app import App


async def serve(bus: Bus, app: App, scope: Scope) -> None:
    """Answer the service's channels."""
    await bus.serve(bus_map.SEARCH, app.search)
    await bus.serve(bus_map.KNOWLEDGE_HEALTH, scope.health)
    await bus.serve(bus_map.KNOWLEDGE_METRICS, scope.metrics)
