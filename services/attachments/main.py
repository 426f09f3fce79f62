"""The composition root of the attachments service: read it from top to bottom."""

import asyncio
from datetime import datetime
from pathlib import Path

from ulid import ULID

from libs.contracts.errors import DeskError
from libs.contracts.streams import ATTACHMENTS
from libs.runtime.blobs import NatsBlobs
from libs.runtime.clock import now
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from libs.runtime.service import Scope

from . import routes
from .adapters.postgres_records import PostgresRecords
from .adapters.reader_process import Limits
from .adapters.subprocess_reader import SubprocessReader
from .app.readings import Readings
from .app.sweeper import Sweeper
from .app.uploads import Uploads
from .settings import Settings

_LEASE_MARGIN_S = 20.0


async def build(scope: Scope, settings: Settings) -> None:
    """Wire the attachments service."""
    sql = Path(__file__).parent / "sql"
    database = await scope.enter("database", Database.connect(settings.database_url, "attachments", sql))
    bus = await scope.enter("bus", NatsBus.connect(settings.nats_url, scope.instance))
    records, blobs = PostgresRecords(database), NatsBlobs(bus, ATTACHMENTS)

    readings = Readings(
        records, blobs, _reader(settings), scope.log,
        slots=settings.reading_slots, lease_s=settings.reading_timeout_s + _LEASE_MARGIN_S,
    )  # fmt: skip
    uploads = Uploads(records, blobs, readings)
    sweeper = Sweeper(
        records, blobs, scope.log, now=now, minted_at=_minted_at,
        unused_s=settings.attachment_unused_s, orphan_s=settings.attachment_orphan_s,
    )  # fmt: skip

    async def sweep() -> None:
        while True:
            try:
                await sweeper.sweep()
            except DeskError as fault:
                scope.log.debug("sweep_paused", reason=fault.code)
            await asyncio.sleep(settings.attachment_sweep_s)

    scope.check("Database", database.probe)
    scope.check("Tables", database.probe_tables)
    scope.check("Message Bus", bus.ping)
    scope.check("Attachment Store", blobs.probe)
    await routes.serve(bus, uploads, scope)
    scope.spawn("readings", readings.run)
    scope.spawn("sweeper", sweep)


def _reader(settings: Settings) -> SubprocessReader:
    limits = Limits(
        memory=settings.reading_memory_mb * 2**20,
        cpu_s=settings.reading_cpu_s,
        wall_s=int(settings.reading_timeout_s) + 2,
    )
    return SubprocessReader(limits, timeout=settings.reading_timeout_s)


def _minted_at(attachment_id: str) -> datetime:
    return ULID.from_str(attachment_id.rpartition("_")[2]).datetime
