"""Documents in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import Callable

import msgspec

from libs.contracts.bus_map import DOCUMENT_DELETED
from libs.contracts.channels import Event, Payload, encode
from libs.contracts.documents import (
    Document,
    DocumentDeleted,
    DocumentPassage,
    DocumentVersion,
    ListDocuments,
    Metadata,
)
from libs.contracts.errors import Conflict
from libs.runtime.postgres import Database
from libs.runtime.work import Row, Work

from ..domain.versions import Buried, Given, Newest


class PostgresDocuments:
    """A DocumentStore over the knowledge schema.

    Args:
        told: called after a commit that logged an event: the relay's `wake`.
    """

    def __init__(self, database: Database, told: Callable[[], None]) -> None:
        self._database = database
        self._told = told

    async def put(self, tenant: str, given: Given, unchanged: Callable[[Given, Newest], bool]) -> int | None:
        async with self._database.begin() as work:
            await work.do("lock_document", tenant, given.document_id)
            row = await work.row("newest_version", tenant, given.document_id)
            if row and row["session_id"] != given.session_id:
                raise Conflict("document_of_session", "This id is that of another kind of document; choose another one")
            if row and unchanged(given, _newest(row)):
                return None
            last = row["last_version"] if row else await work.value("last_deleted_version", tenant, given.document_id)
            version = (last or 0) + 1
            carried = encode(given.metadata).decode()
            await work.do(
                "put_document", tenant, given.document_id, given.session_id, version, given.shown_title,
                given.source or given.url or given.name, carried, given.media_type or "",
            )  # fmt: skip
            await work.do(
                "insert_version", tenant, given.document_id, version, given.same, given.sha256, given.size,
                given.title, given.source, carried, given.name, given.media_type, given.content, given.blob, given.url,
            )  # fmt: skip
            await work.do("supersede_queued", tenant, given.document_id, version)
        return version

    async def get(self, tenant: str, document_id: str) -> tuple[Document, str] | None:
        async with self._database.connection() as work:  # one statement needs no transaction's round trips
            row = await work.row("get_document", tenant, document_id)
        return (_document(row), row["session_id"]) if row else None

    async def newest(self, tenant: str, document_id: str) -> Newest | None:
        async with self._database.connection() as work:
            row = await work.row("newest_version", tenant, document_id)
        return _newest(row) if row else None

    async def versions(self, tenant: str, document_id: str, limit: int) -> list[DocumentVersion]:
        async with self._database.connection() as work:
            return [_version(row) for row in await work.rows("document_versions", tenant, document_id, limit)]

    async def passages(self, tenant: str, document_id: str, limit: int, offset: int) -> list[DocumentPassage]:
        async with self._database.connection() as work:
            rows = await work.rows("document_passages", tenant, document_id, limit, offset)
        return [DocumentPassage(position=row["position"], heading=row["heading"], text=row["text"]) for row in rows]

    async def page(self, tenant: str, query: ListDocuments) -> tuple[list[Document], int]:
        wanted = (tenant, query.search, query.state, encode(query.filters).decode())
        async with self._database.connection() as work:
            rows = await work.rows("list_documents", *wanted, query.limit, query.offset)
            total = rows[0]["total"] if rows else await work.value("count_documents", *wanted)
        return [_document(row) for row in rows], total

    async def any(self, tenant: str) -> bool:
        async with self._database.connection() as work:
            return await work.value("has_documents", tenant)

    async def of_session(self, tenant: str, session_id: str) -> list[str]:
        async with self._database.connection() as work:
            return [row["document_id"] for row in await work.rows("documents_of_session", tenant, session_id)]

    async def bury(self, tenant: str, document_id: str, session_id: str) -> Buried | None:
        async with self._database.begin() as work:
            await work.do("share_builds")
            await work.do("lock_document", tenant, document_id)
            row = await work.row("get_document", tenant, document_id)
            if row is None or row["session_id"] != session_id:
                return None
            buried = await work.row("bury_document", tenant, document_id)
            assert buried is not None  # noqa: S101 - the document is locked, and there
            await work.do("delete_document", tenant, document_id)
            if not session_id:
                await log_event(work, tenant, DOCUMENT_DELETED, DocumentDeleted(document_id=document_id))
            await work.do("renew_generation", tenant, session_id)
        self._told()
        return Buried(
            tenant=tenant, document_id=document_id, version=buried["version"], passages=row["passages"],
            blobs=buried["blobs"], at_work=buried["at_work"],
        )  # fmt: skip

    async def count_passages(self, tenant: str, document_id: str) -> int:
        async with self._database.connection() as work:
            return await work.value("count_document_passages", tenant, document_id)

    async def prove(self, buried: Buried) -> None:
        async with self._database.begin() as work:
            await work.do("prove_deletion", buried.tenant, buried.document_id, buried.version)

    async def forget_session(self, tenant: str, session_id: str) -> None:
        async with self._database.begin() as work:
            await work.do("drop_generation", tenant, session_id)


async def log_event(work: Work, tenant: str, event: Event[Payload], payload: Payload) -> None:
    """Log an event in the transaction of the change that it tells of."""
    await work.do("log_event", tenant, event.name, event.version, encode(payload).decode())


def to_metadata(text: str) -> Metadata:
    """What a document carries, from its column."""
    return msgspec.json.decode(text, type=Metadata)


def _newest(row: Row) -> Newest:
    return Newest(
        session_id=row["session_id"], version=row["newest_version"], same=row["same"], state=row["state"],
        reason=row["reason"], blob=row["blob"],
    )  # fmt: skip


def _document(row: Row) -> Document:
    return Document(
        document_id=row["document_id"], title=row["title"], source=row["source"], metadata=to_metadata(row["metadata"]),
        language=row["language"], media_type=row["media_type"], version=row["version"],
        newest_version=row["newest_version"], state=row["state"], reason=row["reason"], error=row["error"],
        passages=row["passages"], characters=row["characters"], created_at=row["created_at"],
        updated_at=row["updated_at"],
    )  # fmt: skip


def _version(row: Row) -> DocumentVersion:
    return DocumentVersion(
        version=row["version"], state=row["state"], sha256=row["sha256"], size=row["size"], passages=row["passages"],
        reason=row["reason"], error=row["error"], notes=msgspec.json.decode(row["notes"], type=list[str]),
        created_at=row["created_at"], indexed_at=row["indexed_at"],
    )  # fmt: skip
