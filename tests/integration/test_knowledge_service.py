"""The knowledge service as a process: what it finds, what it refuses, and an index that is built again."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts.health import AskHealth
from libs.contracts.knowledge import Search, SearchResult
from libs.runtime.nats import NatsBus
from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.domain import EmbeddingModel
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
    assert (result.method, result.model) == ("dense", "minilm-l6-v2-int8")


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
    shutil.rmtree(knowledge.environment["DESKBUS_INDEX_PATH"])
    knowledge.start("knowledge")
    await bus.call(bus_map.KNOWLEDGE_HEALTH, AskHealth(), tenant="default", timeout=30)
    assert (await search(bus, "How long does shipping take?")).sources[0].metadata["document_id"] == "doc_shipping"
    assert "index_restored" in knowledge.log("knowledge")


async def test_r32_a_model_of_another_dimension_is_refused_with_the_remedy(
    grounds: Servers, knowledge: System, tmp_path: Path
) -> None:
    index = QdrantEdgeIndex(tmp_path / "index")
    await index.open(EmbeddingModel(name="another-model", dimension=768, origin="a test"))
    await index.close()
    service = run_module("services.knowledge", {**knowledge.environment, "DESKBUS_INDEX_PATH": str(tmp_path / "index")})
    assert service.returncode == 1
    assert "768" in service.stdout
    assert "384" in service.stdout
    assert "Delete that folder" in service.stdout


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
