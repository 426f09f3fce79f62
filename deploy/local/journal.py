"""The merged log: every line of every process, on the terminal and in files that stay within bounds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

LIMIT = 10 * 1024 * 1024
LONGEST_LINE = 64 * 1024
COLOURS = (36, 33, 35, 32, 34, 96, 93, 95)
MERGED = "deskbus"  # the merged file, and the name of the supervisor's own lines


def wants_colour(stream: IO[str]) -> bool:
    """Whether escape codes are welcome: on a terminal, unless NO_COLOR says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


class LogFile:
    """A file of at most `limit` bytes, and one older of the same size beside it."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self._path = path
        self._limit = limit
        self._file = path.open("ab")
        self._size = path.stat().st_size

    def write(self, line: bytes) -> None:
        """Append a line at once. A full disk loses the line, not the system."""
        try:
            if self._size + len(line) > self._limit:
                self._file.close()
                self._path.replace(self._path.with_name(self._path.name + ".1"))
                self._file = self._path.open("ab")
                self._size = 0
            self._file.write(line)
            self._file.flush()
            self._size += len(line)
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Journal:
    """Takes lines from all processes. `names` decide the width and the colours of the first column."""

    def __init__(self, folder: Path, stream: IO[str] | None, names: list[str], limit: int = LIMIT) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._stream = stream
        self._limit = limit
        self._colour = stream is not None and wants_colour(stream)
        self._width = max(len(name) for name in (*names, MERGED))
        self._codes = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}
        self._merged = LogFile(folder / f"{MERGED}.log", limit)
        self._files: dict[str, LogFile] = {}

    def line(self, name: str, text: str) -> None:
        """One line of one process."""
        if name not in self._files and name != MERGED:
            self._files[name] = LogFile(self._folder / f"{name}.log", self._limit)
        if name != MERGED:
            self._files[name].write(text.encode(errors="replace") + b"\n")
        label = name.ljust(self._width)
        self._merged.write(f"{label} | {text}\n".encode(errors="replace"))
        if self._colour:
            label = f"\x1b[{self._codes.get(name, 1)}m{label}\x1b[0m"
        self._print(f"{label} | {text}")

    def say(self, text: str) -> None:
        """A line, or several, of the supervisor's own."""
        for line in text.splitlines():
            self.line(MERGED, line)

    def close(self) -> None:
        """Close the files; lines that come later are lost."""
        for file in (self._merged, *self._files.values()):
            file.close()

    def _print(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            print(text, file=self._stream, flush=True)
        except (OSError, ValueError):  # whoever was reading has gone; the files go on
            self._stream = None


class Lines:
    """Cuts a stream of bytes into lines; an endless line is cut into long ones."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete with this data."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            whole.append(self._rest)
            self._rest = b""
        return [line.decode(errors="replace").rstrip("\r") for line in whole]

    def finish(self) -> list[str]:
        """What is left without an end of line."""
        rest, self._rest = self._rest, b""
        return [rest.decode(errors="replace")] if rest else []
