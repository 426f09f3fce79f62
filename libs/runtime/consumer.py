"""Durable handling of events: at least once, each handler at its own pace, and nothing dropped without a trace.

A handler returns (done), or raises. A retryable `DeskError` means that something is away for now: the event is tried
again, with growing delays, until it is back. Anything unexpected is tried five times. What is refused for good, cannot
be read, or still fails then, goes to DEADLETTERS with its reason.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic

import msgspec
import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from libs.contracts.channels import Event, Payload, parse_subject
from libs.contracts.context import Context
from libs.contracts.errors import DeskError
from libs.contracts.streams import EVENTS, durable_name

from . import tracing
from .metrics import EVENTS_HANDLED
from .nats import TRACE_HEADER, NatsBus

Handling = Callable[[Payload, Context], Awaitable[None]]

_BATCH = 32
_FETCH_S = 2.0  # longer fetches delay delivery by as much after a broker was killed
_PAUSE_S = 1.0
_DELAYS_S = (0.2, 1.0, 5.0, 15.0, 30.0)  # after the first, second, ... try; the last for all further ones
_TRIES = 5  # for what is not known to pass
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class EventConsumer(Generic[Payload]):
    """Hands one event's messages to one handler of one service, in the order of the stream."""

    def __init__(self, bus: NatsBus, service: str, event: Event[Payload], handler: Handling[Payload]) -> None:
        self._bus = bus
        self._event = event
        self._handler = handler
        self._service = service
        self._durable = durable_name(service, event)

    async def run(self) -> None:
        """Handle events for ever; a broker that is away, or a consumer that is not provisioned, is waited for."""
        told = False
        while True:
            try:
                await self._fetch_for_ever()
            except (NatsError, OSError) as fault:
                if not told:
                    _log.warning("consumer_waits", durable=self._durable, reason=type(fault).__name__)
                told = True
                await asyncio.sleep(_PAUSE_S)

    async def _fetch_for_ever(self) -> None:
        subscription = await self._bus.jetstream.pull_subscribe_bind(self._durable, EVENTS.name)
        try:
            while True:
                for message in await _fetch(subscription):
                    await self._handle(message)
        finally:
            with suppress(NatsError, OSError):  # a broker that is away must not turn a cancellation into a fault
                await subscription.unsubscribe()

    async def _handle(self, message: Msg) -> None:
        context = _context(message)
        try:
            await self._handler(self._event.decode(message.data), context)
        except DeskError as fault:
            await self._try_again(message, fault.code, final=not fault.retryable, passing=True)
        except msgspec.MsgspecError:
            await self._try_again(message, "unreadable", final=True)
        except Exception:
            _log.exception("event_handler_failed", durable=self._durable, key=context.key, ev_seq=context.ev_seq)
            await self._try_again(message, "internal", final=False)
        else:
            await message.ack()
            EVENTS_HANDLED.labels(self._durable, "done").inc()

    async def _try_again(self, message: Msg, reason: str, *, final: bool, passing: bool = False) -> None:
        tries = message.metadata.num_delivered
        if not final and (passing or tries < _TRIES):
            EVENTS_HANDLED.labels(self._durable, "retried").inc()
            await message.nak(delay=_DELAYS_S[min(tries, len(_DELAYS_S)) - 1])
            return
        EVENTS_HANDLED.labels(self._durable, "rejected").inc()
        _log.warning("dead_letter", durable=self._durable, reason=reason, tries=tries)
        headers = {**(message.headers or {}), "Desk-Reason": reason, "Desk-Consumer": self._durable}
        headers["Nats-Msg-Id"] = f"{self._durable}:{message.metadata.sequence.stream}"
        subject = message.subject.replace("desk.evt.", f"desk.dead.{self._service}.", 1)
        await self._bus.jetstream.publish(subject, message.data, headers=headers)
        await message.term()


async def _fetch(subscription: JetStreamContext.PullSubscription) -> list[Msg]:
    try:
        return await subscription.fetch(_BATCH, timeout=_FETCH_S)
    except TimeoutError:  # nats-py's own time-out is one, too
        return []


def _context(message: Msg) -> Context:
    subject = parse_subject(message.subject)
    headers = message.headers or {}
    return Context(
        tenant=subject.tenant,
        key=subject.key,
        ev_seq=int(headers.get("ce-evseq", "0")),
        traceparent=tracing.follow(headers.get(TRACE_HEADER)),
    )
