"""The operations of the route table, told to clients."""

from typing import Any

from libs.contracts.attachments import Attachment
from libs.contracts.knowledge import Source
from libs.contracts.session import Session

from ...domain import limits
from ...domain.operators import OPERATOR_CHARACTERS
from ...domain.replies import (
    Accepted,
    CancelReply,
    Card,
    ChatResponse,
    CleanedUp,
    Deleted,
    Exported,
    HistoryPage,
    Rated,
    Readiness,
)
from ...domain.requests import (
    CancelOrder,
    CleanUpOrder,
    ExportQuery,
    HistoryQuery,
    NewFeedback,
    NewMessage,
    NewSearch,
    NewSession,
    NewStatus,
    SessionQuery,
)
from ...domain.uploads import UploadReply
from .agent import AGENT
from .knowledge import KNOWLEDGE
from .operation import Answer, Operation, Schema, header_parameter, query_parameter
from .operators import OPERATORS

_TALK = {
    "send_message": {"id": "$response.body#/session_id"},
    "history": {"id": "$response.body#/session_id"},
    "get_session": {"id": "$response.body#/session_id"},
}


def _page(name: str, summary: str) -> dict[str, Operation]:
    same = Answer(description="The browser's copy is the same", content_type="")
    return {
        f"{name}_page": Operation(
            tag="Platform", summary=summary,
            answers={200: Answer(description="The page", content_type="text/html"), 304: same},
        ),
        f"{name}_asset": Operation(
            tag="Platform", summary=f"A file of the {name} page",
            answers={200: Answer(description="The file", content_type="*/*"), 304: same},
            faults={404: ("asset_not_found",)},
        ),
    }  # fmt: skip


_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
_UPLOAD = {
    "type": "object", "required": ["file", "session_id"], "properties": {"file": _FILE, "session_id": {"type": "string"}},
}  # fmt: skip
_OF_SESSION = query_parameter("session_id", "The session that the upload belongs to", required=True)

SESSIONS = {
    "open_session": Operation(
        tag="Sessions", summary="Open a session",
        description="The body may be empty. The same `Idempotency-Key` gives the same session.",
        body=NewSession, parameters=(header_parameter("Idempotency-Key", "Any text of the client's", maxLength=128),),
        answers={200: Answer(description="The session", kind=Session, links=_TALK)},
    ),
    "list_sessions": Operation(
        tag="Sessions", summary="List sessions, newest first", query=SessionQuery,
        description="Follow `Link`: pages by `cursor` are disjoint and complete whatever is opened meanwhile.",
        answers={200: Answer(description="A page", kind=list[Session], headers=("X-Total-Count", "Link"))},
        faults={422: ("invalid_cursor",)},
    ),
    "get_session": Operation(
        tag="Sessions", summary="Look at a session", answers={200: Answer(description="The session", kind=Session)}
    ),
    "set_status": Operation(
        tag="Sessions", summary="Move a session to another status", body=NewStatus,
        description="The status stands in the query or in the body. The one that it already has changes nothing.",
        parameters=(query_parameter("status", "The new status", enum=["active", "escalated", "ended"]),),
        answers={200: Answer(description="The session", kind=Session)}, faults={409: ("invalid_transition",)},
    ),
    "delete_session": Operation(
        tag="Sessions", summary="Delete a session and all that belongs to it",
        answers={200: Answer(description="It is deleted", kind=Deleted)},
    ),
    "export": Operation(
        tag="Sessions", summary="Download a whole conversation", query=ExportQuery,
        description="As JSON (`session`, `exported_at`, `messages` as the history gives them) or as Markdown for people. "
        "A download that breaks off is not whole, and ends the connection. Operators' notes are never part of it.",
        answers={200: Answer(description="The conversation", kind=Exported, others=("text/markdown",),
                             headers=("Content-Disposition",))},
    ),
    "clean_up": Operation(
        tag="Sessions", summary="Delete sessions that are not active and have long been idle", body=CleanUpOrder,
        description="The days stand in the query or in the body.",
        parameters=({"name": "days", "in": "query", "description": "Idle for so many days",
                     "schema": {"type": "integer", "minimum": 1, "maximum": 3650, "default": 30}},),
        answers={200: Answer(description="How many", kind=CleanedUp)},
    ),
}  # fmt: skip

