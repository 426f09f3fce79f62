"""Migrations: `python -m libs.runtime.migrate [service ...]`.

Each service keeps forward-only files `services/<name>/sql/migrations/NNNN_what.sql`. They run in order, each in a
transaction, under one advisory lock; what ran is written down with its hash, and a file that changed after it ran is
refused. Each service gets a schema and a role `deskbus_<name>` that may use its tables and nobody else's.
"""

import asyncio
import hashlib
import os
import sys
from pathlib import Path

import asyncpg
from msgspec import Struct

ROOT = Path(__file__).parents[2]
_LOCK = 0x6465736B  # "desk"
_BOOKS = """
create schema if not exists deskbus;
create table if not exists deskbus.migrations (
    service text not null, number int not null, name text not null, sha256 text not null,
    applied_at timestamptz not null default now(), primary key (service, number)
);
"""
_ROLE = """
do $$ begin
    create role deskbus_{0} nologin;
exception when duplicate_object or unique_violation then null; end $$;
grant deskbus_{0} to current_user;
create schema if not exists {0};
"""
_GRANTS = """
grant usage on schema {0} to deskbus_{0};
grant select, insert, update, delete on all tables in schema {0} to deskbus_{0};
grant usage on all sequences in schema {0} to deskbus_{0};
"""


class MigrationFault(Exception):
    """A migration cannot run; the message says which, and what to do."""


class Migration(Struct, frozen=True):
    """One file: its number, its name and its text."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The hash that is written down when it ran."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def find_services(root: Path = ROOT) -> list[str]:
    """Give the services that have migrations."""
    return sorted(folder.parents[1].name for folder in root.glob("services/*/sql/migrations"))


def find_migrations(service: str, root: Path = ROOT) -> list[Migration]:
    """Give a service's migrations, in order."""
    files = sorted((root / "services" / service / "sql" / "migrations").glob("[0-9]*.sql"))
    return [Migration(int(file.name.split("_")[0]), file.stem, file.read_text()) for file in files]


async def migrate(url: str, services: list[str], root: Path = ROOT) -> list[str]:
    """Bring the schemas of these services up to date; give the names of what ran.

    Raises:
        MigrationFault: a file changed after it ran, or the database knows a newer one.
    """
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(_BOOKS)
        ran: list[str] = []
        for service in services:
            ran += await _migrate_service(connection, service, find_migrations(service, root))
        return ran
    finally:
        await connection.close()


async def _migrate_service(
    connection: "asyncpg.Connection[asyncpg.Record]", service: str, files: list[Migration]
) -> list[str]:
    await connection.execute(_ROLE.format(service))
    rows = await connection.fetch("select number, sha256 from deskbus.migrations where service = $1", service)
    applied: dict[int, str] = {row["number"]: row["sha256"] for row in rows}
    if newer := set(applied) - {file.number for file in files}:
        raise MigrationFault(
            f"the database has {service} migration {max(newer)}, which this version does not know: run a newer version"
        )
    ran: list[str] = []
    for file in files:
        if file.number not in applied:
            await _apply(connection, service, file)
            ran.append(f"{service}/{file.name}")
        elif applied[file.number] != file.sha256:
            raise MigrationFault(
                f"{service}/{file.name} changed after it ran: restore the file and add a new migration instead"
            )
    await connection.execute(_GRANTS.format(service))
    return ran


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", service: str, file: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f"set local search_path to {service}")
        await connection.execute(file.sql)
        await connection.execute(
            "insert into deskbus.migrations (service, number, name, sha256) values ($1, $2, $3, $4)",
            service, file.number, file.name, file.sha256,
        )  # fmt: skip


def main() -> None:
    """Migrate the services named on the command line, all by default, in the database of DESKBUS_DATABASE_URL."""
    url = os.environ.get("DESKBUS_DATABASE_URL", "")
    if not url:
        sys.exit("DESKBUS_DATABASE_URL is not set: give the address of the database to migrate")
    try:
        ran = asyncio.run(migrate(url, sys.argv[1:] or find_services()))
    except (OSError, TimeoutError, asyncpg.PostgresError, MigrationFault) as fault:
        sys.exit(f"migration failed: {fault}")
    print("migrated: " + ", ".join(ran) if ran else "the database is up to date")


if __name__ == "__main__":
    main()
