"""The whole gateway in one process, over the fakes: what the composition root wires, without a broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import ClientTimeout, ClientWebSocketResponse, TCPConnector, WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from libs.contracts.health import CheckResult, HealthReport
from libs.runtime.ids import mint
from libs.runtime.rate_limits import RateLimiter
from services.gateway.adapters.bodies import BODY_S
from services.gateway.adapters.connections import Connections
from services.gateway.adapters.docs import Docs
from services.gateway.adapters.event_stream import EventStreams
from services.gateway.adapters.http import Http
from services.gateway.adapters.http_agent import AgentHttp
from services.gateway.adapters.http_documents import DocumentHttp
from services.gateway.adapters.http_export import ExportHttp
from services.gateway.adapters.http_knowledge import KnowledgeHttp
from services.gateway.adapters.http_operators import OperatorHttp
from services.gateway.adapters.middlewares import Edge
from services.gateway.adapters.pacing import Pacing
from services.gateway.adapters.pages import Pages
from services.gateway.adapters.server import Binding, application
from services.gateway.adapters.uploads import Files
from services.gateway.adapters.websocket import HEARTBEAT_S, Sockets
from services.gateway.app.answering import Answerings
from services.gateway.app.approvals import Approvals
from services.gateway.app.cancellation import Cancellation
from services.gateway.app.chat import Chat
from services.gateway.app.documents import Documents
from services.gateway.app.export import Export
from services.gateway.app.hubs import Hubs
from services.gateway.app.idle import IdleWatch
from services.gateway.app.knowledge import Knowledge
from services.gateway.app.memories import Memories
from services.gateway.app.operators import Operators
from services.gateway.app.pace import Pace
from services.gateway.app.platform import Platform, Statistics
from services.gateway.app.sessions import Sessions
from services.gateway.app.uploads import Uploads
from services.gateway.app.usage import Usage
from services.gateway.domain.documents import DocumentLimits
from services.gateway.domain.limits import Limits
from services.gateway.domain.rates import networks
from services.gateway.domain.uploads import UploadLimits
from services.gateway.routes import served
from tests.unit.attachments.blobs import Blobs

from .fakes import NOW, TENANT, Desk, clock, running_hubs


class Gateway:
    """A running gateway and the desk behind it."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.draining = False
        self.documents = Blobs()
        self.own = [CheckResult("NATS", ok=True)]
        self.client: TestClient[Any, Any]
        self.connections: Connections
        self.sockets: Sockets
        self.chat: Chat
        self.edge: Edge
        self.hubs: Hubs

    async def report(self) -> HealthReport:
        return HealthReport("gateway", "gateway_1", "0", not self.draining, self.own)

    async def session(self, **body: Any) -> str:
        async with self.client.post("/api/sessions", json=body) as response:
            assert response.status == 200
            return (await response.json())["session_id"]

    @asynccontextmanager
    async def socket(self, session_id: str | None = None, **options: Any) -> AsyncIterator["Talk"]:
        query = {} if session_id is None else {"session_id": session_id}
        query |= options.pop("query", {})
        async with self.client.ws_connect("/ws", params=query, **options) as socket:
            yield Talk(socket)


