"""The knowledge service as a process: what it finds, what it refuses, and an index that is built again."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts.documents import AskIndex, DeleteDocument, DocumentPut, GetDocument, PutDocument
from libs.contracts.health import AskHealth
from libs.contracts.knowledge import Search, SearchResult
from libs.contracts.streams import DOCUMENTS
from libs.runtime.blobs import NatsBlobs
from libs.runtime.nats import NatsBus
from tests.support.system import System, real_servers, run_module

ALONE = {"gateway": 0, "agent": 0, "session": 0, "attachments": 0}


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with real_servers(tmp_path_factory.mktemp("knowledge")) as servers:
        yield servers


@pytest.fixture(scope="module")
def knowledge(grounds: Servers, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    with System(grounds, tmp_path_factory.mktemp("knowledge"), model_folder, ALONE) as running:
        yield running


@pytest.fixture
async def bus(grounds: Servers) -> AsyncIterator[NatsBus]:
    async with NatsBus.connect(grounds.environment["DESKBUS_NATS_URL"], "test") as connected:
        yield connected


async def search(bus: NatsBus, query: str, tenant: str = "default", **fields: object) -> SearchResult:
    return await bus.call(bus_map.SEARCH, Search(query=query, **fields), tenant=tenant, timeout=30)


async def test_a_question_finds_its_passage(bus: NatsBus, knowledge: System) -> None:
    result = await search(bus, "How long do I have to return something?")
    assert result.sources[0].metadata["document_id"] == "doc_refunds"
    assert [source.rank for source in result.sources] == list(range(1, len(result.sources) + 1))
    assert (result.method, result.model) == ("hybrid", "minilm-l6-v2-int8")


async def test_what_nothing_answers_finds_nothing(bus: NatsBus, knowledge: System) -> None:
    assert (await search(bus, "Who won the football match last night?")).sources == []


async def test_another_tenant_finds_nothing(bus: NatsBus, knowledge: System) -> None:
    assert (await search(bus, "How long do I have to return something?", tenant="somebody_else")).sources == []


async def test_r40_filter_limit_and_threshold_each_change_the_result(bus: NatsBus, knowledge: System) -> None:
    question = "How can I contact support about my order?"
    everything = await search(bus, question, limit=20, min_score=0.0)
    assert len(everything.sources) == 10
    assert len((await search(bus, question, limit=2, min_score=0.0)).sources) == 2
    best = everything.sources[0].relevance_score
    assert {source.rank for source in (await search(bus, question, min_score=best)).sources} == {1}
    orders = await search(bus, question, limit=20, min_score=0.0, filters={"category": "orders"})
    assert 0 < len(orders.sources) < 10
    assert {source.metadata["category"] for source in orders.sources} == {"orders"}
    assert (await search(bus, question, min_score=0.0, filters={"category": "nonsense"})).sources == []
    assert (await search(bus, question, min_score=0.0, filters={"no such key": 1})).sources == []


async def test_a_lost_index_is_built_again_from_the_database(bus: NatsBus, knowledge: System) -> None:
    await search(bus, "anything")
    knowledge.kill("knowledge")
    folder, seen_gone = Path(knowledge.environment["DESKBUS_INDEX_PATH"]), 0
    async with asyncio.timeout(20):
        while seen_gone < 5:  # the index's own process writes everything out before it ends
            seen_gone = 0 if folder.exists() else seen_gone + 1  # noqa: ASYNC240 - a moment
            shutil.rmtree(folder, ignore_errors=True)
            await asyncio.sleep(0.1)
    knowledge.start("knowledge")
    await bus.call(bus_map.KNOWLEDGE_HEALTH, AskHealth(), tenant="default", timeout=30)
    assert (await search(bus, "How long does shipping take?")).sources[0].metadata["document_id"] == "doc_shipping"
    assert "index_restored" in knowledge.log("knowledge")


def test_r32_a_model_of_another_dimension_is_refused_with_the_remedy(knowledge: System, tmp_path: Path) -> None:
    other = {"DESKBUS_EMBEDDING_MODEL": "none", "DESKBUS_INDEX_PATH": str(tmp_path / "index")}
    service = run_module("services.knowledge", {**knowledge.environment, **other})
    assert service.returncode == 1
    for words in ("minilm-l6-v2-int8 (384 dimensions)", "none (0 dimensions)", "Set it back", "/api/knowledge/reindex"):
        assert words in service.stdout


def test_r32_readiness_names_model_and_dimension(knowledge: System) -> None:
    assert "minilm-l6-v2-int8, 384 dimensions" in knowledge.log("knowledge")


def test_a_missing_model_is_told_with_the_remedy(grounds: Servers, knowledge: System, tmp_path: Path) -> None:
    service = run_module(
        "services.knowledge",
        {**knowledge.environment, "DESKBUS_EMBEDDING_PATH": str(tmp_path), "DESKBUS_INDEX_PATH": str(tmp_path / "i")},
    )
    assert service.returncode == 1
    assert "deploy.local.embedding_model" in service.stdout


def test_an_index_that_is_in_use_is_told(grounds: Servers, knowledge: System) -> None:
    service = run_module("services.knowledge", knowledge.environment)
    assert service.returncode == 1
    assert "Qdrant server" in service.stdout


async def test_a_file_of_the_bucket_becomes_a_document_and_is_removed(bus: NatsBus, knowledge: System) -> None:
    blobs = NatsBlobs(bus, DOCUMENTS)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"<html><body><main><h1>Gift cards</h1><p>Gift cards are valid for three years.</p></main></body></html>"

    written = await blobs.write("doc_upload_1", pieces())
    put = await bus.call(
        bus_map.PUT_DOCUMENT,
        PutDocument(
            document_id="doc_gifts", blob="doc_upload_1", name="gifts.html", media_type="text/html", size=written.size,
            sha256=written.sha256,
        ),
        tenant="acme",
    )  # fmt: skip
    async with asyncio.timeout(30):
        while put.document.state in ("queued", "indexing"):
            detail = await bus.call(bus_map.GET_DOCUMENT, GetDocument(document_id="doc_gifts"), tenant="acme")
            put = DocumentPut(detail.document, put.outcome)
    assert (put.document.state, put.document.title, put.document.media_type) == ("ready", "Gift cards", "text/html")
    (source,) = (await search(bus, "How long is a gift card valid?", tenant="acme")).sources
    assert "three years" in source.content
    async with asyncio.timeout(10):
        while "doc_upload_1" in await blobs.names():
            await asyncio.sleep(0.05)


async def test_events_of_documents_reach_the_stream_in_their_order(bus: NatsBus, knowledge: System) -> None:
    for text in ("One.", "# Two\n\nTwo."):
        request = PutDocument(document_id="doc_told", title="Told", text=text)
        await bus.call(bus_map.PUT_DOCUMENT, request, tenant="told")
    gone = await bus.call(bus_map.DELETE_DOCUMENT, DeleteDocument("doc_told"), tenant="told")
    assert (gone.passages_left, gone.vectors_left) == (0, 0)
    names: list[str] = []
    subscription = await bus.jetstream.subscribe("desk.evt.knowledge.*.*.told.>", ordered_consumer=True)
    async with asyncio.timeout(10):
        while len(names) < 3:
            names.append((await subscription.next_msg(timeout=10)).subject.split(".")[3])
    await subscription.unsubscribe()
    assert names == ["document_indexed", "document_indexed", "document_deleted"]
    assert "Two." not in knowledge.log("knowledge")


async def test_r32_the_index_says_what_it_is(bus: NatsBus, knowledge: System) -> None:
    state = await bus.call(bus_map.INDEX_STATE, AskIndex(), tenant="default")
    assert (state.engine, state.model, state.dimension) == ("embedded", "minilm-l6-v2-int8", 384)
    assert state.passages == state.vectors > 0
    assert state.rebuilding is None
