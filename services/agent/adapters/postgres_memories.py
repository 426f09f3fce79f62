"""Memories in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from libs.contracts import ids
from libs.contracts.agent import MemoryChanged, MemoryItem
from libs.contracts.bus_map import MEMORY_CHANGED
from libs.contracts.channels import NO_KEY, encode
from libs.runtime.ids import mint
from libs.runtime.postgres import Database
from libs.runtime.work import Row, Work
from services.agent.domain import facts
from services.agent.domain.facts import Fact

MOST_PER_SESSION = 50
MOST_PER_USER = 200
# Of the user's, in one answer.
MOST_RECALLED = 20
# A list holds a user's own and what their sessions are about.
_MOST_LISTED = 500
# How many rows of each table a sweep drops at most: it runs again in a minute.
MOST_SWEPT = 1000


class PostgresMemories:
    """Memories over the agent's schema.

    Writers of one session take turns, and then those of one user, so that nothing is learned after it is forgotten.

    Args:
        tells_use: whether it is written down that what was prepared for a session is used; a replay writes nothing.
    """

    def __init__(self, database: Database, *, tells_use: bool = True) -> None:
        self._database = database
        self._tells_use = tells_use

    async def learn(self, tenant: str, session_id: str, told: Sequence[Fact], user_id: str | None = None) -> None:
        await self._learn(tenant, session_id, told, user_id)

    async def note(self, tenant: str, session_id: str, noted: Fact, user_id: str | None = None) -> bool:
        return await self._learn(tenant, session_id, [noted], user_id)

    async def _learn(self, tenant: str, session_id: str, told: Sequence[Fact], user_id: str | None) -> bool:
        """Keep what may be kept; False where none of it may."""
        async with self._database.begin() as work:
            await _lock(work, tenant, session_id, user_id)
            rules = await work.row("what_may_be_learned", tenant, session_id, user_id)
            new = _allowed(facts.owned(told, user_id), rules)
            if new:
                await _keep(work, tenant, session_id, user_id, new)
        return bool(new)

    async def recall(self, tenant: str, session_id: str, user_id: str | None = None) -> list[Fact]:
        async with self._database.connection() as work:
            if user_id and self._tells_use:
                await work.do("use_context", tenant, session_id)
            rows = await work.rows("recall", tenant, session_id, user_id, MOST_RECALLED)
        return msgspec.convert([dict(row) for row in rows], list[Fact])

    async def known(self, tenant: str, session_id: str) -> list[Fact]:
        async with self._database.connection() as work:
            user_id = await work.value("user_of", tenant, session_id)
        return await self.recall(tenant, session_id, user_id)

    async def touch(self, memory_ids: Sequence[str]) -> None:
        async with self._database.connection() as work:
            await work.do("touch", list(memory_ids))

    async def prepare(self, tenant: str, session_id: str, user_id: str) -> None:
        async with self._database.begin() as work:
            await _lock(work, tenant, session_id, user_id)
            if not await work.value("is_forgotten", tenant, session_id):
                await work.do("prepare", tenant, session_id, user_id, MOST_RECALLED)

    async def clear(self, tenant: str, session_id: str) -> None:
        async with self._database.begin() as work:
            user_id = await _lock_found(work, tenant, session_id)
            if await work.value("is_forgotten", tenant, session_id):
                return
            gone = await work.rows("clear", tenant, session_id)
            await work.do("end_context", tenant, session_id)
            await _tell(work, tenant, session_id, _changed("cleared", gone, user_id))

    async def forget(self, tenant: str, session_id: str) -> None:
        async with self._database.begin() as work:
            await _lock_found(work, tenant, session_id)
            gone = await work.rows("forget", tenant, session_id)
            for statement in ("forget_telling", "forget_context"):
                await work.do(statement, tenant, session_id)
            for statement in ("forget_steps", "forget_approvals", "forget_usage", "forget_events"):
                await work.do(statement, tenant, session_id)
            await work.do("mark_forgotten", tenant, session_id)
            # The session's own events are gone, so this names neither it nor whose it was.
            await _tell(work, tenant, NO_KEY, _changed("cleared", gone, None))

    async def sweep(self) -> None:
        """Drop some of the marks and contexts that are older than anybody needs them; run every minute."""
        async with self._database.connection() as work:
            for statement in ("drop_old_marks", "drop_old_contexts", "drop_unused_contexts", "drop_old_erasures"):
                await work.do(statement, MOST_SWEPT)

    async def listed(self, tenant: str, user_id: str) -> list[MemoryItem]:
        async with self._database.connection() as work:
            rows = await work.rows("list_memories", tenant, user_id, _MOST_LISTED)
        items = msgspec.convert([dict(row) for row in rows], list[MemoryItem])
        return [replace(item, importance=round(item.importance, 3)) for item in items]

    async def erase(self, tenant: str, user_id: str, memory_id: str | None = None) -> int:
        async with self._database.begin() as work:
            await work.do("lock_user", tenant, user_id)
            gone = await work.rows("erase", tenant, user_id, memory_id)
            await work.do("erase_from_contexts", tenant, user_id, [row["memory_id"] for row in gone])
            if gone or memory_id is None:
                await work.do("mark_erased", tenant, user_id)
            await _tell(work, tenant, NO_KEY, _changed("erased", gone, user_id))
        return len(gone)


async def _lock(work: Work, tenant: str, session_id: str, user_id: str | None) -> None:
    """Keep other writers of a session and of its user away until the transaction ends; always in this order."""
    await work.do("lock_session", tenant, session_id)
    if user_id:
        await work.do("lock_user", tenant, user_id)


async def _lock_found(work: Work, tenant: str, session_id: str) -> str | None:
    """The same where the user is not known to the caller; gives who it is."""
    await work.do("lock_session", tenant, session_id)
    user_id: str | None = await work.value("user_of", tenant, session_id)
    if user_id:
        await work.do("lock_user", tenant, user_id)
    return user_id


def _allowed(told: Sequence[Fact], rules: Row | None) -> list[Fact]:
    """Leave out what was forgotten or erased after it was told, and what an ended session was about."""
    if rules is None or rules["forgotten"]:
        return []
    erased_at: datetime | None = rules["erased_at"]
    return [
        one
        for one in told
        if not (rules["ended"] and one.kind == "context")
        # What no message told may be from before the erasure.
        and (erased_at is None or (one.told_at is not None and one.told_at > erased_at))
    ]


async def _keep(work: Work, tenant: str, session_id: str, user_id: str | None, told: Sequence[Fact]) -> None:
    """Write facts down, drop what is too many by its importance, and tell what is new."""
    by_hash = {(one.scope, facts.digest(one)): one for one in told}  # a statement changes no row twice
    columns = [
        (
            mint(ids.MEMORY), one.scope, one.kind, one.label, one.value, content_hash, one.importance, one.seq,
            one.told_at,
        )
        for (_, content_hash), one in by_hash.items()
    ]  # fmt: skip
    rows = await work.rows("learn", tenant, session_id, user_id, *map(list, zip(*columns, strict=True)))
    fresh = {row["memory_id"]: row for row in rows if row["fresh"]}
    if not fresh:
        return
    owners = [("session", session_id, MOST_PER_SESSION), ("user", user_id, MOST_PER_USER)]
    for scope, owner, most in owners:
        if owner and any(one.scope == scope for one in told):
            for dropped in await work.rows("drop_least", tenant, scope, owner, most):
                fresh.pop(dropped["memory_id"], None)
    await _tell(work, tenant, session_id, _changed("learned", list(fresh.values()), user_id))


def _changed(change: str, rows: Sequence[Row], user_id: str | None) -> MemoryChanged:
    labels = sorted({row["label"] for row in rows})
    return msgspec.convert({"change": change, "count": len(rows), "labels": labels, "user_id": user_id}, MemoryChanged)


async def _tell(work: Work, tenant: str, key: str, changed: MemoryChanged) -> None:
    """Log what has changed, if anything has, in the transaction that changes it."""
    if changed.count:
        await work.do(
            "log_event", tenant, key, MEMORY_CHANGED.name, MEMORY_CHANGED.version, encode(changed).decode()
        )  # fmt: skip
