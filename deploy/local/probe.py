"""One HTTP GET without threads or a client library, for a supervisor that stays small."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import msgspec

LIMIT = 1024 * 1024


class Check(msgspec.Struct):
    """One check of a readiness report; whatever is missing is forgiven."""

    name: str = "?"
    ok: bool = False
    required: bool = True
    latency_ms: float | None = None
    detail: str | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.detail or 'not ok'}"


class Report(msgspec.Struct):
    """A readiness report, its checks as a list or by name."""

    status: str = ""
    checks: list[Check] | dict[str, Check] = []

    @property
    def rows(self) -> list[Check]:
        """The checks, each with its name."""
        if isinstance(self.checks, dict):
            return [msgspec.structs.replace(check, name=name) for name, check in self.checks.items()]
        return self.checks


async def get(url: str, patience: float = 3.0) -> tuple[int, bytes]:
    """Status and body; status 0 where nobody answered in time."""
    try:
        async with asyncio.timeout(patience):
            return await _get(url)
    except (OSError, ValueError, IndexError):  # TimeoutError is an OSError
        return 0, b""


async def _get(url: str) -> tuple[int, bytes]:
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port or 80)
    try:
        # HTTP/1.0: the body is whole and ends with the connection.
        host = where.netloc.rpartition("@")[2]
        writer.write(f"GET {where.path or '/'} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n\r\n".encode())
        await writer.drain()
        received = b""
        while (data := await reader.read(65_536)) and len(received) < LIMIT:
            received += data
    finally:
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(None, 2)[1]), body


def report(body: bytes) -> Report:
    """What a readiness endpoint said; an empty report where it is something else."""
    try:
        return msgspec.json.decode(body, type=Report)
    except msgspec.DecodeError:
        return Report()
