"""Which searches are one, and when a result that was found before is given again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest

from libs.contracts.context import Context
from libs.contracts.documents import Metadata
from libs.contracts.errors import Invalid, Unavailable
from libs.contracts.knowledge import Search
from libs.runtime.cache import Cache
from libs.runtime.cache_memory import MemoryStore
from services.knowledge.adapters.cached_embedder import CachedEmbedder
from services.knowledge.adapters.cached_results import CachedResults
from services.knowledge.app import Builds, Searching
from services.knowledge.domain import (
    Build,
    Candidate,
    Document,
    EmbeddingModel,
    FoundPassage,
    Point,
    SparseVector,
    Vector,
    result_key,
    split,
    vector_key,
)
from services.knowledge.domain.relevance import MIN_SCORE
from services.knowledge.domain.versions import Grounds
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

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def _vector(self, text: str) -> Vector:
        found = [float(word in text.lower()) for word in self.WORDS]
        length = sum(found) ** 0.5 or 1.0
        return [one / length for one in found]


class ListIndex:
    def __init__(self) -> None:
        self.points: dict[tuple[str, str], Point] = {}
        self.away = False
        self.searches = 0

    async def search(
        self, vector: Vector, words: SparseVector, *, tenant: str, session_id: str | None, filters: Metadata, limit: int
    ) -> list[Candidate]:
        if self.away:
            raise IndexUnavailable("away")
        self.searches += 1
        return [
            Candidate(
                passage_id=point.passage_id, document_id=point.document_id, lexical=0.0,
                cosine=sum(a * b for a, b in zip(vector, point.vector, strict=True)),
            )
            for point in self.points.values()
            if point.tenant == tenant and filters.items() <= point.metadata.items()
        ][:limit]  # fmt: skip


class DictStores:
    """Builds and passages of searches; everything is of one build."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], FoundPassage] = {}
        self.generations: dict[str, int] = {}

    async def all(self) -> list[Build]:
        return [
            Build(build_id="b1", model="letters", dimension=4, chunking="", state="live", created_at=datetime.now(UTC))
        ]

    async def grounds(self, tenant: str, session_id: str) -> Grounds:
        return Grounds("b1", f"{self.generations.get(tenant, '')}{session_id}")

    async def found(
        self, tenant: str, build_id: str, session_id: str, passage_ids: Sequence[str]
    ) -> tuple[dict[str, FoundPassage], Grounds]:
        found = {each: self.kept[tenant, each] for each in passage_ids if (tenant, each) in self.kept}
        return found, await self.grounds(tenant, session_id)


class Knowledge:
    """Searches over parts that count, and documents of one passage each."""

    def __init__(self) -> None:
        self.letters, self.list, self.stores = LetterEmbedder(), ListIndex(), DictStores()
        cache = Cache(MemoryStore())
        self.cached = CachedEmbedder(self.letters, cache, 60)
        self.searching = Searching(self, Builds(self.stores), self.stores, CachedResults(cache, 60))

    async def index(self, build: Build) -> ListIndex:
        return self.list

    async def embedder(self, model: str) -> CachedEmbedder:
        return self.cached

    async def search(self, query: str = "refund?", tenant: str = "acme", **fields: object) -> list[str]:
        result = await self.searching.search(Search(query=query, **fields), Context(tenant=tenant))
        return sorted(source.content for source in result.sources)

    async def put(
        self, document_id: str, body: str, tenant: str = "acme", category: str = "orders", version: int = 1
    ) -> None:
        """Make a version what is found, as the service does: into the index, then into the store in one step."""
        document = Document(
            document_id=document_id, tenant=tenant, title="", source="a test", metadata={"category": category}, body=body,
            version=version,
        )  # fmt: skip
        (passage,) = split(document)
        (vector,) = await self.letters.embed_passages([body])
        self.list.points[tenant, passage.passage_id] = Point(
            passage_id=passage.passage_id, document_id=document_id, tenant=tenant, version=version, vector=vector,
            metadata=document.metadata,
        )  # fmt: skip
        self.switch(tenant, document_id, FoundPassage(passage=passage, source="a test", metadata=document.metadata))

    def switch(self, tenant: str, document_id: str, found: FoundPassage | None) -> None:
        kept = {
            key: one
            for key, one in self.stores.kept.items()
            if key[0] != tenant or one.passage.document_id != document_id
        }
        self.stores.kept = kept | ({(tenant, found.passage.passage_id): found} if found else {})
        self.stores.generations[tenant] = self.stores.generations.get(tenant, 0) + 1


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
        "acme", "1", "m", Search(query="q", min_score=MIN_SCORE)
    )


def test_a_name_holds_no_words_of_the_customer() -> None:
    assert "secret" not in result_key("acme", "1", "m", Search(query="my secret", filters={"secret": 1}))


# --- when a result is given again


async def test_a_repeated_search_is_neither_embedded_nor_looked_up_again(knowledge: Knowledge) -> None:
    for query in ("refund?", " refund? ", "refund?"):
        assert await knowledge.search(query) == ["Any refund takes five days."]
    assert (knowledge.letters.asked, knowledge.list.searches) == (["refund?"], 1)


async def test_a_vector_serves_other_searches_with_the_same_question(knowledge: Knowledge) -> None:
    await knowledge.search()
    await knowledge.search(limit=1)
    await knowledge.search(tenant="globex")
    assert (knowledge.letters.asked, knowledge.list.searches) == (["refund?"], 3)


