"""A session as a hub follows it over the bus: what is live about it, its event log, and how far an attempt is."""

import asyncio
from collections.abc import Callable

from libs.contracts.agent import AskSnapshot, Snapshot
from libs.contracts.bus_map import EVENTS_AFTER, SNAPSHOT
from libs.contracts.channels import Subject
from libs.contracts.errors import DeskError, TimedOut
from libs.contracts.session import EventsAfter, EventsPage, OpenTurn

from ..ports import Subscription
from .surroundings import Surroundings

_FOLLOW_S = 5.0


class Followed:
    """One session's channels."""

    __slots__ = ("_bus", "_subscription", "_tenant", "session_id")

    def __init__(self, surroundings: Surroundings, session_id: str) -> None:
        self.session_id = session_id
        self._bus = surroundings.bus
        self._tenant = surroundings.tenant
        self._subscription: Subscription | None = None

    async def follow(self, on_message: Callable[[Subject, bytes], None]) -> None:
        """Hear all that is live.

        Raises:
            TimedOut: the broker does not answer.
        """
        try:
            async with asyncio.timeout(_FOLLOW_S):
                self._subscription = await self._bus.follow(self._tenant, self.session_id, on_message)
        except TimeoutError:
            raise TimedOut("timed_out", "The message broker did not answer in time") from None

    async def unfollow(self) -> None:
        """Hear no more."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            async with asyncio.timeout(_FOLLOW_S):
                await subscription.unsubscribe()

    async def events_after(self, ev_seq: int | None, limit: int) -> EventsPage:
        """Read the event log."""
        asked = EventsAfter(ev_seq=ev_seq, limit=limit)
        return await self._bus.call(EVENTS_AFTER, asked, tenant=self._tenant, key=self.session_id)

    async def snapshot(self, turn: OpenTurn | None) -> Snapshot | None:
        """Ask the agent that answers how far it is; None where there is none, or it does not say."""
        if turn is None or turn.agent_id is None:
            return None
        try:
            return await self._bus.call(SNAPSHOT, AskSnapshot(turn.turn_id), tenant=self._tenant, key=turn.agent_id)
        except DeskError:
            # The agent is gone or busy: the next attempt starts anew, and a stored answer is always shown whole.
            return None
