"""Searches as the knowledge service makes them, in this process: its own code, model and engine, over documents in memory."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local import embedding_model
from libs.contracts.context import Context
from libs.contracts.knowledge import Search, SearchResult, Source
from services.knowledge import domain
from services.knowledge.adapters.engines import opened_engines
from services.knowledge.app import Builds, Indexing, Searching
from services.knowledge.domain.versions import Grounds
from services.knowledge.settings import Settings
from tests.support.embedding import ROOT, seed_documents

TENANT = "evals"
_PASSAGES = 5  # services.agent.app.writing.Limits


BUILD = domain.Build(
    build_id="evals", model="minilm-l6-v2-int8", dimension=384, chunking=domain.CHUNKING, state="live",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


class KeptPassages:
    """Builds and passages in memory, of one build."""

    def __init__(self) -> None:
        self.kept: dict[str, domain.FoundPassage] = {}

    async def all(self) -> list[domain.Build]:
        return [BUILD]

    async def grounds(self, tenant: str, session_id: str) -> Grounds:
        return Grounds(BUILD.build_id, str(len(self.kept)))

    async def found(
        self, tenant: str, build_id: str, session_id: str, passage_ids: Sequence[str]
    ) -> tuple[dict[str, domain.FoundPassage], Grounds]:
        found = {name: self.kept[name] for name in passage_ids if name in self.kept}
        return found, await self.grounds(tenant, session_id)


class NothingKept:
    """Results that are always searched for anew."""

    async def get(self, key: str) -> SearchResult | None:
        return None

    async def keep(self, key: str, result: SearchResult) -> None:
        return


class Library:
    """Documents that can be searched."""

    def __init__(self, searching: Searching) -> None:
        self._searching = searching

    async def search(self, query: str, *, min_score: float | None = None) -> list[Source]:
        """The passages that an answer to `query` would be given."""
        wanted = Search(query=query, limit=_PASSAGES, min_score=min_score)
        return (await self._searching.search(wanted, Context(tenant=TENANT))).sources


@asynccontextmanager
async def opened(documents: Sequence[domain.Document]) -> AsyncIterator[Library]:
    """Index documents, and search them until the end of the block."""
    data = os.environ.get("DESKBUS_DATA_DIR") or ROOT / ".run" / str(os.getuid())
    model = embedding_model.ensure(Path(data) / "model")
    passages: Any = KeptPassages()
    with tempfile.TemporaryDirectory(prefix="deskbus-evals-") as folder:
        settings = Settings(database_url="", embedding_path=str(model), index_path=folder)
        async with opened_engines(settings) as engines:
            indexing = Indexing(engines)
            for document in documents:
                found = [
                    domain.FoundPassage(passage=passage, source=document.source, metadata=document.metadata)
                    for passage in await indexing.cut(BUILD, document)
                ]
                await indexing.write(BUILD, found)
                passages.kept |= {each.passage.passage_id: each for each in found}
            yield Library(Searching(engines, Builds(passages), passages, NothingKept()))


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
