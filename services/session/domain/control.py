"""Who may speak for us: the agent, an operator, or nobody yet. Every change of it raises the epoch."""

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts import bus_map, operators
from libs.contracts import session as told
from libs.contracts.errors import Conflict, Malformed

from .change import Change, FreshIds
from .session import TRANSITIONS


class NewReply(Struct, frozen=True, kw_only=True):
    """An operator's message that is about to be accepted."""

    message_id: str
    client_message_id: str
    content: str
    operator: str


class Control(Change):
    """The changes of who may speak, and what operators do."""

    def set_status(self, status: told.SessionStatus, ids: FreshIds, waiting: list[int]) -> None:
        """Move to a status; the present one changes nothing.

        Args:
            status: what to become.
            ids: for the ticket of an escalation, for the turn of a return to the agent.
            waiting: the `seq` of the messages that nobody has answered, which the agent takes up on its return.

        Raises:
            Conflict: `invalid_transition`.
        """
        previous = self.state.status
        if status == previous:
            return
        if status not in TRANSITIONS[previous]:
            raise Conflict("invalid_transition", f"a session that is {previous} cannot become {status}")
        if status == "escalated":
            self._hand_over(told.Escalation(reasons=["set_by_client"]), ids)
        elif status == "active":
            self._return_to_agent(waiting, ids)
        else:
            self._end(ids)

    def take_over(self, operator: str, ids: FreshIds, *, force: bool) -> None:
        """Put an operator in charge; one who is already changes nothing.

        Raises:
            Malformed: `session_ended`.
            Conflict: `claimed_by_another`, unless by `force`.
        """
        if self.state.status == "ended":
            raise Malformed("session_ended", "This session has ended; nobody can take it over")
        ticket = self.state.ticket
        if ticket is None:
            self._hand_over(told.Escalation(reasons=["taken_over"]), ids, operator)
        elif ticket.operator != operator:
            if not force:
                self._refuse_another(operator)
            self.claimed = replace(ticket, operator=operator, claimed_at=self.now)
            self._hand_to("escalated", self.claimed)

    def reply(self, new: NewReply) -> told.Message:
        """Accept an operator's message; it answers whatever waits, but what the agent has still to carry out.

        Raises:
            Conflict: `not_in_control`.
        """
        if self.state.operator != new.operator:
            raise Conflict("not_in_control", "Somebody else speaks here now: take the conversation over first")
        message = told.Message(
            id=new.message_id,
            seq=self.state.last_seq + 1,
            role="operator",
            content=new.content,
            timestamp=self.now,
            client_message_id=new.client_message_id,
            metadata={"operator": new.operator},
        )
        self._add(message)
        self.nothing_waits = True
        return message

    def release(self, operator: str, ids: FreshIds, waiting: list[int]) -> None:
        """Return the conversation to the agent, which takes up the messages with these `seq`; other questions are done.

        One that the agent has already stays as it is, so that asking twice does what asking once does.

        Raises:
            Conflict: `not_escalated`, `claimed_by_another`.
        """
        if self.state.status == "active":
            return
        self._check_closing(operator)
        self._return_to_agent(waiting, ids)
        self.nothing_waits = True

    def resolve(self, operator: str, ids: FreshIds) -> None:
        """Close the ticket and end the conversation; one that has ended stays so.

        Raises:
            Conflict: `not_escalated`, `claimed_by_another`.
        """
        if self.state.status == "ended":
            return
        self._check_closing(operator)
        self._end(ids)

    def add_note(self, note: operators.Note) -> None:
        """Keep what an operator tells the others."""
        self._log(bus_map.NOTE_ADDED, operators.NoteAdded(note))

    # --- the steps that they are made of

    def _check_closing(self, operator: str) -> None:
        if self.state.status != "escalated":
            raise Conflict("not_escalated", f"This conversation is {self.state.status}: it is not in people's hands")
        self._refuse_another(operator)

    def _refuse_another(self, operator: str) -> None:
        """Refuse where somebody else is in charge."""
        if self.state.operator not in (None, operator):
            raise Conflict("claimed_by_another", f"{self.state.operator} has taken this conversation over")

    def _hand_over(self, escalation: told.Escalation, ids: FreshIds, operator: str | None = None) -> None:
        stopped = self._stop_answering("taken_over" if operator else "escalated", ids)
        ticket = self._open_ticket(ids.ticket_id, escalation, operator)
        if stopped:
            self._log(bus_map.TURN_CANCELLED, stopped)
        self._hand_to("escalated", ticket)

    def _return_to_agent(self, waiting: list[int], ids: FreshIds) -> None:
        self.ticket_closed = self.state.ticket is not None
        self._hand_to("active", None)
        if waiting:
            self.open_turn(ids.turn_id, waiting, "")

    def _end(self, ids: FreshIds) -> None:
        if stopped := self._stop_answering("ended", ids):
            self._log(bus_map.TURN_CANCELLED, stopped)
        self.ticket_closed = self.state.ticket is not None
        self.nothing_waits = True
        self._hand_to("ended", None)

    def _stop_answering(self, reason: str, ids: FreshIds) -> told.TurnCancelled | None:
        """Stop the open turn: what it has said is void and its questions wait again; gives the event to be logged.

        A turn that the customer has called off is settled as that: nobody waits for its answer.
        """
        if self.turn is None:
            return None
        turn = self._settle("cancelled")
        self._revoke(turn)
        message = None
        if turn.cancelling:
            reason, message = "cancelled", self._add_called_off(turn, ids.message_id, told.Answer(content=""))
        else:
            self.waiting_again = turn.answers_seq
        return told.TurnCancelled(
            turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=turn.answers_seq, reason=reason, message=message
        )

    def _hand_to(self, status: told.SessionStatus, ticket: told.Ticket | None) -> None:
        """Somebody else is in charge from here on: raise the epoch, and tell what is different."""
        state = self.state
        previous, controller, operator = state.status, state.controller, state.operator
        state.status, state.ticket = status, ticket
        state.epoch += 1
        if status != previous:
            self._log(
                bus_map.SESSION_STATUS_CHANGED,
                told.SessionStatusChanged(status, previous, state.epoch, state.controller),
            )
        if (state.controller, state.operator) != (controller, operator):
            self._log(
                bus_map.CONTROL_CHANGED,
                operators.ControlChanged(
                    controller=state.controller,
                    previous=controller,
                    epoch=state.epoch,
                    status=status,
                    operator=state.operator,
                    with_status=status != previous,
                ),
            )
