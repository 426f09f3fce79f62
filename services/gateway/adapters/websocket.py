"""`GET /ws`: the socket of a conversation. What is said on it is `app.conversation`'s business."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from libs.contracts.errors import DeskError, Forbidden, Invalid, Malformed
from libs.runtime import tracing
from libs.runtime.log import Logger
from libs.runtime.metrics import SOCKETS

from ..app.chat import Chat
from ..app.conversation import Conversation
from ..app.hubs import Hubs
from ..app.idle import IdleWatch
from ..app.participant import PROTOCOL, Participant
from ..domain.access import may_connect
from ..domain.credentials import check_credential, find_credential, is_secret, not_authenticated
from ..domain.limits import Limits, advise, check_session_id
from ..domain.operators import check_operator
from ..domain.rates import FramePace, TooFast
from ..ports import Clock, Mint
from .connections import Connections
from .outbox import Outbox
from .problem import RATE, internal
from .wires import SocketWire

HEARTBEAT_S = 20.0
_PEER_CLOSES_S = 3.0


class _Line:
    """One connection: the socket, its way out, who is at its end."""

    __slots__ = ("_run", "outbox", "participant", "socket")

    def __init__(
        self, socket: web.WebSocketResponse, wire: SocketWire, client_id: str, now: Clock,
        run: Callable[[Coroutine[Any, Any, None], "_Line"], None],
    ) -> None:  # fmt: skip
        self._run = run
        self.socket = socket
        self.outbox = Outbox(wire, self.spawn)
        self.participant = Participant(self.outbox, client_id, now)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something that this connection asked for."""
        self._run(work, self)


