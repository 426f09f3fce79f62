"""Where a client stands in a conversation, and the cursor that says so."""

import base64
import re
import zlib

from msgspec import Struct

from libs.contracts.errors import Malformed

_FORM = re.compile(r"(\d{1,18}):([A-Za-z0-9_-]{0,64}):(\d{1,9}):(\d{1,9}):([0-9a-f]{1,8})(!?):([0-9a-f]{0,8})")
_LONGEST = 256


class Position(Struct, frozen=True):
    """What a client has been shown: all events up to one, and so much of one attempt's text.

    Attributes:
        ev_seq: the last event whose frames were all sent.
        turn_id: the turn whose answer is being shown, empty where there is none.
        attempt: which attempt of that turn.
        offset: how many characters (code points) of the attempt's text.
        digest: CRC-32 of that text, so that whoever resumes can tell whether a stored answer goes on from it.
        announced: whether the frame that announces the next event's outcome (`error`, `escalation`) has been sent,
            but not the rest of it.
    """

    ev_seq: int = 0
    turn_id: str = ""
    attempt: int = 0
    offset: int = 0
    digest: int = 0
    announced: bool = False

    def at(self, ev_seq: int) -> "Position":
        """Give the position after an event that does not touch the answer."""
        return Position(ev_seq, self.turn_id, self.attempt, self.offset, self.digest)

    def begun(self, turn_id: str, attempt: int) -> "Position":
        """Give the position where an attempt has begun and nothing of it is shown."""
        return Position(self.ev_seq, turn_id, attempt, announced=self.announced)

    def extended(self, piece: str) -> "Position":
        """Give the position after a further piece of the attempt's text."""
        digest = zlib.crc32(piece.encode("utf-8", "surrogatepass"), self.digest)
        return Position(self.ev_seq, self.turn_id, self.attempt, self.offset + len(piece), digest, self.announced)

    def leads_to(self, turn_id: str, attempt: int, content: str) -> bool:
        """Say whether what is shown is the beginning of this attempt's content."""
        if (self.turn_id, self.attempt) != (turn_id, attempt) or self.offset > len(content):
            return False
        return zlib.crc32(content[: self.offset].encode("utf-8", "surrogatepass")) == self.digest

    def cursor(self, tag: str = "") -> str:
        """Give the position as the opaque text that clients keep; `tag` says of which session."""
        mark = "!" if self.announced else ""
        text = f"{self.ev_seq}:{self.turn_id}:{self.attempt}:{self.offset}:{self.digest:x}{mark}:{tag}"
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def session_tag(session_id: str) -> str:
    """Give the few characters by which a cursor is known to be of this session."""
    return f"{zlib.crc32(session_id.encode()):x}"


def read_cursor(cursor: str, tag: str = "") -> Position:
    """Read a cursor of the session with this tag.

    Raises:
        Malformed: `invalid_cursor`; it is none of ours, or another session's.
    """
    try:
        padded = cursor[:_LONGEST].encode("ascii") + b"=" * (-len(cursor) % 4)
        match = _FORM.fullmatch(base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii"))
    except ValueError:
        match = None
    if match is None:
        raise invalid_cursor()
    ev_seq, turn_id, attempt, offset, digest, mark, owner = match.groups()
    position = Position(int(ev_seq), turn_id, int(attempt), int(offset), int(digest, 16), bool(mark))
    if owner != tag or position.cursor(tag) != cursor:
        raise invalid_cursor()
    return position


def invalid_cursor() -> Malformed:
    """Give the error for a cursor that leads nowhere."""
    return Malformed("invalid_cursor", "This cursor is none of this session's; going on from now, see the history")
