"""The bus as a service sees it: what it may ask, tell, answer and follow. `libs.runtime.nats` is its implementation."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from libs.contracts.channels import Announcer, Caller, Live, Payload, Req, Res, Rpc, Subject
from libs.contracts.context import Context

Answering = Callable[[Req, Context], Awaitable[Res]]
Hearing = Callable[[Payload, Context], Awaitable[None]]
Watching = Callable[[Subject, bytes], None]


class BusLost(Exception):
    """The connection to the broker is dead and does not know it, or was closed for good: leave the process."""


class Subscription(Protocol):
    """Something that is being listened to."""

    async def unsubscribe(self) -> None:
        """Listen no more."""
        ...


class Bus(Caller, Announcer, Protocol):
    """The verbs of the bus."""

    async def serve(self, channel: Rpc[Req, Res], handler: Answering[Req, Res], *, key: str | None = None) -> None:
        """Answer a channel: one replica of the owner gets each request, or exactly this one where `key` names it."""
        ...

    async def listen(
        self, channel: Live[Payload], handler: Hearing[Payload], *, group: str | None = None
    ) -> Subscription:
        """Hear a live channel: every listener does, or one of each group."""
        ...

    async def follow(self, tenant: str, key: str, on_message: Watching) -> Subscription:
        """Hear all that is live about one key, in order, by one subscription that is in force on return.

        `on_message` gets the subject and the payload's bytes; it must neither block nor raise.
        """
        ...

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Be told when the connection is there again and messages may have been missed."""
        ...

    async def ping(self) -> str:
        """Make a round trip to the broker; gives the broker's version, raises `Unavailable` where it fails."""
        ...
