"""Snapshots of sessions: every replica reads what another wrote, and nobody ever reads what is no longer true."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from redis import Redis as BlockingRedis

from deploy.local.ports import free_port
from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.context import Context
from libs.contracts.errors import NotFound, Unavailable
from libs.contracts.health import AskHealth
from libs.runtime.cache import Cache
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from libs.runtime.redis import redis_url_from
from libs.runtime.settings import load
from services.session.adapters.postgres import PostgresStore
from services.session.adapters.snapshots import KeepingHerald, RedisSnapshots
from services.session.adapters.timers import AsyncTimers
from services.session.app import App
from services.session.domain.conversation import Conversation
from services.session.domain.turn import TurnRules
from services.session.settings import Settings
from tests.support.system import ROOT, System
from tests.support.talk import TENANT, Talk

ALONE = {"gateway": 0, "agent": 0, "knowledge": 0, "attachments": 0}
SQL = ROOT / "services" / "session" / "sql"


class Deaf:
    """Nobody is told."""

    async def tell(self, conversation: Conversation) -> None: ...

    async def ring(self, tenant: str) -> None: ...


class Replica:
    """The session service's use cases as one process has them."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self.snapshots = RedisSnapshots(cache, database, 60)
        rules = TurnRules()
        herald = KeepingHerald(Deaf(), self.snapshots)
        self.app = App(PostgresStore(database, rules), herald, self.snapshots, AsyncTimers(), rules)
        self.id = mint("sess")
        self._task: asyncio.Task[None] | None = None

    def write_on(self) -> None:
        self._task = asyncio.create_task(self.snapshots.run())

    async def stop_writing(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def written(self) -> None:
        async with asyncio.timeout(10):
            while self.snapshots._waiting:
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)

    async def open(self, session_id: str, **fields: object) -> told.Session:
        request = told.OpenSession(session_id=session_id, thread_id=mint("thread"), **fields)
        return await self.app.open_session(request, Context(tenant=TENANT, key=session_id))

    async def read(self, session_id: str, tenant: str = TENANT) -> told.Session:
        return await self.app.get_session(told.GetSession(), Context(tenant=tenant, key=session_id))

    async def set_status(self, session_id: str, status: told.SessionStatus) -> told.Session:
        return await self.app.set_status(told.SetStatus(status), Context(tenant=TENANT, key=session_id))

    async def delete(self, session_id: str) -> None:
        await self.app.delete_session(told.DeleteSession(), Context(tenant=TENANT, key=session_id))