async def test_r40_filter_limit_and_threshold_each_have_their_own_result(knowledge: Knowledge) -> None:
    await knowledge.put("doc_returns", "A return or refund.", category="returns")
    result = await knowledge.searching.search(Search(query="refund?"), Context(tenant="acme"))
    first, second = result.sources
    for _ in range(2):
        assert await knowledge.search() == sorted([first.content, second.content])
        assert await knowledge.search(limit=1) == [first.content]
        assert await knowledge.search("delivery?") == []
        assert len(await knowledge.search("delivery?", min_score=0.0)) == 2
        assert await knowledge.search(filters={"category": "returns"}) == ["A return or refund."]
        assert await knowledge.search(filters={"category": "nonsense"}) == []


async def test_r40_an_error_is_never_kept(knowledge: Knowledge) -> None:
    knowledge.list.away = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            await knowledge.search()
    knowledge.list.away = False
    assert await knowledge.search() == ["Any refund takes five days."]


async def test_r11_a_new_a_changed_and_a_deleted_document_are_seen_at_once(knowledge: Knowledge) -> None:
    await knowledge.search()
    await knowledge.put("doc_terms", "Refund by card only.")
    assert await knowledge.search() == ["Any refund takes five days.", "Refund by card only."]
    await knowledge.put("doc_terms", "Refund by voucher.", version=2)
    assert await knowledge.search() == ["Any refund takes five days.", "Refund by voucher."]
    knowledge.switch("acme", "doc_terms", None)
    assert await knowledge.search() == ["Any refund takes five days."]


async def test_a_change_of_one_tenant_leaves_the_results_of_others(knowledge: Knowledge) -> None:
    await knowledge.put("doc_other", "Refund at once.", tenant="globex")
    assert await knowledge.search(tenant="globex") == ["Refund at once."]
    await knowledge.put("doc_terms", "Refund by card only.")
    assert await knowledge.search(tenant="globex") == ["Refund at once."]
    assert knowledge.list.searches == 1


async def test_a_tenants_first_document_is_seen(knowledge: Knowledge) -> None:
    assert await knowledge.search(tenant="globex") == []
    await knowledge.put("doc_other", "Refund at once.", tenant="globex")
    assert await knowledge.search(tenant="globex") == ["Refund at once."]


async def test_a_session_has_results_of_its_own(knowledge: Knowledge) -> None:
    for _ in range(2):
        await knowledge.search()
        await knowledge.search(session_id="sess_1")
        await knowledge.search(session_id="sess_2")
    assert knowledge.list.searches == 3


class Overtaken(ListIndex):
    """While the first so many searches are under way, the document that they find is replaced."""

    def __init__(self, knowledge: Knowledge, times: int) -> None:
        super().__init__()
        self.points = knowledge.list.points
        self.knowledge = knowledge
        self.times = times

    async def search(self, *values: Any, **named: Any) -> list[Candidate]:
        candidates = await super().search(*values, **named)
        if self.searches <= self.times:
            version = self.searches + 1
            await self.knowledge.put("doc_refunds", f"Any refund takes {version} days.", version=version)
        return candidates


@pytest.mark.parametrize("times", [1, 4])
async def test_a_search_that_a_replacement_overtook_is_made_again(knowledge: Knowledge, times: int) -> None:
    """Between the look into the index and the reading of texts the old passage went: it sees the new one, not nothing."""
    knowledge.list = Overtaken(knowledge, times)
    assert await knowledge.search() == [f"Any refund takes {times + 1} days."]
    assert knowledge.list.searches == times + 1


async def test_a_search_that_is_overtaken_again_and_again_ends(knowledge: Knowledge) -> None:
    knowledge.list = Overtaken(knowledge, 1_000)
    assert await knowledge.search() in ([], [f"Any refund takes {knowledge.list.searches} days."])
    assert knowledge.list.searches < 10


async def test_a_result_of_a_search_that_a_change_overtook_is_not_given_again(knowledge: Knowledge) -> None:
    """The generation is read before the search: what was found meanwhile is kept under the one that has ended."""

    class Joined(ListIndex):
        async def search(self, *values: Any, **named: Any) -> list[Candidate]:
            candidates = await super().search(*values, **named)
            if self.searches == 1:
                await knowledge.put("doc_terms", "Refund by card only.")
            return candidates

    joined = Joined()
    joined.points = knowledge.list.points
    knowledge.list = joined
    assert await knowledge.search() == ["Any refund takes five days."]
    assert await knowledge.search() == ["Any refund takes five days.", "Refund by card only."]


@pytest.mark.parametrize("limit", [0, 101])
async def test_a_limit_beyond_its_bounds_is_refused(knowledge: Knowledge, limit: int) -> None:
    with pytest.raises(Invalid):
        await knowledge.search(limit=limit)


@pytest.mark.parametrize("limit", [1, 100])
async def test_a_limit_within_its_bounds_is_not(knowledge: Knowledge, limit: int) -> None:
    assert len(await knowledge.search(limit=limit)) == 1


async def test_a_kept_vector_of_another_length_is_not_used() -> None:
    cache, embedder = Cache(MemoryStore()), LetterEmbedder()
    await cache.set(vector_key("letters", "refund"), [1.0, 2.0])
    assert await CachedEmbedder(embedder, cache, 60).embed_query("refund") == [1.0, 0.0, 0.0, 0.0]
