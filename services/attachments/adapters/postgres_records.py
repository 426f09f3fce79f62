"""Uploads in Postgres; the statements are in `sql/queries.sql`."""

from libs.contracts.attachments import Attachment, Register
from libs.runtime.postgres import Database
from libs.runtime.work import Row

from ..domain import Reading
from ..ports import StoredText, ToRead


class PostgresRecords:
    """Records over the attachments schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- one session

    async def add(self, tenant: str, session_id: str, new: Register) -> bool:
        async with self._database.begin() as work:
            await work.value("lock_session", tenant, session_id)
            if await work.value("session_is_deleted", tenant, session_id):
                return False
            await work.do(
                "insert_attachment", new.attachment_id, tenant, session_id, new.filename, new.content_type, new.size,
                new.sha256,
            )  # fmt: skip
        return True

    async def of_session(self, tenant: str, session_id: str, ids: list[str]) -> list[StoredText]:
        async with self._database.begin() as work:
            rows = await work.rows("of_session", tenant, session_id, ids)
        return [StoredText(_attachment(row), row["text"], row["truncated"]) for row in _ordered(rows, ids)]

    async def use(self, tenant: str, session_id: str, ids: list[str]) -> list[Attachment]:
        async with self._database.begin() as work:
            await work.do("touch", tenant, session_id, ids)
            rows = await work.rows("of_session", tenant, session_id, ids)
        return [_attachment(row) for row in _ordered(rows, ids)]

    async def bind(self, tenant: str, session_id: str, ids: list[str], message_id: str) -> None:
        async with self._database.begin() as work:
            await work.do("bind", tenant, session_id, ids, message_id)

    async def delete_unbound(self, tenant: str, session_id: str, ids: list[str]) -> list[str]:
        async with self._database.begin() as work:
            return [row["id"] for row in await work.rows("delete_unbound", tenant, session_id, ids)]

    async def bury(self, tenant: str, session_id: str) -> list[str]:
        async with self._database.begin() as work:
            await work.value("lock_session", tenant, session_id)
            await work.do("bury_session", tenant, session_id)
            return [row["id"] for row in await work.rows("ids_of_session", tenant, session_id)]

    async def delete_session(self, tenant: str, session_id: str) -> None:
        async with self._database.begin() as work:
            await work.do("delete_session", tenant, session_id)

    # --- reading

    async def claim(self, lease_s: float, most_attempts: int) -> ToRead | None:
        async with self._database.begin() as work:
            row = await work.row("claim_reading", lease_s, most_attempts)
        return ToRead(row["id"], row["filename"], row["content_type"], row["size"], row["attempts"]) if row else None

    async def finish(self, claim: ToRead, reading: Reading) -> None:
        async with self._database.begin() as work:
            await work.do(
                "finish_reading", claim.attachment_id, claim.attempts, reading.state, reading.detected_type,
                reading.text, reading.truncated, reading.preview, reading.reason, reading.error,
            )  # fmt: skip

    async def put_off(self, claim: ToRead, seconds: float) -> None:
        async with self._database.begin() as work:
            await work.do("put_off_reading", claim.attachment_id, claim.attempts, seconds)

    async def give_up(self, most_attempts: int, reading: Reading) -> None:
        async with self._database.begin() as work:
            await work.do("give_up_reading", most_attempts, reading.reason, reading.error)

    # --- sweeping

    async def delete_unused(self, seconds: float, limit: int) -> list[str]:
        async with self._database.begin() as work:
            return [row["id"] for row in await work.rows("delete_unused", seconds, limit)]

    async def forget_deleted_sessions(self, seconds: float) -> None:
        async with self._database.begin() as work:
            await work.do("forget_deleted_sessions", seconds)

    async def known(self, ids: list[str]) -> set[str]:
        async with self._database.begin() as work:
            return {row["id"] for row in await work.rows("known", ids)}


def _ordered(rows: list[Row], ids: list[str]) -> list[Row]:
    by_id = {row["id"]: row for row in rows}
    return [by_id[each] for each in ids if each in by_id]


def _attachment(row: Row) -> Attachment:
    return Attachment(
        attachment_id=row["id"], session_id=row["session_id"], filename=row["filename"],
        content_type=row["content_type"], detected_type=row["detected_type"], size=row["size"], sha256=row["sha256"],
        state=row["state"], preview=row["preview"], reason=row["reason"], error=row["error"],
        message_id=row["message_id"], created_at=row["created_at"],
    )  # fmt: skip
