"""Builds of the index and their passages in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import Sequence

import asyncpg

from libs.contracts.errors import Conflict
from libs.runtime.postgres import Database
from libs.runtime.work import Row

from ..domain import Build, FoundPassage, Passage
from ..domain.versions import Grounds, Progress, ToBuild
from .postgres_documents import to_metadata
from .postgres_versions import insert_passages, to_entries


class PostgresBuilds:
    """A BuildStore over the knowledge schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Build]:
        async with self._database.connection() as work:
            return [_build(row) for row in await work.rows("all_builds")]

    async def begin(self, build: Build) -> Build:
        try:
            async with self._database.begin() as work:
                await work.do("lock_builds")
                if build.state == "live":
                    await work.do("retire_live")
                row = await work.row(
                    "insert_build", build.build_id, build.model, build.dimension, build.chunking, build.state
                )
        except asyncpg.UniqueViolationError as fault:
            raise Conflict("reindex_running", "The index is being built already; wait until it is done") from fault
        assert row is not None  # noqa: S101 - an insert that returns gives its row
        return _build(row)

    async def lease(self, build_id: str, lease_s: float) -> bool:
        async with self._database.begin() as work:
            return await work.row("lease_build", build_id, lease_s) is not None

    async def renew(self, build_id: str, lease_s: float) -> bool:
        async with self._database.begin() as work:
            return await work.value("renew_build_lease", build_id, lease_s) is not None

    async def release(self, build_id: str, error: str | None) -> None:
        async with self._database.begin() as work:
            await work.do("release_build", build_id, error)

    async def unbuilt(self, build_id: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        async with self._database.connection() as work:
            rows = await work.rows("unbuilt_documents", build_id, *after, limit)
        return [(row["tenant"], row["document_id"]) for row in rows]

    async def to_build(self, tenant: str, document_id: str) -> ToBuild | None:
        async with self._database.connection() as work:
            row = await work.row("version_to_build", tenant, document_id)
        return _to_build(row) if row else None

    async def add(self, build_id: str, version: ToBuild, passages: Sequence[FoundPassage]) -> bool:
        async with self._database.begin() as work:
            await work.do("lock_document", version.tenant, version.document_id)
            document = await work.row("document_for_switch", version.tenant, version.document_id)
            if document is None or document["version"] != version.version:
                return False
            await insert_passages(work, build_id, [found.passage for found in passages])
        return True

    async def progress(self, build_id: str) -> Progress:
        async with self._database.connection() as work:
            row = await work.row("build_progress", build_id)
        return Progress(row["done"], row["documents"]) if row else Progress(0, 0)

    async def switch(self, build_id: str) -> bool:
        async with self._database.begin() as work:
            await work.do("lock_builds")
            if await work.rows("unbuilt_documents", build_id, "", "", 1):
                return False
            await work.do("retire_live")
            await work.do("make_live", build_id)
            await work.do("recount_passages", build_id)
            await work.do("renew_generations")
        return True

    async def retired(self, seconds: float) -> list[Build]:
        async with self._database.connection() as work:
            return [_build(row) for row in await work.rows("retired_builds", seconds)]

    async def drop(self, build_id: str) -> None:
        while True:
            async with self._database.begin() as work:
                await work.do("drop_build_passages", build_id)
                if await work.value("count_passages", build_id) == 0:
                    await work.do("drop_build", build_id)
                    return


class PostgresPassages:
    """A PassageStore over the knowledge schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def grounds(self, tenant: str, session_id: str) -> Grounds | None:
        async with self._database.connection() as work:  # one statement needs no transaction's round trips
            return _grounds(await work.row("grounds", tenant, session_id))

    async def found(
        self, tenant: str, build_id: str, session_id: str, passage_ids: Sequence[str]
    ) -> tuple[dict[str, FoundPassage], Grounds | None]:
        async with self._database.connection() as work:
            rows = await work.rows("passages", tenant, build_id, list(passage_ids), session_id)
            grounds = _grounds(await work.row("grounds", tenant, session_id))
        return {row["passage_id"]: _found(row) for row in rows}, grounds

    async def count(self, build_id: str) -> int:
        async with self._database.connection() as work:
            return await work.value("count_passages", build_id)

    async def counts(self, build_id: str, after: tuple[str, str], limit: int) -> list[tuple[str, str, int]]:
        async with self._database.connection() as work:
            rows = await work.rows("documents_in_build", build_id, *after, limit)
        return [(row["tenant"], row["document_id"], row["passages"]) for row in rows]

    async def of_document(self, build_id: str, tenant: str, document_id: str) -> list[FoundPassage]:
        async with self._database.connection() as work:
            return [_found(row) for row in await work.rows("passages_of_document", tenant, document_id, build_id)]

    async def renew_generations(self) -> None:
        async with self._database.begin() as work:
            await work.do("renew_generations")


def _grounds(row: Row | None) -> Grounds | None:
    return Grounds(row["build_id"], row["generation"] or "") if row and row["build_id"] else None


def _build(row: Row) -> Build:
    return Build(
        build_id=row["build_id"], model=row["model"], dimension=row["dimension"], chunking=row["chunking"],
        state=row["state"], created_at=row["created_at"], error=row["error"],
    )  # fmt: skip


def _to_build(row: Row) -> ToBuild:
    return ToBuild(
        tenant=row["tenant"], document_id=row["document_id"], session_id=row["session_id"], version=row["version"],
        title=row["found_title"], source=row["found_source"], metadata=to_metadata(row["found_metadata"]),
        body=row["body"] or "", entries=to_entries(row["entries"]),
    )  # fmt: skip


def _found(row: Row) -> FoundPassage:
    passage = Passage(
        passage_id=row["passage_id"], document_id=row["document_id"], tenant=row["tenant"],
        session_id=row["session_id"], version=row["version"], position=row["position"], title=row["title"],
        heading=row["heading"], text=row["text"],
    )  # fmt: skip
    return FoundPassage(passage=passage, source=row["source"], metadata=to_metadata(row["metadata"]))