class Sockets:
    """All sockets of this process, and the handler that serves each.

    Args:
        admin_token: what operators prove themselves by; without one there are none.
        heartbeat_s: how often a client must show that it is still there.
    """

    def __init__(
        self, chat: Chat, hubs: Hubs, connections: Connections, idle: IdleWatch, *, mint: Mint, now: Clock, log: Logger,
        origins: list[str], limits: Limits, admin_token: str | None, heartbeat_s: float = HEARTBEAT_S,
    ) -> None:  # fmt: skip
        self._chat = chat
        self._hubs = hubs
        self._connections = connections
        self._mint = mint
        self._now = now
        self._log = log
        self._origins = origins
        self._limits = limits
        self._idle = idle
        self._admin_token = admin_token
        self._heartbeat_s = heartbeat_s
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Do what sockets ask for, for as long as the service lives: each socket a group of its own would cost too much."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None

    async def converse(self, request: web.Request) -> web.StreamResponse:
        """`GET /ws`: accept, then serve; a fault is told and then closed with a code that says which."""
        offered = _protocols(request)
        if PROTOCOL not in offered and any(map(is_secret, offered)):
            # No browser would go on, and aiohttp would log what was offered.
            raise not_authenticated(f"A credential may stand beside the sub-protocol {PROTOCOL}, not instead of it")
        socket = web.WebSocketResponse(
            timeout=_PEER_CLOSES_S, heartbeat=self._heartbeat_s, protocols=(PROTOCOL,), compress=False,
            max_msg_size=self._limits.frame_bytes + 1, decode_text=False, autoping=False, autoclose=False,
        )  # fmt: skip
        if not socket.can_prepare(request):
            raise Malformed("upgrade_required", "This path speaks WebSocket: connect with ws:// or wss://")
        writer = await socket.prepare(request)
        wire = SocketWire(request, socket, writer)
        line = _Line(socket, wire, self._mint("client"), self._now, self._run)
        try:
            await self._serve(request, line)
        except ConnectionError:
            # The client is gone: nobody is told of anything.
            pass
        except Exception as error:
            line.participant.dismiss(self._told(error))
            await _until_closed(socket)
        finally:
            if line.outbox.closing:
                wire.hang_up()
            line.outbox.end()
        return socket

    # --- one socket

    async def _serve(self, request: web.Request, line: _Line) -> None:
        """Serve a socket until its connection ends.

        Raises:
            DeskError: it is refused, or its session cannot be followed.
        """
        session_id, participant = self._checked(request), line.participant
        participant.operator = self._operator(request)
        is_operator = participant.operator is not None
        with (
            self._connections.admitted(session_id, is_operator=is_operator),
            self._connections.listed(line.outbox, participant),
        ):
            SOCKETS.inc()
            self._idle.add(participant)
            try:
                await self._follow(session_id, request.query.get("cursor"), line)
            finally:
                self._idle.discard(participant)
                SOCKETS.dec()

    async def _follow(self, session_id: str, cursor: str | None, line: _Line) -> None:
        """Read frames until the connection ends."""
        participant = line.participant
        async with self._hubs.joined(session_id) as hub:
            try:
                await hub.join(participant, cursor)
                conversation = Conversation(self._chat, hub, participant, line.spawn, self._limits)
                pace, clock = FramePace(), asyncio.get_running_loop().time
                async for message in line.socket:
                    if message.type is not WSMsgType.ERROR:
                        await _take(message, line, conversation)
                        # What has arrived already is read without a pause: a flood would leave no time to others.
                        if wait := pace.wait(clock(), len(message.data)):
                            await asyncio.sleep(wait)
            finally:
                hub.leave(participant)

    def _checked(self, request: web.Request) -> str:
        """Give the session that is asked for.

        Raises:
            DeskError: the origin or the session id is refused, or connections come too fast.
        """
        rate = request.get(RATE)
        if rate is not None and not rate.allowed:
            raise TooFast("Too many connections in a short time; wait a little before the next one", rate.retry_after_s)
        if not may_connect(request.headers.get("Origin"), request.host, self._origins):
            raise Forbidden("origin_refused", "Pages of this origin may not connect here")
        return check_session_id(request.query.get("session_id", ""))

    def _operator(self, request: web.Request) -> str | None:
        """Give the name of the operator who connects; None where it is a customer.

        Raises:
            Unauthenticated: `not_authenticated`; whoever it is has not proven it, or has no name that can be shown.
        """
        headers, name = request.headers, request.query.get("operator")
        given = find_credential(headers.get("Authorization"), headers.get("X-Admin-Token"), _protocols(request))
        if given is None and name is None:
            return None
        check_credential(given, self._admin_token)
        try:
            return check_operator(name)
        except Invalid as fault:
            raise not_authenticated(fault.detail) from fault

    def _told(self, error: Exception) -> DeskError:
        """Give what a client is told of a fault; what nobody expected is logged."""
        if isinstance(error, DeskError):
            return advise(error)
        self._log.error("socket_failed", exc_info=error)
        return internal()

    def _run(self, work: Coroutine[Any, Any, None], line: _Line) -> None:
        if self._tasks is None:
            work.close()
        else:
            self._tasks.create_task(self._work(work, line.participant))

    async def _work(self, work: Coroutine[Any, Any, None], participant: Participant) -> None:
        """Do what a connection asked for, under a trace of its own."""
        tracing.follow(None)
        try:
            await work
        except Exception as error:
            self._log.error("frame_failed", exc_info=error)
            participant.send_error(internal())


def _protocols(request: web.Request) -> list[str]:
    """Give the sub-protocols that a client offers."""
    return [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]


async def _take(message: WSMessage, line: _Line, conversation: Conversation) -> None:
    """Take a frame, unless it comes after our goodbye. Pings of the protocol are answered here, to be paced as all are."""
    if line.outbox.closing:
        return
    if message.type is WSMsgType.TEXT:
        conversation.receive(message.data)
    elif message.type is WSMsgType.BINARY:
        line.participant.send_error(Malformed("binary_frame", "Frames are text: JSON objects with a type"))
    elif message.type is WSMsgType.PING:
        await line.socket.pong(message.data)


async def _until_closed(socket: web.WebSocketResponse) -> None:
    """Read on, to no purpose, until the closing handshake is over."""
    async for _ in socket:
        pass
