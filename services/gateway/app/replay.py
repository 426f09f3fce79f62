"""A listener that comes back with a cursor is shown what it missed."""

from typing import Protocol

from libs.contracts.errors import Unavailable
from libs.contracts.frames import NoteAddedFrame
from libs.contracts.session import EventRecord, EventsPage

from ..domain.position import Position, invalid_cursor, read_cursor
from ..domain.projection import Projection
from .participant import Participant

_PAGE = 200
# What is sent in between without asking whether it has left must fit into what may wait for one client.
_FLUSH_EVERY = 25


class Resumed(Protocol):
    """What a listener comes back to."""

    @property
    def position(self) -> Position:
        """Where it stands."""
        ...

    async def catch_up(self, *, with_text: bool = False) -> None:
        """Reach the end of the event log."""
        ...

    async def events_after(self, ev_seq: int | None, limit: int) -> EventsPage:
        """Read the event log."""
        ...

    def take(self, record: EventRecord) -> None:
        """Learn of an event."""
        ...


class Replay:
    """One listener's way from its cursor to where its hub stands.

    Raises:
        Malformed: `invalid_cursor`.
    """

    def __init__(self, hub: Resumed, participant: Participant, cursor: str, tag: str) -> None:
        self.view = Projection(read_cursor(cursor, tag), tag)
        self._hub = hub
        self._participant = participant

    async def reach(self) -> None:
        """Let the hub catch up to an event that the client claims to have seen.

        Raises:
            Malformed: `invalid_cursor`; there is no such event.
        """
        if self.view.position.ev_seq > self._hub.position.ev_seq:
            await self._hub.catch_up()
        if self.view.position.ev_seq > self._hub.position.ev_seq:
            raise invalid_cursor()

    async def run(self) -> None:
        """Show what happened since, until nothing is missing but the running attempt's text."""
        text_sought = False
        while not self._participant.dropped:
            if self.view.position.ev_seq < self._hub.position.ev_seq:
                await self._feed()
            elif not text_sought and self._shows_less():
                text_sought = True
                await self._hub.catch_up(with_text=True)
            else:
                return

    async def _feed(self) -> None:
        page = await self._hub.events_after(self.view.position.ev_seq, _PAGE)
        if not page.events:
            raise Unavailable("history_unavailable", "The conversation cannot be resumed right now; try again")
        for place, record in enumerate(page.events, start=1):
            self._hub.take(record)
            for frame in self.view.apply_event(record):
                if self._participant.operator is not None or not isinstance(frame, NoteAddedFrame):
                    self._participant.send(frame)
            if place % _FLUSH_EVERY == 0:
                await self._participant.flush()
                if self._participant.dropped:
                    return
        if self.view.position.ev_seq > self._hub.position.ev_seq:
            await self._hub.catch_up()
        await self._participant.flush()

    def _shows_less(self) -> bool:
        here, there = self._hub.position, self.view.position
        return (here.turn_id, here.attempt) == (there.turn_id, there.attempt) and here.offset < there.offset
