"""Versions on their way to being found, in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import Callable, Sequence

import msgspec

from libs.contracts.bus_map import DOCUMENT_INDEXED, DOCUMENT_REJECTED
from libs.contracts.channels import encode
from libs.contracts.documents import DocumentIndexed, DocumentRejected
from libs.runtime.postgres import Database
from libs.runtime.work import Row
from libs.runtime.work import Work as Unit

from ..domain import Entry, Passage
from ..domain.versions import Buried, Ready, Unswept, Work
from ..ports import Finish
from .postgres_documents import log_event, to_metadata


class _OtherBuilds(Exception):
    """A build began meanwhile: nothing of the transaction may stay."""


class PostgresVersions:
    """A VersionStore over the knowledge schema. Leases are of Postgres's time, and fenced by the attempt.

    Args:
        told: called after a commit that logged an event: the relay's `wake`.
    """

    def __init__(self, database: Database, told: Callable[[], None]) -> None:
        self._database = database
        self._told = told

    async def claim(self, lease_s: float) -> Work | None:
        async with self._database.begin() as work:
            await work.do("lightly")
            row = await work.row("claim_version", lease_s)
        return _work(row) if row else None

    async def renew(self, work: Work, lease_s: float) -> bool:
        async with self._database.begin() as unit:
            await unit.do("lightly")
            return await unit.value("renew_version_lease", *_fence(work), lease_s) is not None

    async def put_off(self, work: Work, seconds: float) -> None:
        async with self._database.begin() as unit:
            await unit.do("put_off_version", *_fence(work), seconds)

    async def finish(self, work: Work, ready: Ready) -> Finish:
        try:
            async with self._database.begin() as unit:
                finish = await self._finish(unit, work, ready)
        except _OtherBuilds:
            return "other_builds"
        self._told()
        return finish

    async def _finish(self, unit: Unit, work: Work, ready: Ready) -> Finish:
        tenant, document_id = work.tenant, work.document_id
        await unit.do("share_builds")
        await unit.do("lock_document", tenant, document_id)
        document = await unit.row("document_for_switch", tenant, document_id)
        if document is None:
            return "lost"
        if document["newest_version"] > work.version:
            dropped = await unit.value("drop_version", *_fence(work))
            return "lost" if dropped is None else "superseded"
        active = {row["build_id"]: row["state"] for row in await unit.rows("active_builds")}
        if not active.keys() <= ready.passages.keys():
            raise _OtherBuilds
        live = next(build_id for build_id, state in active.items() if state == "live")
        count = len(ready.passages[live])
        entries = encode([msgspec.to_builtins(entry) for entry in ready.entries]).decode()
        finished = await unit.value(
            "finish_version", *_fence(work), ready.body, entries, count, encode(list(ready.notes)).decode(),
            ready.sha256, ready.size,
        )  # fmt: skip
        if finished is None:
            return "lost"
        await unit.do("delete_passages", tenant, document_id)
        for build_id in active:
            await insert_passages(unit, build_id, ready.passages[build_id])
        await unit.do("replace_versions", tenant, document_id, work.version)
        await unit.do("drop_oldest_versions", tenant, document_id, work.version)
        await unit.do(
            "switch_document", tenant, document_id, work.version, ready.title, ready.source,
            encode(work.metadata).decode(), ready.language, ready.media_type, count, len(ready.body),
        )  # fmt: skip
        told = DocumentIndexed(
            document_id=document_id, version=work.version, replaced=document["version"] or None, title=ready.title,
            passages=count,
        )  # fmt: skip
        if not work.session_id:
            await log_event(unit, tenant, DOCUMENT_INDEXED, told)
        await unit.do("renew_generation", tenant, work.session_id)
        return "ready"

    async def reject(self, work: Work, reason: str, error: str) -> bool:
        async with self._database.begin() as unit:
            await unit.do("lock_document", work.tenant, work.document_id)
            if await unit.value("reject_version", *_fence(work), reason, error) is None:
                return False
            await unit.do("touch_document", work.tenant, work.document_id)
            told = DocumentRejected(document_id=work.document_id, version=work.version, reason=reason, error=error)
            if not work.session_id:
                await log_event(unit, work.tenant, DOCUMENT_REJECTED, told)
        self._told()
        return True

    async def is_found(self, work: Work, ready: Ready) -> bool:
        async with self._database.connection() as unit:
            row = await unit.row("found_body", work.tenant, work.document_id)
        found = row and (row["body"], row["title"], row["source"], to_metadata(row["metadata"]))
        return found == (ready.body, ready.title, ready.source, work.metadata)

    async def forget(self, work: Work) -> None:
        async with self._database.begin() as unit:
            await unit.do("lock_document", work.tenant, work.document_id)
            if await unit.value("forget_version", *_fence(work)) is not None:
                await unit.do("step_back", work.tenant, work.document_id, work.version)

    async def renew_generation(self, tenant: str, session_id: str) -> None:
        async with self._database.begin() as unit:
            # Without it a kept result may lack what old passages took the places of; it never has too much.
            await unit.do("lightly")
            await unit.do("renew_generation", tenant, session_id)

    # --- sweeping

    async def unsettled(self) -> list[tuple[str, str]]:
        async with self._database.connection() as unit:
            return [(row["tenant"], row["document_id"]) for row in await unit.rows("unsettled_documents")]

    async def unswept(self, limit: int) -> list[Unswept]:
        async with self._database.connection() as unit:
            rows = await unit.rows("unswept_versions", limit)
        return [
            Unswept(
                tenant=row["tenant"], document_id=row["document_id"], version=row["version"], blob=row["blob"],
                found_version=row["found_version"],
            )
            for row in rows
        ]  # fmt: skip

    async def swept(self, version: Unswept) -> None:
        async with self._database.begin() as unit:
            await unit.do("lightly")
            await unit.do("sweep_version", version.tenant, version.document_id, version.version)

    async def unproven(self, limit: int) -> list[Buried]:
        async with self._database.connection() as unit:
            rows = await unit.rows("unproven_deletions", limit)
        return [
            Buried(
                tenant=row["tenant"], document_id=row["document_id"], version=row["version"], passages=0,
                blobs=row["blobs"],
            )
            for row in rows
        ]  # fmt: skip

    async def tidy(self) -> None:
        async with self._database.begin() as unit:
            for statement in ("drop_superseded", "drop_session_deletions", "drop_old_events"):
                await unit.do(statement)


async def insert_passages(unit: Unit, build_id: str, passages: Sequence[Passage]) -> None:
    """Insert a document's passages into a build."""
    await unit.do_each(
        "insert_passage",
        [
            (build_id, p.tenant, p.passage_id, p.document_id, p.session_id, p.version, p.position, p.heading, p.text)
            for p in passages
        ],
    )


def to_entries(text: str) -> list[Entry]:
    """Questions with their answers, from their column."""
    return msgspec.json.decode(text, type=list[Entry])


def _fence(work: Work) -> tuple[str, str, int, int]:
    return work.tenant, work.document_id, work.version, work.attempt


def _work(row: Row) -> Work:
    return Work(
        tenant=row["tenant"], document_id=row["document_id"], version=row["version"], attempt=row["attempts"],
        session_id=row["session_id"], title=row["title"], source=row["source"], metadata=to_metadata(row["metadata"]),
        name=row["name"], media_type=row["media_type"], content=row["content"], blob=row["blob"], url=row["url"],
        sha256=row["sha256"], size=row["size"], found_version=row["found_version"],
    )  # fmt: skip
