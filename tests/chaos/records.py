"""What the system itself has on record of a session: its event log, and what was published of it."""

import asyncio
import time

import msgspec

from libs.contracts import bus_map
from libs.contracts.session import EventsAfter, EventsPage
from libs.runtime.nats import NatsBus
from tests.support.evidence import Event
from tests.support.subscriber import Subscriber

TENANT = "default"
PUBLISHED_S, REREAD_S = 8.0, 40.0


async def page(bus: NatsBus, session_id: str, after: int | None) -> EventsPage:
    """Read a session's event log after a place; None asks only where it stands."""
    return await bus.call(bus_map.EVENTS_AFTER, EventsAfter(ev_seq=after), tenant=TENANT, key=session_id)


async def log(bus: NatsBus, session_id: str) -> list[Event]:
    """Read a session's whole event log."""
    events: list[Event] = []
    while (found := await page(bus, session_id, len(events))).events:
        events += [
            Event(record.ev_seq, record.type, msgspec.json.decode(record.payload), record.time)
            for record in found.events
        ]
    return events


async def published(subscriber: Subscriber, nats_url: str, lengths: dict[str, int]) -> dict[str, list[Event]]:
    """Give what was published of each session, as soon as there is as much of it as of its log.

    A subscriber whose broker was killed may have lost its consumer: then another reads the stream from its beginning.
    """
    if await _has_seen(subscriber, lengths, PUBLISHED_S):
        return {session_id: _events(subscriber, session_id) for session_id in lengths}
    async with Subscriber(nats_url) as afresh:
        await _has_seen(afresh, lengths, REREAD_S)
        return {session_id: _events(afresh, session_id) for session_id in lengths}


async def _has_seen(subscriber: Subscriber, lengths: dict[str, int], patience: float) -> bool:
    until = time.monotonic() + patience
    while any(len(subscriber.seen[session_id]) < length for session_id, length in lengths.items()):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.1)
    return True


def _events(subscriber: Subscriber, session_id: str) -> list[Event]:
    told = zip(subscriber.seen[session_id], subscriber.payloads[session_id], strict=True)
    return [Event(number, name, msgspec.json.decode(data)) for (number, name), data in told]
