"""Which searches are one, and when a result that was found before is given again."""

from collections.abc import AsyncIterator, Sequence
from itertools import combinations

import pytest

from libs.contracts.context import Context
from libs.contracts.errors import Unavailable
from libs.contracts.knowledge import Search
from libs.runtime.cache import Cache
from libs.runtime.cache_memory import MemoryStore
from services.knowledge.adapters.cached_embedder import CachedEmbedder
from services.knowledge.adapters.cached_results import CachedResults
from services.knowledge.app import App
from services.knowledge.domain import (
    Document,
    EmbeddingModel,
    FoundPassage,
    Hit,
    Passage,
    Point,
    Vector,
    result_key,
    vector_key,
)
from services.knowledge.ports import IndexUnavailable


class LetterEmbedder:
    """A vector holds which of a few words a text has."""

    WORDS = ("refund", "return", "delivery", "password")

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.model = EmbeddingModel(name="letters", dimension=len(self.WORDS), origin="a test")

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def embed_query(self, text: str) -> Vector:
        self.asked.append(text)
        return self._vector(text)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        found = [float(word in text.lower()) for word in self.WORDS]
        length = sum(found) ** 0.5 or 1.0
        return [one / length for one in found]


class ListIndex:
    def __init__(self) -> None:
        self.points: dict[tuple[str, str], Point] = {}
        self.away = False
        self.searches = 0

    async def open(self, model: EmbeddingModel) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None: ...

    async def upsert(self, points: Sequence[Point]) -> None:
        self.points |= {(point.tenant, point.passage_id): point for point in points}

    async def delete_document(self, tenant: str, document_id: str, *, before_version: int | None = None) -> None:
        if self.away:
            raise IndexUnavailable("away")
        self.points = {
            key: point
            for key, point in self.points.items()
            if (point.tenant, point.document_id) != (tenant, document_id)
            or (before_version is not None and point.version >= before_version)
        }

    async def search(self, vector: Vector, *, tenant: str, limit: int, min_score: float = 0.0) -> list[Hit]:
        if self.away:
            raise IndexUnavailable("away")
        self.searches += 1
        scores = [
            (sum(a * b for a, b in zip(vector, point.vector, strict=True)), point)
            for point in self.points.values()
            if point.tenant == tenant
        ]
        scores.sort(key=lambda pair: (-pair[0], pair[1].passage_id))
        return [
            Hit(passage_id=point.passage_id, document_id=point.document_id, score=score)
            for score, point in scores[:limit]
            if score >= min_score
        ]

    async def count(self, tenant: str | None = None) -> int:
        return len(self.points)


class DictStore:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[Document, list[Passage]]] = {}
        self.generations: dict[str, int] = {}

    async def put(self, document: Document, passages: Sequence[Passage]) -> None:
        self.kept[document.tenant, document.document_id] = (document, list(passages))
        await self.renew_generation(document.tenant)

    async def get(self, tenant: str, document_id: str) -> Document | None:
        kept = self.kept.get((tenant, document_id))
        return kept[0] if kept else None

    async def documents(self, tenant: str) -> list[Document]:
        return [document for document, _ in self.kept.values() if document.tenant == tenant]

    async def passages(self, tenant: str, passage_ids: Sequence[str]) -> dict[str, FoundPassage]:
        return {
            passage.passage_id: FoundPassage(passage=passage, source=document.source, category=document.category)
            for document, passages in self.kept.values()
            for passage in passages
            if document.tenant == tenant and passage.passage_id in passage_ids
        }

    async def delete(self, tenant: str, document_id: str) -> bool:
        await self.renew_generation(tenant)
        return self.kept.pop((tenant, document_id), None) is not None

    async def every_passage(self) -> AsyncIterator[Passage]:
        for _, passages in list(self.kept.values()):
            for passage in passages:
                yield passage

    async def count(self) -> int:
        return sum(len(passages) for _, passages in self.kept.values())

    async def generation(self, tenant: str) -> str:
        return str(self.generations.get(tenant, ""))

    async def renew_generation(self, tenant: str | None = None) -> None:
        for name in list(self.generations) if tenant is None else [tenant]:
            self.generations[name] = self.generations.get(name, 0) + 1


