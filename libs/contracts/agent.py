"""What the agent service is asked and tells: the running attempt of a turn."""

from msgspec import Struct

from .frames import Sources, Status, Text


class TurnFrame(Struct, frozen=True, kw_only=True):
    """A frame of a running attempt, for whoever watches the session."""

    turn_id: str
    attempt: int
    epoch: int
    frame: Status | Sources | Text


class AskSnapshot(Struct, frozen=True):
    """Ask the agent that the subject names how far a turn is."""

    turn_id: str


class Snapshot(Struct, frozen=True, kw_only=True):
    """The text of a running attempt so far; attempt 0 where this agent does not run the turn."""

    turn_id: str
    attempt: int = 0
    text: str = ""
    sources: Sources | None = None


class AskFacts(Struct, frozen=True):
    """Ask what is remembered of the session that the subject names."""


class KnownFact(Struct, frozen=True):
    """Something that a customer has told about themselves: `email`, `phone`, `order` and the like."""

    kind: str
    value: str


class KnownFacts(Struct, frozen=True):
    """What is remembered of a session, what was told last at the end."""

    facts: list[KnownFact]
