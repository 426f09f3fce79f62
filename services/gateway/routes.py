"""Which operation answers which path; the handlers of that name are in `adapters`."""

from typing import NamedTuple


class Route(NamedTuple):
    """A method and path, and the operation that answers.

    Attributes:
        admin: whether it is for administrators only.
        always: whether it is answered while the gateway drains.
        unlimited: whether it may be asked for at any rate.
        debug: whether it is there in debug only.
    """

    method: str
    path: str
    operation: str
    admin: bool = False
    always: bool = False
    unlimited: bool = False
    debug: bool = False


# An id may be empty here, so that `/api/sessions//...` of a faulty client is told what is wrong with it.
_USER = "/api/users/{user_id:[^/]*}"
_SESSION = "/api/sessions/{id:[^/]*}"
_DOCUMENT = "/api/knowledge/documents/{document_id}"
_GAP = "/api/knowledge/gaps/{gap_id}"
_CHAT = "/api/chat/sessions/{id:[^/]*}"

ROUTES = [
    Route("POST", "/api/sessions", "open_session"),
    Route("GET", "/api/sessions", "list_sessions", admin=True),
    Route("GET", _SESSION, "get_session"),
    Route("PATCH", f"{_SESSION}/status", "set_status"),
    Route("DELETE", _SESSION, "delete_session"),
    Route("POST", "/api/sessions/cleanup", "clean_up", admin=True),
    Route("GET", f"{_SESSION}/export", "export"),
    Route("POST", f"{_SESSION}/takeover", "take_over", admin=True),
    Route("POST", f"{_SESSION}/reply", "reply", admin=True),
    Route("POST", f"{_SESSION}/release", "release", admin=True),
    Route("POST", f"{_SESSION}/resolve", "resolve", admin=True),
    Route("POST", f"{_SESSION}/notes", "add_note", admin=True),
    Route("GET", f"{_SESSION}/notes", "list_notes", admin=True),
    Route("GET", "/api/escalations", "list_escalations", admin=True),
    Route("GET", "/api/escalations/{ticket_id}", "get_escalation", admin=True),
    Route("GET", "/api/approvals", "list_approvals", admin=True),
    Route("POST", "/api/approvals/{approval_id}", "decide_approval", admin=True),
    Route("GET", f"{_USER}/memories", "list_memories", admin=True),
    Route("DELETE", f"{_USER}/memories", "erase_memories", admin=True),
    Route("DELETE", f"{_USER}/memories/{{memory_id}}", "erase_memory", admin=True),
    Route("GET", "/api/usage", "usage", admin=True),
    Route("POST", "/api/knowledge/documents", "add_documents", admin=True),
    Route("GET", "/api/knowledge/documents", "list_documents", admin=True),
    Route("GET", _DOCUMENT, "get_document", admin=True),
    Route("PUT", _DOCUMENT, "put_document", admin=True),
    Route("DELETE", _DOCUMENT, "delete_document", admin=True),
    Route("GET", f"{_DOCUMENT}/usage", "document_usage", admin=True),
    Route("POST", "/api/knowledge/sites", "import_site", admin=True),
    Route("POST", "/api/knowledge/reindex", "reindex", admin=True),
    Route("GET", "/api/knowledge/index", "index_state", admin=True),
    Route("GET", "/api/knowledge/gaps", "list_gaps", admin=True),
    Route("POST", f"{_GAP}/dismiss", "dismiss_gap", admin=True),
    Route("POST", f"{_GAP}/reopen", "reopen_gap", admin=True),
    Route("POST", f"{_GAP}/answer", "answer_gap", admin=True),
    Route("POST", f"{_CHAT}/cancel", "cancel"),
    Route("POST", f"{_CHAT}/messages", "send_message"),
    Route("GET", f"{_CHAT}/messages", "history"),
    Route("GET", f"{_CHAT}/events", "events"),
    Route("POST", "/api/chat/search", "search"),
    Route("POST", "/api/chat/messages/{message_id}/feedback", "give_feedback"),
    Route("POST", "/api/chat/upload", "upload"),
    Route("GET", "/api/attachments/{id:[^/]*}", "attachment"),
    Route("GET", "/api/attachments/{id:[^/]*}/content", "attachment_content"),
    Route("GET", "/ws", "converse"),
    Route("GET", "/chat", "chat_page", always=True, unlimited=True),
    Route("GET", "/chat/assets/{name}", "chat_asset", always=True, unlimited=True),
    Route("GET", "/operator", "operator_page", always=True, unlimited=True),
    Route("GET", "/operator/assets/{name}", "operator_asset", always=True, unlimited=True),
    Route("GET", "/knowledge", "knowledge_page", always=True, unlimited=True),
    Route("GET", "/knowledge/assets/{name}", "knowledge_asset", always=True, unlimited=True),
    Route("GET", "/", "card", always=True),
    Route("GET", "/health", "alive", always=True, unlimited=True),
    Route("GET", "/health/live", "alive", always=True, unlimited=True),
    Route("GET", "/health/ready", "ready", always=True, unlimited=True),
    Route("GET", "/metrics", "figures", always=True, unlimited=True),
    Route("GET", "/docs", "docs", always=True, debug=True),
    Route("GET", "/openapi.json", "openapi", always=True, debug=True),
    Route("GET", "/asyncapi.json", "asyncapi", always=True, debug=True),
]


def served(*, api: str, debug: bool) -> list[Route]:
    """Give the routes of a gateway whose API's paths begin with `api`."""
    return [
        route._replace(path=api + route.path.removeprefix("/api")) if route.path.startswith("/api/") else route
        for route in ROUTES
        if debug or not route.debug
    ]
