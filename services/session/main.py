"""Composition root of the session service."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from libs.contracts.bus_map import APPROVAL_DECIDED, OUTBOX_READY
from libs.contracts.context import Context
from libs.contracts.errors import DeskError
from libs.contracts.session import OutboxReady
from libs.runtime.cache import Cache
from libs.runtime.consumer import EventConsumer
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from libs.runtime.relay import Relay
from libs.runtime.service import Scope

from . import routes
from .adapters.herald import BusHerald
from .adapters.postgres import PostgresStore
from .adapters.snapshots import KeepingHerald, RedisSnapshots
from .adapters.timers import AsyncTimers
from .app import App
from .settings import Settings

_SWEEP_EVERY_S = 1.0


async def build(scope: Scope, settings: Settings) -> None:
    """Wire the service."""
    sql = Path(__file__).parent / "sql"
    database = await scope.enter(
        "database", Database.connect(settings.database_url, "session", sql, pool_size=settings.database_pool)
    )
    bus = await scope.enter("bus", NatsBus.connect(settings.nats_url, scope.instance))
    relay = Relay("session", database, bus)
    kept = await scope.enter("session store", _opened_session_store(settings))
    snapshots = RedisSnapshots(kept, database, settings.session_store_ttl_s)
    timers = AsyncTimers()
    herald = KeepingHerald(BusHerald(bus, relay.wake, timers), snapshots)
    rules = settings.turn_rules
    app = App(PostgresStore(database, rules), herald, snapshots, timers, rules)

    scope.check("Database", database.probe)
    scope.check("Tables", database.probe_tables)
    scope.check("Message broker", bus.ping)
    scope.check("Session Store", kept.probe, required=False)

    async def on_outbox(_: OutboxReady, __: Context) -> None:
        relay.wake()

    async def sweep() -> None:
        while True:
            try:
                await app.sweep()
            except DeskError as fault:
                scope.log.debug("sweep_paused", reason=fault.code)
            await asyncio.sleep(_SWEEP_EVERY_S)

    await bus.listen(OUTBOX_READY, on_outbox)
    await routes.serve(bus, app, scope)
    scope.spawn("relay", relay.run)
    scope.spawn("sweeper", sweep)
    scope.spawn("decisions", EventConsumer(bus, "session", APPROVAL_DECIDED, app.tell_decision).run)
    scope.spawn("timers", timers.run)
    scope.spawn("snapshots", snapshots.run)
    scope.on_drain("relay", relay.drained, timeout=5)


def _opened_session_store(settings: Settings) -> AbstractAsyncContextManager[Cache]:
    return Cache.connect(
        settings.snapshots_url, enabled=settings.session_store_enabled, prefix=settings.session_store_prefix,
        part="Session Store", connections=settings.session_store_connections,
    )  # fmt: skip
