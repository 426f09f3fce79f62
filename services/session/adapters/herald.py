"""Tells over the bus, after the commit, what was decided: live events, the agents' doorbell, the relays' wake-up."""

from collections.abc import Callable

from msgspec import Raw

from libs.contracts.bus_map import OUTBOX_READY, SESSION_EVENT, TURN_READY
from libs.contracts.channels import Announcer, encode
from libs.contracts.session import EventRecord, OutboxReady, TurnReady

from ..domain.conversation import Conversation


class BusHerald:
    """Whatever it says may be lost: Postgres, the sweeper and the relay's own look-out make good for it."""

    def __init__(self, bus: Announcer, wake_relay: Callable[[], None]) -> None:
        self._bus = bus
        self._wake_relay = wake_relay

    async def tell(self, conversation: Conversation) -> None:
        """Tell of the new events first, and then ring for the turn that they opened."""
        state = conversation.state
        for logged in conversation.events:
            record = EventRecord(
                ev_seq=logged.ev_seq, type=logged.event.name, version=logged.event.version, time=logged.time,
                payload=Raw(encode(logged.payload)),
            )  # fmt: skip
            await self._bus.announce(SESSION_EVENT, record, tenant=state.tenant, key=state.session_id)
        if conversation.opened:
            await self.ring(state.tenant)
        if conversation.events:
            self._wake_relay()
            await self._bus.announce(OUTBOX_READY, OutboxReady(), tenant=state.tenant)

    async def ring(self, tenant: str) -> None:
        """Ring for an idle agent."""
        await self._bus.announce(TURN_READY, TurnReady(), tenant=tenant)
