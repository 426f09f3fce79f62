"""The aggregate against a model of it: whatever is done in whatever order, the promises hold."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from libs.contracts import operators
from libs.contracts import session as told
from libs.contracts.errors import Conflict, DeskError, Malformed
from services.session.domain.change import FreshIds
from services.session.domain.control import NewReply
from services.session.domain.conversation import NewMessage
from services.session.domain.decisions import decision_of, is_allowed
from services.session.domain.session import TRANSITIONS
from services.session.domain.turn import MAX_ATTEMPTS, TurnPolicy
from tests.unit.session.given import NOON, approval
from tests.unit.session.shelf import Shelf

PERSON = told.Escalation(reasons=["asked_for_person"])
LATE = 40  # ids, before which nothing ends: an ended session has little left to show
OPERATORS = st.sampled_from(["Ann", "Bob"])


class Model:
    """What ought to be, in the fewest words: where each message that asks for an answer stands, and who is in charge."""

    def __init__(self) -> None:
        self.status = "active"
        self.operator: str | None = None
        self.epoch = 0
        self.waiting: list[int] = []
        self.allowed: set[int] = set()
        self.answering: list[int] | None = None
        self.done: set[int] = set()
        self.finals = 0

    def settle(self, *, answered: bool) -> None:
        """The open turn is over: its questions are answered, or wait again."""
        assert self.answering is not None
        if answered:
            self.done |= set(self.answering)
            self.finals += 1
        else:
            self.waiting = sorted({*self.waiting, *self.answering})
        self.answering = None
        self.take_up()

    def take_up(self) -> None:
        if self.status == "active" and self.answering is None and self.waiting:
            self.answering, self.waiting = self.waiting, []

    def nothing_waits(self, *, ended: bool = False) -> None:
        """People have answered what waits, but for actions that were allowed: these are still to be carried out."""
        self.done |= {seq for seq in self.waiting if ended or seq not in self.allowed}
        self.waiting = [seq for seq in self.waiting if not ended and seq in self.allowed]

    def hand_to(self, status: str, operator: str | None, *, called_off: bool = False) -> None:
        self.status, self.operator = status, operator
        self.epoch += 1
        if status != "active" and self.answering is not None:
            self.settle(answered=called_off)
        if status == "ended":
            self.nothing_waits(ended=True)
        self.take_up()


class AnyConversation(RuleBasedStateMachine):
    """Messages, decisions, claims, answers in time and late, cancellations, sealing, operators, statuses, notes, deletion."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf(window=False)
        self.model = Model()
        self.policy: TurnPolicy = "coalesce"
        self.count = 0
        self.claims: list[tuple[str, int, int]] = []

    @initialize(policy=st.sampled_from(["coalesce", "supersede"]), window=st.booleans())
    def begin(self, policy: TurnPolicy, window: bool) -> None:
        self.policy, self.shelf = policy, Shelf(window=window)
        opened = self.shelf.load()
        opened.open()
        self.shelf.save(opened)

    @rule(policy=st.sampled_from(["coalesce", "supersede"]))
    def policy_changes(self, policy: TurnPolicy) -> None:
        """The service is started again with another setting."""
        self.policy = policy

    # --- what the rules look at

    def ids(self) -> FreshIds:
        self.count += 1
        return FreshIds(message_id=f"msg_{self.count}", turn_id=f"turn_{self.count}", ticket_id=f"tick_{self.count}")

    @property
    def turn(self) -> Any:
        return self.shelf.open_turns[0] if self.shelf.open_turns else None

    @property
    def running(self) -> bool:
        return self.turn is not None and self.turn.status == "running"

    @property
    def acting(self) -> bool:
        """Whether the open turn answers what a colleague has allowed."""
        return any(is_allowed(self.shelf.messages[seq]) for seq in self.model.answering or [])

    def waiting(self, *, allowed_only: bool = False) -> list[int]:
        return sorted(seq for seq in self.shelf.waiting if not allowed_only or seq in self.model.allowed)

    def refused(self, code: str, change: Any) -> None:
        """Whatever is refused has changed nothing: it is not saved, and the model stays as it is."""
        with pytest.raises(DeskError) as caught:
            change()
        assert caught.value.code == code

    # --- the customer

    @rule()
    def post(self) -> None:
        ids, change = self.ids(), self.shelf.load()
        new = NewMessage(
            message_id=ids.message_id, client_message_id=ids.message_id, content="hello", attachments=[],
            turn_id=ids.turn_id, traceparent="",
        )  # fmt: skip
        if self.model.status == "ended":
            with pytest.raises(Malformed):
                change.post(new, self.policy)
            return
        turn = self.turn
        seq = change.post(new, self.policy).seq
        self.shelf.save(change)
        if turn is not None and turn.joinable:
            self.model.answering = [*(self.model.answering or []), seq]
        else:
            if turn is not None and self.policy == "supersede" and not (turn.cancelling or self.acting):
                self.model.waiting = sorted({*self.model.waiting, *(self.model.answering or [])})
                self.model.answering = None
            self.model.waiting.append(seq)
            self.model.take_up()

    @rule(decision=st.sampled_from(["approved", "refused", "expired"]))
    def decide(self, decision: str) -> None:
        """A colleague decides about an action that the agent asked for, or nobody does in time."""
        ids, change, turn = self.ids(), self.shelf.load(), self.turn
        made = replace(decision_of(approval(status=decision)), message_id=ids.message_id)
        stored = change.tell_decision(made, ids.turn_id, "")
        if self.model.status == "ended":
            assert (stored, change.events) == (None, [])
            return
        assert stored is not None
        assert change.settled is None, "an answer gave way to a decision"
        self.shelf.save(change)
        if decision == "approved":
            self.model.allowed.add(stored.seq)
        if turn is not None and turn.joinable:
            self.model.answering = [*(self.model.answering or []), stored.seq]
        else:
            self.model.waiting.append(stored.seq)
            self.model.take_up()

    @precondition(lambda self: self.turn is not None)
    @rule()
    def cancel(self) -> None:
        held, change = self.turn.held and not self.turn.overdue, self.shelf.load()
        acted = change.turn.may_have_acted
        assert change.cancel(self.ids()) == ("cancelling" if held else "cancelled")
        change.go_on(self.ids().turn_id)
        self.shelf.save(change)
        if not held:
            self.ended(to_a_person=acted)

    def ended(self, *, to_a_person: bool) -> None:
        """The open turn was settled; what may have been done is for a person to find out."""
        if to_a_person:
            self.model.status = "escalated"  # before the turn is settled: nothing is taken up
        self.model.settle(answered=True)
        if to_a_person:
            self.model.hand_to("escalated", None)

    # --- agents

    @precondition(lambda self: self.turn is not None)
    @rule()
    def claim(self) -> None:
        turn = self.turn
        turn.joinable = False  # its window is over by now
        if turn.held or turn.cancelling or turn.expired or turn.exhausted:
            return
        turn.status, turn.agent_id, turn.held = "running", "agent_1", True
        turn.attempt += 1
        change = self.shelf.load()
        change.start(turn)
        self.shelf.save(change)
        self.claims.append((turn.turn_id, turn.attempt, self.shelf.state.epoch))

    @precondition(lambda self: self.running)
    @rule(escalates=st.booleans(), stopped=st.booleans())
    def complete(self, escalates: bool, stopped: bool) -> None:
        called_off = self.turn.cancelling or stopped
        ids, change = self.ids(), self.shelf.load()
        assert change.turn is not None
        change.check_fence(change.turn, self.turn.attempt, self.model.epoch)
        answer = told.Answer(content="hi", escalation=PERSON if escalates else None)
        message = change.complete(answer, ids, cancelled=stopped)
        change.go_on(self.ids().turn_id)
        self.shelf.save(change)
        assert message.status == ("cancelled" if called_off and not escalates else "complete")
        self.ended(to_a_person=escalates)

    @precondition(lambda self: self.running)
    @rule()
    def fail(self) -> None:
        turn, change = self.turn, self.shelf.load()
        acted = change.turn.may_have_acted
        if turn.exhausted or turn.cancelling or turn.expired:
            change.fail(self.ids(), "model_failed")
            change.go_on(self.ids().turn_id)
            self.shelf.save(change)
            self.ended(to_a_person=acted)
        else:
            turn.status, turn.agent_id, turn.held = "queued", None, False

    # --- time

    @precondition(lambda self: self.running)
    @rule()
    def lease_runs_out(self) -> None:
        self.turn.held = False

    @precondition(lambda self: self.turn is not None and self.turn.cancelling)
    @rule()
    def agent_does_not_answer(self) -> None:
        self.turn.overdue = True

    @precondition(lambda self: self.turn is not None)
    @rule()
    def deadline_passes(self) -> None:
        self.turn.expired = True

    @precondition(lambda self: self.turn is not None and not self.turn.held)
    @rule()
    def attempts_are_used_up(self) -> None:
        self.turn.attempt = max(self.turn.attempt, MAX_ATTEMPTS)
        self.turn.joinable = False

    @precondition(lambda self: self.turn is not None)
    @rule()
    def sweep(self) -> None:
        due, change = self.turn.to_be_sealed, self.shelf.load()
        acted = change.turn.may_have_acted
        assert change.seal(self.ids()) is due
        if due:
            change.go_on(self.ids().turn_id)
            self.shelf.save(change)
            self.ended(to_a_person=acted)

    # --- who is in charge

    @precondition(lambda self: self.count > LATE or self.model.status != "active")
    @rule(status=st.sampled_from(["active", "escalated", "ended"]))
    def move(self, status: told.SessionStatus) -> None:
        if status == "ended" and self.count < LATE:
            return
        before, called_off = self.model.status, self.turn is not None and self.turn.cancelling
        change = self.shelf.load()
        if status != before and status not in TRANSITIONS[before]:
            self.refused("invalid_transition", lambda: change.set_status(status, self.ids(), []))
            return
        change.set_status(status, self.ids(), self.waiting())
        self.shelf.save(change)
        if status != before:
            self.model.hand_to(status, None, called_off=called_off)

    @rule(operator=OPERATORS, force=st.booleans())
    def take_over(self, operator: str, force: bool) -> None:
        called_off = self.turn is not None and self.turn.cancelling
        change = self.shelf.load()
        if self.model.status == "ended":
            self.refused("session_ended", lambda: change.take_over(operator, self.ids(), force=force))
        elif self.model.operator not in (None, operator) and not force:
            self.refused("claimed_by_another", lambda: change.take_over(operator, self.ids(), force=force))
        else:
            change.take_over(operator, self.ids(), force=force)
            self.shelf.save(change)
            if self.model.operator != operator:
                self.model.hand_to("escalated", operator, called_off=called_off)

    @rule(operator=OPERATORS)
    def reply(self, operator: str) -> None:
        ids, change = self.ids(), self.shelf.load()
        new = NewReply(message_id=ids.message_id, client_message_id=ids.message_id, content="hi", operator=operator)
        if self.model.operator != operator:
            self.refused("not_in_control", lambda: change.reply(new))
        else:
            change.reply(new)
            self.shelf.save(change)
            self.model.nothing_waits()

    @rule(operator=OPERATORS, ends=st.booleans(), answer=st.booleans())
    def give_back_or_end(self, operator: str, ends: bool, answer: bool) -> None:
        ends = ends and self.count > LATE
        change, waiting = self.shelf.load(), self.waiting(allowed_only=not answer)

        def close() -> None:
            change.resolve(operator, self.ids()) if ends else change.release(operator, self.ids(), waiting)

        if self.model.status == ("ended" if ends else "active"):
            close()
            assert change.events == []
        elif self.model.status != "escalated":
            self.refused("not_escalated", close)
        elif self.model.operator not in (None, operator):
            self.refused("claimed_by_another", close)
        else:
            close()
            self.shelf.save(change)
            if not answer:
                self.model.nothing_waits()
            self.model.hand_to("ended" if ends else "active", None)

    @rule()
    def add_note(self) -> None:
        before, change = len(self.shelf.messages), self.shelf.load()
        change.add_note(operators.Note(note_id=self.ids().message_id, content="x", operator="Ann", created_at=NOON))
        self.shelf.save(change)
        assert len(self.shelf.messages) == before

    def teardown(self) -> None:
        """Whatever came before, a deleted session leaves one event, and its agent is told to stop."""
        change, turn = self.shelf.load(), self.turn
        change.delete()
        assert [(logged.event.name, logged.final) for logged in change.events] == [("session_deleted", True)]
        assert change.events[0].ev_seq == len(self.shelf.events) + 1
        assert (change.revoked is not None) == (turn is not None and turn.agent_id is not None)

    # --- the promises

    @invariant()
    def numbers_are_dense(self) -> None:
        assert sorted(self.shelf.messages) == list(range(1, len(self.shelf.messages) + 1))
        assert [logged.ev_seq for logged in self.shelf.events] == list(range(1, len(self.shelf.events) + 1))

    @invariant()
    def everything_stands_as_the_model_says(self) -> None:
        shelf, model = self.shelf, self.model
        assert (shelf.state.status, shelf.state.operator) == (model.status, model.operator)
        assert shelf.state.epoch == model.epoch
        assert sorted(shelf.waiting) == model.waiting
        assert (self.turn.answers_seq if self.turn else None) == model.answering

    @invariant()
    def one_turn_at_most_is_open_and_only_while_the_agent_may_speak(self) -> None:
        assert len(self.shelf.open_turns) <= 1
        assert not self.shelf.open_turns or self.shelf.state.controller == "agent"

    @invariant()
    def only_the_last_claim_may_speak_and_only_while_its_turn_is_open(self) -> None:
        change = self.shelf.load()
        for turn_id, attempt, epoch in self.claims:
            turn = change.turn if change.turn and change.turn.turn_id == turn_id else self.shelf.turns[turn_id]
            if self.running and (turn_id, attempt) == (self.turn.turn_id, self.turn.attempt):
                assert epoch == self.model.epoch
                change.check_fence(turn, attempt, epoch)
            else:
                with pytest.raises(Conflict):
                    change.check_fence(turn, attempt, epoch)

    @invariant()
    def a_turn_has_one_final_answer(self) -> None:
        turns = [message.turn_id for message in self.shelf.messages.values() if message.role == "assistant"]
        assert len(turns) == len(set(turns)) == self.model.finals

    @invariant()
    def every_customers_message_and_decision_is_answered_or_waits_or_is_being_answered(self) -> None:
        asked = {seq for seq, message in self.shelf.messages.items() if message.role in ("user", "system")}
        answering = set(self.model.answering or [])
        assert asked == self.model.done | set(self.model.waiting) | answering
        assert not answering & set(self.model.waiting)
        assert not self.model.done & (answering | set(self.model.waiting))
        for seq in answering:
            assert self.turn is None or self.shelf.messages[seq].turn_id == self.turn.turn_id

    @invariant()
    def a_ticket_is_open_only_while_escalated(self) -> None:
        opened = [ticket for ticket in self.shelf.tickets.values() if ticket.status == "open"]
        assert opened == ([self.shelf.state.ticket] if self.shelf.state.status == "escalated" else [])

    @invariant()
    def the_log_tells_who_is_in_charge(self) -> None:
        """Whoever follows the events alone knows status, controller, operator and epoch."""
        status, controller, operator, epoch = "active", "agent", None, 0
        for logged in self.shelf.events:
            match logged.payload:
                case told.SessionStatusChanged():
                    assert logged.payload.previous == status
                    status, epoch = logged.payload.status, logged.payload.epoch
                    in_charge = logged.payload.controller
                    if in_charge != "operator":
                        operator = None
                    told_with = (in_charge, controller)
                    controller = in_charge
                case operators.ControlChanged():
                    if logged.payload.with_status:
                        assert (logged.payload.controller, logged.payload.previous) == told_with
                        assert logged.payload.epoch == epoch
                    else:
                        assert logged.payload.previous == controller
                        assert logged.payload.epoch == epoch + 1
                    controller, operator, epoch = (
                        logged.payload.controller, logged.payload.operator, logged.payload.epoch,
                    )  # fmt: skip
                case _:
                    pass
        known = self.shelf.state
        assert (status, controller, operator, epoch) == (known.status, known.controller, known.operator, known.epoch)


TestAnyConversation = AnyConversation.TestCase
TestAnyConversation.settings = settings(max_examples=250, stateful_step_count=60, deadline=None)
