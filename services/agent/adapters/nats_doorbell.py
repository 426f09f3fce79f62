"""The doorbell over NATS: a queue group on the session service's live channel."""

from collections.abc import Callable

from libs.contracts.bus_map import TURN_READY
from libs.contracts.context import Context
from libs.contracts.session import TurnReady
from libs.runtime.bus import Bus, Subscription

_GROUP = "agent"


class NatsDoorbell:
    """One subscription in the queue group of the agents, while joined."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._subscription: Subscription | None = None

    async def join(self, ring: Callable[[], None]) -> None:
        """Hear it from now on."""

        async def heard(_payload: TurnReady, _ctx: Context) -> None:
            ring()

        self._subscription = await self._bus.listen(TURN_READY, heard, group=_GROUP)

    async def leave(self) -> None:
        """Hear it no more. Leaving twice does nothing."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.unsubscribe()
