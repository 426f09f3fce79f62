"""The pool of a service, over a real Postgres."""

from pathlib import Path

import pytest

from deploy.local.servers import Servers
from libs.runtime.migrate import ROOT
from libs.runtime.postgres import Database

SQL = ROOT / "services"


@pytest.mark.parametrize("service", ["session", "agent", "knowledge", "attachments"])
async def test_a_look_at_the_tables_leaves_the_connection_as_it_was(servers: Servers, service: str) -> None:
    url, folder = servers.environment["DESKBUS_DATABASE_URL"], Path(SQL / service / "sql")
    async with Database.connect(url, service, folder, pool_size=2) as database:
        for _ in range(2):
            await database.probe_tables()
            async with database.snapshot() as work:
                assert await work.raw.fetchval("show transaction_isolation") == "repeatable read"
