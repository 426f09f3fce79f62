"""The embedded servers: real, durable as promised, kept over restarts, and gone with their owner."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import nats
import pytest
import redis

from deploy.local.identities import has_name, may_use_namespaces
from deploy.local.postgres import erase_elsewhere
from deploy.local.processes import Identity, wait_until
from deploy.local.server import ServerError
from deploy.local.servers import Servers
from deploy.local.state import ROOT

LINUX = sys.platform.startswith("linux")
NOBODY = 65_534


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    begun = time.monotonic()
    # A long path with a space and a quote in it: nothing may depend on a pretty one.
    folder = tmp_path_factory.mktemp("x" * 80) / 'it\'s "here" ö'
    with Servers(folder, environ={}) as running:
        assert time.monotonic() - begun < 10  # 0.8 s where nothing else is going on
        yield running


async def test_postgres_is_durable(servers: Servers):
    connection = await asyncpg.connect(servers.environment["DESKBUS_DATABASE_URL"])
    try:
        shown = {
            name: await connection.fetchval(f"SHOW {name}")
            for name in ("fsync", "synchronous_commit", "full_page_writes")
        }
        assert shown == dict.fromkeys(shown, "on")
        assert await connection.fetchval("SHOW max_connections") == "200"
        assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert (await connection.fetchval("SHOW server_version")).startswith("18.")
        assert await connection.fetchval("SELECT current_database() || current_user") == "deskbusdeskbus"
        assert await connection.fetchval("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 1
    finally:
        await connection.close()


def test_jetstream_syncs_what_it_acknowledges(servers: Servers):
    with urllib.request.urlopen(servers.environment["DESKBUS_NATS_MONITOR_URL"] + "/varz", timeout=5) as answer:
        server = json.load(answer)
    store = server["jetstream"]["config"]
    assert store["sync_always"] is True
    assert store["max_storage"] == 4 * 1024**3
    assert store["max_memory"] == 256 * 1024**2
    assert server["host"] == "127.0.0.1"
    assert tuple(map(int, server["version"].split("."))) >= (2, 14, 7)


async def test_data_and_ports_stay_over_a_crash_of_each_and_a_restart_of_all(tmp_path: Path):
    with Servers(tmp_path, environ={}) as first:
        addresses = first.environment
        await write(addresses)
        for name in first.names:
            before = first.pid(name)
            first.kill(name)
            with pytest.raises(LookupError):
                first.pid(name)
            first.start(name)
            assert first.pid(name) != before
        first.stop("valkey")
        first.start("valkey")
        assert await read(addresses) == ("kept", b"kept", b"kept")
    with Servers(tmp_path, environ={}) as second:
        assert second.environment == addresses
        assert await read(addresses) == ("kept", b"kept", b"kept")


async def write(addresses: dict[str, str]) -> None:
    connection = await asyncpg.connect(addresses["DESKBUS_DATABASE_URL"])
    await connection.execute("CREATE TABLE words (word text); INSERT INTO words VALUES ('kept')")
    await connection.close()
    with redis.Redis.from_url(addresses["DESKBUS_REDIS_URL"]) as cache:
        cache.set("word", "kept")
        assert cache.execute_command("WAITAOF", 1, 0, 2000) == [1, 0]  # synced, since it will be killed
    client = await nats.connect(addresses["DESKBUS_NATS_URL"])
    await client.jetstream().add_stream(name="WORDS", subjects=["words"])
    await client.jetstream().publish("words", b"kept")
    await client.close()


async def read(addresses: dict[str, str]) -> tuple[str, bytes, bytes]:
    connection = await asyncpg.connect(addresses["DESKBUS_DATABASE_URL"])
    row = await connection.fetchval("SELECT word FROM words")
    await connection.close()
    with redis.Redis.from_url(addresses["DESKBUS_REDIS_URL"]) as cache:
        cached = cache.get("word")
    client = await nats.connect(addresses["DESKBUS_NATS_URL"])
    message = await client.jetstream().get_last_msg("WORDS", "words")
    await client.close()
    assert isinstance(cached, bytes)
    return row, cached, message.data or b""


def test_taken_ports_are_no_obstacle(tmp_path: Path):
    with Servers(tmp_path, environ={}) as first:
        before = json.loads((tmp_path / "ports.json").read_text())
    taken = [socket.create_server(("127.0.0.1", before[name])) for name in ("postgres", "nats")]
    with taken[0], taken[1], Servers(tmp_path, environ={}) as second:
        after = json.loads((tmp_path / "ports.json").read_text())
        assert second.names == first.names
    assert after["postgres"] != before["postgres"]
    assert after["nats"] != before["nats"]
    assert after["valkey"] == before["valkey"]


def test_a_folder_serves_one_at_a_time(servers: Servers):
    with pytest.raises(ServerError, match="in use"), Servers(servers.folder, environ={}):
        pass


def test_external_addresses_take_the_place_of_servers(tmp_path: Path):
    told = {
        "DESKBUS_NATS_URL": "nats://far:4222",
        "DESKBUS_DATABASE_URL": "postgresql://far/x",
        "DESKBUS_QDRANT_URL": "http://far",
    }
    with Servers(tmp_path, environ={**told, "DESKBUS_REDIS_URL": "", "HOME": "/"}) as servers:
        assert servers.names == ["valkey"]
        assert {name: servers.environment[name] for name in told} == told
        assert servers.environment["DESKBUS_REDIS_URL"].startswith("redis://127.0.0.1:")
        with pytest.raises(LookupError, match="not run here"):
            servers.kill("nats")


HOLDER = """
import json, sys, time
from pathlib import Path
from deploy.local.servers import Servers
servers = Servers(Path(sys.argv[1]), environ={}, namespaces=json.loads(sys.argv[2]))
servers.start_all()
print(json.dumps([servers.pid(name) for name in servers.names]), flush=True)
sys.stdin.read()
servers.stop_all()
"""


def holder(folder: Path, namespaces: bool | None = None, **how) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", HOLDER, str(folder), json.dumps(namespaces)]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **{"cwd": ROOT, **how})


def identities(process: subprocess.Popen[str]) -> list[Identity]:
    assert process.stdout is not None
    found = [Identity.of(pid) for pid in json.loads(process.stdout.readline())]
    return [identity for identity in found if identity is not None]


def ways() -> list[bool | None]:
    """Root has two ways to run Postgres; everybody else has one."""
    if os.geteuid() != 0:
        return [None]
    return [True, False] if may_use_namespaces() else [False]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose Postgres may have to keep its files elsewhere."""
    yield tmp_path
    erase_elsewhere(tmp_path)


