"""The rules of a conversation, pure: order, one answer at a time, and who may speak.

`Conversation` is the Session aggregate. It is loaded under the session's row lock, decides, and collects what is to be
written: messages, the turn, and the events that tell of them, numbered densely.
"""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from libs.contracts import session as told
from libs.contracts.bus_map import (
    MESSAGE_ADDED,
    SESSION_OPENED,
    SESSION_STATUS_CHANGED,
    TURN_CANCELLED,
    TURN_COMPLETED,
    TURN_FAILED,
    TURN_STARTED,
)  # fmt: skip
from libs.contracts.channels import Event, Payload
from libs.contracts.errors import Conflict, Malformed

MAX_ATTEMPTS = 5
FAILED_ANSWER = (
    "I'm sorry, something went wrong on our side and I couldn't finish this answer. "
    "Please send your question again in a moment, or ask to talk to a person."
)
TurnStatus = Literal["queued", "running", "completed", "failed", "cancelled"]

# escalated -> active returns the customer to the agent; ended is final.
_TRANSITIONS: dict[str, set[str]] = {
    "active": {"escalated", "ended"},
    "escalated": {"active", "ended"},
    "ended": set(),
}


class SessionState(Struct, kw_only=True):
    """A session as it is stored."""

    session_id: str
    tenant: str
    thread_id: str
    user_id: str | None
    status: told.SessionStatus
    epoch: int
    metadata: dict[str, Any]
    last_seq: int
    last_ev_seq: int
    created_at: datetime
    updated_at: datetime
    last_activity: datetime

    def shown(self) -> told.Session:
        """Give the session as clients see it."""
        return told.Session(
            session_id=self.session_id,
            thread_id=self.thread_id,
            user_id=self.user_id,
            status=self.status,
            metadata=self.metadata,
            created_at=self.created_at,
            updated_at=self.updated_at,
            last_activity=self.last_activity,
        )


class Turn(Struct, kw_only=True):
    """One answer under way or given; its lease is Postgres's business."""

    turn_id: str
    status: TurnStatus
    answers_seq: list[int]
    attempt: int = 0
    spared: int = 0
    agent_id: str | None = None
    traceparent: str = ""
    created_at: datetime

    @property
    def exhausted(self) -> bool:
        """Whether no further attempt is due."""
        return self.attempt - self.spared >= MAX_ATTEMPTS


class NewMessage(Struct, kw_only=True):
    """A customer's message that is about to be accepted."""

    message_id: str
    client_message_id: str
    content: str
    attachments: list[told.AttachmentRef]
    turn_id: str
    traceparent: str


class LoggedEvent(Struct, frozen=True, kw_only=True):
    """An event with its place in the log."""

    ev_seq: int
    event: Event[Any]
    payload: Struct
    time: datetime


