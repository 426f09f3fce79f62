"""Postgres: a pool bound to one service's schema and role, and the statements of its `queries.sql` by name."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from libs.contracts.errors import DeskError, Internal, Unavailable

from .work import Work

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_TRANSIENT = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection that broke in mid-protocol raises
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.DiskFullError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
_MISSING = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,  # the role of the connection does not exist
)

# A paused or lost client must not hold a session's row lock: the server ends its transaction.
_SESSION_SETTINGS = {
    "statement_timeout": "5000",
    "lock_timeout": "4000",
    "idle_in_transaction_session_timeout": "10000",
    "timezone": "UTC",
}


def load_queries(file: Path) -> dict[str, str]:
    """Read named statements: each begins with a line `-- name: NAME`."""
    parts = _NAME.split(file.read_text())
    return dict(zip(parts[1::2], (sql.strip() for sql in parts[2::2]), strict=True))


class Database:
    """One service's schema. Made by `connect`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", schema: str, queries: dict[str, str]) -> None:
        self._pool = pool
        self._schema = schema
        self._queries = queries

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, schema: str, sql: Path, *, pool_size: int = 16) -> "AsyncIterator[Database]":
        """Open a pool.

        Args:
            url: `postgresql://...`, of a user who may become the service's role.
            schema: the service's name; its tables are in this schema, its rights those of `deskbus_<schema>`.
            sql: the folder that holds `queries.sql`.
            pool_size: connections at most.

        Raises:
            Unavailable: the server does not answer.
            Internal: `database_not_initialised` where the database or the role is missing.
        """
        settings = {**_SESSION_SETTINGS, "search_path": schema, "role": f"deskbus_{schema}"}
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=2,
                max_size=pool_size,
                timeout=5,
                command_timeout=6,
                reset=_keep,
                server_settings={**settings, "application_name": f"deskbus-{schema}"},
            )
        except Exception as error:
            raise _told(error, schema) from error
        try:
            yield cls(pool, schema, load_queries(sql / "queries.sql"))
        finally:
            try:
                await asyncio.wait_for(pool.close(), 5)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        """Open a transaction: committed at the end, rolled back on an error.

        Raises:
            Unavailable: `database_unavailable`, worth trying again. Where it comes from the commit itself, nobody
                knows whether it took place: only a request that carries its own id may be repeated.
        """
        async with self._acquired() as connection, connection.transaction():
            yield Work(connection, self._queries)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Work]:
        """Open a read-only transaction whose statements all see the same moment."""
        async with (
            self._acquired() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield Work(connection, self._queries)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Work]:
        """Hold one connection outside of any transaction (for single statements and session-level locks)."""
        async with self._acquired() as connection:
            yield Work(connection, self._queries)

    @asynccontextmanager
    async def _acquired(self) -> "AsyncIterator[PoolConnectionProxy[asyncpg.Record]]":
        """Take a connection from the pool; what goes wrong with it comes out as an error that may be told."""
        try:
            async with self._pool.acquire(timeout=5) as connection:
                yield connection
        except DeskError:
            raise
        except Exception as error:
            raise _told(error, self._schema) from error

    # --- readiness

    async def probe(self) -> str:
        """Make a round trip; refuse a server that may forget what it has acknowledged."""
        async with self.connection() as work:
            row = await work.raw.fetchrow(
                "select current_setting('server_version') as version, current_setting('fsync') as fsync,"
                " current_setting('synchronous_commit') as synchronous"
            )
        assert row is not None  # noqa: S101 - a select without from always gives a row
        if row["fsync"] != "on" or row["synchronous"] == "off":
            raise Internal(
                "unsafe_database", "fsync or synchronous_commit is off: turn both on, or answers may be lost"
            )
        return f"PostgreSQL {row['version']}"

    async def probe_tables(self) -> str:
        """Prepare every statement, so that a missing table or column shows before a customer meets it."""
        # In a transaction: outside of one, asyncpg leaves a connection that has only prepared in a state where the next
        # transaction on it cannot choose its isolation.
        async with self.begin() as work:
            for sql in self._queries.values():
                try:
                    await work.raw.prepare(sql)
                except _MISSING as error:
                    raise _not_initialised(self._schema, str(error)) from error
        return f"schema {self._schema}, {len(self._queries)} statements prepared"


async def _keep(_: object) -> None:
    """Give a connection back as it is: what it needs came with its start, and the rest ends with its transaction.

    The pool's own reset costs a round trip each time. Who takes a session-level lock frees it (`libs.runtime.relay`).
    """


def _not_initialised(schema: str, reason: str) -> DeskError:
    return Internal(
        "database_not_initialised",
        f"The database is not what the {schema} service expects ({reason}): run `python -m libs.runtime.migrate`",
    )


def _told(error: Exception, schema: str) -> Exception:
    """Give the error that may be told; a driver's own stays only as its cause."""
    if isinstance(error, _MISSING):
        return _not_initialised(schema, str(error))
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return Internal("database_refused", "The database refuses the user or password of DESKBUS_DATABASE_URL")
    if isinstance(error, _TRANSIENT):
        return Unavailable("database_unavailable", "The database does not answer right now; try again in a moment")
    return error
