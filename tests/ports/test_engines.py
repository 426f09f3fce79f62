"""The engines of builds: opened once, each in a place of its own, dropped on request, closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import Struct

from libs.runtime.cache import Cache
from libs.runtime.cache_memory import MemoryStore
from services.knowledge.adapters.cached_embedder import CachedEmbedder
from services.knowledge.adapters.engines import OpenEngines, opened_engines
from services.knowledge.domain import Build, EmbeddingModel, Vector
from services.knowledge.ports import EmbedderFault, Engines, IndexMismatch, IndexUnavailable
from tests.support.indexes import EAST, point, search
from tests.support.tiny_models import WORDS, embedding_model


def build(build_id: str, model: str = "toy-3", dimension: int = 3) -> Build:
    return Build(
        build_id=build_id, model=model, dimension=dimension, chunking="one", state="live", created_at=datetime.now(UTC)
    )


class Settings(Struct, kw_only=True):
    """What of the service's settings is needed."""

    index_path: str
    embedding_path: str
    embedding_threads: int = 1
    qdrant_url: str | None = None
    qdrant_api_key: str | None = None
    cache_ttl_s: float = 60.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(index_path=str(tmp_path / "index"), embedding_path=str(tmp_path / "model"))


@pytest.fixture
async def engines(settings: Settings) -> AsyncIterator[OpenEngines]:
    async with opened_engines(settings) as opened:
        yield opened
    await opened.close()


async def test_an_index_is_opened_once_however_many_ask(engines: Engines) -> None:
    one, other = await asyncio.gather(engines.index(build("one")), engines.index(build("one")))
    assert one is other
    assert await engines.index(build("one")) is one


async def test_each_build_has_an_index_of_its_own(engines: Engines, tmp_path: Path) -> None:
    one, two = await engines.index(build("one")), await engines.index(build("two", "none", 0))
    await one.upsert([point("refunds", EAST)])
    await two.upsert([point("refunds", [], 5), point("shipping", [], 6)])
    assert (await one.count(), await two.count()) == (1, 2)
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == ["one", "two"]


async def test_a_dropped_build_is_gone_and_the_others_stay(engines: Engines, tmp_path: Path) -> None:
    one, two = await engines.index(build("one")), await engines.index(build("two"))
    await two.upsert([point("refunds", EAST)])
    await engines.drop(build("one"))
    await engines.drop(build("one"))
    await engines.drop(build("never-there"))
    with pytest.raises(IndexUnavailable):
        await one.ping()
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["two"]
    assert [hit.document_id for hit in await search(two, EAST)] == ["refunds"]
    assert await (await engines.index(build("one"))).count() == 0


async def test_what_was_never_opened_is_dropped_too(engines: OpenEngines, settings: Settings, tmp_path: Path) -> None:
    await engines.index(build("one"))
    others = OpenEngines(settings)
    await engines.close()
    await others.drop(build("one"))
    assert list((tmp_path / "index").iterdir()) == []


async def test_an_index_of_another_model_is_refused_and_can_be_asked_for_again(engines: OpenEngines) -> None:
    await (await engines.index(build("one"))).upsert([point("refunds", EAST)])
    await engines.close()
    with pytest.raises(IndexMismatch, match="toy-3"):
        await engines.index(build("one", dimension=4))
    assert await (await engines.index(build("one"))).count() == 1


async def test_a_model_is_loaded_once_however_many_ask(engines: Engines, tmp_path: Path) -> None:
    folder = str(embedding_model(tmp_path / "tiny"))
    one, other = await asyncio.gather(engines.embedder(folder), engines.embedder(folder))
    assert one is other
    assert one.model.dimension == len(WORDS)
    assert (await engines.embedder("none")).model.lexical


async def test_a_model_that_is_missing_is_a_fault_and_can_be_asked_for_again(engines: Engines, tmp_path: Path) -> None:
    with pytest.raises(EmbedderFault, match="DESKBUS_EMBEDDING_MODEL=none"):
        await engines.embedder("minilm-l6-v2-int8")
    with pytest.raises(EmbedderFault):
        await engines.embedder(str(tmp_path / "tiny"))
    await engines.embedder(str(embedding_model(tmp_path / "tiny")))


class SlowEmbedder:
    """Embeds nothing until it may."""

    def __init__(self) -> None:
        self.model = EmbeddingModel(name="slow", dimension=1, origin="a test")
        self.asked: list[str] = []
        self.may = asyncio.Event()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def embed_query(self, text: str) -> Vector:
        self.asked.append(text)
        await self.may.wait()
        return [float(len(text))]

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return [[0.0] for _ in texts]

    def count_tokens(self, text: str) -> int:
        return len(text)


async def test_equal_questions_at_once_are_embedded_once() -> None:
    slow = SlowEmbedder()
    embedder = CachedEmbedder(slow, Cache(MemoryStore()), 60)
    asked = [asyncio.create_task(embedder.embed_query(text)) for text in ("one", "one", "three", "one")]
    await asyncio.sleep(0.05)
    asked[0].cancel()  # whoever asked first gives up: the others do not
    slow.may.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [[3.0], [5.0], [3.0]]
    assert slow.asked == ["one", "three"]
