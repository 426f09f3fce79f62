"""A conversation's rows in memory: what `save` writes in Postgres, for tests of the aggregate alone."""

from msgspec.structs import replace

from libs.contracts import session as told
from services.session.domain.change import LoggedEvent
from services.session.domain.conversation import Conversation
from services.session.domain.decisions import is_allowed
from services.session.domain.turn import Turn
from tests.unit.session.given import NOON, state


class Shelf:
    """One session's rows."""

    def __init__(self, *, window: bool) -> None:
        self.state = state()
        self.window = window
        self.turns: dict[str, Turn] = {}
        self.messages: dict[int, told.Message] = {}
        self.waiting: set[int] = set()
        self.events: list[LoggedEvent] = []
        self.tickets: dict[str, told.Ticket] = {}

    @property
    def open_turns(self) -> list[Turn]:
        return [turn for turn in self.turns.values() if turn.open]

    def load(self) -> Conversation:
        """A copy, as a transaction has it: what is not saved has not happened."""
        [*open_turns] = self.open_turns
        turn = replace(open_turns[0], answers_seq=[*open_turns[0].answers_seq]) if open_turns else None
        if turn:
            turn.waiting = sorted(self.waiting)
            turn.acting = any(is_allowed(self.messages[seq]) for seq in turn.answers_seq)
        return Conversation(replace(self.state), NOON, turn)

    def save(self, change: Conversation) -> None:
        self.events += change.events
        self.state = change.state
        self._save_messages(change)
        if change.settled:
            self.turns[change.settled.turn_id] = change.settled
        if change.opened:
            change.opened.joinable = self.window
            self.turns[change.opened.turn_id] = change.opened
            self._take_up(change.opened)
        elif change.turn:
            self.turns[change.turn.turn_id] = change.turn
        self._save_ticket(change)

    def _save_messages(self, change: Conversation) -> None:
        if change.nothing_waits:
            ended = change.state.status == "ended"
            self.waiting = {seq for seq in self.waiting if not ended and is_allowed(self.messages[seq])}
        else:
            for seq in change.waiting_again:
                self.waiting.add(seq)
                self.messages[seq] = replace(self.messages[seq], turn_id=None)
        for message in change.messages:
            assert message.seq not in self.messages
            self.messages[message.seq] = message
            if change.waits(message):
                self.waiting.add(message.seq)

    def _take_up(self, opened: Turn) -> None:
        self.waiting -= set(opened.answers_seq)
        for seq in opened.answers_seq:
            self.messages[seq] = replace(self.messages[seq], turn_id=opened.turn_id)

    def _save_ticket(self, change: Conversation) -> None:
        if change.hand_over:
            assert not [one for one in self.tickets.values() if one.status == "open"]
            ticket = change.hand_over.ticket
            self.tickets[ticket.ticket_id] = ticket
        elif change.claimed:
            self.tickets[change.claimed.ticket_id] = change.claimed
        elif change.ticket_closed:
            [found] = [one for one in self.tickets.values() if one.status == "open"]
            self.tickets[found.ticket_id] = replace(found, status="closed", closed_at=NOON)
