"""The JetStream streams and buckets, as data: `libs.runtime.provision` makes them, and nobody else.

Neither stream is a work queue: their duplicate window does not survive a restart of the broker, and long work is leased
in Postgres. Both are bounded in age and bytes and refuse new messages when full, so that a full disk heals by itself.
"""

from typing import Any

from msgspec import Struct

from .bus_map import (
    APPROVAL_DECIDED,
    DOCUMENT_INDEXED,
    FEEDBACK_GIVEN,
    MESSAGE_ADDED,
    SESSION_DELETED,
    SESSION_OPENED,
    SESSION_STATUS_CHANGED,
    TURN_COMPLETED,
)
from .channels import Event

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
    max_deliver: int = 500  # the broker's own stop, hours later: a handler gives up long before, and says why


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


class Bucket(Struct, frozen=True, kw_only=True):
    """An object bucket (NATS ADR-20): a stream of chunks and of what they make up; refuses new ones when full."""

    name: str
    description: str
    max_bytes: int

    @property
    def stream(self) -> str:
        """The stream's name."""
        return f"OBJ_{self.name}"

    @property
    def subjects(self) -> list[str]:
        """Where its chunks and its objects' descriptions are published."""
        return [f"$O.{self.name}.C.>", f"$O.{self.name}.M.>"]


ATTACHMENTS = Bucket(
    name="attachments", description="The bytes of what customers upload, by attachment id", max_bytes=3 * _GIB // 2
)
DOCUMENTS = Bucket(
    name="documents", description="Files that are to become documents, until they are read", max_bytes=3 * _GIB // 8
)
BUCKETS = [ATTACHMENTS, DOCUMENTS]


def durable_name(service: str, event: Event[Any]) -> str:
    """Name the durable by which a service's one handler of an event consumes it."""
    return f"{service}-{event.owner}-{event.name}"


def _durable(service: str, event: Event[Any], why: str) -> Consumer:
    return Consumer(durable=durable_name(service, event), filter_subject=event.pattern(), description=why)


CONSUMERS: list[Consumer] = [
    _durable("agent", SESSION_OPENED, "prepares what the first answer needs of the session's user"),
    _durable("agent", SESSION_STATUS_CHANGED, "forgets what a session that has ended was about"),
    _durable("agent", SESSION_DELETED, "forgets what was remembered of the session"),
    _durable("attachments", MESSAGE_ADDED, "binds uploads to the message that names them"),
    _durable("attachments", SESSION_DELETED, "removes the session's uploads and their bytes"),
    _durable("knowledge", DOCUMENT_INDEXED, "closes the gaps that a document answers"),
    _durable("knowledge", FEEDBACK_GIVEN, "notes the questions whose answers were rated down"),
    _durable("knowledge", MESSAGE_ADDED, "keeps what operators answer to what the documents do not, as drafts"),
    _durable("knowledge", SESSION_DELETED, "forgets the session's part in gaps and citations, and its documents"),
    _durable("knowledge", TURN_COMPLETED, "notes what the documents do not answer, and where they are cited"),
    _durable("session", APPROVAL_DECIDED, "tells a colleague's decision in its conversation"),
]
