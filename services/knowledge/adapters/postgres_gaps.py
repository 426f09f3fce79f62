"""Gaps in Postgres; the statements are in `sql/queries.sql`."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from libs.contracts.bus_map import GAP_RECORDED
from libs.contracts.channels import encode
from libs.contracts.knowledge import Gap, GapRecorded, GapState
from libs.runtime.postgres import Database
from libs.runtime.work import Row, Work

from ..domain import Meaning, Unanswered, nearest

MOST_GAPS = 10_000
MOST_QUESTIONS = 1_000
# A question in other words is compared with so many: 2,000 take 3 MB and some 100 ms of a thread.
_COMPARED = 2_000
_EXAMPLES = 5


class PostgresGaps:
    """A GapStore over the knowledge schema.

    Args:
        database: the knowledge schema.
        told: called after a commit that logged an event: the relay's `wake`.
        most_gaps: of one tenant; the least wanted and oldest go.
        most_questions: of one gap; the oldest go, and its count stays there.
    """

    def __init__(
        self,
        database: Database,
        told: Callable[[], None] = lambda: None,
        *,
        most_gaps: int = MOST_GAPS,
        most_questions: int = MOST_QUESTIONS,
    ) -> None:
        self._database = database
        self._told = told
        self._most_gaps = most_gaps
        self._most_questions = most_questions

    async def note(
        self, tenant: str, session_id: str, asked: Unanswered, new_id: str, meaning: Meaning | None = None
    ) -> None:
        like = await self._like(tenant, meaning) if meaning else None
        async with self._database.begin() as work:
            await work.do("lock_gaps", tenant)
            if await work.value("is_settled", tenant, session_id, asked.turn_id):
                return
            gap_id = await work.value("find_gap", tenant, asked.folded)
            if gap_id is None and like and await work.value("gap_exists", tenant, like):
                gap_id = like
            if gap_id is None:
                gap_id = new_id
                model, vector = (meaning.model, meaning.packed) if meaning else (None, None)
                await work.do("insert_gap", tenant, gap_id, asked.folded, asked.question, asked.asked_at, model, vector)
                await work.do("drop_least_wanted_gaps", tenant, gap_id, self._most_gaps)
            await work.do(
                "insert_gap_question", tenant, session_id, asked.turn_id, gap_id, asked.question, asked.asked_at,
                asked.folded,
            )  # fmt: skip
            await work.do("drop_oldest_gap_questions", tenant, gap_id, self._most_questions)
            await work.do("renew_gaps", tenant, [gap_id])
            await work.do("open_gap_again", tenant, gap_id)
            await self._tell(work, tenant, gap_id)
        self._told()

    async def draft(self, tenant: str, session_id: str, answer: str, at: datetime) -> None:
        async with self._database.begin() as work:
            await work.do("draft_gap", tenant, session_id, answer, at)

    async def forget(self, tenant: str, session_id: str) -> None:
        async with self._database.begin() as work:
            await work.do("lock_gaps", tenant)
            await work.do("mark_forgotten", tenant, session_id)
            await work.do("forget_citations", tenant, session_id)
            rows = await work.rows("forget_gap_questions", tenant, session_id)
            if touched := sorted({row["gap_id"] for row in rows}):
                await work.do("drop_empty_gaps", tenant, touched)
                await work.do("renew_gaps", tenant, touched)
            await work.do("drop_old_marks")

    async def most_wanted(
        self, tenant: str, limit: int, offset: int, state: GapState = "open"
    ) -> tuple[list[Gap], int]:
        async with self._database.connection() as work:  # statements for reading need no transaction's round trips
            rows = await work.rows("list_gaps", tenant, state, limit, min(offset, self._most_gaps))
            total = rows[0]["total"] if rows else await work.value("count_gaps", tenant, state)
            return await _gaps(work, tenant, rows), total

    async def get(self, tenant: str, gap_id: str) -> Gap | None:
        async with self._database.connection() as work:
            row = await work.row("get_gap", tenant, gap_id)
            return (await _gaps(work, tenant, [row]))[0] if row else None

    async def answered_by(self, tenant: str, document_id: str) -> list[Gap]:
        async with self._database.connection() as work:
            return await _gaps(work, tenant, await work.rows("gaps_answered_by", tenant, document_id))

    async def set_state(self, tenant: str, gap_id: str, state: GapState, document_id: str | None = None) -> Gap | None:
        async with self._database.begin() as work:
            row = await work.row("set_gap_state", tenant, gap_id, state, document_id)
            return (await _gaps(work, tenant, [row]))[0] if row else None

    async def _like(self, tenant: str, meaning: Meaning) -> str | None:
        """Give the gap that means the same. Comparing takes a thread's time, not the event loop's."""
        async with self._database.connection() as work:
            rows = await work.rows("gap_vectors", tenant, meaning.model, _COMPARED)
        return await asyncio.to_thread(nearest, meaning, [(row["gap_id"], row["vector"]) for row in rows])

    async def _tell(self, work: Work, tenant: str, gap_id: str) -> None:
        row = await work.row("get_gap", tenant, gap_id)
        if row is None:
            return
        event = GAP_RECORDED
        told = encode(GapRecorded(gap_id=gap_id, count=row["count"])).decode()
        await work.do("log_event", tenant, event.name, event.version, told)


async def _gaps(work: Work, tenant: str, rows: Sequence[Row]) -> list[Gap]:
    """Give gaps with their other wordings and drafts."""
    words = {row["gap_id"]: row for row in await work.rows("gap_words", tenant, [row["gap_id"] for row in rows])}
    return [_gap(row, words.get(row["gap_id"])) for row in rows]


def _gap(row: Row, words: Row | None) -> Gap:
    wordings: list[str] = words["questions"] if words else []
    others = [question for question in wordings if question != row["question"]]
    return Gap(
        gap_id=row["gap_id"], question=row["question"], count=row["count"], first_asked_at=row["first_asked_at"],
        last_asked_at=row["last_asked_at"], state=row["state"], examples=others[:_EXAMPLES],
        draft=words["draft"] if words else None, document_id=row["document_id"],
    )  # fmt: skip
