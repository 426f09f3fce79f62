"""What the knowledge service answers and handles: channel -> use case."""

from libs.contracts import bus_map
from libs.contracts.context import Context
from libs.contracts.session import SessionDeleted, TurnCompleted
from libs.runtime.bus import Bus
from libs.runtime.consumer import EventConsumer
from libs.runtime.nats import NatsBus
from libs.runtime.service import Scope

from .app import Documents, Gaps, Reindexing, Searching, Sessions, Sites, Usage


async def serve(bus: Bus, searching: Searching, documents: Documents, reindexing: Reindexing, scope: Scope) -> None:
    """Answer what is asked about documents, the index and the service."""
    await bus.serve(bus_map.SEARCH, searching.search)
    await bus.serve(bus_map.PUT_DOCUMENT, documents.put)
    await bus.serve(bus_map.GET_DOCUMENT, documents.get)
    await bus.serve(bus_map.LIST_DOCUMENTS, documents.list_documents)
    await bus.serve(bus_map.DELETE_DOCUMENT, documents.delete)
    await bus.serve(bus_map.REINDEX, reindexing.reindex)
    await bus.serve(bus_map.INDEX_STATE, reindexing.state)
    await bus.serve(bus_map.KNOWLEDGE_HEALTH, scope.health)
    await bus.serve(bus_map.KNOWLEDGE_METRICS, scope.metrics)


async def serve_sites(bus: Bus, sites: Sites) -> None:
    """Answer what is asked about pages of the web."""
    await bus.serve(bus_map.IMPORT_SITE, sites.import_site)


async def serve_gaps(bus: Bus, gaps: Gaps, usage: Usage) -> None:
    """Answer what is asked about what the documents do not answer, and where they are cited."""
    await bus.serve(bus_map.LIST_GAPS, gaps.list_gaps)
    await bus.serve(bus_map.DISMISS_GAP, gaps.dismiss)
    await bus.serve(bus_map.REOPEN_GAP, gaps.reopen)
    await bus.serve(bus_map.ANSWER_GAP, gaps.answer)
    await bus.serve(bus_map.DOCUMENT_USAGE, usage.of_document)


def listen(bus: NatsBus, gaps: Gaps, usage: Usage, sessions: Sessions, scope: Scope) -> None:
    """Hear what becomes of turns, answers, documents and sessions."""

    async def note(event: TurnCompleted, ctx: Context) -> None:
        await gaps.note(event, ctx)
        await usage.note(event, ctx)

    async def forget(event: SessionDeleted, ctx: Context) -> None:
        await gaps.forget(event, ctx)
        await sessions.forget(event, ctx)

    for consumer, name in (
        (EventConsumer(bus, "knowledge", bus_map.TURN_COMPLETED, note), "answers"),
        (EventConsumer(bus, "knowledge", bus_map.FEEDBACK_GIVEN, gaps.note_rated), "ratings"),
        (EventConsumer(bus, "knowledge", bus_map.MESSAGE_ADDED, gaps.hear_operator), "operators"),
        (EventConsumer(bus, "knowledge", bus_map.DOCUMENT_INDEXED, gaps.close_found), "answered gaps"),
        (EventConsumer(bus, "knowledge", bus_map.SESSION_DELETED, forget), "forgetting"),
    ):
        scope.spawn(name, consumer.run)
