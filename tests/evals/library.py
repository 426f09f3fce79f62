"""Searches as the knowledge service makes them, in this process: its own code, model and engine, over documents in memory."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.local import embedding_model
from libs.contracts.context import Context
from libs.contracts.knowledge import Search, SearchResult, Source
from services.knowledge import domain
from services.knowledge.adapters.fastembed_embedder import FastembedEmbedder
from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.app import App
from tests.support.embedding import ROOT, seed_documents

TENANT = "evals"
_PASSAGES = 5  # services.agent.app.writing.Limits


class KeptDocuments:
    """A document store in memory."""

    def __init__(self) -> None:
        self._documents: dict[str, domain.Document] = {}
        self._passages: dict[str, domain.FoundPassage] = {}

    async def put(self, document: domain.Document, passages: Sequence[domain.Passage]) -> None:
        self._documents[document.document_id] = document
        for passage in passages:
            self._passages[passage.passage_id] = domain.FoundPassage(
                passage=passage, source=document.source, category=document.category
            )

    async def get(self, tenant: str, document_id: str) -> domain.Document | None:
        return self._documents.get(document_id)

    async def documents(self, tenant: str) -> list[domain.Document]:
        return sorted(self._documents.values(), key=lambda document: document.document_id)

    async def passages(self, tenant: str, passage_ids: Sequence[str]) -> dict[str, domain.FoundPassage]:
        return {name: self._passages[name] for name in passage_ids if name in self._passages}

    async def delete(self, tenant: str, document_id: str) -> bool:
        raise NotImplementedError

    async def generation(self, tenant: str) -> str:
        return str(len(self._documents))

    async def renew_generation(self, tenant: str | None = None) -> None:
        return

    async def every_passage(self) -> AsyncIterator[domain.Passage]:
        for found in self._passages.values():
            yield found.passage

    async def count(self) -> int:
        return len(self._passages)


class NothingKept:
    """Results that are always searched for anew."""

    async def get(self, key: str) -> SearchResult | None:
        return None

    async def keep(self, key: str, result: SearchResult) -> None:
        return


class Library:
    """Documents that can be searched."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def search(self, query: str, *, min_score: float | None = None) -> list[Source]:
        """The passages that an answer to `query` would be given."""
        wanted = Search(query=query, limit=_PASSAGES, min_score=min_score)
        return (await self._app.search(wanted, Context(tenant=TENANT))).sources


@asynccontextmanager
async def opened(documents: Sequence[domain.Document]) -> AsyncIterator[Library]:
    """Index documents, and search them until the end of the block."""
    data = os.environ.get("DESKBUS_DATA_DIR") or ROOT / ".run" / str(os.getuid())
    embedder = FastembedEmbedder(embedding_model.ensure(Path(data) / "model"))
    with tempfile.TemporaryDirectory(prefix="deskbus-evals-") as folder:
        index = QdrantEdgeIndex(Path(folder) / "index")
        await embedder.open()
        await index.open(embedder.model)
        app = App(embedder, index, KeptDocuments(), NothingKept())
        try:
            for document in documents:
                await app.put(document)
            yield Library(app)
        finally:
            await index.close()
            await embedder.close()


def shop() -> list[domain.Document]:
    """The documents that a development system begins with."""
    return seed_documents(TENANT)


def faq(folder: Path) -> list[domain.Document]:
    """The documents of the shared `evals/faq`."""
    return [
        domain.Document(
            document_id=row["id"],
            tenant=TENANT,
            title=row["title"],
            source=row["id"],
            category="faq",
            body="\n\n".join(row["answers"]),
        )
        for row in rows(folder / "documents.jsonl")
    ]


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
