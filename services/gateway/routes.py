"""Which operation answers which path; the handlers of that name are in `adapters`."""

from typing import NamedTuple


class Route(NamedTuple):
    """A method and path, and the operation that answers.

    Attributes:
        admin: whether it is for administrators only.
        always: whether it is answered while the gateway drains.
    """

    method: str
    path: str
    operation: str
    admin: bool = False
    always: bool = False


# An id may be empty here, so that `/api/sessions//...` of a faulty client is told what is wrong with it.
_SESSION = "/api/sessions/{id:[^/]*}"
_CHAT = "/api/chat/sessions/{id:[^/]*}"

ROUTES = [
    Route("POST", "/api/sessions", "open_session"),
    Route("GET", "/api/sessions", "list_sessions", admin=True),
    Route("GET", _SESSION, "get_session"),
    Route("PATCH", f"{_SESSION}/status", "set_status"),
    Route("POST", f"{_CHAT}/messages", "send_message"),
    Route("GET", f"{_CHAT}/messages", "history"),
    Route("GET", "/ws", "converse"),
    Route("GET", "/", "card", always=True),
    Route("GET", "/health", "alive", always=True),
    Route("GET", "/health/live", "alive", always=True),
    Route("GET", "/health/ready", "ready", always=True),
]
