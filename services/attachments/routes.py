"""What the attachments service answers: channel and use case."""

from libs.contracts.bus_map import ATTACHMENTS_HEALTH
from libs.runtime.bus import Bus
from libs.runtime.service import Scope


async def serve(bus: Bus, scope: Scope) -> None:
    """Answer the service's channels."""
    await bus.serve(ATTACHMENTS_HEALTH, scope.health)
