"""What a session's event log tells that clients are shown."""

import msgspec

from libs.contracts.bus_map import (
    CONTROL_CHANGED,
    MESSAGE_ADDED,
    NOTE_ADDED,
    SESSION_STATUS_CHANGED,
    TURN_CANCELLED,
    TURN_COMPLETED,
    TURN_FAILED,
    TURN_STARTED,
)
from libs.contracts.operators import ControlChanged, NoteAdded
from libs.contracts.session import (
    EventRecord,
    MessageAdded,
    SessionStatusChanged,
    TurnCancelled,
    TurnCompleted,
    TurnFailed,
    TurnStarted,
)

Beside = MessageAdded | SessionStatusChanged | ControlChanged | NoteAdded
Happening = Beside | TurnStarted | TurnCompleted | TurnFailed | TurnCancelled
_CHANNELS = {
    (channel.name, channel.version): channel
    for channel in (
        MESSAGE_ADDED, SESSION_STATUS_CHANGED, CONTROL_CHANGED, NOTE_ADDED, TURN_STARTED, TURN_COMPLETED, TURN_FAILED,
        TURN_CANCELLED,
    )
}  # fmt: skip


def read_event(record: EventRecord) -> Happening | None:
    """Read an event's payload; None for a type, version or form that this gateway does not know (a newer one's)."""
    channel = _CHANNELS.get((record.type, record.version))
    if channel is None:
        return None
    try:
        return channel.decode(bytes(record.payload))
    except msgspec.MsgspecError:
        return None
