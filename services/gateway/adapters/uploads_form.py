"""Multipart forms with files, part by part as they arrive: fields are bounded, files go on to where they are kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from libs.contracts.attachments import UNKNOWN_TYPE
from libs.contracts.errors import DeskError, Malformed, TooLarge

from ..domain.uploads import NewFile, too_many_files

_PIECE_BYTES = 64 * 1024
_FIELD_BYTES = 64 * 1024
_FIELDS_BYTES = 4 * 1024 * 1024
_PARTS = 64
_STALLED_S = 30.0
_WHOLE_FORM_S = 15 * 60.0

_T = TypeVar("_T")
_Stored = TypeVar("_Stored")


class Form(Generic[_Stored]):
    """A form and what it has brought so far, which is known also where reading it fails.

    Args:
        store: takes each file while it arrives.
        files_in: the names that a field of files may have; files of others are refused.
        most: how many files there may be.
        before_file: called before a file is taken; what it raises refuses it.
        fields: what is known already.
        too_many: gives the error for more files than there may be.
        parts: how many parts there may be, fields and files.
    """

    def __init__(
        self, store: Callable[[NewFile, AsyncIterator[bytes]], Awaitable[_Stored]], *, files_in: tuple[str, ...], most: int,
        before_file: Callable[["Form[_Stored]"], Awaitable[object]], fields: dict[str, list[str]] | None = None,
        too_many: Callable[[int], DeskError] = too_many_files, parts: int = _PARTS,
    ) -> None:  # fmt: skip
        self.fields = fields or {}
        self.files: list[_Stored] = []
        self._too_many = too_many
        self._parts = parts
        self._field_bytes = 0
        self._store = store
        self._files_in = files_in
        self._most = most
        self._before_file = before_file

    def first(self, name: str) -> str | None:
        """Give the first value of a field."""
        return next(iter(self.fields.get(name, [])), None)

    async def read(self, request: web.Request) -> None:
        """Read a body of multipart/form-data.

        Raises:
            Malformed: `bad_form`, or `upload_stalled`.
            TooLarge: a field passes its limit, and what `store` raises.
            Invalid: there are too many files.
        """
        try:
            async with asyncio.timeout(_WHOLE_FORM_S):
                parts, count = await request.multipart(), 0
                while (part := await _in_time(parts.next())) is not None:
                    count += 1
                    if count > self._parts or not isinstance(part, BodyPartReader) or part.name is None:
                        raise Malformed("bad_form", "The form has parts that no form has, or too many")
                    await self._take(part, part.name)
        except (ValueError, LookupError, web.RequestPayloadError, HttpProcessingError) as fault:
            raise Malformed("bad_form", "The form cannot be read, or broke off") from fault
        except TimeoutError as fault:
            raise Malformed("upload_stalled", "The form arrived too slowly; send it again") from fault

    async def _take(self, part: BodyPartReader, name: str) -> None:
        if part.filename is None:
            text = await _text(part)
            self._field_bytes += len(text)
            if self._field_bytes > _FIELDS_BYTES:
                raise TooLarge("body_too_large", f"A form's fields may have {_FIELDS_BYTES // 1024} KiB together")
            self.fields.setdefault(name, []).append(text)
        elif part.filename:
            if name not in self._files_in:
                raise Malformed("bad_form", f"Files are taken in the field {self._files_in[0]} only")
            if len(self.files) == self._most:
                raise self._too_many(self._most)
            await self._before_file(self)
            file = NewFile(part.filename, part.headers.get("Content-Type") or UNKNOWN_TYPE)
            self.files.append(await self._store(file, _pieces(part)))
        else:  # a browser's field with no file chosen
            await _text(part)


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await _in_time(part.read_chunk(_PIECE_BYTES)):
        yield bytes(piece)


async def _text(part: BodyPartReader) -> str:
    data = bytearray()
    async for piece in _pieces(part):
        data += piece
        if len(data) > _FIELD_BYTES:
            raise TooLarge("body_too_large", f"A field of a form may have at most {_FIELD_BYTES // 1024} KiB")
    return data.decode()


async def _in_time(work: Awaitable[_T]) -> _T:
    async with asyncio.timeout(_STALLED_S):
        return await work
