"""Everything that can be known of a session from outside: what was sent, shown, stored, logged and published."""

from datetime import datetime
from typing import Any

from msgspec import Struct


class Receipt(Struct, frozen=True):
    """The word that a message is stored: a 2xx or an `acknowledged` frame; an answer says so without its ids."""

    message_id: str | None
    seq: int | None
    at: float
    via: str = "socket"


class Sent(Struct):
    """A message that a customer wanted to send, perhaps several times, and every receipt that came for it."""

    client_message_id: str
    content: str
    began: float = 0.0
    receipts: list[Receipt] = []


class Event(Struct, frozen=True):
    """One event, from the log or as it was published."""

    ev_seq: int
    name: str
    payload: dict[str, Any]
    time: datetime | None = None


class Shown(Struct, frozen=True):
    """An answer as a screen showed it when it was complete: the joined text, and the message that came with it."""

    turn_id: str
    attempt: int
    text: str
    message: dict[str, Any]


class View(Struct):
    """What one client saw.

    Attributes:
        whole: whether it followed the session from its beginning, so that it must have seen everything.
        shown: the answers, in the order in which they were completed.
        added: `seq` of the customers' messages of which `message_added` told.
        receipts: `seq` of the messages that were acknowledged to it.
        fetched: ids of the messages that it read in the history after a `resync`.
        faults: what it noticed by itself.
    """

    name: str
    whole: bool = True
    shown: list[Shown] = []
    added: list[int] = []
    receipts: set[int] = set()
    fetched: set[str] = set()
    faults: list[str] = []


class Evidence(Struct, kw_only=True):
    """Everything that is known of one session."""

    session_id: str
    sent: list[Sent] = []
    messages: list[dict[str, Any]] = []
    log: list[Event] = []
    published: list[Event] = []
    views: list[View] = []
