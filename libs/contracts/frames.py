"""Client frames: what travels over a WebSocket, each a JSON object with `type` and `timestamp`.

Frames of a conversation carry `cursor`: opaque; a client that reconnects with the last one that it saw misses and
repeats nothing.
"""

from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from .gateway import ClientRole, Present
from .knowledge import Source
from .operators import Note
from .session import Controller, Message, Priority, Rating, SessionStatus

Stage = Literal["context", "attachments", "knowledge", "model", "tool"]


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


class Frame(Struct, kw_only=True, tag_field="type", tag=_snake):
    """What every frame has. `timestamp` and `cursor` are set when the frame is sent."""

    timestamp: datetime | UnsetType = UNSET
    cursor: str | UnsetType = UNSET


# --- client to server


def _client(name: str) -> str:
    return name.removeprefix("Client").lower()


class ClientFrame(Struct, kw_only=True, tag_field="type", tag=_client):
    """What every frame from a client has."""


class ClientMessage(ClientFrame):
    """A customer's message."""

    content: str
    client_message_id: str | None = None
    attachments: list[str] | None = None
    attachment_ids: list[str] | None = None


class ClientFeedback(ClientFrame):
    """What a customer thinks of an answer."""

    message_id: str
    rating: Rating
    comment: str | None = None


class ClientCancel(ClientFrame):
    """Stops the running answer; only the one that it names, where it names one."""

    turn_id: str | None = None


class ClientTyping(ClientFrame):
    """The person at this socket is writing, or has stopped."""

    is_typing: bool | UnsetType = UNSET
    camel_is_typing: bool | UnsetType = field(default=UNSET, name="isTyping")


class ClientPing(ClientFrame):
    """Asks for a `pong`."""

    id: str | int | None = None


# --- server to client


class Connected(Frame):
    """The socket follows its session."""

    session_id: str
    client_id: str
    status: SessionStatus
    protocol: str
    resumed: bool
    server_version: str
    controller: Controller = "agent"


class Acknowledged(Frame):
    """The message is stored."""

    message_id: str
    seq: int
    client_message_id: str | None = None
    duplicate: bool = False


class Start(Frame):
    """An attempt to answer begins; drop the partial text of the one before."""

    turn_id: str
    attempt: int


class Status(Frame):
    """What the answer is waiting for."""

    stage: Stage
    message: str
    turn_id: str | UnsetType = UNSET
    attempt: int | UnsetType = UNSET


class Sources(Frame):
    """The candidates; those that the answer used stand in `complete`."""

    sources: list[Source]
    turn_id: str | UnsetType = UNSET
    attempt: int | UnsetType = UNSET


class Escalation(Frame):
    """A person takes over, or has already; `turn_id` and `attempt` where an answer handed the conversation over."""

    required: bool
    reason: list[str]
    ticket_id: str
    priority: Priority
    category: str
    turn_id: str | UnsetType = UNSET
    attempt: int | UnsetType = UNSET


class Text(Frame):
    """A piece of the answer; `offset` counts the characters (code points) before it in this attempt."""

    content: str
    offset: int
    turn_id: str | UnsetType = UNSET
    attempt: int | UnsetType = UNSET


class Complete(Frame):
    """The answer is stored; the text frames of the last attempt, joined, equal `message.content`."""

    turn_id: str
    attempt: int
    message: Message
    confidence: float | None
    processing_time: float | None
    requires_escalation: bool = False


class Cancelled(Frame):
    """The answer was called off.

    Attributes:
        message: what was said by then, as it is stored, perhaps empty: the text frames, joined, equal its content. Where
            there is none, what was shown is void.
    """

    turn_id: str
    reason: str
    attempt: int | UnsetType = UNSET
    message: Message | None = None


class Error(Frame):
    """Something went wrong, in words and as a stable code."""

    code: str
    message: str
    retryable: bool = False
    turn_id: str | UnsetType = UNSET


class MessageAddedFrame(Frame, tag="message_added"):
    """A message that this socket did not send: from another socket, HTTP, or an operator."""

    message: Message


class SessionUpdated(Frame):
    """The session's status changed, or who speaks for us; `operator` is the person who does."""

    status: SessionStatus
    controller: Controller = "agent"
    operator: str | None = None


class UserTyping(Frame):
    """Somebody else at this session is writing, or has stopped."""

    client_id: str
    is_typing: bool
    role: ClientRole


class PresenceFrame(Frame, tag="presence"):
    """Who is connected to the session; for operators only."""

    present: list[Present]


class NoteAddedFrame(Frame, tag="note_added"):
    """An operator wrote a note; for operators only."""

    note: Note


class Pong(Frame):
    """The answer to `ping`, with its `id`."""

    id: str | int | None = None


class Draining(Frame):
    """The server is about to restart; reconnect after `retry_after_ms` with the last cursor."""

    retry_after_ms: int


class Resync(Frame):
    """Frames were dropped: fetch the history from `seq`, and drop what you show of a running answer: it follows whole."""

    seq: int
