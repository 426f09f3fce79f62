"""Snapshots of sessions in Redis, each asked for in Postgres before it is given: `docs/decisions/0003`.

A snapshot is of a version, the session's `last_ev_seq`, and nothing that it shows changes without an event. So it is
current while the event log holds none after it. The log outlives its session by the event that tells of the deletion.
"""

import asyncio
import zlib
from typing import Self

from msgspec import Struct

from libs.contracts import session as told
from libs.runtime.cache import Cache, Versioned
from libs.runtime.postgres import Database

from ..domain.conversation import Conversation
from ..domain.session import SessionState
from ..ports import Herald

_MOST_WAITING = 1000
# A release that shows more of a session must not take a snapshot of one that showed less for the whole.
_SHAPE = zlib.crc32(repr((told.Session.__struct_fields__, told.Ticket.__struct_fields__)).encode())


class Snapshot(Struct, frozen=True, kw_only=True):
    """A session as it was at one version: plain JSON, for every replica to read."""

    tenant: str
    shape: int
    session: told.Session

    @classmethod
    def of(cls, state: SessionState) -> Self:
        """Take one."""
        return cls(tenant=state.tenant, shape=_SHAPE, session=state.shown())


class RedisSnapshots:
    """Snapshots of all replicas. They are written by a task of this process, so that no request waits for it.

    Args:
        cache: where they are kept; `Versioned`, None where the session was deleted.
        database: what knows whether one is current.
        ttl_s: for how many seconds.
    """

    def __init__(self, cache: Cache, database: Database, ttl_s: float) -> None:
        self._cache = cache
        self._database = database
        self._ttl_s = ttl_s
        self._waiting: dict[str, tuple[int, Snapshot | None]] = {}
        self._wake = asyncio.Event()

    async def current(self, tenant: str, session_id: str) -> told.Session | None:
        kept = await self._cache.get(session_id, Versioned[Snapshot | None])
        if kept is None or kept.value is None or kept.value.tenant != tenant or kept.value.shape != _SHAPE:
            return None
        async with self._database.connection() as work:  # one statement needs no transaction's round trips
            newer = await work.row("events_after", session_id, kept.version, 1)
        return None if newer else kept.value.session

    def keep(self, state: SessionState) -> None:
        self._put(state.session_id, state.last_ev_seq, Snapshot.of(state))

    def forget(self, state: SessionState) -> None:
        """Leave, in place of a deleted session, what keeps out a snapshot that comes late."""
        self._put(state.session_id, state.last_ev_seq, None)

    def _put(self, session_id: str, version: int, snapshot: Snapshot | None) -> None:
        if session_id in self._waiting and self._waiting[session_id][0] >= version:
            return
        self._waiting[session_id] = (version, snapshot)
        if len(self._waiting) > _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]  # the one that has waited longest; it is read from Postgres
        self._wake.set()

    async def run(self) -> None:
        """Write what waits, each session's newest only; until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                session_id = next(iter(self._waiting))
                version, snapshot = self._waiting.pop(session_id)
                await self._cache.set_newer(session_id, snapshot, version, self._ttl_s)


class KeepingHerald:
    """A Herald that, before it tells of what was committed, keeps it for readers."""

    def __init__(self, herald: Herald, snapshots: RedisSnapshots) -> None:
        self._herald = herald
        self._snapshots = snapshots
        self._telling: set[asyncio.Task[None]] = set()
        self.ring = herald.ring

    async def tell(self, conversation: Conversation) -> None:
        if conversation.deleted:
            self._snapshots.forget(conversation.state)
        elif conversation.events:
            self._snapshots.keep(conversation.state)
        # Whoever asked may have gone: what is committed is told to its end all the same.
        telling = asyncio.create_task(self._herald.tell(conversation))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)
        await asyncio.shield(telling)
