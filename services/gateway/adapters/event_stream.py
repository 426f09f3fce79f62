"""Server-sent events: a session's frames at `GET .../events`, and those of one answer where a message asks for them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from aiohttp import web

from libs.contracts.errors import DeskError
from libs.runtime.log import Logger

from ..app.answering import Answering, Answerings
from ..app.hub import Hub
from ..app.hubs import Hubs
from ..app.participant import Participant
from ..domain.limits import advise, check_session_id, session_not_found
from ..domain.requests import Draft
from ..ports import Clock, Mint
from .connections import Connections
from .outbox import Outbox
from .problem import internal
from .wires import StreamWire

EVENT_STREAM = "text/event-stream"
_HEADERS = {
    "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
    "Cache-Control": "no-cache",
    # Proxies of the nginx kind would else gather events into pages.
    "X-Accel-Buffering": "no",
}
_RETRY = b"retry: 3000\n\n"
# aiohttp does not tell that a client has gone to whoever does not read; it is looked for so often.
_LOOK_S = 5.0
_COMMENT_EVERY = 3  # looks, so every 15 s: proxies take a stream for dead after 30 to 60 s of silence


class _Stream(NamedTuple):
    wire: StreamWire
    outbox: Outbox
    tasks: asyncio.TaskGroup


class EventStreams:
    """All event streams of this process."""

    def __init__(
        self, answerings: Answerings, hubs: Hubs, connections: Connections, *, mint: Mint, now: Clock, log: Logger
    ) -> None:
        self._answerings = answerings
        self._hubs = hubs
        self._connections = connections
        self._mint = mint
        self._now = now
        self._log = log

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`GET /api/chat/sessions/{id}/events`: what a WebSocket would show, to a client that only listens."""
        session_id = check_session_id(request.match_info["id"])
        cursor = request.headers.get("Last-Event-ID") or request.query.get("cursor")
        response = web.StreamResponse(headers=_HEADERS)
        with self._connections.admitted(session_id):
            async with self._hubs.joined(session_id) as hub:
                if hub.gone:
                    raise session_not_found()
                async with self._open(request, response) as stream:
                    participant = Participant(stream.outbox, self._mint("client"), self._now)
                    with self._connections.listed(stream.outbox, participant):
                        await self._follow(hub, participant, cursor, stream)
        return response

    async def stream_answer(
        self, request: web.Request, draft: AbstractAsyncContextManager[Draft]
    ) -> web.StreamResponse:
        """Post a message, and show its answer as it comes. That the client goes away cancels nothing."""
        response = web.StreamResponse(headers=_HEADERS)
        async with AsyncExitStack() as held:
            # What is wrong until the message is posted is an ordinary problem; what goes wrong later must not reach the
            # draft, which would take back the files that came with it.
            async with draft as ready:
                session_id = check_session_id(request.match_info["id"])
                held.enter_context(self._connections.admitted(session_id))
                answering = await held.enter_async_context(self._answerings.posted(session_id, ready))
            stream = await held.enter_async_context(self._open(request, response))
            held.enter_context(self._connections.listed(stream.outbox, answering.participant))
            answering.lead_to(stream.outbox)
            following = stream.tasks.create_task(self._run(answering, stream.outbox))
            await _until_over(stream)
            following.cancel()
        return response

    # --- one stream

    @asynccontextmanager
    async def _open(self, request: web.Request, response: web.StreamResponse) -> AsyncIterator[_Stream]:
        """Begin a response; where its stream is over, end it."""
        # A connection that was slow, or whose client has gone, is of no use to another request.
        response.force_close()
        writer = await response.prepare(request)
        if writer is None:
            raise ConnectionResetError("the client has gone")
        await response.write(_RETRY)
        async with asyncio.TaskGroup() as tasks:
            wire = StreamWire(request, writer)
            outbox = Outbox(wire, tasks.create_task)
            try:
                yield _Stream(wire, outbox, tasks)
                if not wire.is_lost:
                    await response.write_eof()
            except ConnectionError:
                # The client has gone: nobody is told of anything.
                pass
            finally:
                outbox.end()

    async def _follow(self, hub: Hub, participant: Participant, cursor: str | None, stream: _Stream) -> None:
        try:
            await hub.join(participant, cursor)
            await _until_over(stream)
        except DeskError as fault:
            participant.dismiss(advise(fault))
        except Exception as error:
            self._log.error("stream_failed", exc_info=error)
            participant.dismiss(internal())
        finally:
            hub.leave(participant)
        await _until_over(stream)

    async def _run(self, answering: Answering, outbox: Outbox) -> None:
        try:
            await answering.run()
        except DeskError as fault:
            answering.participant.send_error(advise(fault))
        except Exception as error:
            self._log.error("stream_failed", exc_info=error)
            answering.participant.send_error(internal())
        outbox.close(1000, "")


async def _until_over(stream: _Stream) -> None:
    """Wait until the stream is over, and keep it from being taken for dead."""
    looks = 0
    while not stream.wire.is_lost:
        try:
            async with asyncio.timeout(_LOOK_S):
                await stream.outbox.over()
                return
        except TimeoutError:
            looks += 1
            if looks % _COMMENT_EVERY == 0:
                stream.wire.comment()


def asks_for_events(accept: Iterable[str]) -> bool:
    """Say whether `Accept` headers name event streams, and do not rather ask for JSON."""
    wanted = {EVENT_STREAM: 0.0, "application/json": 0.0}
    for part in ",".join(accept).lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        wanted[name] = _quality(parameters)
    return wanted[EVENT_STREAM] > 0 and wanted[EVENT_STREAM] >= wanted["application/json"]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
