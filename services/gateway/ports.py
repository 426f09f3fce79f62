"""What the gateway's use cases need of the world."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from libs.contracts.channels import Caller, Subject
from libs.contracts.health import HealthReport

Mint = Callable[[str], str]
Clock = Callable[[], datetime]
OwnHealth = Callable[[], Awaitable[HealthReport]]


class Subscription(Protocol):
    """Something that is being followed."""

    async def unsubscribe(self) -> None:
        """Follow it no more."""
        ...


class Bus(Caller, Protocol):
    """Asks other services, and follows what is live about a session."""

    async def follow(self, tenant: str, key: str, on_message: Callable[[Subject, bytes], None]) -> Subscription:
        """Hear all that is live about one key, by one subscription that is in force on return."""
        ...


class Outlet(Protocol):
    """Where one client's frames go. Neither verb waits, so that one slow client delays no other."""

    def offer(self, data: bytes) -> None:
        """Send a frame soon; a client that does not keep up is closed."""
        ...

    async def flush(self) -> None:
        """Wait until what was offered has left, or the client is gone."""
        ...


class Log(Protocol):
    """Where the operators look."""

    def warning(self, event: str, **fields: object) -> object:
        """Tell of something that ought to be looked at."""
        ...