CHAT = {
    "history": Operation(
        tag="Chat", summary="Read the messages of a session", query=HistoryQuery,
        description="`total` counts the messages between `after_seq` and `before_seq`. What stands above a page that is "
        "shown: `order=desc&before_seq=` with the lowest `seq` of it.",
        answers={200: Answer(description="Some of its messages", kind=HistoryPage, headers=("Link",))},
    ),
    "cancel": Operation(
        tag="Chat", summary="Stop the answer that is under way", body=CancelOrder,
        description="Whichever it is, or only the one that `turn_id` names. What had been said by then is stored as "
        "`cancelled`, and is given here where that takes no more than 2 s.",
        answers={200: Answer(description="What became of it", kind=CancelReply)}, faults={404: ("turn_not_found",)},
    ),
    "events": Operation(
        tag="Chat", summary="Follow a session by server-sent events",
        description="The frames of the WebSocket as `data`, the cursor of each as `id`; `retry` says when to come back. "
        "The stream goes on until the session is over or this gateway stops, and only reads.",
        parameters=(header_parameter("Last-Event-ID", "Go on after this place; `EventSource` sends it by itself"),
                    query_parameter("cursor", "The same, where no header can be sent")),
        answers={200: Answer(description="The frames (`x-frames`), as they come", content_type="text/event-stream")},
        faults={429: ("too_many_connections",)},
    ),
    "search": Operation(
        tag="Chat", summary="Search the knowledge that answers rest on", body=NewSearch, body_required=True,
        description="An index that cannot be asked is a 503, never an empty list.",
        answers={200: Answer(description="Passages, nearest first", kind=list[Source])},
        faults={503: ("knowledge_unavailable",)},
    ),
    "give_feedback": Operation(
        tag="Chat", summary="Rate an answer; the last word counts", body=NewFeedback, body_required=True,
        answers={200: Answer(description="The rating as it is stored", kind=Rated)},
        faults={404: ("message_not_found",)},
    ),
    "upload": Operation(
        tag="Attachments", summary="Upload a file for a message", forms={"multipart/form-data": _UPLOAD},
        body_required=True, parameters=(query_parameter("session_id", "Instead of the field of this name"),),
        answers={200: Answer(description="The upload", kind=UploadReply)},
        faults={400: ("invalid_session_id", "session_ended", "bad_form", "upload_stalled"), 404: ("session_not_found",),
                413: ("file_too_large",), 415: ("unsupported_media_type",), 503: ("attachments_unavailable", "too_many_uploads")},
    ),
    "attachment": Operation(
        tag="Attachments", summary="Look at an upload", parameters=(_OF_SESSION,),
        answers={200: Answer(description="What is known of it", kind=Attachment)},
        faults={400: ("invalid_session_id",), 404: ("attachment_not_found", "session_not_found")},
    ),
    "attachment_content": Operation(
        tag="Attachments", summary="Download an upload", parameters=(_OF_SESSION,),
        answers={200: Answer(description="Its bytes", content_type="*/*", headers=("Content-Disposition",))},
        faults={400: ("invalid_session_id",), 404: ("attachment_not_found", "session_not_found")},
    ),
    "converse": Operation(
        tag="WebSocket", summary="Hold a conversation over a WebSocket",
        description="The handshake is accepted; a fault is told in an `error` frame and then closed with 4001 (session "
        "id), 4004 (unknown session), 4401 (not authenticated), 4403 (origin), 4408 (no frame in time), 4409 (session "
        "ended or deleted), 4429 (too many, too fast), 1009, 1011, 1012 or 1013. Reconnect with the last `cursor` seen. "
        "With `operator` and the admin token it is an operator's: notes and presence are shown, messages are replies. "
        "The frames: `x-frames`.",
        parameters=(
            query_parameter("session_id", "The session"), query_parameter("cursor", "Go on after this place"),
            query_parameter("operator", "The name of the operator who connects", maxLength=OPERATOR_CHARACTERS),
            header_parameter("Authorization", "`Bearer` and the admin token, of an operator"),
            header_parameter("X-Admin-Token", "The admin token, of an operator"),
            header_parameter("Sec-WebSocket-Protocol", "`deskbus.v1` is offered; a browser's operator adds "
                             "`deskbus.token.` and the admin token in base64url without padding"),
        ),
        answers={101: Answer(description="The conversation goes on in frames", content_type="")},
        faults={400: ("upgrade_required",), 401: ("not_authenticated",)},
    ),
}  # fmt: skip

