"""Builds of the index: built beside what is found, switched in one step, resumed, refused with the remedy."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.servers import Servers
from libs.contracts.context import Context
from libs.contracts.documents import AskIndex, Reindex
from libs.contracts.errors import Conflict, Invalid
from libs.runtime.postgres import Database
from services.knowledge.app import WrongModel
from services.knowledge.domain import CHUNKING
from tests.support.knowledge_core import Core, fresh_database

ACME = Context(tenant="acme")


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    async with fresh_database(servers.environment["DESKBUS_DATABASE_URL"]) as own:
        yield own


@pytest.fixture
async def core(database: Database, tmp_path: Path) -> AsyncIterator[Core]:
    made = Core(database, tmp_path / "index", retired_s=0.0)
    await made.open()
    made.work(reindexing=True)
    for number in range(12):
        await made.put(f"Refund rule number{number}.", f"doc_{number:02}")
    yield made
    await made.stop()


async def until_switched(core: Core, model: str, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while (await core.reindexing.live()).model != model:
            await asyncio.sleep(0.02)


async def test_another_model_is_built_beside_the_one_in_use_and_searches_switch(core: Core) -> None:
    core.engines.models["wide"].delay = 0.05
    before = await core.reindexing.live()
    state = await core.reindexing.reindex(Reindex("wide"), ACME)
    assert state.model == "toy"
    assert state.rebuilding is not None
    assert (state.rebuilding.model, state.rebuilding.dimension, state.rebuilding.documents) == ("wide", 32, 12)
    with pytest.raises(Conflict) as caught:
        await core.reindexing.reindex(Reindex("wide"), ACME)
    assert caught.value.code == "reindex_running"
    models: set[str] = set()
    turn = 0
    async with asyncio.timeout(30):
        while (await core.reindexing.live()).model != "wide":
            turn += 1
            result = await core.search(f"refund {'x ' * turn}")
            assert len(result.sources) == 12
            models.add(result.model)
    assert models >= {"toy"}
    result = await core.search("refund")
    assert (result.model, len(result.sources)) == ("wide", 12)
    state = await core.reindexing.state(AskIndex(), ACME)
    assert (state.model, state.dimension, state.passages, state.vectors) == ("wide", 32, 12, 12)
    assert state.rebuilding is None
    await core.sweeping.sweep()
    assert [build.model for build in await core.stores.builds.all()] == ["wide"]
    assert not (core.engines.folder / before.build_id).exists()


async def test_what_changes_meanwhile_is_in_both(core: Core) -> None:
    core.engines.models["wide"].delay = 0.1
    await core.reindexing.reindex(Reindex("wide"), ACME)
    await core.put("Refund rule changed.", "doc_11")
    await core.put("Refund rule new.", "doc_99")
    await core.delete("doc_10")
    during = await core.texts("refund rule", limit=50)
    await until_switched(core, "wide")
    after = await core.texts("refund rule", limit=50)
    assert sorted(during) == sorted(after)
    assert {"Refund rule changed.", "Refund rule new."} <= set(after)
    assert len(after) == 12
    assert await core.vectors() == 12


async def test_a_build_goes_on_after_a_crash(core: Core, database: Database) -> None:
    halted = asyncio.Event()
    count = 0

    async def halt() -> None:
        nonlocal count
        count += 1
        if count == 5:
            halted.set()
            await asyncio.Event().wait()

    core.engines.after["upsert"] = halt
    await core.reindexing.reindex(Reindex("wide"), ACME)
    await asyncio.wait_for(halted.wait(), 20)
    await core.stop()
    next_one = Core(database, core.engines.folder)
    await next_one.open()
    next_one.work(reindexing=True)
    await until_switched(next_one, "wide", 60)
    assert next_one.engines.models["wide"].embedded == 8 * 2  # a passage and its headline each
    assert len(await next_one.texts("refund")) == 12
    await next_one.stop()


async def test_a_model_that_nobody_knows_is_refused(core: Core) -> None:
    with pytest.raises(Invalid) as caught:
        await core.reindexing.reindex(Reindex("nonsense"), ACME)
    assert caught.value.code == "unknown_model"
    assert len(await core.stores.builds.all()) == 1


async def test_r32_a_start_with_another_model_is_refused_with_the_remedy(core: Core, database: Database) -> None:
    other = Core(database, core.engines.folder / "other")
    with pytest.raises(WrongModel) as caught:
        await other.open("wide")
    for words in ("toy (24 dimensions)", "wide (32 dimensions)", "Set it back to toy", "/api/knowledge/reindex"):
        assert words in str(caught.value)
    await other.stop()


async def test_without_passages_another_model_takes_over(database: Database, tmp_path: Path) -> None:
    first = Core(database, tmp_path / "index")
    await first.open("toy")
    await first.stop()
    second = Core(database, tmp_path / "index")
    assert (await second.open("wide")).model == "wide"
    second.work()
    await second.put("Refund.")
    assert await second.texts("refund") == ["Refund."]
    await second.stop()


async def test_another_way_of_cutting_begins_a_build_by_itself(core: Core, database: Database) -> None:
    async with database.begin() as work:
        await work.raw.execute("update builds set chunking = 'words1'")
    await core.opening.recut(await core.reindexing.live())
    async with asyncio.timeout(30):
        while (await core.reindexing.live()).chunking != CHUNKING:
            await asyncio.sleep(0.02)
    assert len(await core.texts("refund")) == 12


async def test_what_was_known_before_versions_is_carried_over(servers: Servers, tmp_path: Path) -> None:
    """A database as the version before left it: its document and passage are found, and the same content is no change."""
    async with fresh_database(servers.environment["DESKBUS_DATABASE_URL"]) as database:
        async with database.connection() as work:
            where = await work.raw.fetchval("select current_database()")
        server = servers.environment["DESKBUS_DATABASE_URL"].rpartition("/")[0]
        connection = await asyncpg.connect(f"{server}/{where}")
        folder = Path("services/knowledge/sql/migrations")
        files = sorted((Path(__file__).parents[2] / folder).glob("*.sql"))
        await connection.execute("drop schema knowledge cascade; create schema knowledge; set search_path to knowledge")
        for file in files[:3]:
            await connection.execute(file.read_text())
        await connection.execute(
            "insert into documents (tenant, document_id, version, title, source, category, body)"
            " values ('acme', 'doc_a', 3, 'Refunds', 'help/refunds', 'orders', 'Refund rule \"old\".');"
            "insert into passages values ('acme', 'doc_a-v3-0', 'doc_a', 3, 0, '', 'Refund rule \"old\".')"
        )
        for file in files[3:]:
            await connection.execute(file.read_text())
        await connection.execute(
            "update builds set model = 'toy', dimension = 24;"
            "grant usage on schema knowledge to deskbus_knowledge;"
            "grant all on all tables in schema knowledge to deskbus_knowledge;"
            "grant usage on all sequences in schema knowledge to deskbus_knowledge"
        )
        await connection.close()
        core = Core(database, tmp_path / "index")
        await core.open()
        assert await core.texts("refund", filters={"category": "orders"}) == ['Refund rule "old".']
        core.work()
        fields = {"title": "Refunds", "source": "help/refunds", "metadata": {"category": "orders"}}
        assert (await core.put('Refund rule "old".', **fields)).outcome == "unchanged"
        assert (await core.put("Refund rule new.", **fields)).document.version == 4
        assert await core.texts("refund") == ["Refund rule new."]
        await core.stop()
