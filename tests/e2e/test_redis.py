"""Redis absent, back, killed and frozen under the whole system: it costs speed and nothing else (R10, R11, R40, R43)."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis as BlockingRedis

from deploy.local.servers import Servers
from libs.contracts.context import Context
from libs.contracts.errors import Unavailable
from libs.contracts.knowledge import Search
from libs.runtime.cache import Cache
from libs.runtime.redis import redis_url_from
from services.knowledge.adapters.engines import opened_engines
from services.knowledge.settings import Settings
from tests.support.client import Client
from tests.support.knowledge_core import Core, fresh_database
from tests.support.system import ROOT, System, real_servers

PATIENCE_S = 30.0
PARTS = {"knowledge.Redis Cache": "Redis Cache", "session.Session Store": "Session Store"}
USERS = ["knowledge-0", "session-0", "session-1"]
QUESTION = "How long do I have to return something?"


class Valkey:
    """The system's Redis, to be killed and frozen."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.url = servers.environment["DESKBUS_REDIS_URL"]

    def kill(self) -> None:
        self._servers.kill("valkey")

    def start(self) -> None:
        with suppress(LookupError):
            self.thaw()
        self._servers.start("valkey")

    def freeze(self) -> None:
        os.kill(self._servers.pid("valkey"), signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._servers.pid("valkey"), signal.SIGCONT)

    def keys(self, pattern: str, db: int = 0) -> list[bytes]:
        with BlockingRedis.from_url(redis_url_from(self.url, db=db)) as raw:
            return list(raw.scan_iter(match=pattern, count=1000))


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with real_servers(tmp_path_factory.mktemp("redis")) as servers:
        if "valkey" not in servers.names:
            pytest.skip("the Redis of DESKBUS_TEST_REDIS_URL is not ours to kill")
        yield servers


@pytest.fixture(scope="module")
def valkey(grounds: Servers) -> Valkey:
    return Valkey(grounds)


@pytest.fixture(scope="module")
def system(
    grounds: Servers, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory, model_folder: Path
) -> Iterator[System]:
    """Started while there is no Redis; two session processes."""
    valkey.kill()
    folder = tmp_path_factory.mktemp("system")
    with System(grounds, folder, model_folder, {"session": 2}, rate_limit_enabled="false") as running:
        yield running


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    async with Client.at(system.url) as opened:
        yield opened


async def parts(client: Client) -> tuple[str, dict[str, bool]]:
    """Give the system's status, and for our two parts whether all instances say that they are well."""
    status, body, _ = await client.request("GET", "/health/ready")
    assert status == 200, body
    states = dict.fromkeys(PARTS, True)
    for check in body["checks"]:
        if check["name"] in PARTS:
            assert check["required"] is False
            states[check["name"]] &= check["ok"]
    return body["status"], states


async def until(system: System, client: Client, *, well: bool) -> None:
    """Wait until readiness, which asks one replica, and every process say how Redis is."""
    async with asyncio.timeout(PATIENCE_S):
        while await parts(client) != ("healthy" if well else "degraded", dict.fromkeys(PARTS, well)) or any(
            last != ("redis_back" if well else "redis_away") for last in last_words(system).values()
        ):
            await asyncio.sleep(0.1)


def last_words(system: System) -> dict[object, object]:
    """Give what each process said last about Redis."""
    about = [line for line in lines(system) if line["event"] in ("redis_away", "redis_back")]
    return {line["process"]: line["event"] for line in about if line["part"] in PARTS.values()}


async def talk(client: Client, question: str = QUESTION) -> None:
    """Hold a conversation that uses every part."""
    session_id = await client.create(metadata={"plan": "gold"})
    status, answer, _ = await client.send(session_id, question)
    assert (status, answer["metadata"].get("error")) == (200, None)
    assert answer["sources"]
    for state in ("escalated", "active", "ended"):
        status, changed, _ = await client.request("PATCH", f"/api/sessions/{session_id}/status", json={"status": state})
        assert (status, changed["status"]) == (200, state)
        status, seen, _ = await client.request("GET", f"/api/sessions/{session_id}")
        assert (status, seen["status"], seen["metadata"]) == (200, state, {"plan": "gold"})
    assert (await client.request("DELETE", f"/api/sessions/{session_id}"))[0] in (200, 204)
    assert (await client.request("GET", f"/api/sessions/{session_id}"))[0] == 404


