"""What documents are read from: files in the bucket, pages of the web, texts; and what is told about it."""

from __future__ import annotations

from typing import Any, Protocol

from services.knowledge.domain import Reading
from services.knowledge.domain.versions import Work


class Reader(Protocol):
    """Reads what was given, outside of this process where it is a file."""

    async def read(self, work: Work) -> Reading:
        """Give what it says.

        Raises:
            Unreadable: nothing can be made of it.
            Unavailable: it cannot be had right now.
        """
        ...


class Blobs(Protocol):
    """The bucket of files that are to become documents."""

    async def digest(self, name: str) -> tuple[int, str]:
        """An object's size in bytes and its sha256 in hexadecimal.

        Raises:
            NotFound: `blob_not_found`.
            Unavailable: the store does not answer.
        """
        ...

    async def delete(self, name: str) -> None:
        """Remove an object; none there is no error. Raises Unavailable."""
        ...


class Log(Protocol):
    """Structured lines for operators."""

    def info(self, event: str, **fields: Any) -> object:
        """Tell of something ordinary."""
        ...

    def warning(self, event: str, **fields: Any) -> object:
        """Tell of something that an operator may have to look at."""
        ...
