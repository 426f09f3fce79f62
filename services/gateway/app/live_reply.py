"""Of a session's frames those that one message led to: from its receipt to the end of its answer."""

import asyncio

from libs.contracts.frames import (
    Acknowledged,
    Cancelled,
    Complete,
    Draining,
    Error,
    Escalation,
    Frame,
    Resync,
    SessionUpdated,
    Sources,
    Start,
    Status,
    Text,
)
from libs.contracts.session import SessionStatus

from ..ports import Outlet, Resuming
from .settlements import Settlements

# Of an answer that began before it was known that it is the one: its text so far is one frame, and a repeated request
# asks about it at once.
_HELD = 512
_OF_TURNS = Start, Text, Status, Sources, Complete, Cancelled
_Offered = tuple[bytes, Frame | None]


class LiveReply:
    """An outlet that passes on to another what belongs to one message, once it is known where that is.

    Attributes:
        seq: the message's, once it is acknowledged.
        status: the session's, as far as its frames have told since.
        is_complete: whether the end of the answer has come by.
    """

    def __init__(self, settlements: Settlements) -> None:
        self.on_dropped: Resuming = lambda _: None
        self.seq: int | None = None
        self.status: SessionStatus | None = None
        self.is_complete = False
        self._settlements = settlements
        self._outlet: Outlet | None = None
        self._turns: set[str] = set()
        self._undecided: list[_Offered] | None = []
        self._waiting: list[_Offered] = []
        self._dismissed: str | None = None
        self._news = asyncio.Event()

    # --- an outlet

    def offer(self, data: bytes, frame: Frame | None = None) -> None:
        """Pass on a frame that belongs to the message; keep one of which that is not known yet."""
        match frame:
            case Acknowledged():
                self.seq = frame.seq
                if not frame.duplicate:
                    self._undecided = None  # what came before the receipt answers something else
                self._pass_on(data, frame)
            case SessionUpdated():
                self.status = frame.status
                self._news.set()
            case Resync() | Draining():
                self._pass_on(data, frame)
            case Error() | Escalation() if not frame.turn_id:
                self._pass_on(data, frame)
            case _ if (turn_id := _turn_of(frame)) is not None:
                self._sort(turn_id, data, frame)
            case _:
                pass  # the rest of the conversation

    def dismiss(self, code: str) -> None:
        """Close the client's connection."""
        self._dismissed = code
        if self._outlet is not None:
            self._outlet.dismiss(code)

    async def flush(self) -> None:
        """Wait until what was offered has left, as far as it was passed on."""
        if self._outlet is not None:
            await self._outlet.flush()

    # --- what is known of the message

    def lead_to(self, outlet: Outlet) -> None:
        """Pass on everything, from the first frame on, to where the client is."""
        self._outlet = outlet
        outlet.on_dropped = self.on_dropped
        waiting, self._waiting = self._waiting, []
        for data, frame in waiting:
            outlet.offer(data, frame)
        if self._dismissed is not None:
            outlet.dismiss(self._dismissed)

    def decide(self, turn_id: str | None) -> None:
        """Learn which turn has taken the message up, where one has; what else was kept is let go."""
        if turn_id is not None:
            self._turns.add(turn_id)
        undecided, self._undecided = self._undecided or [], None
        for data, frame in undecided:
            self.offer(data, frame)

    def retell(self, turn_id: str) -> None:
        """Learn that the turn is over, and that its answer will be told anew."""
        self._turns.add(turn_id)
        self._undecided = None

    async def news(self, timeout: float) -> bool:
        """Wait until the answer has ended or the session's status has changed; False after so many seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._news.wait()
                self._news.clear()
        except TimeoutError:
            return False
        return True

    # --- frames of turns

    def _sort(self, turn_id: str, data: bytes, frame: Frame | None) -> None:
        if self.is_complete:
            return
        if self._answers(turn_id):
            self._pass_on(data, frame)
            if isinstance(frame, Complete) or (isinstance(frame, Cancelled) and _is_final(frame)):
                self.is_complete = True
                self._news.set()
        elif self._undecided is not None and len(self._undecided) < _HELD:
            self._undecided.append((data, frame))

    def _answers(self, turn_id: str) -> bool:
        if self.seq is not None and self._settlements.takes_up(turn_id, self.seq):
            self._turns.add(turn_id)
        return turn_id in self._turns

    def _pass_on(self, data: bytes, frame: Frame | None) -> None:
        if self._outlet is None:
            self._waiting.append((data, frame))
        else:
            self._outlet.offer(data, frame)


def _turn_of(frame: Frame | None) -> str | None:
    if isinstance(frame, (*_OF_TURNS, Error, Escalation)) and frame.turn_id:
        return frame.turn_id
    return None


def _is_final(cancelled: Cancelled) -> bool:
    """Say whether no other turn takes the question up, nor a person."""
    return cancelled.message is not None or cancelled.reason == "cancelled"
