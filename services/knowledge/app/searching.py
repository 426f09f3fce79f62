"""Searching: the passages that may answer a question, from what is found at one moment."""

from collections.abc import Iterable
from typing import Any

from libs.contracts.context import Context
from libs.contracts.documents import Metadata
from libs.contracts.errors import FieldError, Invalid, Unavailable
from libs.contracts.knowledge import Search, SearchResult, Source

from ..domain import Build, metadata, normalised, result_key, threshold
from ..domain.fusion import CANDIDATES, SHORTLIST, Ranked, rank, shortlist
from ..domain.grouping import grouped
from ..domain.lexical import query_words
from ..domain.versions import Grounds
from ..ports import (
    BuildStore,
    Embedder,
    EmbedderFault,
    Engines,
    IndexLocked,
    IndexMismatch,
    PassageStore,
    Results,
    VectorIndex,
)

_MOST = 100
# A search that a change overtook is made again; one that is overtaken so often takes what it has.
_TRIES = 6


class Builds:
    """The builds that there are, remembered: what is said of one never changes but for its state."""

    def __init__(self, store: BuildStore) -> None:
        self._store = store
        self._known: dict[str, Build] = {}

    async def get(self, build_id: str) -> Build:
        """A build by its id.

        Raises:
            Unavailable: it is gone, or cannot be looked up.
        """
        if build_id not in self._known:
            self._known = {build.build_id: build for build in await self._store.all()}
        if build_id not in self._known:
            raise Unavailable("index_changed", "What searches rest on has just changed; ask again")
        return self._known[build_id]


class Searching:
    """The use case `search`."""

    def __init__(self, engines: Engines, builds: Builds, passages: PassageStore, results: Results) -> None:
        self._engines = engines
        self._builds = builds
        self._passages = passages
        self._results = results

    async def search(self, request: Search, ctx: Context) -> SearchResult:
        """Find the passages nearest to a question; none where nothing is near enough.

        A result that was found before is given again while what it rests on is the same. That is read first: what
        changes during the search makes the result one that nobody asks for again. Where a passage was replaced between
        the look into the index and the reading of its text, the search is made again: it sees either version, never
        neither.

        Raises:
            Invalid: `invalid_request`.
            Unavailable: the embedder, the index or the store cannot answer; never an empty result instead.
        """
        if not 1 <= request.limit <= _MOST:
            why = f"must be 1 to {_MOST}"
            raise Invalid("invalid_request", f"limit {why}", errors=[FieldError(["body", "limit"], why)])
        for attempt in range(1, _TRIES + 1):
            grounds = await self._passages.grounds(ctx.tenant, request.session_id or "")
            if grounds is None:
                raise Unavailable("index_unavailable", "There is no index yet")
            build = await self._builds.get(grounds.build_id)
            key = result_key(ctx.tenant, f"{grounds.build_id}/{grounds.generation}", build.model, request)
            if (known := await self._results.get(key)) is not None:
                return known
            result = await self._find(request, ctx.tenant, grounds, build, settle=attempt == _TRIES)
            if result is not None:
                await self._results.keep(key, result)
                return result
        raise AssertionError  # the last attempt settles

    async def _find(
        self, request: Search, tenant: str, grounds: Grounds, build: Build, *, settle: bool
    ) -> SearchResult | None:
        """Search once; None where a change overtook it and it need not `settle` for what it has."""
        query, session = normalised(request.query), request.session_id or ""
        filters = scalars(request.filters)
        embedder, index = await self._opened(build)
        by_words, model = embedder.model.lexical, embedder.model.name
        method = "lexical" if by_words else "hybrid"
        if filters is None:
            return SearchResult(sources=[], method=method, model=model)
        candidates = await index.search(
            await embedder.embed_query(query), query_words(query),
            tenant=tenant, session_id=session or None, filters=filters, limit=max(CANDIDATES, request.limit),
        )  # fmt: skip
        chosen = shortlist(candidates, max(SHORTLIST, request.limit))
        wanted = [each.passage_id for each in chosen]
        found, after = await self._passages.found(tenant, grounds.build_id, session, wanted)
        if after != grounds and len(found) < len(wanted) and not settle:
            return None
        ranked = rank(query, chosen, found, by_words=by_words)
        return SearchResult(sources=_sources(request, ranked, by_words=by_words), method=method, model=model)

    async def _opened(self, build: Build) -> tuple[Embedder, VectorIndex]:
        try:
            return await self._engines.embedder(build.model), await self._engines.index(build)
        except (EmbedderFault, IndexMismatch, IndexLocked) as fault:  # another replica may have switched to this build
            raise Unavailable("index_unavailable", str(fault)) from fault


def scalars(filters: dict[str, Any]) -> Metadata | None:
    """Filters as what a passage may carry; None where one asks for what none can: a list, an object, nothing."""
    if all(isinstance(value, str | int | float | bool) for value in filters.values()):
        return filters
    return None


def _sources(request: Search, ranked: Iterable[Ranked], *, by_words: bool) -> list[Source]:
    """What is relevant enough, the most relevant first: neighbours as one, the same text once."""
    least = threshold(request)
    groups = grouped((each for each in ranked if round(each.score, 4) >= least), request.limit)
    return [
        Source(
            content=group.text,
            metadata=metadata(group.best.found),
            relevance_score=round(group.best.score, 4),
            rank=rank,
            cosine=None if by_words else round(group.best.cosine, 4),
        )
        for rank, group in enumerate(groups, start=1)
    ]
