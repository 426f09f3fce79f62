"""`GET /ws`: the socket of a conversation. What is said on it is `app.conversation`'s business."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiohttp import WSMsgType, web

from libs.contracts.errors import DeskError, Forbidden, Malformed, RateLimited
from libs.contracts.frames import Draining
from libs.runtime import tracing
from libs.runtime.log import Logger
from libs.runtime.metrics import SOCKETS

from ..app.chat import Chat
from ..app.conversation import Conversation
from ..app.hubs import Hubs
from ..app.participant import PROTOCOL, Participant
from ..domain.access import may_connect
from ..domain.limits import Limits, advise, check_session_id
from ..domain.rates import TooFast
from ..ports import Clock, Mint
from .outbox import Outbox
from .problem import RATE, internal

_HEARTBEAT_S = 20.0
_PEER_CLOSES_S = 3.0
_RETRY_SPREAD_MS = 8000
_CLOSE_EVERY_S = 0.05


class _Line(NamedTuple):
    """One connection: the socket, its way out, who is at its end, and the tasks that live as long as it does."""

    socket: web.WebSocketResponse
    outbox: Outbox
    participant: Participant
    tasks: asyncio.TaskGroup


class Sockets:
    """All sockets of this process, and the handler that serves each."""

    def __init__(
        self, chat: Chat, hubs: Hubs, *, mint: Mint, now: Clock, log: Logger, origins: list[str], most: int,
        most_per_session: int, limits: Limits,
    ) -> None:  # fmt: skip
        self._chat = chat
        self._hubs = hubs
        self._mint = mint
        self._now = now
        self._log = log
        self._origins = origins
        self._most = most
        self._most_per_session = most_per_session
        self._limits = limits
        self._open: dict[Outbox, Participant] = {}
        self._per_session: Counter[str] = Counter()

    async def converse(self, request: web.Request) -> web.StreamResponse:
        """`GET /ws`: accept, then serve; a fault is told and then closed with a code that says which."""
        socket = web.WebSocketResponse(
            timeout=_PEER_CLOSES_S, heartbeat=_HEARTBEAT_S, protocols=(PROTOCOL,), compress=False,
            max_msg_size=self._limits.frame_bytes + 1, decode_text=False,
        )  # fmt: skip
        if not socket.can_prepare(request):
            raise Malformed("upgrade_required", "This path speaks WebSocket: connect with ws:// or wss://")
        await socket.prepare(request)
        outbox = Outbox(socket, request.transport)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(outbox.write())
            try:
                participant = Participant(outbox, self._mint("client"), self._now)
                await self._serve(request, _Line(socket, outbox, participant, tasks))
            finally:
                outbox.end()
        return socket

    async def drain(self, over: float) -> None:
        """Tell every client to come back, each at its own time, and close the sockets over so many seconds."""
        leaving = list(self._open.items())
        for place, (_, participant) in enumerate(leaving):
            participant.send(Draining(retry_after_ms=place * _RETRY_SPREAD_MS // len(leaving)))
        for outbox, _ in leaving:
            outbox.close(1012, "service restart")
            await asyncio.sleep(min(over / len(leaving), _CLOSE_EVERY_S))

    # --- one socket

    async def _serve(self, request: web.Request, line: _Line) -> None:
        try:
            with self._admitted(request, line) as session_id:
                await self._follow(session_id, request.query.get("cursor"), line)
        except DeskError as fault:
            told = advise(fault)
        except ConnectionError:
            return
        except Exception as error:
            self._log.error("socket_failed", exc_info=error)
            told = internal()
        else:
            return
        line.participant.dismiss(told)
        await _until_closed(line.socket)

    async def _follow(self, session_id: str, cursor: str | None, line: _Line) -> None:
        async with self._hubs.joined(session_id) as hub:
            await hub.join(line.participant, cursor)
            try:
                conversation = Conversation(
                    self._chat,
                    hub,
                    line.participant,
                    lambda work: line.tasks.create_task(self._work(work, line.participant)),
                    self._limits,
                )
                await _read(line, conversation)
            finally:
                hub.leave(line.participant)

    @contextmanager
    def _admitted(self, request: web.Request, line: _Line) -> Iterator[str]:
        """Count a socket while it is open.

        Raises:
            DeskError: its origin or session id is refused, or there are too many, or they come too fast.
        """
        rate = request.get(RATE)
        if rate is not None and not rate.allowed:
            raise TooFast("Too many connections in a short time; wait a little before the next one", rate.retry_after_s)
        if not may_connect(request.headers.get("Origin"), request.host, self._origins):
            raise Forbidden("origin_refused", "Pages of this origin may not connect here")
        session_id = check_session_id(request.query.get("session_id", ""))
        if len(self._open) >= self._most or self._per_session[session_id] >= self._most_per_session:
            if not self._per_session[session_id]:
                del self._per_session[session_id]
            raise RateLimited(
                "too_many_connections", "There are too many open connections; close one, or try again later"
            )
        self._open[line.outbox] = line.participant
        SOCKETS.inc()
        self._per_session[session_id] += 1
        try:
            yield session_id
        finally:
            del self._open[line.outbox]
            SOCKETS.dec()
            self._per_session[session_id] -= 1
            if not self._per_session[session_id]:
                del self._per_session[session_id]

    async def _work(self, work: Coroutine[Any, Any, None], participant: Participant) -> None:
        """Do what a frame asked for, under a trace of its own."""
        tracing.follow(None)
        try:
            await work
        except Exception as error:
            self._log.error("frame_failed", exc_info=error)
            participant.send_error(internal())


async def _read(line: _Line, conversation: Conversation) -> None:
    """Read frames until the connection ends; those that come after our goodbye are too late."""
    async for message in line.socket:
        if line.outbox.closing:
            continue
        if message.type is WSMsgType.TEXT:
            conversation.receive(message.data)
        elif message.type is WSMsgType.BINARY:
            line.participant.send_error(Malformed("binary_frame", "Frames are text: JSON objects with a type"))


async def _until_closed(socket: web.WebSocketResponse) -> None:
    """Read on, to no purpose, until the closing handshake is over."""
    async for _ in socket:
        pass
