"""The composition root, read from top to bottom."""

from libs.runtime.clock import now
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from libs.runtime.service import NotReady, Scope

from .adapters.http import Http
from .adapters.middlewares import Edge
from .adapters.server import Binding, application, serving
from .adapters.websocket import Sockets
from .app.chat import Chat
from .app.hubs import Hubs
from .app.platform import Platform, Statistics
from .app.sessions import Sessions
from .routes import ROUTES
from .settings import Settings

# Until identities exist, everybody is of one tenant.
TENANT = "default"


async def build(scope: Scope, settings: Settings) -> None:
    """Wire the gateway."""
    if settings.unsafe:
        raise NotReady(settings.unsafe)
    bus = await scope.enter("nats", NatsBus.connect(settings.nats_url, scope.instance))
    scope.check("NATS", bus.ping)

    statistics = Statistics(now())
    hubs = Hubs(bus, TENANT, now, scope.version, scope.log)
    bus.on_reconnect(hubs.reconnected)
    scope.spawn("hubs", hubs.run)

    sessions = Sessions(bus, TENANT, mint)
    chat = Chat(bus, hubs, statistics, tenant=TENANT, mint=mint, now=now, send_timeout=settings.send_timeout_s)
    platform = Platform(
        bus, scope.report, statistics, tenant=TENANT, now=now, name=settings.app_name,
        environment=settings.environment, version=scope.version,
    )  # fmt: skip

    sockets = Sockets(
        chat, hubs, mint=mint, now=now, log=scope.log, origins=settings.cors_origins, most=settings.max_sockets,
        most_per_session=settings.max_sockets_per_session,
    )  # fmt: skip
    edge = Edge(mint=mint, log=scope.log, statistics=statistics, cors_origins=settings.cors_origins)
    binding = Binding(
        Http(sessions, chat, platform, hubs), sockets, admin_token=settings.admin_token, draining=lambda: scope.draining
    )

    async def drain_sockets() -> None:
        await sockets.drain(settings.drain_s)

    async def drain_http() -> None:
        chat.hurry()
        await edge.drained()

    address = await scope.enter("http", serving(application(ROUTES, binding, edge), settings.host, settings.port))
    scope.on_drain("sockets", drain_sockets, timeout=settings.drain_s + 5)
    scope.on_drain("http", drain_http, timeout=10)
    scope.log.info("listening", address=address)
