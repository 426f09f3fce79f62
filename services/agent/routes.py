"""What the agent answers: channel, use case, and the key where only this instance is asked."""

from libs.contracts.bus_map import AGENT_HEALTH, AGENT_METRICS, SNAPSHOT
from libs.runtime.bus import Bus
from libs.runtime.service import Scope
from services.agent.app import Turns


async def serve(bus: Bus, scope: Scope, turns: Turns) -> None:
    """Answer the agent's channels. The doorbell is not here: it is joined and left as slots fill (`app.claims`)."""
    await bus.serve(SNAPSHOT, turns.snapshot, key=scope.instance)
    await bus.serve(AGENT_HEALTH, scope.health)
    await bus.serve(AGENT_METRICS, scope.metrics)
