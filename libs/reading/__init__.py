"""Reading files: the bytes of a file become Markdown, in a process that lives no longer than that takes.

Knows nothing of any service. The process that reads imports this package too, so it stays cheap to import.
"""

from pathlib import Path
from typing import BinaryIO

from .media_types import SUPPORTED, media_type_of
from .outcome import Code, Entry, Limits, Reading, Unreadable

__all__ = ["SUPPORTED", "Code", "Entry", "Limits", "Reading", "Unreadable", "media_type_of", "read"]

_LIMITS = Limits()


async def read(file: Path | BinaryIO, *, name: str, declared: str | None = None, limits: Limits = _LIMITS) -> Reading:
    """Read a file in a process of its own.

    Args:
        file: where it is, or it itself; read from its beginning, and its position afterwards is not defined. One
            handle serves one reading at a time.
        name: the file's name; its ending helps to tell what it is.
        declared: the media type that was given with the file, if any.
        limits: what the reading may take; how many readings there are at once is the caller's to bound.

    Raises:
        Unreadable: with the reason, also where a limit ended the reading.
        OSError: there is no such file, or it may not be opened.
    """
    from .apart import read_apart  # noqa: PLC0415 - asyncio and subprocess are only for who asks

    return await read_apart(file, name=name, declared=declared, limits=limits)
