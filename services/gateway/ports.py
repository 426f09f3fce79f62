"""What the gateway's use cases need of the world."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Protocol

from libs.contracts.channels import Announcer, Caller, Subject
from libs.contracts.frames import Frame
from libs.contracts.health import HealthReport

Mint = Callable[[str], str]
Clock = Callable[[], datetime]
OwnHealth = Callable[[], Awaitable[HealthReport]]


class Subscription(Protocol):
    """Something that is being followed."""

    async def unsubscribe(self) -> None:
        """Follow it no more."""
        ...


class Bus(Caller, Announcer, Protocol):
    """Asks other services, follows what is live about a session, and tells the other gateways."""

    async def follow(self, tenant: str, key: str, on_message: Callable[[Subject, bytes], None]) -> Subscription:
        """Hear all that is live about one key, by one subscription that is in force on return."""
        ...


class Decision(Protocol):
    """Whether a request may pass, and what to tell its sender; the times in seconds."""

    @property
    def allowed(self) -> bool:
        """Whether it may."""
        ...

    @property
    def limit(self) -> int:
        """How many may pass at once after a rest."""
        ...

    @property
    def remaining(self) -> int:
        """How many of these are left."""
        ...

    @property
    def reset_s(self) -> float:
        """How long until all are."""
        ...

    @property
    def retry_after_s(self) -> float:
        """How long until the next one may pass; 0 where this one may."""
        ...


class Limiter(Protocol):
    """Counts requests by key, for all replicas together where it can."""

    async def check(self, key: str, limit: int, period_s: float) -> Decision:
        """Count a request, and say whether it may pass; never fails because a server is away."""
        ...


class Resuming(Protocol):
    """Leads on a client whose frames were dropped."""

    def __call__(self, missed_seq: int | None, /) -> None:
        """Offer what it needs, in one step; `missed_seq` is the lowest among the messages of these frames, if one had any."""
        ...


class Outlet(Protocol):
    """Where one client's frames go. To offer and to dismiss wait for nothing: one slow client delays no other.

    A client that falls behind loses frames rather than its connection: from the first frame that finds no room the outlet
    takes none, until all that waited has left. Then it takes frames again and calls `on_dropped` once, in the same step, so
    that what is offered from within that call leaves before all that follows. A client that takes nothing for 10 s is closed.

    Attributes:
        on_dropped: told the lowest `seq` among the messages of the frames that were not taken, None where none had one.
            It neither waits nor raises.
    """

    on_dropped: Resuming

    def offer(self, data: bytes, frame: Frame | None = None) -> None:
        """Send an encoded frame soon, or drop it; `frame` is what was encoded.

        Text that waits behind text of the same attempt may be joined with it, and of frames that are dropped the `seq` of
        their message is kept: neither is possible without `frame`. An `acknowledged` frame's message is its `seq`, that of
        `message_added`, `complete` and `cancelled` is their `message`.
        """
        ...

    def dismiss(self, code: str) -> None:
        """Close the connection once what was offered has left, for the reason that the last `error` frame gave."""
        ...

    async def flush(self) -> None:
        """Wait until what was offered has left, or the client is gone."""
        ...


class Log(Protocol):
    """Where the operators look."""

    def warning(self, event: str, **fields: object) -> object:
        """Tell of something that ought to be looked at."""
        ...


class Written(Protocol):
    """What the store says of a file that it has taken."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        ...


class BlobStore(Protocol):
    """The bytes of uploads, by attachment id; never whole in this process."""

    async def write(self, name: str, source: AsyncIterator[bytes]) -> Written:
        """Store what a source gives; where that fails, or the source does, nothing stays. Raises Unavailable."""
        ...

    def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """Give the bytes in pieces. Raises NotFound, Unavailable, Internal `blob_damaged`."""
        ...

    async def delete(self, name: str) -> None:
        """Remove the bytes; none there is no error. Raises Unavailable."""
        ...