def lines(system: System) -> list[dict[str, object]]:
    """All that all processes have logged."""
    logged: list[dict[str, object]] = []
    for name, index in system.processes:
        text = system.log(name, index)
        assert "Traceback" not in text, text
        logged += [{"process": f"{name}-{index}", **json.loads(line)} for line in text.splitlines()]
    return logged


def warnings(system: System) -> Counter[str]:
    """Count how often each process has warned about our parts."""
    return Counter(
        str(line["process"])
        for line in lines(system)
        if line["event"] == "redis_away" and line.get("part") in PARTS.values() and line["process"] in USERS
    )


def assert_calm(system: System) -> None:
    assert [line for line in lines(system) if line["level"] in ("error", "critical") or "exception" in line] == []


async def test_r10_the_system_starts_and_serves_without_redis(system: System, client: Client) -> None:
    await until(system, client, well=False)
    await talk(client)
    status, body, _ = await client.request("GET", "/health/ready")
    assert (status, body["status"]) == (200, "degraded")
    failed = {check["name"]: check["detail"] for check in body["checks"] if not check["ok"]}
    assert set(PARTS) <= set(failed)
    assert "memory serves meanwhile" in failed["knowledge.Redis Cache"]
    assert warnings(system) == Counter(USERS)  # once each, however often it was asked for
    assert_calm(system)


async def test_r10_redis_appears_later_and_is_used_without_a_restart(
    system: System, valkey: Valkey, client: Client
) -> None:
    before = {key: process.pid for key, process in system.processes.items()}
    valkey.start()
    await until(system, client, well=True)
    session_id = await client.create()
    status, answer, _ = await client.send(session_id, QUESTION)
    assert (status, bool(answer["sources"])) == (200, True)
    async with asyncio.timeout(PATIENCE_S):
        while not valkey.keys(f"session:{session_id}", db=1):
            await asyncio.sleep(0.05)
    assert valkey.keys("cs_agent:search:default:*")
    assert valkey.keys("cs_agent:embedding:minilm*")
    assert {key: process.pid for key, process in system.processes.items()} == before
    assert_calm(system)


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_r10_a_lost_redis_costs_each_process_one_time_out(
    system: System, valkey: Valkey, client: Client, how: str
) -> None:
    valkey.start()
    await until(system, client, well=True)
    await talk(client)
    told = warnings(system)
    begun = time.monotonic()
    await talk(client, QUESTION + " Again?")
    usual = time.monotonic() - begun
    valkey.kill() if how == "kill" else valkey.freeze()
    begun = time.monotonic()
    for number in range(5):
        await talk(client, f"{QUESTION} {number}?")
    # A conversation touches Redis some thirty times: were each to wait its 50 ms, this would take seven seconds more.
    assert time.monotonic() - begun < 15 * usual + 3.0
    await until(system, client, well=False)
    assert warnings(system) - told == Counter(USERS)
    assert_calm(system)
    valkey.start()
    await until(system, client, well=True)
    await talk(client)
    assert_calm(system)


async def test_r43_a_change_is_read_at_once_whichever_replica_answers(
    system: System, valkey: Valkey, client: Client
) -> None:
    valkey.start()
    await until(system, client, well=True)
    session_id = await client.create()
    for state in ["escalated", "active"] * 15:
        await client.request("PATCH", f"/api/sessions/{session_id}/status", json={"status": state})
        seen = await asyncio.gather(*(client.request("GET", f"/api/sessions/{session_id}") for _ in range(4)))
        assert [body["status"] for _, body, _ in seen] == [state] * 4


async def test_r43_a_session_is_read_after_all_session_processes_are_new(
    system: System, valkey: Valkey, client: Client
) -> None:
    valkey.start()
    await until(system, client, well=True)
    session_id = await client.create(metadata={"ö": [1, None, {"a": "b"}]})
    _, before, _ = await client.request("GET", f"/api/sessions/{session_id}")
    for index in (0, 1):
        system.kill("session", index)
        system.start("session", index)
    await asyncio.to_thread(system.wait_ready)
    _, after, _ = await client.request("GET", f"/api/sessions/{session_id}")
    assert after == before


# --- the knowledge service in this process: real database, real Redis, real index, real model


MODEL = "minilm-l6-v2-int8"
SQL = ROOT / "services/knowledge/sql"


