"""Memories in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import Sequence

from libs.runtime.postgres import Database
from services.agent.domain.facts import Fact

MOST_PER_SESSION = 50


class PostgresMemories:
    """Memories over the agent's schema. Writers of one session take turns, so that nothing is learned after it is forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def learn(self, tenant: str, session_id: str, facts: Sequence[Fact]) -> None:
        async with self._database.begin() as work:
            await work.do("lock_session", tenant, session_id)
            if await work.value("is_forgotten", tenant, session_id):
                return
            await work.do_each("learn", [(tenant, session_id, fact.kind, fact.value, fact.seq) for fact in facts])
            await work.do("drop_oldest", tenant, session_id, MOST_PER_SESSION)

    async def recall(self, tenant: str, session_id: str) -> list[Fact]:
        async with self._database.connection() as work:
            rows = await work.rows("recall", tenant, session_id)
        return [Fact(kind=row["kind"], value=row["value"], seq=row["seq"]) for row in rows]

    async def forget(self, tenant: str, session_id: str) -> None:
        async with self._database.begin() as work:
            await work.do("lock_session", tenant, session_id)
            await work.do("forget", tenant, session_id)
            await work.do("mark_forgotten", tenant, session_id)
            await work.do("drop_old_marks")
