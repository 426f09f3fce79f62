"""What the agent answers: channel, use case, and the key where only this instance is asked."""

from typing import NamedTuple

from libs.contracts.bus_map import (
    AGENT_HEALTH,
    AGENT_METRICS,
    DECIDE_APPROVAL,
    ERASE_MEMORIES,
    LIST_APPROVALS,
    LIST_MEMORIES,
    RECALL,
    SNAPSHOT,
    USAGE,
)
from libs.runtime.bus import Bus
from libs.runtime.service import Scope
from services.agent.app import Memory, Turns
from services.agent.app.approvals import ApprovalDesk
from services.agent.app.usage import UsageDesk


class Desks(NamedTuple):
    """Who answers what is not about a running turn."""

    memory: Memory
    approvals: ApprovalDesk
    usage: UsageDesk


async def serve(bus: Bus, scope: Scope, turns: Turns, desks: Desks) -> None:
    """Answer the agent's channels. What it hears is not here: the doorbell is joined and left as slots fill (`app.claims`)."""
    await bus.serve(SNAPSHOT, turns.snapshot, key=scope.instance)
    await bus.serve(RECALL, desks.memory.known)
    await bus.serve(LIST_MEMORIES, desks.memory.list_memories)
    await bus.serve(ERASE_MEMORIES, desks.memory.erase_memories)
    await bus.serve(LIST_APPROVALS, desks.approvals.list_approvals)
    await bus.serve(DECIDE_APPROVAL, desks.approvals.decide)
    await bus.serve(USAGE, desks.usage.usage)
    await bus.serve(AGENT_HEALTH, scope.health)
    await bus.serve(AGENT_METRICS, scope.metrics)
