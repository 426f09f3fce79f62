"""Arrivals: files that come in, so many at the same time, none larger than its bound."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from libs.contracts.errors import TooLarge, Unavailable


class Arrivals:
    """The files of one kind that arrive at this process.

    Args:
        file_bytes: how large one may be.
        at_once: how many arrive at the same time.
        too_large: makes the error for one that is larger.
    """

    def __init__(self, file_bytes: int, at_once: int, too_large: Callable[[], TooLarge]) -> None:
        self._file_bytes = file_bytes
        self._at_once = at_once
        self._too_large = too_large
        self._arriving = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Take one more for the length of a block.

        Raises:
            Unavailable: `too_many_uploads`.
        """
        if self._arriving >= self._at_once:
            raise Unavailable("too_many_uploads", "Too many files arrive at the same time; send this one again soon")
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1

    async def bounded(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass a file on.

        Raises:
            TooLarge: the moment the bound is passed.
        """
        size = 0
        async for piece in source:
            size += len(piece)
            if size > self._file_bytes:
                raise self._too_large()
            yield piece