class Talk:
    """A client's end of a socket."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []

    async def until(self, kind: str) -> dict[str, Any]:
        """Read on to the next frame of this type."""
        while True:
            frame = await asyncio.wait_for(self.socket.receive_json(), 3)
            self.frames.append(frame)
            if frame["type"] == kind:
                return frame

    async def closed(self) -> int | None:
        """Read on to the end; gives the close code."""
        while True:
            message = await asyncio.wait_for(self.socket.receive(), 5)
            if message.type is not WSMsgType.TEXT:
                return self.socket.close_code
            self.frames.append(message.json())

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]


@asynccontextmanager
async def gateway(**options: Any) -> AsyncIterator[Gateway]:
    running = Gateway()
    statistics = Statistics(NOW)
    log = structlog.get_logger()
    origins = options.pop("cors_origins", [])
    admin_token = options.pop("admin_token", None)
    limits = options.pop("limits", Limits())
    limiter = RateLimiter(None)
    pace = Pace(limiter, options.pop("request_rate", None), kind="http", detail="Too fast")
    message_pace = Pace(limiter, options.pop("message_rate", None), kind="messages", detail="Too fast")
    routes = served(api=options.pop("api", "/api"), debug=options.pop("debug", True))
    async with running_hubs(running.desk, options.pop("linger_s", 0.0)) as hubs:
        running.hubs = hubs
        running.chat = Chat(
            running.desk,
            hubs,
            statistics,
            message_pace,
            tenant=TENANT,
            mint=mint,
            now=clock,
            send_timeout=options.pop("send_timeout", 5),
        )
        platform = Platform(
            running.desk, running.report, statistics, tenant=TENANT, now=clock, name="Deskbus", environment="testing",
            version="0",
        )  # fmt: skip
        running.connections = Connections(options.pop("most", 100), options.pop("most_per_session", 3))
        idle = IdleWatch(options.pop("idle_s", 0.0))
        running.sockets = Sockets(
            running.chat, hubs, running.connections, idle, mint=mint, now=clock, log=log, origins=origins,
            limits=limits, admin_token=admin_token, heartbeat_s=options.pop("heartbeat_s", HEARTBEAT_S),
        )  # fmt: skip
        unlimited = frozenset(route.path for route in routes if route.unlimited)
        pacing = Pacing(pace, unlimited=unlimited, trusted=networks(options.pop("trusted_proxies", [])))
        running.edge = Edge(pacing, mint=mint, log=log, statistics=statistics, cors_origins=origins)
        files = Files(Uploads(running.desk, Blobs(), log, tenant=TENANT, mint=mint, limits=UploadLimits()), limits)
        answerings = Answerings(running.chat, hubs, mint=mint, now=clock)
        streams = EventStreams(answerings, hubs, running.connections, mint=mint, now=clock, log=log)
        knowledge = Knowledge(running.desk, TENANT)
        within = DocumentLimits(file_bytes=options.pop("document_bytes", 1024 * 1024), at_once=2)
        documents = Documents(running.desk, running.documents, log, tenant=TENANT, mint=mint, limits=within)
        http = Http(
            Sessions(running.desk, TENANT, mint),
            running.chat,
            knowledge,
            platform,
            hubs,
            cancellation=Cancellation(running.chat, hubs),
            streams=streams,
            files=files,
            limits=limits,
        )
        binding = Binding(
            http,
            OperatorHttp(Operators(running.desk, TENANT, mint, limits=limits), limits),
            AgentHttp(
                Memories(running.desk, TENANT),
                Approvals(running.desk, TENANT),
                Usage(running.desk, TENANT, clock),
                limits,
            ),
            KnowledgeHttp(knowledge, limits),
            DocumentHttp(documents, limits),
            ExportHttp(Export(running.desk, TENANT, clock)),
            running.sockets,
            streams,
            files,
            Docs(routes, "0", limits),
            Pages(limits=limits),
            admin_token=admin_token,
            draining=lambda: running.draining,
        )
        app = application(routes, binding, running.edge, limits)
        app[BODY_S] = options.pop("body_s", 5.0)
        server = TestServer(app)
        assert not options, options
        # More sockets than a client's pool has by default, and an end to waiting that a test can live with.
        async with TestClient(server, connector=TCPConnector(limit=0), timeout=ClientTimeout(10)) as client:
            running.client = client
            background = [asyncio.create_task(run()) for run in (idle.run, running.sockets.run)]
            await asyncio.sleep(0)
            try:
                yield running
            finally:
                for task in background:
                    task.cancel()
                await asyncio.gather(*background, return_exceptions=True)
