"""Who asks, within what trace, and until when: what every handler is told beside the payload."""

from msgspec import Struct


class Context(Struct, frozen=True, kw_only=True):
    """The envelope of one request, as a handler sees it.

    Attributes:
        tenant: read from the subject, never from a payload.
        key: the id that the message is addressed by (a session, mostly), `_` where there is none.
        traceparent: W3C trace context of the caller, empty where there is none.
        ev_seq: an event's place in its session's log; 0 for what is no event.
        deadline: the event loop's time, in seconds, at which nobody waits any more; None without a limit.
    """

    tenant: str
    key: str = "_"
    traceparent: str = ""
    deadline: float | None = None
    ev_seq: int = 0