class Knowledge:
    """A knowledge service over parts that count."""

    def __init__(self) -> None:
        self.embedder, self.index, self.store = LetterEmbedder(), ListIndex(), DictStore()
        cache = Cache(MemoryStore())
        self.app = App(CachedEmbedder(self.embedder, cache, 60), self.index, self.store, CachedResults(cache, 60))

    async def search(self, query: str = "refund?", tenant: str = "acme", **fields: object) -> list[str]:
        result = await self.app.search(Search(query=query, **fields), Context(tenant=tenant))
        return [source.content for source in result.sources]

    async def put(self, document_id: str, body: str, tenant: str = "acme", category: str = "orders") -> None:
        await self.app.put(
            Document(
                document_id=document_id, tenant=tenant, title="", source="a test", category=category, body=body
            )
        )  # fmt: skip


@pytest.fixture
async def knowledge() -> Knowledge:
    made = Knowledge()
    await made.put("doc_refunds", "Any refund takes five days.")
    return made


# --- which searches are one


def test_r40_all_that_may_change_a_result_is_in_its_name() -> None:
    plain = Search(query="How long?")
    variants = [
        ("acme", "1", "m", plain),
        ("globex", "1", "m", plain),
        ("acme", "2", "m", plain),
        ("acme", "1", "another", plain),
        ("acme", "1", "m", Search(query="how long?")),
        ("acme", "1", "m", Search(query="How long?", limit=6)),
        ("acme", "1", "m", Search(query="How long?", min_score=0.0)),
        ("acme", "1", "m", Search(query="How long?", filters={"category": "orders"})),
        ("acme", "1", "m", Search(query="How long?", filters={"category": ["orders"]})),
        ("acme", "1", "m", Search(query="How long?", filters={"category": "orders", "chunk": 0})),
        ("acme", "1", "m", Search(query="How long?", filters={"category": "orders", "chunk": "0"})),
    ]
    for one, other in combinations(variants, 2):
        assert result_key(*one) != result_key(*other), (one, other)


