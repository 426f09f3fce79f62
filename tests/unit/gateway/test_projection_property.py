"""Whatever the network does: the text is the stored text, each event shows once and in order, every cursor resumes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.agent import Snapshot
from libs.contracts.frames import (
    Cancelled,
    Complete,
    MessageAddedFrame,
    NoteAddedFrame,
    SessionUpdated,
    Start,
    Text,
)
from libs.contracts.operators import ControlChanged, Note, NoteAdded
from services.gateway.domain.position import read_cursor
from services.gateway.domain.projection import Projection

from .fakes import NOW, message, record, text

TICKET = told.Ticket(
    ticket_id="tick_1", session_id="sess_1", reasons=["legal"], category="legal", priority="urgent", created_at=NOW
)
PIECES = st.lists(st.text(alphabet="aé\n👋", min_size=1, max_size=4), max_size=5)


class Past:
    """A log that is being written, and what was live beside it."""

    def __init__(self):
        self.log, self.live, self.epoch, self.seq = [], [], 0, 0

    def happen(self, event, payload):
        self.log.append(record(len(self.log) + 1, event, payload))
        self.live.append(self.log[-1])

    def add(self, role, content, **fields):
        self.seq += 1
        row = message(self.seq, role, content, id=f"m{self.seq}", **fields)
        self.happen(bus_map.MESSAGE_ADDED, told.MessageAdded(row))
        return row

    def note(self):
        note = Note(note_id=f"note_{len(self.log)}", content="n", operator="Ann", created_at=NOW)
        self.happen(bus_map.NOTE_ADDED, NoteAdded(note))

    def take_over(self):
        """An operator takes over, says something and gives the conversation back."""
        self.change_status("escalated", "operator", "Ann")
        self.add("operator", "I am here")
        self.note()
        self.change_control("nobody", None)
        self.change_status("active", "agent", None)

    def change_status(self, status, controller, operator):
        self.epoch += 1
        changed = told.SessionStatusChanged(status, "active", self.epoch, controller)
        self.happen(bus_map.SESSION_STATUS_CHANGED, changed)
        self.control(controller, operator, with_status=True)

    def change_control(self, controller, operator):
        self.epoch += 1
        self.control(controller, operator, with_status=False)

    def control(self, controller, operator, *, with_status):
        self.happen(
            bus_map.CONTROL_CHANGED,
            ControlChanged(
                controller=controller, previous="agent", epoch=self.epoch, status="escalated", operator=operator,
                with_status=with_status,
            ),
        )  # fmt: skip

    def attempt(self, turn, attempt, seq, pieces):
        """An agent begins, and says something."""
        started = told.TurnStarted(turn_id=turn, attempt=attempt, epoch=self.epoch, agent_id="a", answers_seq=[seq])
        self.happen(bus_map.TURN_STARTED, started)
        said = ""
        for piece in pieces:
            self.live.append(text(turn, attempt, len(said), piece, self.epoch))
            said += piece
        return said

    def end(self, how, said, **common):
        """The turn is settled: with its answer, with what was said by then, or with nothing."""
        content = {
            "completed": said + "!", "rewritten": "b" + said, "handed over": said + ".", "failed": "Sorry",
            "cancelled": said, "cut": said[:1], "sealed": "",
        }.get(how)  # fmt: skip
        if content is None:
            self.happen(bus_map.TURN_CANCELLED, told.TurnCancelled(**common, reason=how))
            if how == "taken over":
                self.take_over()
            return
        answer = self.add("assistant", content, turn_id=common["turn_id"])
        if how == "failed":
            self.happen(bus_map.TURN_FAILED, told.TurnFailed(**common, code="broken", message=answer))
        elif how in ("cancelled", "cut", "sealed"):
            cancelled = told.TurnCancelled(**common, reason="cancelled", message=answer)
            self.happen(bus_map.TURN_CANCELLED, cancelled)
        else:
            ticket = TICKET if how == "handed over" else None
            self.happen(bus_map.TURN_COMPLETED, told.TurnCompleted(**common, message=answer, ticket=ticket))


ENDS = [
    "completed", "rewritten", "handed over", "failed", "cancelled", "cut", "sealed", "superseded", "taken over",
]  # fmt: skip


@st.composite
def conversations(draw):
    """A log, the live messages that belong to it, and how each turn ended; text is a function of turn and attempt."""
    past = Past()
    for number in range(draw(st.integers(1, 3))):
        turn, seq = f"turn_{number}", past.add("user", "?").seq
        if draw(st.booleans()):
            past.note()
        attempts, said = draw(st.integers(0, 3)), ""
        for attempt in range(1, attempts + 1):
            said = past.attempt(turn, attempt, seq, draw(PIECES))
        end = draw(st.sampled_from(ENDS if attempts else ["sealed", "superseded", "taken over"]))
        past.end(end, said, turn_id=turn, attempt=attempts, answers_seq=[seq])
    return past.log, past.live


def deliveries(live):
    """The live messages lost, doubled and shuffled at will, with catch-ups (None) in between."""
    kept = st.lists(st.sampled_from(live), max_size=3 * len(live)).map(list)
    whole = st.permutations(live).map(list)
    return st.one_of(kept, whole, st.just(live)).flatmap(
        lambda some: st.lists(st.integers(0, len(some)), max_size=4).map(lambda cuts: _with_catch_ups(some, cuts))
    )


def _with_catch_ups(some, cuts):
    mixed = list(some)
    for cut in cuts:
        mixed.insert(cut, None)
    return mixed


def play(view, log, mixed, reach):
    """Feed a projection; a catch-up brings all events up to a moment, and a snapshot of what runs then."""
    frames = []
    for moment, each in enumerate(mixed):
        if each is None:
            frames += catch_up(view, log, min(len(log), reach * (moment + 1)))
        elif hasattr(each, "ev_seq"):
            frames += view.apply_event(each)
        else:
            frames += view.apply_turn_frame(each)
    return frames + catch_up(view, log, len(log))


def catch_up(view, log, until, said=None):
    stale, frames = view.held_frames, []
    for row in log[view.position.ev_seq : until]:
        frames += view.apply_event(row)
    if view.lacks_text and view.position.turn_id:
        place = view.position
        frames += view.apply_snapshot(Snapshot(turn_id=place.turn_id, attempt=place.attempt, text=_said(log, view)))
    view.discard(stale)
    return frames


def _said(log, view):
    return view.spoken[(view.position.turn_id, view.position.attempt)]


class Spoken(Projection):
    """A projection that knows what the agents said, so that the test can answer its snapshots."""

    spoken: dict[tuple[str, int], str]


def spoken(live):
    said: dict[tuple[str, int], str] = {}
    for each in live:
        if hasattr(each, "frame"):
            key = (each.turn_id, each.attempt)
            said[key] = said.get(key, "") + each.frame.content
    return said


def check(frames, log, said):
    """What a simple client concludes: it appends text, drops it at `start`, and reads `complete` or `cancelled`.

    At every moment it shows the beginning of what the attempt said, or of what was stored, and of no turn that is over.
    """
    shown, running, told_once = "", None, []
    stored = {
        frame.turn_id: frame.message.content for frame in frames if getattr(frame, "turn_id", "") and _ends(frame)
    }
    for frame in frames:
        if isinstance(frame, Start):
            shown, running = "", (frame.turn_id, frame.attempt)
        elif isinstance(frame, Text):
            assert running == (frame.turn_id, frame.attempt)
            assert frame.offset == len(shown)
            shown += frame.content
            possible = (said.get((frame.turn_id, frame.attempt), ""), stored.get(frame.turn_id, ""))
            assert any(whole.startswith(shown) for whole in possible)
        elif _ends(frame):
            assert shown == frame.message.content
        if isinstance(frame, Complete | Cancelled):
            shown, running = "", None
        if not isinstance(frame, Start | Text):
            told_once.append(name(frame))
    assert told_once == expected(log)


def _ends(frame):
    return isinstance(frame, Complete | Cancelled) and frame.message is not None


def name(frame):
    """A frame in short: what it tells of."""
    match frame:
        case MessageAddedFrame(message=message):
            return ("message", message.id)
        case NoteAddedFrame(note=note):
            return ("note", note.note_id)
        case SessionUpdated(controller=controller, operator=operator):
            return ("updated", controller, operator)
        case _:
            return (type(frame).__name__.lower(), frame.turn_id)


def expected(log):
    wanted = []
    for row in log:
        payload = getattr(bus_map, row.type.upper()).decode(bytes(row.payload))
        match payload:
            case told.MessageAdded(message=row) if row.role != "assistant":
                wanted.append(("message", row.id))
            case told.TurnCompleted():
                handed_over = [("escalation", payload.turn_id)] if payload.ticket else []
                wanted += [*handed_over, ("complete", payload.turn_id)]
            case told.TurnFailed():
                wanted += [("error", payload.turn_id), ("complete", payload.turn_id)]
            case told.TurnCancelled():
                wanted.append(("cancelled", payload.turn_id))
            case told.SessionStatusChanged():
                wanted.append(("updated", payload.controller, None))
            case ControlChanged(operator=operator) if operator or not payload.with_status:
                wanted.append(("updated", payload.controller, operator))
            case NoteAdded(note=note):
                wanted.append(("note", note.note_id))
    return wanted


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_joined_text_is_the_stored_text_and_each_event_shows_once(data):
    log, live = data.draw(conversations())
    view = Spoken()
    view.spoken = spoken(live)
    frames = play(view, log, data.draw(deliveries(live)), data.draw(st.integers(0, 4)))
    check(frames, log, view.spoken)
    assert view.position.ev_seq == len(log)
    assert not view.behind


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_cursor_resumes_with_exactly_the_rest(data):
    log, live = data.draw(conversations())
    view = Spoken()
    view.spoken = spoken(live)
    frames = play(view, log, data.draw(deliveries(live)), data.draw(st.integers(0, 4)))
    cut = data.draw(st.integers(0, len(frames)))
    again = Projection(read_cursor(str(frames[cut - 1].cursor)) if cut else None)
    rest = [frame for row in log[again.position.ev_seq :] for frame in again.apply_event(row)]
    check(frames[:cut] + rest, log, view.spoken)
