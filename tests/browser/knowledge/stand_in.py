"""A knowledge service that keeps documents and gaps in memory and finds what the tests tell it to find.

It stands on the same bus as the real gateway, in a thread of its own. The real service is no part of these tests: they are
about what the page shows, and some of that (a document that is long in reading, an index that is away) must be made.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from libs.contracts import bus_map
from libs.contracts import documents as told
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, DeskError, NotFound
from libs.contracts.health import AskHealth, HealthReport
from libs.contracts.knowledge import (
    AnswerGap,
    DismissGap,
    Gap,
    GapPage,
    ListGaps,
    ReopenGap,
    Search,
    SearchResult,
    Source,
)
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


class StandIn:
    """What the gateway asks a knowledge service of, answered from memory.

    Attributes:
        state: what becomes of a document that is put, with `error` where that is `rejected`.
        found: what searches find.
        faults: raised instead of an answer, by channel name.
        puts, searches, reindexed: what was asked.
    """

    def __init__(self) -> None:
        self.clear()

    # --- what tests do

    def clear(self) -> None:
        """Begin anew."""
        self.documents: dict[str, told.Document] = {}
        self.passages: dict[str, list[told.DocumentPassage]] = {}
        self.citations: dict[str, list[told.Citation]] = {}
        self.gaps: dict[str, Gap] = {}
        self.found: list[Source] = []
        self.state: told.VersionState = "ready"
        self.error = "The file is damaged or is not what its name says"
        self.faults: dict[str, DeskError] = {}
        self.puts: list[told.PutDocument] = []
        self.searches: list[Search] = []
        self.reindexed: list[str | None] = []
        self.rebuilding: told.Rebuilding | None = None

    def keep(self, document_id: str, title: str, state: Any = "ready", **fields: Any) -> told.Document:
        """Have a document."""
        self.documents[document_id] = told.Document(**{
            "document_id": document_id, "title": title, "source": f"help/{document_id}", "version": 1, "newest_version": 1,
            "state": state, "passages": 2, "created_at": NOW, "updated_at": NOW + timedelta(minutes=len(self.documents)),
            **fields,
        })  # fmt: skip
        return self.documents[document_id]

    def miss(self, question: str, **fields: Any) -> Gap:
        """Have a gap."""
        gap = Gap(**{"gap_id": mint("gap"), "question": question, "count": 3, "first_asked_at": NOW, "last_asked_at": NOW,
                     **fields})  # fmt: skip
        self.gaps[gap.gap_id] = gap
        return gap

    # --- what the gateway asks

    async def serve(self, bus: NatsBus) -> None:
        """Answer on the bus."""
        for channel, answer in (
            (bus_map.KNOWLEDGE_HEALTH, self._health), (bus_map.PUT_DOCUMENT, self._put), (bus_map.GET_DOCUMENT, self._get),
            (bus_map.LIST_DOCUMENTS, self._list), (bus_map.DELETE_DOCUMENT, self._delete),
            (bus_map.DOCUMENT_USAGE, self._usage), (bus_map.IMPORT_SITE, self._import), (bus_map.INDEX_STATE, self._index),
            (bus_map.REINDEX, self._reindex), (bus_map.SEARCH, self._search), (bus_map.LIST_GAPS, self._gaps),
            (bus_map.DISMISS_GAP, self._dismiss), (bus_map.REOPEN_GAP, self._reopen), (bus_map.ANSWER_GAP, self._answer),
        ):  # fmt: skip
            await bus.serve(channel, self._guarded(channel.name, answer))
        await bus.serve(bus_map.AGENT_HEALTH, self._agent_health)

    def _guarded(self, name: str, answer: Any) -> Any:
        async def guarded(request: Any, _: Context) -> Any:
            if name in self.faults:
                raise self.faults[name]
            return answer(request)

        return guarded

    async def _agent_health(self, _: AskHealth, __: Context) -> HealthReport:
        return HealthReport("agent", "agent_stand_in", "0", True, [])

    def _health(self, _: AskHealth) -> HealthReport:
        return HealthReport("knowledge", "knowledge_stand_in", "0", True, [])

    def _put(self, asked: told.PutDocument) -> told.DocumentPut:
        self.puts.append(asked)
        document_id = asked.document_id or mint("doc")
        before = self.documents.get(document_id)
        if asked.must_exist and before is None:
            raise NotFound("document_not_found", "There is no such document")
        rejected = self.state == "rejected"
        newest = before.newest_version + 1 if before else 1
        row = self.keep(
            document_id, asked.title or asked.name or asked.url or "Untitled", self.state, source=asked.source or "",
            metadata=asked.metadata, newest_version=newest, version=(before.version if before else 0) if rejected else newest,
            reason="broken" if rejected else None, error=self.error if rejected else None,
        )  # fmt: skip
        return told.DocumentPut(row, "replaced" if before else "added")

    def _get(self, asked: told.GetDocument) -> told.DocumentDetail:
        row = self.documents.get(asked.document_id)
        if row is None:
            raise NotFound("document_not_found", "There is no such document")
        versions = [
            told.DocumentVersion(
                version=number, state="ready" if number == row.version else "replaced", sha256="0" * 64, size=9,
                created_at=NOW, notes=["Two pictures were left out"] if number == row.version else [],
            )
            for number in range(row.newest_version, 0, -1)
        ]  # fmt: skip
        passages = self.passages.get(asked.document_id, [])
        return told.DocumentDetail(
            document=structs.replace(row, passages=len(passages)), versions=versions,
            passages=passages[asked.offset : asked.offset + asked.passages],
        )  # fmt: skip

    def _list(self, asked: told.ListDocuments) -> told.DocumentPage:
        rows = [
            row for row in sorted(self.documents.values(), key=lambda row: row.updated_at, reverse=True)
            if asked.search.lower() in (row.title + row.source).lower() and asked.state in {None, row.state}
        ]  # fmt: skip
        return told.DocumentPage(rows[asked.offset : asked.offset + asked.limit], len(rows))

    def _delete(self, asked: told.DeleteDocument) -> told.DocumentGone:
        if self.documents.pop(asked.document_id, None) is None:
            raise NotFound("document_not_found", "There is no such document")
        return told.DocumentGone(document_id=asked.document_id, passages=2, passages_left=0, vectors_left=0)

    def _usage(self, asked: told.AskDocumentUsage) -> told.DocumentUsage:
        rows = self.citations.get(asked.document_id, [])
        return told.DocumentUsage(answers=rows, total=len(rows), outdated=sum(row.outdated for row in rows))

    def _import(self, asked: told.ImportSite) -> told.SiteImported:
        return told.SiteImported(documents=["web-1", "web-2"])

    def _index(self, _: told.AskIndex | None = None) -> told.IndexState:
        return told.IndexState(
            engine="embedded", model="all-MiniLM-L6-v2", dimension=384, origin="packaged", passages=1234, vectors=1234,
            rebuilding=self.rebuilding,
        )  # fmt: skip

    def _reindex(self, asked: told.Reindex) -> told.IndexState:
        if self.rebuilding:
            raise Conflict("reindex_running", "The index is being built already")
        self.reindexed.append(asked.model)
        self.rebuilding = told.Rebuilding(
            model=asked.model or "all-MiniLM-L6-v2", dimension=384, done=1, documents=4, started_at=NOW
        )
        return self._index()

    def _search(self, asked: Search) -> SearchResult:
        self.searches.append(asked)
        return SearchResult(sources=self.found[: asked.limit], method="hybrid", model="m")

    def _gaps(self, asked: ListGaps) -> GapPage:
        rows = [row for row in sorted(self.gaps.values(), key=lambda row: -row.count) if row.state == asked.state]
        return GapPage(rows[asked.offset : asked.offset + asked.limit], len(rows))

    def _dismiss(self, asked: DismissGap) -> Gap:
        return self._move(asked.gap_id, state="dismissed")

    def _reopen(self, asked: ReopenGap) -> Gap:
        return self._move(asked.gap_id, state="open")

    def _answer(self, asked: AnswerGap) -> Gap:
        document_id = f"gap-{asked.gap_id}"
        self.puts.append(told.PutDocument(document_id=document_id, title=asked.question, text=asked.answer))
        return self._move(asked.gap_id, state="answered", document_id=document_id)

    def _move(self, gap_id: str, **fields: Any) -> Gap:
        if gap_id not in self.gaps:
            raise NotFound("gap_not_found", "There is no such question")
        self.gaps[gap_id] = structs.replace(self.gaps[gap_id], **fields)
        return self.gaps[gap_id]


@contextmanager
def standing_in(nats_url: str) -> Iterator[StandIn]:
    """Serve, in a thread of its own: the browser's driver has this one."""
    stand_in, loop, over = StandIn(), asyncio.new_event_loop(), asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        async with NatsBus.connect(nats_url, "stand_in") as bus:
            await stand_in.serve(bus)
            ready.set()
            await over.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(20), "the stand-in did not reach the broker"
        yield stand_in
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
