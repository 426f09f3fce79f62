"""Gaps in Postgres; the statements are in `sql/queries.sql`."""

from libs.contracts.knowledge import Gap
from libs.runtime.postgres import Database
from libs.runtime.work import Row

from ..domain import Unanswered

MOST_GAPS = 10_000
MOST_QUESTIONS = 1_000


class PostgresGaps:
    """A GapStore over the knowledge schema.

    Args:
        database: the knowledge schema.
        most_gaps: of one tenant; the least wanted and oldest go.
        most_questions: of one gap; the oldest go, and its count stays there.
    """

    def __init__(self, database: Database, *, most_gaps: int = MOST_GAPS, most_questions: int = MOST_QUESTIONS) -> None:
        self._database = database
        self._most_gaps = most_gaps
        self._most_questions = most_questions

    async def note(self, tenant: str, session_id: str, asked: Unanswered, new_id: str) -> None:
        async with self._database.begin() as work:
            await work.do("lock_gaps", tenant)
            if await work.value("is_settled", tenant, session_id, asked.turn_id):
                return
            gap_id = await work.value("find_gap", tenant, asked.folded)
            if gap_id is None:
                gap_id = new_id
                await work.do("insert_gap", tenant, gap_id, asked.folded, asked.question, asked.asked_at)
                await work.do("drop_least_wanted_gaps", tenant, gap_id, self._most_gaps)
            await work.do(
                "insert_gap_question", tenant, session_id, asked.turn_id, gap_id, asked.question, asked.asked_at
            )
            await work.do("drop_oldest_gap_questions", tenant, gap_id, self._most_questions)
            await work.do("renew_gaps", tenant, [gap_id])

    async def forget(self, tenant: str, session_id: str) -> None:
        async with self._database.begin() as work:
            await work.do("lock_gaps", tenant)
            await work.do("mark_forgotten", tenant, session_id)
            rows = await work.rows("forget_gap_questions", tenant, session_id)
            if touched := sorted({row["gap_id"] for row in rows}):
                await work.do("drop_empty_gaps", tenant, touched)
                await work.do("renew_gaps", tenant, touched)
            await work.do("drop_old_marks")

    async def most_wanted(self, tenant: str, limit: int, offset: int) -> tuple[list[Gap], int]:
        async with self._database.connection() as work:  # one statement needs no transaction's round trips
            rows = await work.rows("list_gaps", tenant, limit, min(offset, self._most_gaps))
            total = rows[0]["total"] if rows else await work.value("count_gaps", tenant)
        return [_gap(row) for row in rows], total


def _gap(row: Row) -> Gap:
    return Gap(
        gap_id=row["gap_id"], question=row["question"], count=row["count"], first_asked_at=row["first_asked_at"],
        last_asked_at=row["last_asked_at"],
    )  # fmt: skip
