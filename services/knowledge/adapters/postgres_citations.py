"""Which answers cited what, in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import Sequence

from libs.contracts.documents import Citation, DocumentUsage
from libs.runtime.postgres import Database
from libs.runtime.work import Row


class PostgresCitations:
    """A CitationStore over the knowledge schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, tenant: str, citations: Sequence[tuple[str, Citation]]) -> None:
        async with self._database.begin() as work:
            await work.do("lock_gaps", tenant)  # a session may be being forgotten at this moment
            await work.do_each(
                "insert_citation",
                [
                    (tenant, c.session_id, c.turn_id, document_id, c.version, c.message_id, c.passages, c.answered_at)
                    for document_id, c in citations
                ],
            )

    async def usage(self, tenant: str, document_id: str, version: int | None, limit: int, offset: int) -> DocumentUsage:
        async with self._database.connection() as work:  # statements for reading need no transaction's round trips
            rows = await work.rows("citations", tenant, document_id, version, limit, offset)
            counted = await work.row("count_citations", tenant, document_id, version)
        total, outdated = (counted["total"], counted["outdated"]) if counted else (0, 0)
        return DocumentUsage(answers=[_citation(row) for row in rows], total=total, outdated=outdated)


def _citation(row: Row) -> Citation:
    return Citation(
        session_id=row["session_id"], turn_id=row["turn_id"], message_id=row["message_id"], version=row["version"],
        passages=list(row["passages"]), outdated=row["outdated"], answered_at=row["answered_at"],
    )  # fmt: skip