class Shelf:
    """The snapshots as they lie in Redis."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url = url
        self._prefix = prefix

    def get(self, session_id: str) -> bytes | None:
        with BlockingRedis.from_url(self._url) as raw:
            return raw.get(self._prefix + session_id)

    def put(self, session_id: str, value: bytes) -> None:
        with BlockingRedis.from_url(self._url) as raw:
            raw.set(self._prefix + session_id, value, ex=60)

    def mark(self, session_id: str) -> None:
        """Change what a reader would only see in Redis, to know later where a read came from."""
        value = self.get(session_id)
        assert value is not None
        document = msgspec.json.decode(value)
        document["value"]["session"]["metadata"] = {"read from": "Redis"}
        self.put(session_id, msgspec.json.encode(document))


@pytest.fixture
def prefix() -> str:
    return f"test_{uuid.uuid4().hex}:"


@pytest.fixture
def shelf(servers: Servers, prefix: str) -> Shelf:
    return Shelf(redis_url_from(servers.environment["DESKBUS_REDIS_URL"], db=1), prefix)


@asynccontextmanager
async def opened(servers: Servers, prefix: str, redis_url: str | None = None) -> AsyncIterator[Replica]:
    url = redis_url_from(redis_url or servers.environment["DESKBUS_REDIS_URL"], db=1)
    async with (
        Database.connect(servers.environment["DESKBUS_DATABASE_URL"], "session", SQL) as database,
        Cache.connect(url, prefix=prefix, timeout_s=0.05 if redis_url else 5.0) as cache,
    ):
        replica = Replica(database, cache)
        replica.write_on()
        try:
            yield replica
        finally:
            await replica.stop_writing()


@pytest.fixture
async def one(servers: Servers, prefix: str) -> AsyncIterator[Replica]:
    async with opened(servers, prefix) as replica:
        yield replica


@pytest.fixture
async def two(servers: Servers, prefix: str) -> AsyncIterator[Replica]:
    async with opened(servers, prefix) as replica:
        yield replica


async def test_r43_written_by_one_replica_read_by_another_and_after_a_restart(
    one: Replica, two: Replica, servers: Servers, prefix: str, shelf: Shelf
) -> None:
    session = await one.open(one.id, metadata={"ö": [1, None]}, user_id="user_1")
    await one.written()
    assert await two.read(one.id) == session
    shelf.mark(one.id)
    assert (await two.read(one.id)).metadata == {"read from": "Redis"}
    async with opened(servers, prefix) as restarted:
        assert (await restarted.read(one.id)).metadata == {"read from": "Redis"}


async def test_r43_a_snapshot_is_plain_json(one: Replica, shelf: Shelf) -> None:
    session = await one.open(one.id)
    await one.written()
    kept = msgspec.json.decode(shelf.get(one.id) or b"null")
    assert (kept["version"], kept["value"]["tenant"]) == (1, TENANT)
    assert msgspec.convert(kept["value"]["session"], told.Session, strict=False) == session


async def test_an_escalated_session_shows_its_ticket_from_the_snapshot_too(
    one: Replica, two: Replica, shelf: Shelf
) -> None:
    await one.open(one.id)
    escalated = await one.set_status(one.id, "escalated")
    await one.written()
    shelf.mark(one.id)
    kept = await two.read(one.id)
    assert kept.metadata == {"read from": "Redis"}
    assert kept.escalation == escalated.escalation is not None


async def test_a_change_is_read_at_once_from_any_replica(one: Replica, two: Replica) -> None:
    """However late the snapshots are: the writers' tasks run beside, and do not run, in turns."""
    await one.open(one.id)
    states: list[told.SessionStatus] = ["escalated", "active"]
    for number in range(60):
        writer, reader = (one, two) if number % 3 else (two, one)
        if number % 7 == 0:
            await writer.stop_writing()
        changed = await writer.set_status(one.id, states[number % 2])
        assert await reader.read(one.id) == changed
        assert await writer.read(one.id) == changed
        if number % 7 == 0:
            writer.write_on()


async def test_a_crash_between_commit_and_snapshot_leaves_nothing_stale(
    one: Replica, two: Replica, shelf: Shelf
) -> None:
    await one.open(one.id)
    await one.written()
    before = shelf.get(one.id)
    await one.stop_writing()
    changed = await one.set_status(one.id, "escalated")
    assert shelf.get(one.id) == before
    assert await two.read(one.id) == changed
    await two.written()
    assert shelf.get(one.id) != before  # the reader has mended it


async def test_an_older_snapshot_that_comes_late_changes_nothing(one: Replica, two: Replica, shelf: Shelf) -> None:
    await one.open(one.id)
    await one.stop_writing()
    await one.set_status(one.id, "escalated")  # waits to be written
    changed = await two.set_status(one.id, "active")
    await two.written()
    newest = shelf.get(one.id)
    one.write_on()
    await one.written()
    assert shelf.get(one.id) == newest
    assert await one.read(one.id) == changed


async def test_a_deleted_session_is_not_brought_back(one: Replica, two: Replica, shelf: Shelf) -> None:
    await one.open(one.id)
    await one.written()
    living = shelf.get(one.id)
    assert living is not None
    await two.stop_writing()
    await two.set_status(one.id, "escalated")
    await one.delete(one.id)
    await one.written()
    gone = shelf.get(one.id)
    assert gone is not None
    assert msgspec.json.decode(gone)["value"] is None
    two.write_on()  # a snapshot of before the deletion comes late
    await two.written()
    assert shelf.get(one.id) == gone
    shelf.put(one.id, living)  # and even where Redis has lost what keeps it out
    for replica in (one, two):
        with pytest.raises(NotFound):
            await replica.read(one.id)


async def test_another_tenant_reads_no_snapshot(one: Replica, two: Replica) -> None:
    await one.open(one.id)
    await one.written()
    for replica in (one, two):
        with pytest.raises(NotFound):
            await replica.read(one.id, tenant="somebody_else")


async def test_a_snapshot_of_another_release_is_not_used(one: Replica, two: Replica, shelf: Shelf) -> None:
    session = await one.open(one.id)
    await one.written()
    shelf.mark(one.id)
    kept = msgspec.json.decode(shelf.get(one.id) or b"")
    kept["value"]["shape"] += 1
    shelf.put(one.id, msgspec.json.encode(kept))
    assert await two.read(one.id) == session


