"""Where words are still found after they should be gone: every table, key, stream and file of a running system.

It knows nothing of what the services think they have deleted: it reads the stores themselves.
"""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import nats
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from redis.asyncio import Redis

_SCHEMAS = ("session", "agent", "knowledge", "attachments")
_REDIS_DATABASES = (0, 1)


async def remains(environment: Mapping[str, str], words: Iterable[str], *, index: Path | None = None) -> list[str]:
    """Give the places that hold one of the words, as `store: place`, sorted.

    Args:
        environment: where the servers are, as the services are told it.
        words: what to look for: ids and canaries.
        index: the folder of the vector index, where it is one.
    """
    wanted = [word.encode() for word in words]
    found = [place async for place in _in_postgres(environment["DESKBUS_DATABASE_URL"], wanted)]
    found += [place async for place in _in_redis(environment["DESKBUS_REDIS_URL"], wanted)]
    found += [place async for place in _in_streams(environment["DESKBUS_NATS_URL"], wanted)]
    if index is not None:
        found += _in_files(index, wanted)
    return sorted(found)


def _in_files(folder: Path, wanted: list[bytes]) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [f"index: {path.relative_to(folder)}" for path in files if _holds(path.read_bytes(), wanted)]


def _holds(data: bytes, wanted: list[bytes]) -> bool:
    return any(word in data for word in wanted)


async def _in_postgres(url: str, wanted: list[bytes]) -> AsyncIterator[str]:
    """Look through every row of every table, as text."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "select schemaname, tablename from pg_tables where schemaname = any($1::text[])", list(_SCHEMAS)
        )
        assert {table["schemaname"] for table in tables} == set(_SCHEMAS), (
            "a schema is missing: nothing to look through"
        )
        for schema, table in tables:
            for (row,) in await connection.fetch(f'select r::text from "{schema}"."{table}" r'):
                if _holds(row.encode(), wanted):
                    yield f"postgres: {schema}.{table}: {row[:120]}"
    finally:
        await connection.close()


async def _in_redis(url: str, wanted: list[bytes]) -> AsyncIterator[str]:
    """Look through every key and its value."""
    for number in _REDIS_DATABASES:
        redis = Redis.from_url(re.sub(r"/\d*$", f"/{number}", url))
        try:
            async for key in redis.scan_iter(count=1000):
                kind = await redis.type(key)
                value = await redis.get(key) if kind == b"string" else b""
                if _holds(key + b" " + (value or b""), wanted):
                    yield f"redis: {number}/{key.decode()}: {(value or b'')[:80]!r}"
        finally:
            await redis.aclose()


async def _in_streams(url: str, wanted: list[bytes]) -> AsyncIterator[str]:
    """Look through every message of every stream: events, dead letters, and the chunks and names of files."""
    async with _jetstream(url) as jetstream:
        for stream in await jetstream.streams_info():
            name, state = stream.config.name, stream.state
            for seq in range(state.first_seq, state.last_seq + 1) if state.messages else ():
                try:
                    message = await jetstream.get_msg(name, seq)
                except NotFoundError:
                    continue
                headers = repr(message.headers or {}).encode()
                if _holds(b" ".join(((message.subject or "").encode(), headers, message.data or b"")), wanted):
                    yield f"nats: {name}: {message.subject}"


@asynccontextmanager
async def _jetstream(url: str) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(url)
    try:
        yield client.jetstream()
    finally:
        await client.close()
