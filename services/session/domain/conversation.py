"""The Session aggregate, pure: order, one answer at a time, and who may speak.

`Conversation` is loaded under the session's row lock, decides, and collects what is to be written (`change.py`). Who may
speak is decided in `control.py`; messages and turns here.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.errors import Conflict, Malformed, NotFound

from .change import FreshIds
from .control import Control
from .decisions import ROLE, Decision
from .turn import FAILED_ANSWER, UNCONFIRMED, UNCONFIRMED_ANSWER, Turn, TurnPolicy


class NewMessage(Struct, kw_only=True):
    """A customer's message that is about to be accepted."""

    message_id: str
    client_message_id: str
    content: str
    attachments: list[told.AttachmentRef]
    turn_id: str
    traceparent: str


class Conversation(Control):
    """A session and its open turn, at one moment, under its lock."""

    # --- the session

    def open(self) -> None:
        """Tell of a session that has just been made."""
        self._log(bus_map.SESSION_OPENED, told.SessionOpened(self.state.shown()))

    def delete(self) -> None:
        """Leave nothing but the event that says so."""
        self.deleted = True
        if self.turn:
            self._revoke(self.turn)
        self._log(bus_map.SESSION_DELETED, told.SessionDeleted(self.state.session_id), final=True)

    # --- messages

    def post(self, new: NewMessage, policy: TurnPolicy = "coalesce") -> told.Message:
        """Accept a customer's message: next `seq`, and a turn unless one is open or people are in charge.

        The open turn takes it in while its window is open; later it gives way to a new one where the policy says so.

        Raises:
            Malformed: `session_ended`.
        """
        if self.state.status == "ended":
            raise Malformed("session_ended", "This session has ended; create a new one to go on talking")
        message = told.Message(
            id=new.message_id,
            seq=self.state.last_seq + 1,
            role="user",
            content=new.content,
            timestamp=self.now,
            attachments=new.attachments,
            client_message_id=new.client_message_id,
        )
        gives_way = policy == "supersede" and self.turn is not None and self.turn.gives_way
        return self._ask(message, new.turn_id, new.traceparent, supersedes=gives_way)

    def tell_decision(self, decision: Decision, turn_id: str, traceparent: str) -> told.Message | None:
        """Add what a colleague has decided, for the agent to answer; None where the session has ended.

        It never supersedes an answer. Where people are in charge it waits.
        """
        if self.state.status == "ended":
            return None
        message = told.Message(
            id=decision.message_id,
            seq=self.state.last_seq + 1,
            role=ROLE,
            content=decision.content,
            timestamp=self.now,
            metadata=decision.metadata,
        )
        return self._ask(message, turn_id, traceparent)

    def _ask(self, message: told.Message, turn_id: str, traceparent: str, *, supersedes: bool = False) -> told.Message:
        """Add a message that somebody has to answer: it joins the open turn, or opens one, or waits."""
        joins = self.turn if self.turn and self.turn.joinable else None
        starts = self.state.status == "active" and (self.turn is None or supersedes)
        message = replace(message, turn_id=joins.turn_id if joins else turn_id if starts else None)
        self._add(message)
        if joins:
            joins.answers_seq.append(message.seq)
            self.joined = joins
        elif starts:
            self.open_turn(turn_id, [*self._supersede(), message.seq], traceparent)
        return message

    def _supersede(self) -> list[int]:
        """Call off the open turn, where there is one; gives the `seq` of what the next one has to answer for it."""
        if self.turn is None:
            return []
        turn = self._settle("cancelled")
        self._revoke(turn)
        self._log(
            bus_map.TURN_CANCELLED,
            told.TurnCancelled(
                turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=turn.answers_seq, reason="superseded"
            ),
        )
        return sorted({*turn.answers_seq, *turn.waiting})

    def waits(self, message: told.Message) -> bool:
        """Say whether somebody has still to answer a message, agent or operator."""
        return message.role in ("user", ROLE) and message.turn_id is None

    def give_feedback(self, message: told.Message, feedback: told.Feedback, question: str = "") -> told.Message:
        """Rate an answer; `question` is what it has answered, where that is wanted.

        Raises:
            NotFound: `message_not_found` for what is no answer.
        """
        if message.role not in ("assistant", "operator"):
            raise NotFound("message_not_found", "There is no such answer in this session")
        self._log(
            bus_map.FEEDBACK_GIVEN,
            told.FeedbackGiven(message_id=message.id, feedback=feedback, turn_id=message.turn_id, question=question),
        )
        return replace(message, feedback=feedback)

    # --- turns

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

    def go_on(self, turn_id: str) -> None:
        """Where a turn was settled, open the next for what was said meanwhile."""
        if (settled := self.settled) and settled.waiting and self.state.status == "active":
            self.open_turn(turn_id, settled.waiting, settled.traceparent)

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

    def complete(self, answer: told.Answer, ids: FreshIds, *, cancelled: bool = False) -> told.Message:
        """Store the open turn's answer, as cancelled where it was called off; one that escalates hands over.

        Args:
            answer: what the agent has to say. A wish for a person is honoured whatever else the customer called off.
            ids: for the answer, and for a ticket.
            cancelled: whether the agent has stopped before its end.
        """
        assert self.turn is not None  # noqa: S101 - callers have checked the fence
        if (cancelled or self.turn.cancelling) and not answer.escalation:
            return self._call_off(ids.message_id, answer)
        turn = self._settle("completed")
        message = self._answered(turn, answer, ids)
        self._add(message)
        ticket = self._open_ticket(ids.ticket_id, answer.escalation) if answer.escalation else None
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
            self._hand_to("escalated", ticket)
        return message

    def _answered(self, turn: Turn, answer: told.Answer, ids: FreshIds) -> told.Message:
        metadata = {**answer.metadata, "attempt": turn.attempt}
        if answer.escalation:
            why = answer.escalation
            metadata |= {
                "ticket_id": ids.ticket_id, "reasons": why.reasons, "category": why.category, "priority": why.priority,
            }  # fmt: skip
        return told.Message(
            id=ids.message_id,
            seq=self.state.last_seq + 1,
            role="assistant",
            content=answer.content,
            timestamp=self.now,
            sources=answer.sources,
            tools_used=answer.tools_used,
            confidence=answer.confidence,
            processing_time=round((self.now - turn.created_at).total_seconds(), 3),
            turn_id=turn.turn_id,
            metadata=metadata,
        )

    def cancel(self, ids: FreshIds) -> Literal["cancelling", "cancelled"]:
        """Call the open turn off: its agent has a moment to say how far it came; without one it is over at once."""
        assert self.turn is not None  # noqa: S101 - callers have looked
        if not self.turn.held or self.turn.overdue:
            self._revoke(self.turn)
            self._call_off_unheard(ids)
            return "cancelled"
        self.turn.cancelling = True
        self.called_off = self.turn
        self._revoke(self.turn, wanted=True)
        return "cancelling"

    def seal(self, ids: FreshIds) -> bool:
        """Settle the open turn where nobody is going to answer it any more; False where somebody may."""
        turn = self.turn
        if turn is None or not turn.to_be_sealed:
            return False
        if turn.cancelling:
            self._revoke(turn)
            self._call_off_unheard(ids)
        else:
            self.fail(ids, "turn_expired" if turn.expired else "agent_lost")
        return True

    def _call_off_unheard(self, ids: FreshIds) -> told.Message:
        """Call the open turn off without an agent's word; where an allowed action may have been done, a person finds out."""
        assert self.turn is not None  # noqa: S101 - callers have looked
        if self.turn.may_have_acted:
            return self.complete(told.Answer(content=UNCONFIRMED_ANSWER, escalation=UNCONFIRMED), ids)
        return self._call_off(ids.message_id, told.Answer(content=""))

    def _call_off(self, message_id: str, answer: told.Answer) -> told.Message:
        turn = self._settle("cancelled")
        message = self._add_called_off(turn, message_id, answer)
        self._log(
            bus_map.TURN_CANCELLED,
            told.TurnCancelled(
                turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=turn.answers_seq, reason="cancelled",
                message=message,
            ),
        )  # fmt: skip
        return message

    def fail(self, ids: FreshIds, code: str) -> told.Message:
        """Give the open turn up, and say so to the customer; one that was called off is cancelled instead.

        One in which an allowed action may have been done goes to a person.
        """
        assert self.turn is not None  # noqa: S101 - callers have checked the fence
        if self.turn.cancelling or self.turn.may_have_acted:
            self._revoke(self.turn)
            return self._call_off_unheard(ids)
        turn = self._settle("failed")
        self._revoke(turn)
        message = told.Message(
            id=ids.message_id,
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