class Knowledge:
    """The use cases over a database and an index that are ours alone."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def search(self, query: str = "What does a parrot cost?", **fields: object) -> list[str]:
        result = await self.core.searching.search(Search(query=query, **fields), Context(tenant="acme"))
        return [source.content for source in result.sources]

    async def put(self, document_id: str, body: str, category: str = "birds") -> None:
        put = await self.core.put(body, document_id, title="Price of a parrot", metadata={"category": category})
        assert put.document.state == "ready"


@pytest.fixture
async def knowledge(grounds: Servers, valkey: Valkey, tmp_path: Path, model_folder: Path) -> AsyncIterator[Knowledge]:
    valkey.start()
    settings = Settings(
        database_url="", embedding_path=str(model_folder), index_path=str(tmp_path / "index"), cache_ttl_s=60.0
    )
    async with (
        fresh_database(grounds.environment["DESKBUS_DATABASE_URL"]) as database,
        Cache.connect(valkey.url, timeout_s=0.5) as cache,
        opened_engines(settings, cache) as engines,
    ):
        core = Core(database, tmp_path, engines=engines, cache=cache)
        await core.open(MODEL)
        core.work()
        yield Knowledge(core)
        await core.stop()
    valkey.start()


async def test_r11_documents_that_change_without_redis_are_seen_by_a_repeated_query(
    knowledge: Knowledge, valkey: Valkey
) -> None:
    await knowledge.put("doc_parrot", "A parrot costs 10 euros.")
    assert await knowledge.search() == ["A parrot costs 10 euros."]
    assert await knowledge.search() == ["A parrot costs 10 euros."]
    valkey.kill()
    assert await knowledge.search() == ["A parrot costs 10 euros."]
    await knowledge.put("doc_parrot", "A parrot costs 20 euros.")
    assert await knowledge.search() == ["A parrot costs 20 euros."]
    assert await knowledge.search() == ["A parrot costs 20 euros."]
    await knowledge.put("doc_macaw", "A big parrot costs 30 euros.")
    assert sorted(await knowledge.search()) == ["A big parrot costs 30 euros.", "A parrot costs 20 euros."]
    valkey.start()
    for _ in range(30):  # back again, and what Redis remembers of before is of another generation
        assert sorted(await knowledge.search()) == ["A big parrot costs 30 euros.", "A parrot costs 20 euros."]
        await asyncio.sleep(0.1)
    await knowledge.core.delete("doc_macaw")
    assert await knowledge.search() == ["A parrot costs 20 euros."]


async def test_r11_another_replica_sees_a_change_that_was_made_without_redis(
    knowledge: Knowledge,
) -> None:
    """The other one never loses Redis, and still gives no result of before: the generation is in Postgres."""
    await knowledge.put("doc_parrot", "A parrot costs 10 euros.")
    assert await knowledge.search() == ["A parrot costs 10 euros."]
    async with Cache.connect("redis://127.0.0.1:1/0") as nowhere:
        apart = Core(knowledge.core.database, Path(), engines=knowledge.core.engines, cache=nowhere)
        await Knowledge(apart).put("doc_parrot", "A parrot costs 20 euros.")
    assert await knowledge.search() == ["A parrot costs 20 euros."]


async def test_r40_filter_threshold_and_limit_have_results_of_their_own(knowledge: Knowledge) -> None:
    await knowledge.put("doc_parrot", "A parrot costs 10 euros.", category="birds")
    await knowledge.put("doc_cage", "The cage for it costs 40 euros.", category="cages")
    for _ in range(2):
        assert len(await knowledge.search(min_score=0.0)) == 2
        assert await knowledge.search(min_score=0.0, limit=1) == ["A parrot costs 10 euros."]
        assert await knowledge.search(min_score=0.0, filters={"category": "cages"}) == [
            "The cage for it costs 40 euros."
        ]
        assert await knowledge.search(min_score=0.999) == []


async def test_r40_a_lost_index_is_an_error_and_no_result_is_kept_of_it(knowledge: Knowledge) -> None:
    await knowledge.put("doc_parrot", "A parrot costs 10 euros.")
    index = await knowledge.core.engines.index(await knowledge.core.reindexing.live())
    await index.close()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await knowledge.search()
    await index.open((await knowledge.core.engines.embedder(MODEL)).model)
    assert await knowledge.search() == ["A parrot costs 10 euros."]
