"""The Session aggregate, pure: order, one answer at a time, and who may speak.

`Conversation` is loaded under the session's row lock, decides, and collects what is to be written: messages, the turn,
a ticket, and the events that tell of them, numbered densely.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.channels import Event, Payload
from libs.contracts.errors import Conflict, Malformed, NotFound

from .session import TRANSITIONS, SessionState
from .turn import FAILED_ANSWER, Turn, TurnStatus


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
    payload: object
    time: datetime
    final: bool = False


class Conversation:
    """A session and its open turn, at one moment, under its lock.

    Attributes:
        messages: new ones, to be stored.
        events: new ones, to be stored and told.
        opened: the turn that this change opens.
        settled: the turn that this change settles.
        ticket: the hand-over that this change opens.
        ticket_closed: whether this change ends one.
        deleted: whether nothing but the last event is to remain.
    """

    def __init__(self, state: SessionState, now: datetime, open_turn: Turn | None = None) -> None:
        self.state = state
        self.turn = open_turn
        self.now = now
        self.messages: list[told.Message] = []
        self.events: list[LoggedEvent] = []
        self.opened: Turn | None = None
        self.settled: Turn | None = None
        self.ticket: told.Ticket | None = None
        self.ticket_closed = False
        self.deleted = False

    # --- the session

    def open(self) -> None:
        """Tell of a session that has just been made."""
        self._log(bus_map.SESSION_OPENED, told.SessionOpened(self.state.shown()))

    def set_status(self, status: told.SessionStatus, ticket_id: str) -> None:
        """Move to a status; the present one changes nothing. Escalating opens a ticket under the id given.

        Raises:
            Conflict: `invalid_transition`.
        """
        previous = self.state.status
        if status == previous:
            return
        if status not in TRANSITIONS[previous]:
            raise Conflict("invalid_transition", f"a session that is {previous} cannot become {status}")
        if status == "escalated":
            self._open_ticket(ticket_id, told.Escalation(reasons=["set_by_client"]))
        else:
            self.ticket_closed = self.state.ticket is not None
            self.state.ticket = None
        self._change_status(status)

    def _change_status(self, status: told.SessionStatus) -> None:
        """Somebody else may speak from here on."""
        previous, self.state.status = self.state.status, status
        self.state.epoch += 1
        self._log(bus_map.SESSION_STATUS_CHANGED, told.SessionStatusChanged(status, previous, self.state.epoch))
        if status != "active":
            self._cancel_open_turn(status)

    def _open_ticket(self, ticket_id: str, escalation: told.Escalation) -> told.Ticket:
        ticket = told.Ticket(
            ticket_id=ticket_id,
            session_id=self.state.session_id,
            reasons=escalation.reasons,
            category=escalation.category,
            priority=escalation.priority,
            created_at=self.now,
        )
        self.ticket = self.state.ticket = ticket
        self._log(bus_map.SESSION_ESCALATED, told.SessionEscalated(ticket))
        return ticket

    def delete(self) -> None:
        """Leave nothing but the event that says so."""
        self.deleted = True
        self._log(bus_map.SESSION_DELETED, told.SessionDeleted(self.state.session_id), final=True)

    def _cancel_open_turn(self, reason: str) -> None:
        """Whoever was answering may not speak any more."""
        if self.turn:
            turn = self._settle("cancelled")
            self._log(
                bus_map.TURN_CANCELLED,
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

    def give_feedback(self, message: told.Message, feedback: told.Feedback) -> told.Message:
        """Rate an answer.

        Raises:
            NotFound: `message_not_found` for what is no answer.
        """
        if message.role not in ("assistant", "operator"):
            raise NotFound("message_not_found", "There is no such answer in this session")
        self._log(
            bus_map.FEEDBACK_GIVEN,
            told.FeedbackGiven(message_id=message.id, feedback=feedback, turn_id=message.turn_id),
        )
        return replace(message, feedback=feedback)

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
            bus_map.TURN_STARTED,
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

    def complete(self, message_id: str, answer: told.Answer, asked_at: datetime, ticket_id: str) -> told.Message:
        """Store the open turn's answer; where it escalates, hand the conversation over under a new ticket."""
        turn = self._settle("completed")
        metadata = {**answer.metadata, "attempt": turn.attempt}
        if answer.escalation:
            metadata |= {"ticket_id": ticket_id, **to_builtins(answer.escalation)}
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
            metadata=metadata,
        )
        self._add(message)
        ticket = self._open_ticket(ticket_id, answer.escalation) if answer.escalation else None
        self._log(
            bus_map.TURN_COMPLETED,
            told.TurnCompleted(
                turn_id=turn.turn_id,
                attempt=turn.attempt,
                answers_seq=turn.answers_seq,
                message=message,
                ticket=ticket,
            ),
        )
        if ticket:
            self._change_status("escalated")
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
            bus_map.TURN_FAILED,
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
        self._log(bus_map.MESSAGE_ADDED, told.MessageAdded(message))

    def _log(self, event: Event[Payload], payload: Payload, *, final: bool = False) -> None:
        self.state.last_ev_seq += 1
        self.state.updated_at = self.now
        self.events.append(
            LoggedEvent(ev_seq=self.state.last_ev_seq, event=event, payload=payload, time=self.now, final=final)
        )