@pytest.mark.skipif(not LINUX, reason="death signals are a Linux facility")
@pytest.mark.parametrize("namespaces", ways())
def test_nothing_is_left_when_the_owner_is_killed_and_the_data_is_whole(folder: Path, namespaces: bool | None):
    with holder(folder, namespaces) as process:
        running = identities(process)
        assert len(running) == 3
        process.kill()
    assert wait_until(lambda: not any(identity.lives for identity in running), 10)
    assert "database system is shut down" in (folder / "log" / "postgres.log").read_text()
    with Servers(folder, environ={}, namespaces=namespaces) as again:
        assert len(again.names) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run Postgres in two ways")
@pytest.mark.skipif(not may_use_namespaces(), reason="user namespaces are refused here")
def test_root_may_change_between_namespace_and_nobody(folder: Path):
    for namespaces in (True, False):
        with Servers(folder, environ={}, namespaces=namespaces) as servers:
            assert servers.pid("postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("user", [NOBODY, 54_321], ids=["named", "nameless"])
def test_an_ordinary_user_without_a_home(user: int):
    asked = [sys.executable, "-c", "import deploy.local.servers"]
    try:
        reach = subprocess.run(
            asked, cwd=ROOT, user=user, group=user, extra_groups=[], capture_output=True, check=False
        )
    except PermissionError:
        reach = None
    if reach is None or reach.returncode:
        pytest.skip("the environment is in a folder that other users cannot enter")
    if not has_name(user) and not may_use_namespaces():
        pytest.skip("Postgres needs user namespaces for a user without a name, and they are refused here")
    folder = Path("/tmp") / f"deskbus-test-{os.getpid()}"
    folder.mkdir()
    os.chown(folder, user, user)
    surroundings = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        with holder(folder / "data", user=user, group=user, extra_groups=[], env=surroundings) as process:
            running = identities(process)
            assert len(running) == 3
            process.communicate(timeout=20)
            assert process.returncode == 0
        assert not any(identity.lives for identity in running)
        assert (folder / "data" / "postgres" / "data" / "PG_VERSION").exists()
    finally:
        shutil.rmtree(folder)


def test_a_server_left_by_a_killed_owner_is_ended_before_its_data_is_used(servers: Servers):
    servers.stop("valkey")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as stray:
        identity = Identity.of(stray.pid)
        assert identity is not None
        (servers.folder / "valkey" / "process.json").write_text(json.dumps(vars(identity)))
        servers["valkey"].end_leftover()
        assert stray.wait(5) == -signal.SIGTERM
    servers.start("valkey")
