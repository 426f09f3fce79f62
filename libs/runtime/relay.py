"""The relay: publishes a service's event log to EVENTS, in order per conversation, nothing lost.

The log is the outbox: its rows were committed with the change that they tell of. One replica relays at a time (an
advisory lock that Postgres frees when its holder dies); it publishes each conversation's events one after the other
and many conversations side by side, marks what the broker acknowledged, and repeats the rest. The broker drops
repeats by `Nats-Msg-Id`. A broker that is full or away delays the history and nothing else.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress

import asyncpg
import structlog
from nats.errors import Error as NatsError

from libs.contracts.channels import parse_subject
from libs.contracts.errors import DeskError
from libs.contracts.streams import EVENTS

from .metrics import EVENTS_PUBLISHED, EVENTS_UNPUBLISHED
from .nats import NatsBus
from .postgres import Database
from .work import Row, Work

_BATCH = 500
_IDLE_S = 0.5  # how long to wait for a wake-up before looking anyway
_PAUSE_S = 0.5  # after a fault
_GATHER_S = 0.02  # after a wake-up, so that changes that come together are published together
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Relay:
    """Relays one service's event log.

    The service's `queries.sql` has three statements: `relay_lock` (true where this connection now holds the lock),
    `unpublished_events` ($1: how many; gives id, session_id, ev_seq, type, version, tenant, payload, created_at,
    final) and `mark_published` ($1: ids). After a row that is `final` nothing of its session stays in EVENTS but itself; a row without a
    payload is not published: it takes what this owner has published of its session out of EVENTS.
    """

    def __init__(self, owner: str, database: Database, bus: NatsBus) -> None:
        self._owner = owner
        self._database = database
        self._bus = bus
        self._wake = asyncio.Event()
        self._caught_up = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to publish."""
        self._caught_up.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Wait until the log was seen without anything left to publish; for at most 2 s where another relays."""
        self.wake()
        try:
            await asyncio.wait_for(self._caught_up.wait(), 2)
        except TimeoutError:
            _log.info("relay_not_drained", owner=self._owner)

    async def run(self) -> None:
        """Relay for ever."""
        while True:
            try:
                async with self._database.connection() as work:
                    await self._lead(work)
            except (DeskError, NatsError, OSError) as fault:
                _log.debug("relay_paused", owner=self._owner, reason=type(fault).__name__)
            await asyncio.sleep(_PAUSE_S)

    async def _lead(self, work: Work) -> None:
        """Relay for as long as this connection holds the lock."""
        if not await work.value("relay_lock"):
            return
        try:
            while True:
                await self._relay_batch(work)
        finally:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):  # the lock went with the connection
                await work.raw.execute("select pg_advisory_unlock_all()")

    async def _relay_batch(self, work: Work) -> None:
        self._wake.clear()
        rows = await work.rows("unpublished_events", _BATCH)
        published = await self._publish(rows) if rows else []
        EVENTS_UNPUBLISHED.labels(self._owner).set(len(rows) - len(published))
        if published:
            await work.do("mark_published", published)
            EVENTS_PUBLISHED.labels(self._owner).inc(len(published))
        if len(published) < len(rows):
            await asyncio.sleep(_PAUSE_S)
        elif len(rows) < _BATCH:
            self._caught_up.set()
            await self._doze()

    async def _doze(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), _IDLE_S)
        except TimeoutError:
            return
        await asyncio.sleep(_GATHER_S)

    async def _publish(self, rows: list[Row]) -> list[int]:
        """Publish a batch; give the ids of what the broker has acknowledged."""
        by_session: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_session[row["session_id"]].append(row)
        done = await asyncio.gather(*map(self._publish_in_order, by_session.values()))
        return [number for numbers in done for number in numbers]

    async def _publish_in_order(self, rows: list[Row]) -> list[int]:
        done: list[int] = []
        for row in rows:
            try:
                await self._publish_one(row)
            except (NatsError, TimeoutError) as fault:
                # The rest must wait behind this one, or a subscriber would see a gap.
                _log.debug("publish_failed", owner=self._owner, reason=type(fault).__name__)
                break
            done.append(row["id"])
        return done

    async def _publish_one(self, row: Row) -> None:
        subject = f"desk.evt.{self._owner}.{row['type']}.v{row['version']}.{row['tenant']}.{row['session_id']}"
        parse_subject(subject)
        if row["payload"] is None:
            await self._bus.jetstream.purge_stream(EVENTS.name, subject=self._all_of(row))
            return
        message_id = f"{row['session_id']}:{row['ev_seq']}"
        headers = {
            # Each owner numbers its own events: the broker must not take one's for a repeat of another's.
            "Nats-Msg-Id": message_id if self._owner == "session" else f"{self._owner}:{message_id}",
            "ce-specversion": "1.0",
            "ce-id": message_id,
            "ce-type": f"desk.{self._owner}.{row['type']}.v{row['version']}",
            "ce-source": f"/deskbus/{self._owner}",
            "ce-time": row["created_at"].isoformat().replace("+00:00", "Z"),
            "ce-datacontenttype": "application/json",
            "ce-tenant": row["tenant"],
            "ce-session": row["session_id"],
            "ce-evseq": str(row["ev_seq"]),
        }
        jetstream = self._bus.jetstream
        ack = await jetstream.publish(subject, row["payload"].encode(), headers=headers, stream=EVENTS.name)
        if row["final"]:
            await jetstream.purge_stream(EVENTS.name, seq=ack.seq, subject=self._all_of(row))

    def _all_of(self, row: Row) -> str:
        return f"desk.evt.{self._owner}.*.*.{row['tenant']}.{row['session_id']}"
