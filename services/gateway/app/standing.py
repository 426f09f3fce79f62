"""How a session stands, as far as its hub was told: who speaks for us, and which answers are awaited."""

from collections.abc import Iterator
from contextlib import contextmanager

from libs.contracts.frames import Cancelled, Complete, Frame, MessageAddedFrame, SessionUpdated
from libs.contracts.session import Controller, EventsPage, OpenTurn, SessionStatus, TurnStarted

from .settlements import Settled, Settlements


class Standing:
    """One session's standing.

    Attributes:
        operator: who is in charge, where that was told.
        last_seq: the last message that is known.
    """

    __slots__ = ("_turn_open", "_unanswered", "_watches", "controller", "last_seq", "operator", "status")

    def __init__(self) -> None:
        self.status: SessionStatus = "active"
        self.controller: Controller = "agent"
        self.operator: str | None = None
        self.last_seq = 0
        self._turn_open = False
        self._unanswered: set[int] | None = None
        self._watches: list[Settlements] = []

    @property
    def awaits_answer(self) -> bool:
        """Whether an answer is under way, or ought to be."""
        return self._turn_open or bool(self._unanswered)

    def begin(self, page: EventsPage) -> None:
        """Learn how the session stands when somebody begins to follow it."""
        self.status, self.controller = page.status, page.controller
        self.look(page.last_seq, page.open_turn)

    def look(self, last_seq: int, turn: OpenTurn | None) -> None:
        """Learn which turn is open; where none is, nothing is awaited any more."""
        self.last_seq = max(self.last_seq, last_seq)
        self._turn_open = turn is not None
        if turn is None:
            self._unanswered = None

    def learn(self, frame: Frame) -> None:
        """Note what a frame for all tells of the session."""
        match frame:
            case SessionUpdated():
                self.status, self.controller, self.operator = frame.status, frame.controller, frame.operator
                for watch in self._watches:
                    watch.nudge()
            case MessageAddedFrame(message=message):
                self.last_seq = max(self.last_seq, message.seq)
                # What a person decided on an action is answered, too.
                if message.role == "user" or "approval_id" in message.metadata:
                    self.await_answer(message.seq)
            case Complete(message=message) | Cancelled(message=message) if message is not None:
                self.last_seq = max(self.last_seq, message.seq)
            case _:
                pass

    def start(self, turn: TurnStarted) -> None:
        """Note that an agent has taken a turn."""
        for watch in self._watches:
            watch.start(turn)

    def settle(self, turn: Settled) -> None:
        """Note that a turn is over."""
        self._turn_open = False
        if self._unanswered:
            self._unanswered.difference_update(turn.answers_seq)
        for watch in self._watches:
            watch.add(turn)

    def await_answer(self, seq: int) -> None:
        """Look after the answer to a message, even if its events get lost on the way."""
        if self.status == "active":
            if self._unanswered is None:
                self._unanswered = set()
            self._unanswered.add(seq)

    @contextmanager
    def watching(self) -> Iterator[Settlements]:
        """Watch turns being settled."""
        watch = Settlements()
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)

    def updated(self) -> SessionUpdated:
        """Give the frame that tells of it."""
        return SessionUpdated(status=self.status, controller=self.controller, operator=self.operator)
