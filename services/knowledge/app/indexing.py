"""Cutting documents into passages and writing these into the index of a build."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from libs.contracts.errors import Unavailable

from ..domain import Build, Document, FoundPassage, Passage, Point, Vector, embedded_text, filterable, split
from ..domain.lexical import passage_words
from ..ports import Embedder, EmbedderFault, Engines, IndexLocked, IndexMismatch, VectorIndex

# Questions that arrive meanwhile wait for one text at most; a lease is looked after between batches.
_BATCH = 16


async def _nothing() -> None: ...


class Indexing:
    """What every use case that fills an index does."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def opened(self, build: Build) -> tuple[VectorIndex, Embedder]:
        """The index and the model of a build.

        Raises:
            Unavailable: one of them cannot be had, now or for as long as settings are as they are.
        """
        try:
            return await self._engines.index(build), await self._engines.embedder(build.model)
        except (EmbedderFault, IndexMismatch, IndexLocked) as fault:
            raise Unavailable("index_unavailable", str(fault)) from fault

    async def cut(self, build: Build, document: Document) -> list[Passage]:
        """Cut a document as the model of a build counts tokens, in another thread.

        Raises:
            Unavailable: the model is not there.
        """
        _, embedder = await self.opened(build)
        return await asyncio.to_thread(split, document, embedder.count_tokens)

    async def write(
        self, build: Build, passages: Sequence[FoundPassage], between: Callable[[], Awaitable[None]] = _nothing
    ) -> None:
        """Embed passages and write them into a build's index; `between` is called after each batch.

        Raises:
            Unavailable: the model or the index is not there.
        """
        index, embedder = await self.opened(build)
        headlines: dict[str, Vector] = {}  # passages share them
        for start in range(0, len(passages), _BATCH):
            batch = passages[start : start + _BATCH]
            texts = [
                embedded_text(each.passage.title, each.passage.heading, each.passage.text, embedder.count_tokens)
                for each in batch
            ]
            vectors = await embedder.embed_passages(texts)
            lines = [each.passage.headline for each in batch]
            if new := [line for line in dict.fromkeys(lines) if line not in headlines]:
                headlines |= dict(zip(new, await embedder.embed_passages(new), strict=True))
            await index.upsert(
                [
                    _point(each, vector, headlines[line])
                    for each, vector, line in zip(batch, vectors, lines, strict=True)
                ]
            )
            await between()


def _point(found: FoundPassage, vector: Vector, headline: Vector) -> Point:
    passage = found.passage
    return Point(
        passage_id=passage.passage_id,
        document_id=passage.document_id,
        tenant=passage.tenant,
        session_id=passage.session_id,
        version=passage.version,
        vector=vector,
        headline=headline,
        words=passage_words(passage.title, passage.heading, passage.text),
        metadata=filterable(passage, found.source, found.metadata),
    )
