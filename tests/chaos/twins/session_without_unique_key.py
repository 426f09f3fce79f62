"""The session service without its unique key: a message that is sent twice is stored twice."""

from pathlib import Path

import services.session
from libs.runtime.postgres import Database
from libs.runtime.service import Scope, run
from services.session.adapters.postgres import PostgresRecords
from services.session.main import build
from services.session.settings import Settings

SQL = Path(services.session.__file__).parent / "sql"
assert callable(PostgresRecords.message_by_client_id), "the look-up has another name now: this twin removes nothing"


async def find_nothing(*_: object) -> None:
    """Know no message."""


PostgresRecords.message_by_client_id = find_nothing


async def build_without_key(scope: Scope, settings: Settings) -> None:
    """Drop the key, then go on as always."""
    async with Database.connect(settings.database_url, "session", SQL) as database, database.connection() as work:
        await work.raw.execute("set role none")
        await work.raw.execute(
            "alter table messages drop constraint if exists messages_session_id_client_message_id_key"
        )
    await build(scope, settings)


if __name__ == "__main__":
    run("session", Settings, build_without_key)