class Conversation:
    """A session and its open turn, at one moment, under its lock.

    Attributes:
        messages: new ones, to be stored.
        events: new ones, to be stored and told.
        opened: the turn that this change opens.
        settled: the turn that this change settles.
    """

    def __init__(self, state: SessionState, now: datetime, open_turn: Turn | None = None) -> None:
        self.state = state
        self.turn = open_turn
        self.now = now
        self.messages: list[told.Message] = []
        self.events: list[LoggedEvent] = []
        self.opened: Turn | None = None
        self.settled: Turn | None = None

    # --- the session

    def open(self) -> None:
        """Tell of a session that has just been made."""
        self._log(SESSION_OPENED, told.SessionOpened(self.state.shown()))

    def set_status(self, status: told.SessionStatus) -> None:
        """Move to a status; the present one changes nothing.

        Raises:
            Conflict: `invalid_transition`.
        """
        previous = self.state.status
        if status == previous:
            return
        if status not in _TRANSITIONS[previous]:
            raise Conflict("invalid_transition", f"a session that is {previous} cannot become {status}")
        self.state.status = status
        self.state.epoch += 1
        self._log(SESSION_STATUS_CHANGED, told.SessionStatusChanged(status, previous, self.state.epoch))
        if status != "active":
            self._cancel_open_turn(status)

    def _cancel_open_turn(self, reason: str) -> None:
        """Whoever was answering may not speak any more."""
        if self.turn:
            turn = self._settle("cancelled")
            self._log(
                TURN_CANCELLED,
                told.TurnCancelled(
                    turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=turn.answers_seq, reason=reason
                ),
            )

    # --- messages

    def post(self, new: NewMessage) -> told.Message:
        """Accept a customer's message: next `seq`, and a turn unless one is open or a person is in charge.

        Raises:
            Malformed: `session_ended`.
        """
        if self.state.status == "ended":
            raise Malformed("session_ended", "This session has ended; create a new one to go on talking")
        starts_turn = self.state.status == "active" and self.turn is None
        message = told.Message(
            id=new.message_id,
            seq=self.state.last_seq + 1,
            role="user",
            content=new.content,
            timestamp=self.now,
            attachments=new.attachments,
            client_message_id=new.client_message_id,
            turn_id=new.turn_id if starts_turn else None,
        )
        self._add(message)
        if starts_turn:
            self.open_turn(new.turn_id, [message.seq], new.traceparent)
        return message

    def waits(self, message: told.Message) -> bool:
        """Say whether a message must be taken up by the next turn."""
        return message.role == "user" and message.turn_id is None and self.state.status == "active"

    # --- turns

    def open_turn(self, turn_id: str, answers_seq: list[int], traceparent: str) -> None:
        """Begin an answer to the messages with these `seq`."""
        self.opened = self.turn = Turn(
            turn_id=turn_id,
            status="queued",
            answers_seq=answers_seq,
            traceparent=traceparent,
            created_at=self.now,
        )

    def start(self, turn: Turn) -> None:
        """Tell that an agent has taken the turn."""
        assert turn.agent_id is not None  # noqa: S101 - a leased turn has its agent
        self.turn = turn
        self._log(
            TURN_STARTED,
            told.TurnStarted(
                turn_id=turn.turn_id,
                attempt=turn.attempt,
                epoch=self.state.epoch,
                agent_id=turn.agent_id,
                answers_seq=turn.answers_seq,
            ),
        )

    def check_fence(self, turn: Turn, attempt: int, epoch: int | None = None) -> None:
        """Refuse a writer that is not the current one.

        Raises:
            Conflict: `lease_lost` where another attempt holds the turn, or it is settled; `control_changed` where
                somebody else has taken over the conversation since.
        """
        if turn.status != "running" or turn.attempt != attempt:
            raise Conflict("lease_lost", "another attempt has this turn now, or it is settled")
        if epoch is not None and epoch != self.state.epoch:
            raise Conflict("control_changed", "the conversation is in other hands now")

    def complete(self, message_id: str, answer: told.Answer, asked_at: datetime) -> told.Message:
        """Store the open turn's answer."""
        turn = self._settle("completed")
        message = told.Message(
            id=message_id,
            seq=self.state.last_seq + 1,
            role="assistant",
            content=answer.content,
            timestamp=self.now,
            sources=answer.sources,
            tools_used=answer.tools_used,
            confidence=answer.confidence,
            processing_time=round((self.now - asked_at).total_seconds(), 3),
            turn_id=turn.turn_id,
            metadata={**answer.metadata, "attempt": turn.attempt},
        )
        self._add(message)
        self._log(
            TURN_COMPLETED,
            told.TurnCompleted(
                turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=turn.answers_seq, message=message
            ),
        )
        return message

    def fail(self, message_id: str, code: str) -> told.Message:
        """Give the open turn up, and say so to the customer."""
        turn = self._settle("failed")
        message = told.Message(
            id=message_id,
            seq=self.state.last_seq + 1,
            role="assistant",
            status="failed",
            content=FAILED_ANSWER,
            timestamp=self.now,
            confidence=0.0,
            turn_id=turn.turn_id,
            metadata={"attempt": turn.attempt, "error": {"code": "turn_failed", "cause": code, "retryable": True}},
        )
        self._add(message)
        self._log(
            TURN_FAILED,
            told.TurnFailed(
                turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=turn.answers_seq, code=code, message=message
            ),
        )
        return message

    # --- bookkeeping

    def _settle(self, status: TurnStatus) -> Turn:
        assert self.turn is not None  # noqa: S101 - callers have checked the fence
        turn, self.turn = self.turn, None
        turn.status = status
        self.settled = turn
        return turn

    def _add(self, message: told.Message) -> None:
        self.state.last_seq = message.seq
        self.state.last_activity = self.now
        self.messages.append(message)
        self._log(MESSAGE_ADDED, told.MessageAdded(message))

    def _log(self, event: Event[Payload], payload: Payload) -> None:
        self.state.last_ev_seq += 1
        self.state.updated_at = self.now
        self.events.append(LoggedEvent(ev_seq=self.state.last_ev_seq, event=event, payload=payload, time=self.now))  # pyright: ignore[reportArgumentType]
