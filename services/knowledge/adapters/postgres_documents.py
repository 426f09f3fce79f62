"""Documents and passages in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import AsyncIterator, Sequence

from libs.runtime.postgres import Database
from libs.runtime.work import Row

from ..domain import Document, FoundPassage, Passage

_PAGE = 200


class PostgresDocuments:
    """A DocumentStore over the knowledge schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, document: Document, passages: Sequence[Passage]) -> None:
        async with self._database.begin() as work:
            await work.do(
                "put_document", document.tenant, document.document_id, document.version, document.title,
                document.source, document.category, document.body,
            )  # fmt: skip
            await work.do("delete_passages", document.tenant, document.document_id)
            await work.do_each(
                "insert_passage",
                [(p.tenant, p.passage_id, p.document_id, p.version, p.position, p.heading, p.text) for p in passages],
            )
            await work.do("renew_generation", document.tenant)

    async def get(self, tenant: str, document_id: str) -> Document | None:
        async with self._database.begin() as work:
            row = await work.row("get_document", tenant, document_id)
        return _document(row) if row else None

    async def documents(self, tenant: str) -> list[Document]:
        async with self._database.begin() as work:
            return [_document(row) for row in await work.rows("documents", tenant)]

    async def passages(self, tenant: str, passage_ids: Sequence[str]) -> dict[str, FoundPassage]:
        async with self._database.connection() as work:  # one statement needs no transaction's round trips
            rows = await work.rows("passages", tenant, list(passage_ids))
        return {
            row["passage_id"]: FoundPassage(passage=_passage(row), source=row["source"], category=row["category"])
            for row in rows
        }

    async def delete(self, tenant: str, document_id: str) -> bool:
        async with self._database.begin() as work:
            deleted = await work.value("delete_document", tenant, document_id) is not None
            await work.do("renew_generation", tenant)  # last, as in put: the same order of locks
        return deleted

    async def generation(self, tenant: str) -> str:
        async with self._database.connection() as work:
            return await work.value("generation", tenant) or ""

    async def renew_generation(self, tenant: str | None = None) -> None:
        async with self._database.begin() as work:
            if tenant is None:
                await work.do("renew_generations")
            else:
                await work.do("renew_generation", tenant)

    async def every_passage(self) -> AsyncIterator[Passage]:
        tenant = passage_id = ""
        while True:
            async with self._database.begin() as work:
                rows = await work.rows("passages_after", tenant, passage_id, _PAGE)
            for row in rows:
                yield _passage(row)
            if len(rows) < _PAGE:
                return
            tenant, passage_id = rows[-1]["tenant"], rows[-1]["passage_id"]

    async def count(self) -> int:
        async with self._database.begin() as work:
            return await work.value("count_passages")


def _document(row: Row) -> Document:
    return Document(
        document_id=row["document_id"], tenant=row["tenant"], title=row["title"], source=row["source"],
        category=row["category"], body=row["body"], version=row["version"],
    )  # fmt: skip


def _passage(row: Row) -> Passage:
    return Passage(
        passage_id=row["passage_id"], document_id=row["document_id"], tenant=row["tenant"], version=row["version"],
        position=row["position"], title=row["title"], heading=row["heading"], text=row["text"],
    )  # fmt: skip
