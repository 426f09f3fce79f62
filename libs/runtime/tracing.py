"""W3C trace context (w3.org/TR/trace-context): one trace id follows a message through every service."""

import re
import secrets
from contextvars import ContextVar

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_current: ContextVar[str] = ContextVar("traceparent", default="")


def new_traceparent() -> str:
    """Begin a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def is_traceparent(text: str) -> bool:
    """Say whether a client's header can be followed; all-zero ids cannot."""
    match = _FORM.fullmatch(text)
    return match is not None and match[1].strip("0") != "" and match[2].strip("0") != ""


def follow(text: str | None) -> str:
    """Make `text` the current trace, or begin one where it is none, and give it."""
    traceparent = text if text and is_traceparent(text) else new_traceparent()
    _current.set(traceparent)
    return traceparent


def current() -> str:
    """Give the current trace, empty where there is none."""
    return _current.get()


def trace_id(traceparent: str) -> str:
    """Give the 32 hexadecimal digits that name the trace, empty where there is none."""
    return traceparent[3:35]
