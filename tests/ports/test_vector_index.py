"""What every VectorIndex promises of points: written, found by meaning, counted, deleted, and of one model."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.knowledge.adapters.qdrant_server_index import QdrantServerIndex
from services.knowledge.domain import EmbeddingModel
from services.knowledge.ports import IndexMismatch, IndexUnavailable, VectorIndex
from tests.support.indexes import EAST, MODEL, NORTH, UP, Maker, found, index, let_go, maker, point, search

__all__ = ["index", "maker"]

# The client's local mode ignores payload indexes and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")

LEXICAL = EmbeddingModel(name="none", dimension=0, origin="tests")


async def test_the_nearest_comes_first_with_its_cosine(index: VectorIndex) -> None:
    await index.upsert([point("north", NORTH), point("northeast", [2.0, 2.0, 0.0]), point("east", EAST)])
    hits = await search(index, [3.0, 0.0, 0.0])
    assert [(hit.document_id, hit.passage_id) for hit in hits] == [
        ("east", "east-v1-0"),
        ("northeast", "northeast-v1-0"),
        ("north", "north-v1-0"),
    ]
    assert [hit.cosine for hit in hits] == pytest.approx([1.0, 0.7071, 0.0], abs=1e-3)
    assert [hit.lexical for hit in hits] == [0.0] * 3


async def test_cosines_stay_between_0_and_1(index: VectorIndex) -> None:
    await index.upsert([point("west", [-1.0, 0.0, 0.0]), point("east", [0.1, 0.0, 0.0])])
    assert [hit.cosine for hit in await search(index, EAST)] == [1.0, 0.0]


async def test_the_limit_bounds_what_is_found(index: VectorIndex) -> None:
    await index.upsert([point("east", EAST), point("northeast", [1.0, 1.0, 0.0]), point("north", NORTH)])
    assert await found(index, EAST, limit=1) == ["east"]
    assert await found(index, EAST, limit=2) == ["east", "northeast"]


async def test_a_tenant_never_finds_what_is_anothers(index: VectorIndex) -> None:
    await index.upsert([point("canary", EAST, 7, tenant="globex"), point("north", NORTH, 7)])
    assert await found(index, EAST, 7) == ["north"]
    assert await found(index, EAST, 7, tenant="globex") == ["canary"]
    assert await found(index, EAST, 7, tenant="initech") == []


async def test_tenants_may_hold_documents_of_the_same_id(index: VectorIndex) -> None:
    await index.upsert([point("refunds", EAST), point("refunds", NORTH, tenant="globex")])
    assert await index.count() == 2
    await index.delete_document("acme", "refunds")
    assert await found(index, NORTH) == []
    assert await found(index, NORTH, tenant="globex") == ["refunds"]


async def test_writing_again_replaces(index: VectorIndex) -> None:
    await index.upsert([point("refunds", EAST, 1)])
    await index.upsert([point("refunds", NORTH, 2)])
    (hit,) = await search(index, NORTH, 2)
    assert hit.cosine == pytest.approx(1.0)
    assert hit.lexical > 0
    assert await index.count() == 1
    assert await found(index, None, 1) == []


async def test_a_document_goes_with_all_its_passages(index: VectorIndex) -> None:
    await index.upsert([point("refunds/0", EAST, 1), point("refunds/1", NORTH, 1), point("shipping", UP)])
    assert await index.count("acme", "refunds") == 2
    await index.delete_document("acme", "refunds")
    await index.delete_document("acme", "never-there")
    assert await found(index, EAST, 1) == ["shipping"]
    assert (await index.count("acme", "refunds"), await index.count("acme")) == (0, 1)


async def test_only_older_versions_can_be_deleted(index: VectorIndex) -> None:
    await index.upsert([point("refunds", EAST, version=version) for version in (1, 2, 3)])
    await index.upsert([point("shipping", NORTH)])
    await index.delete_document("acme", "refunds", before_version=3)
    assert [hit.passage_id for hit in await search(index, EAST)] == ["refunds-v3-0", "shipping-v1-0"]


async def test_many_points_are_written_and_counted(index: VectorIndex) -> None:
    many = [point(f"doc/{n}", [1.0, float(n), 0.0]) for n in range(600)]
    await index.upsert([*many, point("other", UP, tenant="globex")])
    assert (await index.count(), await index.count("acme"), await index.count("initech")) == (601, 600, 0)
    assert (await index.count("acme", "doc"), await index.count("globex", "doc")) == (600, 0)
    hits = await search(index, EAST, limit=3)
    assert [hit.passage_id for hit in hits] == ["doc-v1-0", "doc-v1-1", "doc-v1-2"]


async def test_equal_scores_come_in_the_order_of_their_ids(index: VectorIndex) -> None:
    await index.upsert([point(name, EAST) for name in "dhbgcafe"])
    assert await found(index, EAST) == [*"abcdefgh"]


async def test_nothing_to_write_is_no_error(index: VectorIndex) -> None:
    await index.upsert([])
    assert await index.count() == 0
    assert await search(index, EAST, 1) == []
    await index.ping()


async def test_the_next_process_finds_what_was_written(maker: Maker) -> None:
    first = maker()
    await first.open(MODEL)
    await first.upsert([point("refunds", EAST, 4)])
    await let_go(first)
    second = maker()
    await second.open(replace(MODEL, origin="another way of obtaining the same model"))
    (hit,) = await search(second, EAST, 4)
    assert (hit.document_id, hit.cosine, hit.lexical > 0) == ("refunds", pytest.approx(1.0), True)
    await second.close()


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (replace(MODEL, dimension=4), r"toy-3 \(4 dimensions\)"),
        (replace(MODEL, name="other-3"), r"other-3 \(3 dimensions\)"),
        (replace(MODEL, name="maker/toy 3"), r"maker-toy-3-\w{8} \(3 dimensions\)"),
        (LEXICAL, "no model"),
    ],
    ids=["dimension", "model", "unsafe name", "lexical"],
)
async def test_r32_an_index_of_another_model_is_refused(maker: Maker, other: EmbeddingModel, named: str) -> None:
    first = maker()
    await first.open(other)
    await let_go(first)
    second = maker()
    with pytest.raises(IndexMismatch, match=named) as refusal:
        await second.open(MODEL)
    assert "toy-3 (3 dimensions)" in str(refusal.value)
    assert "built again" in str(refusal.value)
    with pytest.raises(IndexUnavailable):
        await second.ping()


async def test_an_index_with_vectors_is_not_opened_for_words_alone(maker: Maker) -> None:
    first = maker()
    await first.open(MODEL)
    await let_go(first)
    with pytest.raises(IndexMismatch, match="toy-3"):
        await maker().open(LEXICAL)


async def test_without_a_model_passages_are_found_by_their_words(maker: Maker) -> None:
    index = maker()
    await index.open(LEXICAL)
    await index.upsert([point("refunds", [], 1, 2), point("shipping", [], 3)])
    for nothing in (None, []):
        (hit,) = await search(index, nothing, 2)
        assert (hit.document_id, hit.cosine, hit.lexical > 0) == ("refunds", 0.0, True)
    await let_go(index)


async def test_an_index_that_is_not_open_is_unavailable_never_empty(maker: Maker) -> None:
    unopened = maker()
    with pytest.raises(IndexUnavailable):
        await search(unopened, EAST)
    await unopened.open(MODEL)
    await unopened.open(MODEL)
    await unopened.close()
    await unopened.close()
    with pytest.raises(IndexUnavailable):
        await unopened.count()


async def test_a_dropped_index_is_gone(maker: Maker) -> None:
    first = maker()
    await first.open(MODEL)
    await first.upsert([point("refunds", EAST)])
    await first.drop()
    with pytest.raises(IndexUnavailable):
        await first.ping()
    if isinstance(first, QdrantServerIndex):
        return  # the shared client is closed with it
    second = maker()
    await second.open(replace(MODEL, dimension=4))
    assert await second.count() == 0
    await let_go(second)


async def test_a_server_that_is_away_is_unavailable() -> None:
    index = QdrantServerIndex.at("http://127.0.0.1:9", timeout_seconds=1)
    with pytest.raises(IndexUnavailable):
        await index.open(MODEL)
    await index.close()
