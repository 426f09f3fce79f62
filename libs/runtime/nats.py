"""The bus over NATS.

The rules that keep it alive, each learnt the hard way: callbacks never raise (an exception in one leaves a connection
that is open and dead), reconnecting never ends, a watchdog makes real round trips, requests are handed to bounded
tasks (a subscription's callback runs one message at a time), and a deadline travels with each request.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Any, cast

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext

from libs.contracts.channels import NO_KEY, Live, Payload, Req, Res, Rpc, encode, parse_subject
from libs.contracts.context import Context
from libs.contracts.errors import DeskError, ErrorBody, Internal, Malformed, TimedOut, Unavailable, from_body

from . import tracing
from .bus import Answering, BusLost, Hearing, Subscription, Watching
from .metrics import BROKER_RECONNECTS, HANDLED

# Headers of a request: how long its asker still waits, in milliseconds, and the trace that it belongs to.
TIMEOUT_HEADER = "Desk-Timeout-Ms"
TRACE_HEADER = "traceparent"
ERROR_HEADER = "Nats-Service-Error"
ERROR_CODE_HEADER = "Nats-Service-Error-Code"

_ATTEMPT_S = 2.0  # one try of a request that may be sent again: a process may have died with it
_WATCH_EVERY_S = 5.0
_WATCH_FAILURES = 3
_FLUSH_STEPS = 100
_STOP_S = 10.0  # how long requests in hand may take when the service stops

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class NatsBus:
    """The bus's verbs over one connection. Made by `connect`."""

    def __init__(self, client: Client, tasks: asyncio.TaskGroup, limit: int) -> None:
        self._client = client
        self._tasks = tasks
        self._limit = limit
        self._in_hand: set[asyncio.Task[None]] = set()
        self._served: list[Subscription] = []
        self._reconnect_callbacks: list[Callable[[], None]] = []
        self._closed = asyncio.Event()
        self._stopping = False

    @property
    def jetstream(self) -> JetStreamContext:
        """The published history; publishing waits at most 2 s for its acknowledgement."""
        return self._client.jetstream(timeout=2)  # pyright: ignore[reportUnknownMemberType]

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, name: str, *, patience: float = 30.0, limit: int = 512
    ) -> "AsyncIterator[NatsBus]":
        """Connect, and close in order: stop answering, finish what is in hand, flush, leave.

        Args:
            url: one or more addresses, separated by commas.
            name: how the broker's lists name this connection.
            patience: seconds to wait for a broker that is not there yet.
            limit: requests in hand at most; more are refused as `overloaded`.

        Raises:
            Unavailable: no broker answered in time.
        """
        client = Client()
        async with asyncio.TaskGroup() as tasks:
            bus = cls(client, tasks, limit)
            await bus._open(url, name, patience)
            watchdog = tasks.create_task(bus._watch())
            try:
                yield bus
            finally:
                watchdog.cancel()
                await bus._close()

    # --- asking and telling

    async def call(
        self, channel: Rpc[Req, Res], request: Req, *, tenant: str, key: str = NO_KEY, timeout: float | None = None
    ) -> Res:
        """Ask and wait for the answer; a channel that is safe to repeat is asked again while there is time."""
        subject, payload = channel.subject(tenant, key), encode(request)
        clock = asyncio.get_running_loop().time
        deadline = clock() + (channel.timeout if timeout is None else timeout)
        pause = 0.02
        while True:
            remaining = deadline - clock()
            wait = min(remaining, _ATTEMPT_S) if channel.retry_safe else remaining
            fault = self._absent(channel)
            if wait > 0 and fault is None:
                reply = await self._ask(channel, subject, payload, wait)
                if isinstance(reply, Msg):
                    return _read(channel, reply)
                fault = reply
            if fault is None:
                fault = TimedOut("timed_out", f"{channel.owner} did not answer in time")
            if not channel.retry_safe or deadline - clock() <= pause:
                raise fault
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.25)

    async def announce(self, channel: Live[Payload], payload: Payload, *, tenant: str, key: str = NO_KEY) -> None:
        """Tell whoever listens. A broker that is away costs the message, never the caller."""
        try:
            await self._client.publish(channel.subject(tenant, key), encode(payload))
        except Error as error:
            _log.debug("announce_lost", channel=repr(channel), error=type(error).__name__)

    def _absent(self, channel: Rpc[Any, Any]) -> DeskError | None:
        """Give the fault where there is no broker to ask: a request must not lie in a buffer and run hours later."""
        if self._client.is_connected:
            return None
        return Unavailable("broker_unavailable", f"The message broker is away, so {channel.owner} cannot be asked")

    async def _ask(self, channel: Rpc[Any, Any], subject: str, payload: bytes, wait: float) -> Msg | DeskError:
        headers = {TIMEOUT_HEADER: str(int(wait * 1000)), TRACE_HEADER: tracing.current() or tracing.new_traceparent()}
        try:
            return await self._client.request(subject, payload, timeout=wait, headers=headers)
        except NoRespondersError:
            return Unavailable(f"{channel.owner}_unavailable", f"The {channel.owner} service is not running right now")
        except (NatsTimeoutError, TimeoutError):
            return TimedOut("timed_out", f"The {channel.owner} service did not answer in time")
        except Error:
            return Unavailable("broker_unavailable", f"The message broker is away, so {channel.owner} cannot be asked")

    # --- answering and listening

    async def serve(self, channel: Rpc[Req, Res], handler: Answering[Req, Res], *, key: str | None = None) -> None:
        """Answer a channel, each request in a task of its own."""

        async def on_request(message: Msg) -> None:
            if len(self._in_hand) >= self._limit:
                await self._respond_error(
                    message, Unavailable("overloaded", f"The {channel.owner} service is overloaded")
                )
            else:
                self._hand(self._answer(channel, handler, message))

        pattern = channel.pattern(key=key) if key else channel.pattern()
        self._served.append(await self._subscribe(pattern, on_request, "" if key else channel.owner))

    async def listen(
        self, channel: Live[Payload], handler: Hearing[Payload], *, group: str | None = None
    ) -> Subscription:
        """Hear a live channel, each message in a task of its own; beyond the limit messages are dropped."""

        async def on_message(message: Msg) -> None:
            if len(self._in_hand) < self._limit:
                self._hand(_hear(channel, handler, message))

        return await self._subscribe(channel.pattern(), on_message, group or "")

    async def follow(self, tenant: str, key: str, on_message: Watching) -> Subscription:
        """Hear all that is live about one key, in order."""
        straight = cast("asyncio.Future[Msg]", _Straight(on_message))
        subscription = await self._client.subscribe(  # pyright: ignore[reportUnknownMemberType]
            f"desk.live.*.*.v1.{tenant}.{key}", future=straight
        )
        # The client makes a queue all the same, 3 KB for each session that is followed, which nothing is ever put into.
        subscription._pending_queue = None  # pyright: ignore  # noqa: PGH003, SLF001
        await self._flush()
        return subscription

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call back after each reconnection."""
        self._reconnect_callbacks.append(callback)

    async def ping(self) -> str:
        """Make a round trip to the broker and give its version."""
        await self._flush()
        version = self._client.connected_server_version
        return f"nats-server {version.major}.{version.minor}.{version.patch}"

    async def _flush(self) -> None:
        try:
            if not self._client.is_connected:  # flushing while reconnecting succeeds without a round trip
                raise ConnectionError
            # The client's ping is written at once, and so overtakes what it was given before and has not written yet. That
            # takes it a step or two; one that has stopped writing is not waited for, so that the ping shows it.
            for _ in range(_FLUSH_STEPS):
                if not self._client.pending_data_size:
                    break
                await asyncio.sleep(0)
            await self._client.flush(timeout=2)
        except Exception as error:
            raise Unavailable("broker_unavailable", "The message broker does not answer") from error

    async def _respond_error(self, message: Msg, fault: DeskError) -> None:
        headers = {ERROR_HEADER: fault.code, ERROR_CODE_HEADER: str(fault.status)}
        try:
            await self._client.publish(message.reply, encode(fault.body()), headers=headers)
        except Error as error:
            _log.debug("reply_lost", error=type(error).__name__)

    async def _subscribe(
        self, subject: str, callback: Callable[[Msg], Awaitable[None]], group: str = ""
    ) -> Subscription:
        return await self._client.subscribe(subject, queue=group, cb=callback)  # pyright: ignore[reportUnknownMemberType]

    def _hand(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks.create_task(work)
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)

    async def _answer(self, channel: Rpc[Req, Res], handler: Answering[Req, Res], message: Msg) -> None:
        """Handle one request and answer it, whatever happens; one log line each."""
        started = perf_counter()
        context = _context(message)
        outcome = "done"
        try:
            request = channel.decode_request(message.data)
            async with asyncio.timeout_at(context.deadline):
                response = await handler(request, context)
            await message.respond(encode(response))
        except Exception as error:
            fault = _fault(channel, error)
            outcome = fault.code
            await self._respond_error(message, fault)
        _log_handled(channel, context, outcome, perf_counter() - started)

    # --- staying alive

    async def _open(self, url: str, name: str, patience: float) -> None:
        """Connect; nats-py itself goes on trying, here as after a disconnection."""
        try:
            async with asyncio.timeout(patience):
                await self._client.connect(
                    servers=url.split(","), name=name, connect_timeout=2, reconnect_time_wait=cast(int, 0.25),
                    max_reconnect_attempts=-1, ping_interval=10, max_outstanding_pings=2, error_cb=_on_error,
                    disconnected_cb=self._on_disconnect, reconnected_cb=self._on_reconnect, closed_cb=self._on_close,
                    drain_timeout=5,
                )  # fmt: skip
        except (OSError, Error) as error:
            raise Unavailable(
                "broker_unavailable", "No NATS server answers: start one, or set DESKBUS_NATS_URL to where it is"
            ) from error

    async def _watch(self) -> None:
        """Leave the process when the connection is dead and does not know it."""
        failures = 0
        while failures < _WATCH_FAILURES and not self._closed.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), _WATCH_EVERY_S)
            try:
                await self._flush()
                failures = 0
            except Unavailable:
                failures += 1 if self._client.is_connected else 0
        raise BusLost("the connection to the broker is lost; leaving so that a new process can make a new one")

    async def _close(self) -> None:
        self._stopping = True
        for subscription in self._served:
            await _quietly(subscription.unsubscribe())
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=_STOP_S)
        for task in self._in_hand:
            task.cancel()
        await _quietly(self._client.flush(timeout=2))
        await _quietly(self._client.close())

    async def _on_disconnect(self) -> None:
        if not self._stopping:
            _log.warning("broker_disconnected")

    async def _on_reconnect(self) -> None:
        _log.info("broker_reconnected")
        BROKER_RECONNECTS.inc()
        for callback in self._reconnect_callbacks:
            try:
                callback()
            except Exception:
                _log.exception("reconnect_callback_failed")

    async def _on_close(self) -> None:
        self._closed.set()


async def _on_error(error: Exception) -> None:
    _log.debug("broker_error", error=type(error).__name__)


async def _quietly(work: Awaitable[object]) -> None:
    """Do something on the way out that must not keep us from the rest."""
    try:
        await asyncio.wait_for(work, 5)
    except Exception as error:
        _log.debug("ignored_at_stop", error=type(error).__name__)


class _Straight:
    """Hands a subscription's messages to a callback that does not wait, straight from the connection's reader.

    The client gives a subscription's messages to a future where it was made with one, and asks of it no more than this. A
    callback of the client's would cost each followed session a task, about 3 KB, and each message a switch to it.
    """

    __slots__ = ("_on_message",)

    def __init__(self, on_message: Watching) -> None:
        self._on_message = on_message

    def cancelled(self) -> bool:
        """Say that messages are welcome."""
        return False

    def set_result(self, message: Msg) -> None:
        """Take one; an exception here would end the connection's reader."""
        try:
            self._on_message(parse_subject(message.subject), message.data)
        except Exception:
            _log.exception("follow_failed", subject=message.subject)


