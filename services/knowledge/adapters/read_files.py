"""A Reader over `libs.reading`: what was given becomes a temporary file without a name, read by a process of its own."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from typing import IO, BinaryIO, cast

from libs import reading
from libs.contracts.errors import Internal, NotFound, Unavailable
from libs.reading.languages import language_of
from libs.reading.questions import find_entries, first_heading
from libs.runtime.blobs import NatsBlobs

from ..domain import Entry, Reading, Unreadable
from ..domain.versions import Work
from ..domain.web import WebRefused
from ..ports.web import WebPages

_MARKDOWN = "text/markdown"
_PLAIN_TYPES = frozenset({"", _MARKDOWN, "text/x-markdown", "text/plain"})
_PLAIN_ENDINGS = frozenset({"", "md", "markdown", "txt", "text"})
_LOST = "The file is not there any more; send it again."


class FileReader:
    """Reads texts, files of the bucket and pages of the web.

    Args:
        blobs: the bucket.
        web: fetches pages.
        limits: what one reading may take.
    """

    def __init__(self, blobs: NatsBlobs, web: WebPages, limits: reading.Limits) -> None:
        self._blobs = blobs
        self._web = web
        self._limits = limits

    async def read(self, work: Work) -> Reading:
        if work.url is not None:
            return await self._read_page(work.url)
        if work.content is not None and _is_plain(work.name, work.media_type):
            return await asyncio.to_thread(_plain, work.content.replace("\r\n", "\n"))
        with tempfile.TemporaryFile() as file:
            try:
                await _fill(file, self._pieces(work))
            except (NotFound, Internal) as fault:
                raise Unreadable("lost", _LOST) from fault
            return await self._read(file, work.name, work.media_type)

    async def _read_page(self, url: str) -> Reading:
        try:
            async with self._web.fetch(url) as page:
                return await self._read(page.content, page.name, page.media_type)
        except WebRefused as fault:
            raise Unreadable(fault.code, fault.reason) from fault

    async def _read(self, file: IO[bytes], name: str, declared: str | None) -> Reading:
        try:
            found = await reading.read(cast("BinaryIO", file), name=name, declared=declared, limits=self._limits)
        except reading.Unreadable as fault:
            raise Unreadable(fault.code, fault.reason) from fault
        except OSError as fault:
            raise Unavailable("reading_unavailable", "Files cannot be read right now; try again later") from fault
        return Reading(
            text=found.text,
            title=found.title,
            language=found.language,
            media_type=found.media_type,
            entries=_entries(found.entries),
            notes=found.notes,
        )

    async def _pieces(self, work: Work) -> AsyncIterator[bytes]:
        if work.blob is None:
            yield (work.content or "").encode()
            return
        async for piece in self._blobs.read(work.blob):
            yield piece


def _plain(text: str) -> Reading:
    """What Markdown says as it stands."""
    return Reading(
        text=text, title=first_heading(text), language=language_of(text), media_type=_MARKDOWN,
        entries=_entries(find_entries(text)),
    )  # fmt: skip


def _entries(found: Iterable[reading.Entry]) -> list[Entry]:
    return [Entry(entry.question, entry.answer, entry.start, entry.end) for entry in found]


def _is_plain(name: str, media_type: str | None) -> bool:
    """Whether a text is Markdown as it stands."""
    kind = (media_type or "").partition(";")[0].strip().lower()
    return kind in _PLAIN_TYPES and (name.rpartition(".")[2].lower() if "." in name else "") in _PLAIN_ENDINGS


async def _fill(file: IO[bytes], pieces: AsyncIterator[bytes]) -> None:
    async for piece in pieces:
        await asyncio.to_thread(file.write, piece)
    await asyncio.to_thread(file.seek, 0)
