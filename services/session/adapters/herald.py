"""Tells over the bus, after the commit, what was decided: live events, the agents' doorbell, the relays' wake-up."""

from collections.abc import Callable

from msgspec import Raw

from libs.contracts.bus_map import OUTBOX_READY, SESSION_EVENT, TURN_READY, TURN_REVOKED
from libs.contracts.channels import Announcer, encode
from libs.contracts.session import EventRecord, OutboxReady, TurnReady, TurnRevoked

from ..domain.conversation import Conversation
from ..ports import Timers


class BusHerald:
    """Whatever it says may be lost: Postgres, the sweeper and the relay's own look-out make good for it."""

    def __init__(self, bus: Announcer, wake_relay: Callable[[], None], timers: Timers) -> None:
        self._bus = bus
        self._wake_relay = wake_relay
        self._timers = timers

    async def tell(self, conversation: Conversation) -> None:
        """Stop who may not go on, tell of the new events, and then ring for the turn that they opened."""
        state = conversation.state
        await self._revoke(conversation)
        for logged in conversation.events:
            record = EventRecord(
                ev_seq=logged.ev_seq, type=logged.event.name, version=logged.event.version, time=logged.time,
                payload=Raw(encode(logged.payload)),
            )  # fmt: skip
            await self._bus.announce(SESSION_EVENT, record, tenant=state.tenant, key=state.session_id)
        if opened := conversation.opened:
            await self._ring_after(opened.opens_in_s, state.tenant)
        if conversation.events:
            self._wake_relay()
            await self._bus.announce(OUTBOX_READY, OutboxReady(), tenant=state.tenant)

    async def ring(self, tenant: str) -> None:
        """Ring for an idle agent."""
        await self._bus.announce(TURN_READY, TurnReady(), tenant=tenant)

    async def _ring_after(self, seconds: float, tenant: str) -> None:
        if seconds > 0:
            self._timers.after(seconds, lambda: self.ring(tenant))
        else:
            await self.ring(tenant)

    async def _revoke(self, conversation: Conversation) -> None:
        if revoked := conversation.revoked:
            payload = TurnRevoked(turn_id=revoked.turn_id, attempt=revoked.attempt, wanted=revoked.wanted)
            await self._bus.announce(TURN_REVOKED, payload, tenant=conversation.state.tenant, key=revoked.agent_id)