async def test_nothing_is_given_that_nobody_can_vouch_for(servers: Servers, prefix: str, one: Replica) -> None:
    await one.open(one.id)
    await one.written()
    async with opened(servers, prefix) as cut_off:
        await cut_off.read(one.id)
        await cut_off.snapshots._database._pool.close()
        with pytest.raises(Unavailable):
            await cut_off.read(one.id)


async def test_r10_without_redis_everything_goes_on(servers: Servers, prefix: str) -> None:
    async with opened(servers, prefix, f"redis://127.0.0.1:{free_port()}/0") as replica:
        await replica.open(replica.id)
        for status in ("escalated", "active", "ended"):
            changed = await replica.set_status(replica.id, status)
            assert await replica.read(replica.id) == changed
        await replica.delete(replica.id)
        with pytest.raises(NotFound):
            await replica.read(replica.id)


async def test_what_waits_to_be_written_is_bounded(one: Replica) -> None:
    session = await one.open(one.id)
    await one.stop_writing()
    async with one.app._store.begin() as records:
        state = await records.session(TENANT, session.session_id)
    assert state is not None
    for number in range(1500):
        one.snapshots.keep(msgspec.structs.replace(state, session_id=f"sess_{number}"))
    assert len(one.snapshots._waiting) == 1000


# --- settings


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ({}, "redis://127.0.0.1:6379/1"),
        ({"REDIS_URL": "redis://:pw@cache:6380/0"}, "redis://:pw@cache:6380/1"),
        ({"SESSION_STORE_URL": "redis://store:6379/3"}, "redis://store:6379/3"),
        ({"SESSION_STORE_URL": "redis://store:6379/3", "SESSION_STORE_DB": "2"}, "redis://store:6379/2"),
        (
            {"SESSION_STORE_HOST": "store", "SESSION_STORE_PORT": "7000", "SESSION_STORE_PASSWORD": "p/w"},
            "redis://:p%2Fw@store:7000/1",
        ),
    ],
)
def test_where_the_session_store_is(said: dict[str, str], url: str) -> None:
    environ = {"DESKBUS_DATABASE_URL": "x"} | {f"DESKBUS_{name}": value for name, value in said.items()}
    assert load(Settings, environ).snapshots_url == url


# --- as processes


@pytest.fixture
def session_service(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("snapshots")
    with System(servers, folder, folder, {**ALONE, "session": 2}) as running:
        yield running


async def test_r43_two_processes_and_a_third_after_them(servers: Servers, session_service: System) -> None:
    system = session_service
    shelf = Shelf(redis_url_from(servers.environment["DESKBUS_REDIS_URL"], db=1), "session:")
    async with NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as bus:
        await bus.call(bus_map.SESSION_HEALTH, AskHealth(), tenant=TENANT, timeout=20)
        for index in (0, 1):
            await asyncio.to_thread(wait_until_ready, system, index)
        talk = Talk(bus)
        session = await talk.open(metadata={"plan": "gold"})
        for _ in range(20):  # whichever process answers
            assert await read(talk) == session
            changed = await bus.call(
                bus_map.SET_STATUS,
                told.SetStatus("escalated" if session.status == "active" else "active"),
                tenant=TENANT, key=talk.id,
            )  # fmt: skip
            assert await read(talk) == changed
            session = changed
        await asyncio.sleep(0.3)
        for index in (0, 1):
            system.kill("session", index)
        shelf.mark(talk.id)
        system.start("session", 0)
        report = await bus.call(bus_map.SESSION_HEALTH, AskHealth(), tenant=TENANT, timeout=30)
        assert {check.name: (check.ok, check.required) for check in report.checks}["Session Store"] == (True, False)
        kept = await read(talk)
        assert (kept.metadata, kept.status) == ({"read from": "Redis"}, session.status)


async def read(talk: Talk) -> told.Session:
    return await talk.bus.call(bus_map.GET_SESSION, told.GetSession(), tenant=TENANT, key=talk.id)


def wait_until_ready(system: System, index: int) -> None:
    end = time.monotonic() + 60
    while '"ready"' not in system.log("session", index):
        assert time.monotonic() < end, system.log("session", index)
        time.sleep(0.05)
