"""A unit of work: named statements on one connection, in one transaction."""

from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Row = asyncpg.Record


class Work:
    """Runs the statements of `queries.sql` by name; made by `libs.runtime.postgres.Database`."""

    def __init__(self, raw: "PoolConnectionProxy[Row]", queries: dict[str, str]) -> None:
        self.raw = raw
        self._queries = queries

    async def rows(self, name: str, *values: Any) -> list[Row]:
        """Run a statement and give all its rows."""
        return await self.raw.fetch(self._queries[name], *values)

    async def row(self, name: str, *values: Any) -> Row | None:
        """Run a statement and give its first row."""
        return await self.raw.fetchrow(self._queries[name], *values)

    async def value(self, name: str, *values: Any) -> Any:
        """Run a statement and give the first column of its first row."""
        return await self.raw.fetchval(self._queries[name], *values)

    async def do(self, name: str, *values: Any) -> None:
        """Run a statement for what it does."""
        await self.raw.execute(self._queries[name], *values)

    async def do_each(self, name: str, rows: list[tuple[Any, ...]]) -> None:
        """Run a statement once for each tuple of values."""
        await self.raw.executemany(self._queries[name], rows)
