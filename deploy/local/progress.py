"""How far something is: one line that changes in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

_CELLS = 24
_EVERY_S = 2.0


class Progress:
    """Shows a count of so many.

    Args:
        what: what is counted, in the plural.
        stream: standard output where None.
    """

    def __init__(self, total: int, what: str, stream: TextIO | None = None) -> None:
        self.total = total
        self._what = what
        self._stream = stream or sys.stdout
        self._moves = self._stream.isatty()
        self._shown = -1
        self._last = 0.0

    def show(self, done: int, words: str = "") -> None:
        """Say how far it is; `words` say at what."""
        if self._moves:
            filled = _CELLS * done // max(1, self.total)
            bar = "█" * filled + "░" * (_CELLS - filled)
            self._draw(f"  {bar} {done}/{self.total} {self._what}  {words}")
        elif done != self._shown and (done == self.total or time.monotonic() - self._last >= _EVERY_S):
            self._last = time.monotonic()
            print(f"  {done} of {self.total} {self._what}", file=self._stream, flush=True)
        self._shown = done

    def line(self, text: str) -> None:
        """Say something that stays."""
        self.clear()
        print(text, file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the moving line away."""
        if self._moves:
            self._draw("")

    def _draw(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        shown = "".join(char if char.isprintable() else "?" for char in text)[:width]
        print(f"\r{shown}\x1b[K", end="", file=self._stream, flush=True)
