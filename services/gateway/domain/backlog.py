"""What waits for one client that is behind: text that follows text is joined, and beyond a bound all is dropped.

A client that is dropped from loses no connection and no truth: it is told from which message on to fetch the history.
"""

from collections import deque

from libs.contracts.channels import encode
from libs.contracts.frames import Acknowledged, Cancelled, Complete, Draining, Error, Frame, MessageAddedFrame, Text

# A client that keeps up has a few frames waiting at the most; so many say that it does not, and that it is better served
# by few large pieces of text than by many small ones.
BEHIND_FRAMES = 32
BEHIND_BYTES = 64 * 1024
# What one client may keep in memory that others have long been shown. Joined text makes a megabyte of it much more than any
# conversation in progress, so that whoever passes this is better off with the history.
MOST_FRAMES = 512
MOST_BYTES = 1024 * 1024
# Of the frames that nothing stored tells of again; a client earns each of them with a frame of its own.
KEPT = 8
_PIECES = 512


class _Joined:
    """Text frames of one attempt that follow each other, as one."""

    __slots__ = ("_attempt", "_end", "_first", "_last", "_pieces", "_turn_id", "overhead")

    def __init__(self, first: Text, data: bytes) -> None:
        self._first = self._last = first
        self._turn_id, self._attempt = first.turn_id, first.attempt
        self._end = first.offset + len(first.content)
        self._pieces = [first.content]
        # What a frame takes beside its content; nearly the same for all frames of an attempt.
        self.overhead = len(data) - len(encode(first.content))

    def leads_to(self, frame: Text) -> bool:
        """Say whether a frame goes on where this text ends."""
        return (self._turn_id, self._attempt, self._end) == (frame.turn_id, frame.attempt, frame.offset)

    def add(self, frame: Text) -> None:
        """Go on with a frame."""
        self._last = frame
        self._end += len(frame.content)
        self._pieces.append(frame.content)
        if len(self._pieces) >= _PIECES:
            self._pieces = ["".join(self._pieces)]

    def encoded(self) -> bytes:
        """Give one frame: it begins where the first did, and its cursor is the last one's."""
        frame = Text(
            content="".join(self._pieces), offset=self._first.offset, turn_id=self._turn_id, attempt=self._attempt,
            timestamp=self._last.timestamp, cursor=self._last.cursor,
        )  # fmt: skip
        return encode(frame)

    @property
    def last(self) -> Frame:
        """The frame that it takes the place of as the last."""
        return self._last


class Backlog:
    """Frames in the order in which they came.

    Attributes:
        dropped: whether frames were dropped; from then on none is taken, but for those that are kept.
        lowest_seq: the lowest `seq` among the messages of dropped frames; None where none had one.
    """

    __slots__ = ("_bytes", "_kept", "_waiting", "dropped", "lowest_seq")

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes | _Joined, Frame | None, int]] = deque()
        self._bytes = 0
        self._kept: deque[tuple[bytes, Frame]] = deque(maxlen=KEPT)
        self.dropped = False
        self.lowest_seq: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_behind(self) -> bool:
        """Whether so much waits that text is joined."""
        return len(self._waiting) > BEHIND_FRAMES or self._bytes > BEHIND_BYTES

    def add(self, data: bytes, frame: Frame | None = None) -> None:
        """Let a frame wait; where there is no room, all that waits is dropped with it.

        A frame that is too large for the bound is taken where nothing else waits: else it could never be sent.
        """
        if self.dropped:
            self._drop(data, frame)
            return
        if self.is_behind and isinstance(frame, Text) and self._join(data, frame):
            return
        if self._waiting and (len(self._waiting) >= MOST_FRAMES or self._bytes + len(data) > MOST_BYTES):
            self._drop_all(data, frame)
            return
        self._waiting.append((data, frame, len(data)))
        self._bytes += len(data)

    def pop(self) -> tuple[bytes, Frame | None]:
        """Give the frame that has waited longest.

        Raises:
            IndexError: none waits.
        """
        data, frame, size = self._waiting.popleft()
        self._bytes -= size
        return (data.encoded(), data.last) if isinstance(data, _Joined) else (data, frame)

    def recover(self) -> list[tuple[bytes, Frame]]:
        """Take frames again after some were dropped; gives those that were kept."""
        kept, self._kept = list(self._kept), deque(maxlen=KEPT)
        self.dropped, self.lowest_seq = False, None
        return kept

    def clear(self) -> None:
        """Forget everything."""
        self._waiting.clear()
        self._kept.clear()
        self._bytes = 0

    def _join(self, data: bytes, frame: Text) -> bool:
        """Join text with the text that waits last, where it goes on from there and there is room."""
        last, before, size = self._waiting[-1]
        if isinstance(last, bytes):
            if not isinstance(before, Text):
                return False
            last = _Joined(before, last)
        added = max(len(data) - last.overhead, 0)
        if not last.leads_to(frame) or self._bytes + added > MOST_BYTES:
            return False
        last.add(frame)
        self._waiting[-1] = (last, None, size + added)
        self._bytes += added
        return True

    def _drop_all(self, data: bytes, frame: Frame | None) -> None:
        self.dropped = True
        waiting, self._waiting, self._bytes = self._waiting, deque(), 0
        for old, before, _ in waiting:
            if isinstance(old, bytes):
                self._drop(old, before)
        self._drop(data, frame)

    def _drop(self, data: bytes, frame: Frame | None) -> None:
        """Drop a frame, unless nothing that is stored tells of it again."""
        if isinstance(frame, Draining) or (isinstance(frame, Error) and not frame.turn_id):
            self._kept.append((data, frame))
            return
        seq = _seq(frame)
        if seq is not None:
            self.lowest_seq = seq if self.lowest_seq is None else min(self.lowest_seq, seq)


def _seq(frame: Frame | None) -> int | None:
    """Give the `seq` of the message that a frame tells of."""
    match frame:
        case Acknowledged(seq=seq):
            return seq
        case MessageAddedFrame(message=message) | Complete(message=message):
            return message.seq
        case Cancelled(message=message):
            return None if message is None else message.seq
        case _:
            return None