def test_what_changes_no_result_is_not_in_its_name() -> None:
    filters = [{"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}]
    assert len({result_key("acme", "1", "m", Search(query="q", filters=one)) for one in filters}) == 1
    queries = ["How long?", "  How\n\tlong? ", "How\u00a0long?"]
    assert len({result_key("acme", "1", "m", Search(query=query)) for query in queries}) == 1
    assert result_key("acme", "1", "m", Search(query="q")) == result_key(
        "acme", "1", "m", Search(query="q", min_score=0.33)
    )


def test_a_name_holds_no_words_of_the_customer() -> None:
    assert "secret" not in result_key("acme", "1", "m", Search(query="my secret", filters={"secret": 1}))


# --- when a result is given again


async def test_a_repeated_search_is_neither_embedded_nor_looked_up_again(knowledge: Knowledge) -> None:
    for query in ("refund?", " refund? ", "refund?"):
        assert await knowledge.search(query) == ["Any refund takes five days."]
    assert (knowledge.embedder.asked, knowledge.index.searches) == (["refund?"], 1)


async def test_a_vector_serves_other_searches_with_the_same_question(knowledge: Knowledge) -> None:
    await knowledge.search()
    await knowledge.search(limit=1)
    await knowledge.search(tenant="globex")
    assert (knowledge.embedder.asked, knowledge.index.searches) == (["refund?"], 3)


async def test_r40_filter_limit_and_threshold_each_have_their_own_result(knowledge: Knowledge) -> None:
    await knowledge.put("doc_returns", "A return or refund.", category="returns")
    both = ["Any refund takes five days.", "A return or refund."]
    for _ in range(2):
        assert await knowledge.search() == both
        assert await knowledge.search(limit=1) == both[:1]
        assert await knowledge.search(min_score=0.9) == both[:1]
        assert await knowledge.search(filters={"category": "returns"}) == both[1:]
        assert await knowledge.search(filters={"category": "nonsense"}) == []


async def test_r40_an_error_is_never_kept(knowledge: Knowledge) -> None:
    knowledge.index.away = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            await knowledge.search()
    knowledge.index.away = False
    assert await knowledge.search() == ["Any refund takes five days."]


async def test_r11_a_new_a_changed_and_a_deleted_document_are_seen_at_once(knowledge: Knowledge) -> None:
    await knowledge.search()
    await knowledge.put("doc_terms", "Refund by card only.")
    assert await knowledge.search() == ["Any refund takes five days.", "Refund by card only."]
    await knowledge.put("doc_terms", "Refund by voucher.")
    assert await knowledge.search() == ["Any refund takes five days.", "Refund by voucher."]
    assert await knowledge.app.delete("acme", "doc_terms") is True
    assert await knowledge.search() == ["Any refund takes five days."]
    assert await knowledge.app.delete("acme", "doc_terms") is False


async def test_a_document_that_has_not_changed_leaves_the_results(knowledge: Knowledge) -> None:
    await knowledge.search()
    await knowledge.put("doc_refunds", "Any refund takes five days.")
    await knowledge.search()
    assert knowledge.index.searches == 1


async def test_a_change_of_one_tenant_leaves_the_results_of_others(knowledge: Knowledge) -> None:
    await knowledge.put("doc_other", "Refund at once.", tenant="globex")
    assert await knowledge.search(tenant="globex") == ["Refund at once."]
    await knowledge.put("doc_terms", "Refund by card only.")
    assert await knowledge.search(tenant="globex") == ["Refund at once."]
    assert knowledge.index.searches == 1


async def test_a_tenants_first_document_is_seen(knowledge: Knowledge) -> None:
    assert await knowledge.search(tenant="globex") == []
    await knowledge.put("doc_other", "Refund at once.", tenant="globex")
    assert await knowledge.search(tenant="globex") == ["Refund at once."]


async def test_an_index_that_is_built_again_ends_the_results_before(knowledge: Knowledge) -> None:
    knowledge.index.points.clear()
    assert await knowledge.search() == []
    await knowledge.app.restore_index()
    assert await knowledge.search() == ["Any refund takes five days."]


async def test_a_result_of_a_search_that_a_change_overtook_is_not_given_again(knowledge: Knowledge) -> None:
    """The generation is read before the search: what was found meanwhile is kept under the one that has ended."""

    class Overtaken(ListIndex):
        async def search(self, vector: Vector, *, tenant: str, limit: int, min_score: float = 0.0) -> list[Hit]:
            hits = await super().search(vector, tenant=tenant, limit=limit, min_score=min_score)
            if self.searches == 1:
                await knowledge.put("doc_terms", "Refund by card only.")
            return hits

    slow = Overtaken()
    slow.points = knowledge.index.points
    knowledge.index = slow
    knowledge.app._index = slow
    assert await knowledge.search() == ["Any refund takes five days."]
    assert await knowledge.search() == ["Any refund takes five days.", "Refund by card only."]


async def test_what_was_found_while_old_passages_took_places_is_not_given_again(knowledge: Knowledge) -> None:
    """Between the commit of a new version and the removal of the old passages a search finds fewer than it may."""

    class Watched(ListIndex):
        async def delete_document(self, tenant: str, document_id: str, *, before_version: int | None = None) -> None:
            assert len(await knowledge.search(limit=1)) <= 1
            await super().delete_document(tenant, document_id, before_version=before_version)

    watched = Watched()
    watched.points = knowledge.index.points
    knowledge.index = watched
    knowledge.app._index = watched
    await knowledge.put("doc_refunds", "Any refund takes six days.")
    assert await knowledge.search(limit=1) == ["Any refund takes six days."]


async def test_a_kept_vector_of_another_length_is_not_used() -> None:
    cache, embedder = Cache(MemoryStore()), LetterEmbedder()
    await cache.set(vector_key("letters", "refund"), [1.0, 2.0])
    assert await CachedEmbedder(embedder, cache, 60).embed_query("refund") == [1.0, 0.0, 0.0, 0.0]
