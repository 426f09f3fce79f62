"""One change of a conversation: what is to be written together, and the events that tell of it, densely numbered."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.channels import Event, Payload

from .hand_over import HandOver, bounded, sources_tried, summarise
from .session import SessionState
from .turn import Turn, TurnStatus


class FreshIds(Struct, frozen=True, kw_only=True):
    """Ids that a change may need for what it makes."""

    message_id: str
    turn_id: str
    ticket_id: str


class LoggedEvent(Struct, frozen=True, kw_only=True):
    """An event with its place in the log."""

    ev_seq: int
    event: Event[Any]
    payload: object
    time: datetime
    final: bool = False


class Revocation(Struct, frozen=True, kw_only=True):
    """An attempt that its agent is to stop; where `wanted`, what it has said is to be stored as cancelled."""

    agent_id: str
    turn_id: str
    attempt: int
    wanted: bool


class Change:
    """A session and its open turn, at one moment, under its lock, and what is to be written.

    Attributes:
        background: the first question and the last messages, where a hand-over is near.
        messages: new ones, to be stored.
        events: new ones, to be stored and told.
        opened: the turn that this change opens.
        joined: the open turn that a new message joins.
        settled: the turn that this change settles.
        called_off: the open turn that its agent is to end.
        revoked: whom to tell that it may not go on.
        waiting_again: the `seq` of messages whose turn this change has stopped: nobody has answered them.
        nothing_waits: whether no message is left to be answered, but for what the agent has still to carry out.
        hand_over: what this change opens.
        claimed: the open ticket, where this change has put an operator in charge.
        ticket_closed: whether this change ends a hand-over.
        deleted: whether nothing but the last event is to remain.
    """

    def __init__(self, state: SessionState, now: datetime, open_turn: Turn | None = None) -> None:
        self.state = state
        self.turn: Turn | None = open_turn
        self.now = now
        self.background: list[told.Message] = []
        self.messages: list[told.Message] = []
        self.events: list[LoggedEvent] = []
        self.opened: Turn | None = None
        self.joined: Turn | None = None
        self.settled: Turn | None = None
        self.called_off: Turn | None = None
        self.revoked: Revocation | None = None
        self.waiting_again: list[int] = []
        self.nothing_waits = False
        self.hand_over: HandOver | None = None
        self.claimed: told.Ticket | None = None
        self.ticket_closed = False
        self.deleted = False

    def open_turn(self, turn_id: str, answers_seq: list[int], traceparent: str) -> None:
        """Begin an answer to the messages with these `seq`."""
        self.opened = self.turn = Turn(
            turn_id=turn_id,
            status="queued",
            answers_seq=answers_seq,
            traceparent=traceparent,
            created_at=self.now,
        )

    # --- for the rules

    def _settle(self, status: TurnStatus) -> Turn:
        assert self.turn is not None  # noqa: S101 - callers have looked
        turn, self.turn = self.turn, None
        turn.status = status
        self.settled = turn
        return turn

    def _revoke(self, turn: Turn, *, wanted: bool = False) -> None:
        if turn.agent_id:
            self.revoked = Revocation(agent_id=turn.agent_id, turn_id=turn.turn_id, attempt=turn.attempt, wanted=wanted)

    def _add_called_off(self, turn: Turn, message_id: str, answer: told.Answer) -> told.Message:
        """Store what an agent had said of an answer that the customer has called off."""
        message = told.Message(
            id=message_id,
            seq=self.state.last_seq + 1,
            role="assistant",
            status="cancelled",
            content=answer.content,
            timestamp=self.now,
            sources=answer.sources,
            tools_used=answer.tools_used,
            confidence=answer.confidence,
            processing_time=round((self.now - turn.created_at).total_seconds(), 3),
            turn_id=turn.turn_id,
            metadata={**answer.metadata, "attempt": turn.attempt},
        )
        self._add(message)
        return message

    def _open_ticket(self, ticket_id: str, escalation: told.Escalation, operator: str | None = None) -> told.Ticket:
        escalation = bounded(escalation)
        ticket = told.Ticket(
            ticket_id=ticket_id,
            session_id=self.state.session_id,
            reasons=escalation.reasons,
            category=escalation.category,
            priority=escalation.priority,
            created_at=self.now,
            operator=operator,
            claimed_at=self.now if operator else None,
            score=escalation.score,
            evidence=escalation.evidence,
        )
        known = [*self.background, *self.messages]
        self.hand_over = HandOver(
            ticket=ticket,
            summary=summarise(escalation, known, self.state.last_seq),
            sources=sources_tried(known),
            seq=self.state.last_seq,
        )
        self._log(bus_map.SESSION_ESCALATED, told.SessionEscalated(ticket, self.hand_over.summary))
        return ticket

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
