"""What an honest client shows of a conversation, and where it stands in it; whatever does not add up becomes a fault."""

from typing import Any

from msgspec import Struct

from .evidence import Shown, View


class Mark(Struct, frozen=True):
    """A place to which a screen can go back: the cursor, and what was shown there."""

    cursor: str
    text: str
    running: tuple[str, int] | None
    shown: tuple[Shown, ...]
    added: tuple[int, ...]


class Screen:
    """Follows frames as a client does that only appends `text` and reads `complete`.

    Attributes:
        view: what was seen.
        cursor: of the last frame that had one.
        running: turn and attempt of the answer that is being shown.
    """

    def __init__(self, name: str) -> None:
        self.view = View(name=name)
        self.cursor: str | None = None
        self.text = ""
        self.running: tuple[str, int] | None = None
        self.resyncs: list[int] = []

    def mark(self) -> Mark | None:
        """Remember this place; None before the first cursor."""
        if self.cursor is None:
            return None
        return Mark(self.cursor, self.text, self.running, tuple(self.view.shown), tuple(self.view.added))

    def go_back(self, mark: Mark) -> None:
        """Show what was shown at a place, as a client does that comes back with an old cursor."""
        self.cursor, self.text, self.running = mark.cursor, mark.text, mark.running
        self.view.shown, self.view.added = list(mark.shown), list(mark.added)

    def take(self, frame: dict[str, Any]) -> None:
        """Take a frame."""
        act = _ACTS.get(frame["type"])
        if act is not None:
            act(self, frame)
        self.cursor = frame.get("cursor", self.cursor)

    def _greet(self, frame: dict[str, Any]) -> None:
        if frame["resumed"] != (self.cursor is not None):
            self._object(f"resumed is {frame['resumed']} with the cursor {self.cursor}")

    def _start(self, frame: dict[str, Any]) -> None:
        self.text, self.running = "", (frame["turn_id"], frame["attempt"])

    def _text(self, frame: dict[str, Any]) -> None:
        if self.running != _named(frame):
            self._object(f"text of {_named(frame)} while {self.running} is shown")
        if frame["offset"] != len(self.text):
            self._object(f"text of {frame['turn_id']} at {frame['offset']} after {len(self.text)} characters")
        self.text += frame["content"]

    def _complete(self, frame: dict[str, Any]) -> None:
        if self.running != _named(frame):
            self._object(f"complete of {_named(frame)} while {self.running} is shown")
        self.view.shown.append(Shown(frame["turn_id"], frame["attempt"], self.text, frame["message"]))
        self.text, self.running = "", None

    def _cancelled(self, frame: dict[str, Any]) -> None:
        message = frame.get("message")
        if message is not None:
            self.view.shown.append(Shown(frame["turn_id"], frame.get("attempt", 0), self.text, message))
        self.text, self.running = "", None

    def _added(self, frame: dict[str, Any]) -> None:
        if frame["message"]["role"] == "user":
            self.view.added.append(frame["message"]["seq"])

    def _acknowledged(self, frame: dict[str, Any]) -> None:
        self.view.receipts.add(frame["seq"])

    def _resync(self, frame: dict[str, Any]) -> None:
        self.resyncs.append(frame["seq"])
        self.text, self.running = "", None

    def _object(self, words: str) -> None:
        self.view.faults.append(words)


def _named(frame: dict[str, Any]) -> tuple[str, int]:
    return frame["turn_id"], frame["attempt"]


_ACTS = {
    "connected": Screen._greet,
    "start": Screen._start,
    "text": Screen._text,
    "complete": Screen._complete,
    "cancelled": Screen._cancelled,
    "message_added": Screen._added,
    "acknowledged": Screen._acknowledged,
    "resync": Screen._resync,
}