async def _hear(channel: Live[Payload], handler: Hearing[Payload], message: Msg) -> None:
    try:
        await handler(channel.decode(message.data), _context(message))
    except Exception:
        _log.exception("listener_failed", channel=repr(channel))


def _context(message: Msg) -> Context:
    subject = parse_subject(message.subject)
    headers = message.headers or {}
    remaining = headers.get(TIMEOUT_HEADER, "")
    deadline = asyncio.get_running_loop().time() + int(remaining) / 1000 if remaining.isdecimal() else None
    return Context(
        tenant=subject.tenant, key=subject.key, deadline=deadline, traceparent=tracing.follow(headers.get(TRACE_HEADER))
    )


def _read(channel: Rpc[Any, Res], reply: Msg) -> Res:
    if reply.headers and ERROR_CODE_HEADER in reply.headers:
        raise from_body(msgspec.json.decode(reply.data, type=ErrorBody))
    try:
        return channel.decode_response(reply.data)
    except msgspec.MsgspecError as error:
        raise Internal("bad_response", f"The {channel.owner} service gave an answer that cannot be read") from error


def _fault(channel: Rpc[Any, Any], error: Exception) -> DeskError:
    """Give the error that the asker may see; what is not meant for it stays in the log."""
    if isinstance(error, DeskError):
        return error
    if isinstance(error, msgspec.MsgspecError):
        return Malformed("bad_request", f"{channel.name}: {error}")
    if isinstance(error, TimeoutError):
        return TimedOut("timed_out", f"The {channel.owner} service did not finish in time")
    _log.error("handler_failed", channel=repr(channel), exc_info=error)
    return Internal("internal", "Something went wrong on our side; the log has the details under this trace")


def _log_handled(channel: Rpc[Any, Any], context: Context, outcome: str, seconds: float) -> None:
    HANDLED.labels(f"{channel.owner}.{channel.name}", outcome).observe(seconds)
    write = _log.debug if channel.quiet and outcome == "done" else _log.info
    write(
        "handled", channel=channel.name, key=context.key, tenant=context.tenant, outcome=outcome,
        ms=round(seconds * 1000, 1), trace=tracing.trace_id(context.traceparent),
    )  # fmt: skip
