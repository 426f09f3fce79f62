"""Whatever the network does: the text is the stored text, each event shows once and in order, every cursor resumes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.agent import Snapshot
from libs.contracts.frames import Cancelled, Complete, Error, Escalation, MessageAddedFrame, Start, Text
from services.gateway.domain.position import read_cursor
from services.gateway.domain.projection import Projection

from .fakes import NOW, message, record, text

TICKET = told.Ticket(
    ticket_id="tick_1", session_id="sess_1", reasons=["legal"], category="legal", priority="urgent", created_at=NOW
)
PIECES = st.lists(st.text(alphabet="aé\n👋", min_size=1, max_size=4), max_size=5)


@st.composite
def conversations(draw):
    """A log, the live messages that belong to it, and how each turn ended; text is a function of turn and attempt."""
    log, live = [], []

    def happen(event, payload):
        log.append(record(len(log) + 1, event, payload))
        live.append(log[-1])

    for number in range(draw(st.integers(1, 3))):
        turn, seq = f"turn_{number}", 2 * number + 1
        happen(bus_map.MESSAGE_ADDED, told.MessageAdded(message(seq, "user", "?", id=f"m{seq}")))
        attempts = draw(st.integers(1, 3))
        for attempt in range(1, attempts + 1):
            happen(
                bus_map.TURN_STARTED,
                told.TurnStarted(turn_id=turn, attempt=attempt, epoch=0, agent_id="a", answers_seq=[seq]),
            )
            said = ""
            for piece in draw(PIECES):
                live.append(text(turn, attempt, len(said), piece))
                said += piece
        end = draw(st.sampled_from(["completed", "rewritten", "handed over", "failed", "cancelled"]))
        content = {"completed": said + "!", "rewritten": "b" + said, "handed over": said + ".", "failed": "Sorry"}.get(
            end, ""
        )
        answer = message(seq + 1, "assistant", content, id=f"m{seq + 1}", turn_id=turn)
        common = {"turn_id": turn, "attempt": attempts, "answers_seq": [seq]}
        if end == "failed":
            happen(bus_map.TURN_FAILED, told.TurnFailed(**common, code="broken", message=answer))
        elif end == "cancelled":
            happen(bus_map.TURN_CANCELLED, told.TurnCancelled(**common, reason="r"))
        else:
            happen(bus_map.MESSAGE_ADDED, told.MessageAdded(answer))
            ticket = TICKET if end == "handed over" else None
            happen(bus_map.TURN_COMPLETED, told.TurnCompleted(**common, message=answer, ticket=ticket))
    return log, live


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
    """What a simple client concludes: it appends text, drops it at `start`, and reads `complete`.

    At every moment it shows the beginning of what the attempt said, or of what was stored.
    """
    shown, told_once = "", []
    stored = {frame.turn_id: frame.message.content for frame in frames if isinstance(frame, Complete)}
    for frame in frames:
        if isinstance(frame, Start):
            shown = ""
        elif isinstance(frame, Text):
            assert frame.offset == len(shown)
            shown += frame.content
            possible = (said.get((frame.turn_id, frame.attempt), ""), stored.get(frame.turn_id, ""))
            assert any(whole.startswith(shown) for whole in possible)
        elif isinstance(frame, Complete):
            assert shown == frame.message.content
            told_once.append(("complete", frame.turn_id))
        elif isinstance(frame, MessageAddedFrame):
            told_once.append(("message", frame.message.id))
        elif isinstance(frame, Error | Cancelled | Escalation):
            told_once.append((type(frame).__name__.lower(), frame.turn_id))
    assert told_once == expected(log)


def expected(log):
    wanted = []
    for row in log:
        payload = getattr(bus_map, row.type.upper()).decode(bytes(row.payload))
        match payload:
            case told.MessageAdded(message=row) if row.role == "user":
                wanted.append(("message", row.id))
            case told.TurnCompleted():
                handed_over = [("escalation", payload.turn_id)] if payload.ticket else []
                wanted += [*handed_over, ("complete", payload.turn_id)]
            case told.TurnFailed():
                wanted += [("error", payload.turn_id), ("complete", payload.turn_id)]
            case told.TurnCancelled():
                wanted.append(("cancelled", payload.turn_id))
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
