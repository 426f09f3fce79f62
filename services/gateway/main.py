"""The composition root, read from top to bottom."""

from collections.abc import Awaitable, Callable

from libs.contracts.health import MetricsText
from libs.contracts.streams import ATTACHMENTS, DOCUMENTS
from libs.runtime.blobs import NatsBlobs
from libs.runtime.clock import now
from libs.runtime.ids import mint
from libs.runtime.metrics import merged, own_text
from libs.runtime.nats import NatsBus
from libs.runtime.rate_limits import RateLimiter
from libs.runtime.service import Scope, Unusable

from .adapters.connections import Connections
from .adapters.docs import Docs
from .adapters.event_stream import EventStreams
from .adapters.http import Http
from .adapters.http_agent import AgentHttp
from .adapters.http_documents import DocumentHttp
from .adapters.http_export import ExportHttp
from .adapters.http_knowledge import KnowledgeHttp
from .adapters.http_operators import OperatorHttp
from .adapters.middlewares import Edge
from .adapters.pacing import Pacing
from .adapters.pages import Pages
from .adapters.server import Binding, application, serving
from .adapters.uploads import Files
from .adapters.websocket import Sockets
from .app.answering import Answerings
from .app.approvals import Approvals
from .app.cancellation import Cancellation
from .app.chat import Chat
from .app.documents import Documents
from .app.export import Export
from .app.figures import Figures
from .app.hubs import Hubs
from .app.idle import IdleWatch
from .app.knowledge import Knowledge
from .app.memories import Memories
from .app.operators import Operators
from .app.pace import Pace
from .app.platform import Platform, Statistics
from .app.sessions import Sessions
from .app.uploads import Uploads
from .app.usage import Usage
from .domain.documents import DocumentLimits
from .domain.rates import networks
from .domain.uploads import UploadLimits
from .routes import Route, served
from .settings import Settings

# Until identities exist, everybody is of one tenant.
TENANT = "default"


async def build(scope: Scope, settings: Settings) -> None:
    """Wire the gateway."""
    if settings.unsafe:
        raise Unusable(settings.unsafe)
    bus = await scope.enter("nats", NatsBus.connect(settings.nats_url, scope.instance))
    scope.check("NATS", bus.ping)
    limiter = await scope.enter("redis", RateLimiter.connect(settings.redis_url))
    scope.check("Redis Cache", limiter.probe, required=False)

    statistics = Statistics(now())
    hubs = Hubs(bus, TENANT, now, scope.version, scope.log, gateway_id=scope.instance)
    bus.on_reconnect(hubs.reconnected)
    scope.spawn("hubs", hubs.run)

    chat = _chat(settings, bus, hubs, statistics, limiter)
    connections = Connections(settings.max_sockets, settings.max_sockets_per_session)
    sockets = _sockets(scope, settings, chat, hubs, connections)
    streams = _streams(scope, chat, hubs, connections)
    files, documents = await _open_files(scope, settings, bus)
    knowledge = Knowledge(bus, TENANT)
    http = Http(
        Sessions(bus, TENANT, mint), chat, knowledge, _platform(scope, settings, bus, statistics), hubs,
        cancellation=Cancellation(chat, hubs), streams=streams, files=files, limits=settings.limits,
        figures=_figures(scope, bus) if settings.telemetry_enabled else None,
    )  # fmt: skip

    routes = served(api=settings.api_prefix, debug=settings.shows_docs)
    pacing = _pacing(limiter, settings, routes)
    edge = Edge(pacing, mint=mint, log=scope.log, statistics=statistics, cors_origins=settings.cors_origins)
    binding = Binding(
        http, *_for_operators(settings, bus), KnowledgeHttp(knowledge, settings.limits), documents, ExportHttp(Export(bus, TENANT, now)), sockets, streams, files,
        Docs(routes, scope.version, settings.limits), Pages(settings.api_prefix, settings.limits),
        admin_token=settings.admin_token, draining=lambda: scope.draining,
    )  # fmt: skip
    app = application(routes, binding, edge, settings.limits)
    address = await scope.enter("http", serving(app, settings.host, settings.port))
    _drain(scope, settings, connections, chat, edge)
    scope.log.info("listening", address=address)


