"""How often a socket may tell that its person is writing."""

REFRESH_S = 1.0
_MOST_CHANGES = 4


class Keystrokes:
    """What one socket has told of its person's writing.

    The same is told again once a second, a change at once; but who changes its mind more than four times in a row is
    told of once a second too.
    """

    __slots__ = ("_changes", "_told_at", "writing")

    def __init__(self) -> None:
        self.writing = False
        self._changes = float(_MOST_CHANGES)
        self._told_at = 0.0

    def take(self, *, is_typing: bool, time: float) -> bool:
        """Note what the socket says at a time, in seconds; say whether the others are to be told."""
        since = time - self._told_at
        changes = min(_MOST_CHANGES, self._changes + since / REFRESH_S)
        changed = is_typing != self.writing
        if changes < 1 if changed else not is_typing or since < REFRESH_S:
            return False
        self._changes, self._told_at, self.writing = changes - changed, time, is_typing
        return True
