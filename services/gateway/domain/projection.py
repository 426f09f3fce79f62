"""A client's view of one conversation: which frames follow from what it has been shown and what happened since.

The same class serves a session's hub, which follows what is live, and each client that resumes from a cursor. Events
apply strictly in order; text frames apply by their offset. What comes too early is held back, within bounds, and
`behind` asks for a catch-up; what comes late or twice is dropped.
"""

from collections.abc import Iterable

import msgspec

from libs.contracts.agent import Snapshot, TurnFrame
from libs.contracts.frames import (
    Cancelled,
    Complete,
    Error,
    Escalation,
    Frame,
    MessageAddedFrame,
    NoteAddedFrame,
    SessionUpdated,
    Sources,
    Start,
    Text,
)
from libs.contracts.operators import ControlChanged, NoteAdded
from libs.contracts.session import (
    EventRecord,
    MessageAdded,
    SessionStatusChanged,
    Ticket,
    TurnCancelled,
    TurnCompleted,
    TurnFailed,
    TurnStarted,
)

from .happenings import Beside, Happening, read_event
from .position import Position

HELD_EVENTS = 512
HELD_FRAMES = 512
_REMEMBERED_TURNS = 16


class Projection:
    """What a client has been shown, and the frames that take it further. Every frame carries its cursor.

    Attributes:
        position: what has been shown.
        tag: of which session cursors say that they are.
        text: the text shown of the running attempt; where a client resumed, only what was shown since.
        sources: the running attempt's candidates, where they have been shown.
    """

    __slots__ = ("_epoch", "_events", "_frames", "_settled", "position", "sources", "tag", "text")

    def __init__(self, position: Position | None = None, tag: str = "") -> None:
        self.position = position or Position()
        self.tag = tag
        self.text = ""
        self.sources: Sources | None = None
        self._epoch = 0
        self._events: dict[int, EventRecord] = {}
        self._frames: list[TurnFrame] = []
        self._settled: list[str] = []

    @property
    def cursor(self) -> str:
        """The position as clients keep it."""
        return self.position.cursor(self.tag)

    @property
    def behind(self) -> bool:
        """Whether something is held back that waits for what was missed."""
        return bool(self._events or self._frames)

    @property
    def lacks_text(self) -> bool:
        """Whether text of the running attempt was missed."""
        return any(self._is_current(held) for held in self._frames)

    @property
    def held_frames(self) -> list[TurnFrame]:
        """The turn frames that are held back."""
        return list(self._frames)

    # --- what comes in

    def apply_event(self, record: EventRecord) -> list[Frame]:
        """Give the frames that follow from an event, and from held ones that it lets through."""
        if record.ev_seq <= self.position.ev_seq:
            return []
        if len(self._events) < HELD_EVENTS or record.ev_seq == self.position.ev_seq + 1:
            self._events[record.ev_seq] = record
        frames: list[Frame] = []
        while (due := self._events.pop(self.position.ev_seq + 1, None)) is not None:
            frames += self._happen(due.ev_seq, read_event(due))
        return frames + self._release()

    def apply_turn_frame(self, told: TurnFrame) -> list[Frame]:
        """Give the frames that follow from what a running attempt tells."""
        frames = self._follow(told)
        return frames + self._release() if frames and self._frames else frames

    def apply_snapshot(self, snapshot: Snapshot) -> list[Frame]:
        """Give the frames that follow from how far an attempt is: its text from where the client stands."""
        frames: list[Frame] = []
        current = (snapshot.turn_id, snapshot.attempt) == (self.position.turn_id, self.position.attempt)
        for frame in (snapshot.sources if self.sources is None else None, Text(content=snapshot.text, offset=0)):
            if current and frame is not None:
                frames += self.apply_turn_frame(
                    TurnFrame(turn_id=snapshot.turn_id, attempt=snapshot.attempt, epoch=self._epoch, frame=frame)
                )
        return frames

    def adopt(self, hub: "Projection") -> list[Frame]:
        """Give the frames that bring this client, at the hub's `ev_seq`, to the running attempt's text there."""
        there = hub.position
        if not there.turn_id:
            return []
        frames: list[Frame] = []
        if not self.position.leads_to(there.turn_id, there.attempt, hub.text):
            frames.append(self._start(there.turn_id, there.attempt))
        if hub.sources is not None and self.position.offset == 0:
            frames.append(self._mark(msgspec.structs.replace(hub.sources)))
        return frames + self._say(hub.text[self.position.offset :])

    def discard(self, stale: Iterable[TurnFrame]) -> None:
        """Forget held frames that a catch-up begun after them could not place: their turn is over."""
        gone = {id(told) for told in stale if not self._is_current(told)}
        self._frames = [told for told in self._frames if id(told) not in gone]

    # --- events

    def _happen(self, ev_seq: int, happening: Happening | None) -> list[Frame]:
        match happening:
            case TurnStarted():
                self._epoch = happening.epoch
                self.position = self.position.at(ev_seq)
                return [self._start(happening.turn_id, happening.attempt)]
            case TurnCompleted():
                return self._hand_over(happening) + self._conclude(ev_seq, happening)
            case TurnFailed():
                return self._apologise(happening) + self._conclude(ev_seq, happening)
            case TurnCancelled():
                return self._call_off(ev_seq, happening)
            case _:
                self.position = self.position.at(ev_seq)
                return self._tell(happening)

    def _tell(self, happening: Beside | None) -> list[Frame]:
        """Give the frames of what happened beside the answer."""
        match happening:
            case MessageAdded(message=message) if message.role != "assistant" or message.turn_id is None:
                return [self._mark(MessageAddedFrame(message=message))]
            case SessionStatusChanged(status=status):
                self._epoch = happening.epoch
                controller = happening.controller or ("agent" if status == "active" else "nobody")
                return [self._mark(SessionUpdated(status=status, controller=controller))]
            case ControlChanged(operator=operator):
                self._epoch = happening.epoch
                if happening.with_status and operator is None:
                    return []
                updated = SessionUpdated(status=happening.status, controller=happening.controller, operator=operator)
                return [self._mark(updated)]
            case NoteAdded(note=note):
                return [self._mark(NoteAddedFrame(note=note))]
            case _:
                return []

    def _conclude(self, ev_seq: int, turn: TurnCompleted | TurnFailed) -> list[Frame]:
        """Show what is missing of the stored answer, or all of it where something else was shown; then complete."""
        turn_id, attempt, message = turn.turn_id, turn.attempt, turn.message
        frames = self._say_whole(turn_id, attempt, message.content)
        self._settle(ev_seq, turn_id)
        complete = Complete(
            turn_id=turn_id,
            attempt=attempt,
            message=message,
            confidence=message.confidence,
            processing_time=message.processing_time,
            requires_escalation=isinstance(turn, TurnCompleted) and turn.ticket is not None,
        )
        return [*frames, self._mark(complete)]

    def _call_off(self, ev_seq: int, turn: TurnCancelled) -> list[Frame]:
        """Show what is missing of what had been said, where it is stored; otherwise what was shown is void."""
        turn_id, message = turn.turn_id, turn.message
        frames: list[Frame] = []
        cancelled = Cancelled(turn_id=turn_id, reason=turn.reason, message=message)
        if message is not None:
            cancelled.attempt = turn.attempt
            if message.content or self.position.offset:
                frames = self._say_whole(turn_id, turn.attempt, message.content)
        self._settle(ev_seq, turn_id)
        return [*frames, self._mark(cancelled)]

    def _hand_over(self, completed: TurnCompleted) -> list[Frame]:
        if completed.ticket is None:
            return []
        frame = escalation(completed.ticket)
        frame.turn_id, frame.attempt = completed.turn_id, completed.attempt
        return self._announce(frame)

    def _apologise(self, failed: TurnFailed) -> list[Frame]:
        error = Error(code=failed.code, message=failed.message.content, retryable=True, turn_id=failed.turn_id)
        return self._announce(error)

    def _announce(self, frame: Frame) -> list[Frame]:
        """Say how a turn ends before its text is completed; a client that resumes in between is not told again."""
        if self.position.announced:
            return []
        self.position = msgspec.structs.replace(self.position, announced=True)
        return [self._mark(frame)]

    def _settle(self, ev_seq: int, turn_id: str) -> None:
        self.position = Position(ev_seq)
        self.text, self.sources = "", None
        self._settled = [*self._settled[1 - _REMEMBERED_TURNS :], turn_id]

    # --- what a running attempt tells

    def _follow(self, told: TurnFrame) -> list[Frame]:
        if self._is_stale(told):
            return []
        early = not self._is_current(told)
        if early or (isinstance(told.frame, Text) and told.frame.offset > self.position.offset):
            if len(self._frames) < HELD_FRAMES:
                self._frames.append(told)
            return []
        frame = told.frame
        if isinstance(frame, Text):
            return self._say(frame.content[self.position.offset - frame.offset :])
        if isinstance(frame, Sources):
            self.sources = frame
        frame.turn_id, frame.attempt = told.turn_id, told.attempt
        return [self._mark(frame)]

    def _release(self) -> list[Frame]:
        """Try the held frames again, text in the order of its offsets."""
        held, self._frames = sorted(self._frames, key=_offset), []
        return [frame for told in held for frame in self._follow(told)]

    def _is_current(self, told: TurnFrame) -> bool:
        return told.turn_id == self.position.turn_id and told.attempt == self.position.attempt

    def _is_stale(self, told: TurnFrame) -> bool:
        older = told.turn_id == self.position.turn_id and told.attempt < self.position.attempt
        return older or told.epoch < self._epoch or told.turn_id in self._settled

    # --- what goes out

    def _start(self, turn_id: str, attempt: int) -> Frame:
        self.position = self.position.begun(turn_id, attempt)
        self.text, self.sources = "", None
        return self._mark(Start(turn_id=turn_id, attempt=attempt))

    def _say_whole(self, turn_id: str, attempt: int, content: str) -> list[Frame]:
        """Bring what is shown to the whole content, from the beginning where something else is shown."""
        leads = self.position.leads_to(turn_id, attempt, content)
        frames: list[Frame] = [] if leads else [self._start(turn_id, attempt)]
        return frames + self._say(content[self.position.offset :])

    def _say(self, piece: str) -> list[Frame]:
        if not piece:
            return []
        turn_id, attempt, offset = self.position.turn_id, self.position.attempt, self.position.offset
        self.text += piece
        self.position = self.position.extended(piece)
        return [self._mark(Text(content=piece, offset=offset, turn_id=turn_id, attempt=attempt))]

    def _mark(self, frame: Frame) -> Frame:
        frame.cursor = self.cursor
        return frame


def escalation(ticket: Ticket) -> Escalation:
    """Give the frame that tells of a hand-over."""
    return Escalation(
        required=True, reason=ticket.reasons, ticket_id=ticket.ticket_id, priority=ticket.priority,
        category=ticket.category,
    )  # fmt: skip


def _offset(told: TurnFrame) -> int:
    return told.frame.offset if isinstance(told.frame, Text) else -1