def _chat(settings: Settings, bus: NatsBus, hubs: Hubs, statistics: Statistics, limiter: RateLimiter) -> Chat:
    pace = Pace(limiter, settings.message_rate, kind="messages", detail="Messages come too fast; wait a little")
    return Chat(
        bus, hubs, statistics, pace, tenant=TENANT, mint=mint, now=now, send_timeout=settings.send_timeout_s,
        api=settings.api_prefix,
    )  # fmt: skip


def _sockets(scope: Scope, settings: Settings, chat: Chat, hubs: Hubs, connections: Connections) -> Sockets:
    idle = IdleWatch(settings.socket_idle_s)
    scope.spawn("idle", idle.run)
    sockets = Sockets(
        chat, hubs, connections, idle, mint=mint, now=now, log=scope.log, origins=settings.cors_origins,
        limits=settings.limits, admin_token=settings.admin_token,
    )  # fmt: skip
    scope.spawn("sockets", sockets.run)
    return sockets


def _streams(scope: Scope, chat: Chat, hubs: Hubs, connections: Connections) -> EventStreams:
    return EventStreams(
        Answerings(chat, hubs, mint=mint, now=now), hubs, connections, mint=mint, now=now, log=scope.log
    )


def _for_operators(settings: Settings, bus: NatsBus) -> tuple[OperatorHttp, AgentHttp]:
    operators = OperatorHttp(Operators(bus, TENANT, mint, limits=settings.limits), settings.limits)
    return operators, AgentHttp(Memories(bus, TENANT), Approvals(bus, TENANT), Usage(bus, TENANT, now), settings.limits)


def _platform(scope: Scope, settings: Settings, bus: NatsBus, statistics: Statistics) -> Platform:
    return Platform(
        bus, scope.report, statistics, tenant=TENANT, now=now, name=settings.app_name,
        environment=settings.environment, version=scope.version, docs="/docs" if settings.shows_docs else None,
        metrics="/metrics" if settings.telemetry_enabled else None,
    )  # fmt: skip


def _figures(scope: Scope, bus: NatsBus) -> Callable[[], Awaitable[str]]:
    return Figures(bus, TENANT, lambda: MetricsText(scope.name, scope.instance, own_text()), merged).text


def _pacing(limiter: RateLimiter, settings: Settings, routes: list[Route]) -> Pacing:
    pace = Pace(limiter, settings.request_rate, kind="http", detail="Requests come too fast; see Retry-After")
    unlimited = frozenset(route.path for route in routes if route.unlimited)
    return Pacing(pace, unlimited=unlimited, trusted=networks(settings.trusted_proxies))


def _drain(scope: Scope, settings: Settings, connections: Connections, chat: Chat, edge: Edge) -> None:
    """Say what is done between the stop signal and the closing of the parts."""

    async def drain_connections() -> None:
        await connections.drain(settings.drain_s)

    async def drain_http() -> None:
        chat.hurry()
        await edge.drained()

    scope.on_drain("connections", drain_connections, timeout=settings.drain_s + 5)
    scope.on_drain("http", drain_http, timeout=10)


async def _open_files(scope: Scope, settings: Settings, bus: NatsBus) -> tuple[Files, DocumentHttp]:
    """Wire uploads; their bytes go over a connection of their own, so that no frame waits behind a file."""
    files_bus = await scope.enter("nats_files", NatsBus.connect(settings.nats_url, f"{scope.instance}_files"))
    limits = UploadLimits(file_bytes=settings.max_file_bytes, at_once=settings.max_uploads)
    uploads = Uploads(bus, NatsBlobs(files_bus, ATTACHMENTS), scope.log, tenant=TENANT, mint=mint, limits=limits)
    within = DocumentLimits(file_bytes=settings.max_document_bytes)
    documents = Documents(bus, NatsBlobs(files_bus, DOCUMENTS), scope.log, tenant=TENANT, mint=mint, limits=within)
    return Files(uploads, settings.limits), DocumentHttp(documents, settings.limits)
