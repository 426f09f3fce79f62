"""The two JetStream streams, as data: `libs.runtime.provision` makes them, and nobody else.

Neither is a work queue: their duplicate window does not survive a restart of the broker, and long work is leased in
Postgres. Both are bounded in age and bytes and refuse new messages when full, so that a full disk heals by itself.
"""

from msgspec import Struct

_DAY_S = 24 * 3600
_GIB = 1024**3


class Stream(Struct, frozen=True, kw_only=True):
    """A stream's configuration; times in seconds, sizes in bytes."""

    name: str
    subjects: list[str]
    description: str
    max_age_s: int
    max_bytes: int
    duplicate_window_s: int = 600


class Consumer(Struct, frozen=True, kw_only=True):
    """A durable consumer of EVENTS: one per handler, named `<service>-<event>`."""

    durable: str
    filter_subject: str
    description: str
    ack_wait_s: float = 30.0
    max_deliver: int = 5


EVENTS = Stream(
    name="EVENTS",
    subjects=["desk.evt.>"],
    description="What happened in Deskbus, in order per session, written by each owner's relay",
    max_age_s=30 * _DAY_S,
    max_bytes=2 * _GIB,
)
DEADLETTERS = Stream(
    name="DEADLETTERS",
    subjects=["desk.dead.>", "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"],
    description="Events that a handler refused or gave up on, with the reason",
    max_age_s=30 * _DAY_S,
    max_bytes=_GIB // 16,
)
STREAMS = [EVENTS, DEADLETTERS]

# No handler listens durably yet; the ones of DESIGN's table are added here with their features.
CONSUMERS: list[Consumer] = []
