"""The text of one attempt: what the model has written, and how much of it has been told."""

import re

# Control characters but tab and newline: Postgres refuses NUL, and terminals obey the others.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Give a text without control characters; tabs and newlines stay."""
    return _CONTROLS.sub("", text)


class Draft:
    """Text that grows at its end and is told piece by piece. Offsets count code points."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._untold: list[str] = []
        self._offset = 0

    def write(self, piece: str) -> None:
        """Add to the end."""
        if piece:
            self._untold.append(piece)

    def take(self) -> tuple[int, str] | None:
        """Give what has not been told, and the offset at which it begins; from now on it counts as told."""
        if not self._untold:
            return None
        piece, offset = "".join(self._untold), self._offset
        self._untold.clear()
        self._told.append(piece)
        self._offset += len(piece)
        return offset, piece

    @property
    def told(self) -> str:
        """What has been told."""
        return "".join(self._told)

    @property
    def text(self) -> str:
        """All that has been written."""
        return "".join(self._told + self._untold)

    @property
    def empty(self) -> bool:
        """Whether nothing has been written."""
        return not self._told and not self._untold
