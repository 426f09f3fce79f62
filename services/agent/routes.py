"""What the agent answers: channel, use case, and the key where only this instance is asked."""

from libs.contracts.bus_map import AGENT_HEALTH, AGENT_METRICS, RECALL, SNAPSHOT
from libs.runtime.bus import Bus
from libs.runtime.service import Scope
from services.agent.app import Memory, Turns


async def serve(bus: Bus, scope: Scope, turns: Turns, memory: Memory) -> None:
    """Answer the agent's channels. What it hears is not here: the doorbell is joined and left as slots fill (`app.claims`)."""
    await bus.serve(SNAPSHOT, turns.snapshot, key=scope.instance)
    await bus.serve(RECALL, memory.known)
    await bus.serve(AGENT_HEALTH, scope.health)
    await bus.serve(AGENT_METRICS, scope.metrics)