PLATFORM = {
    "card": Operation(
        tag="Platform", summary="The calling card", answers={200: Answer(description="What this is", kind=Card)}
    ),
    "alive": Operation(
        tag="Platform", summary="Whether this process answers",
        answers={200: Answer(description="It does", kind=dict[str, str])},
    ),
    "ready": Operation(
        tag="Platform", summary="How every part is",
        answers={200: Answer(description="`healthy`, or `degraded` where only optional parts are away", kind=Readiness),
                 503: Answer(description="`unhealthy`: a required part is away", kind=Readiness)},
    ),
    "figures": Operation(
        tag="Platform", summary="Figures in Prometheus's text format",
        answers={200: Answer(description="The figures", content_type="text/plain")}, faults={404: ("not_found",)},
    ),
    **_page("chat", "A page to chat on"),
    **_page("operator", "The operators' page"),
    **_page("knowledge", "The page for documents, search and gaps"),
    "docs": Operation(
        tag="Platform", summary="This document as a page",
        answers={200: Answer(description="The page", content_type="text/html")},
    ),
    "openapi": Operation(
        tag="Platform", summary="This document", answers={200: Answer(description="It", kind=dict[str, Any])}
    ),
    "asyncapi": Operation(
        tag="Platform", summary="The WebSocket's frames as an AsyncAPI document",
        answers={200: Answer(description="It", kind=dict[str, Any])},
    ),
}  # fmt: skip


def operations(within: limits.Limits) -> dict[str, Operation]:
    """Give the operations of a gateway with these limits, by their names."""
    return {**SESSIONS, "send_message": _send_message(within), **CHAT, **OPERATORS, **AGENT, **KNOWLEDGE, **PLATFORM}


def _send_message(within: limits.Limits) -> Operation:
    return Operation(
        tag="Chat", summary="Send a message and get its answer",
        description="200 once the answer is stored; 202 with `Prefer: respond-async`, or when the answer takes longer "
        "than a request may: it will be in the history and on the WebSocket. With `Accept: text/event-stream` the frames "
        "of the answer come as they are written, from `acknowledged` to `complete`, as server-sent events.",
        body=NewMessage, body_required=True, forms=_message_forms(within),
        parameters=(header_parameter("Prefer", "`respond-async`: do not wait for the answer"),),
        answers={
            200: Answer(description="The stored answer", kind=ChatResponse, others=("text/event-stream",), links={
                "history": _TALK["history"], "give_feedback": {"message_id": "$response.body#/message_id"}}),
            202: Answer(description="The message is stored", kind=Accepted, headers=("Location", "Preference-Applied")),
        },
        faults={400: ("session_ended", "bad_form", "upload_stalled"), 404: ("attachment_not_found",),
                409: ("client_message_id_taken",), 413: ("file_too_large",),
                415: ("unsupported_media_type",), 422: ("invalid_message", "invalid_attachment"),
                429: ("rate_limited", "too_many_connections")},
    )  # fmt: skip


def _message_forms(within: limits.Limits) -> dict[str, Schema]:
    fields = {
        "message": {"type": "string", "minLength": 1, "description": f"1 to {within.message_characters} characters"},
        "client_message_id": {"type": "string", "maxLength": limits.TOKEN_CHARACTERS},
        "attachment_ids": {
            "type": "array", "items": {"type": "string"},
            "description": f"Ids of uploads of this session, at most {within.files_per_message} a message",
        },
    }  # fmt: skip
    files = {"type": "array", "maxItems": within.files_per_message, "items": _FILE}
    form = {"type": "object", "required": ["message"], "properties": fields}
    return {
        "multipart/form-data": {**form, "properties": {**fields, "attachments": files}},
        "application/x-www-form-urlencoded": form,
    }
