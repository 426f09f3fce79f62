"""Objects in a NATS bucket, written and read in chunks: the wire format of NATS ADR-20, so that `nats object` reads it.

The client library's own object store reads its source blockingly, leaves its chunks behind when it is cancelled and
needs the right to create consumers. Here the chunks of a source are published as they come, a few in flight, and are
purged where anything goes wrong; reading asks for one chunk after the other by direct get. No object is ever whole in
memory. A name is an id that is used once: it also names the object's chunks, so that what a killed process left behind
can be told by its name.
"""

import asyncio
import base64
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import msgspec
import structlog
from msgspec import Struct
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import NotFoundError

from libs.contracts.channels import encode
from libs.contracts.errors import Internal, NotFound, Unavailable
from libs.contracts.ids import is_token
from libs.contracts.streams import Bucket

from .nats import NatsBus

CHUNK_BYTES = 128 * 1024
_IN_FLIGHT = 4
_ACK_S = 10.0
_CLEAN_UP_S = 5.0
_ROLLUP = {"Nats-Rollup": "sub"}
_DIGEST = "SHA-256="
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Written(Struct, frozen=True):
    """What was written; `sha256` in hexadecimal."""

    size: int
    sha256: str


class _Options(Struct, frozen=True):
    max_chunk_size: int = CHUNK_BYTES


class _Meta(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """ADR-20's description of an object; `nuid` is the last token of its chunks' subject."""

    name: str
    bucket: str
    nuid: str
    mtime: str
    size: int = 0
    chunks: int = 0
    digest: str = ""
    deleted: bool = False
    options: _Options | None = None


class NatsBlobs:
    """One bucket. Errors of the broker are told as `Unavailable`."""

    def __init__(self, bus: NatsBus, bucket: Bucket) -> None:
        self._bucket = bucket
        self._jetstream = bus.jetstream
        self._first_write = asyncio.Lock()

    async def write(self, name: str, source: AsyncIterator[bytes]) -> Written:
        """Store what a source gives. Where that fails, or is cancelled, nothing stays behind.

        Raises:
            Unavailable: the store does not take it. What the source raises passes through.
        """
        upload = _Upload(self._jetstream, self._first_write, self._chunks(name))
        try:
            written = await upload.take_all(source)
            digest = base64.urlsafe_b64encode(bytes.fromhex(written.sha256)).decode()
            meta = self._meta(name, written.size, upload.count, _DIGEST + digest)
            with _told():
                await self._jetstream.publish(self._subject(name), encode(meta), timeout=_ACK_S, headers=dict(_ROLLUP))
        except BaseException:
            await self._undo(name, upload)
            raise
        return written

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """Give an object's bytes, chunk by chunk.

        Raises:
            NotFound: `blob_not_found`.
            Unavailable: the store does not answer.
            Internal: `blob_damaged`; the bytes are not those that were written. Known only at the end.
        """
        meta = await self._described(name)
        digest, seq = hashlib.sha256(), 0
        for _ in range(meta.chunks):
            with _told():
                chunk = await self._jetstream.get_msg(
                    self._bucket.stream, seq=seq + 1, subject=self._chunks(name), direct=True, next=True
                )
            data, seq = chunk.data or b"", chunk.seq or 0
            digest.update(data)
            yield data
        if _DIGEST + base64.urlsafe_b64encode(digest.digest()).decode() != meta.digest:
            raise Internal("blob_damaged", "The stored file is damaged")

    async def delete(self, name: str) -> None:
        """Remove an object, or what is left of one; none there is no error."""
        gone = self._meta(name, deleted=True)
        with _told():
            await self._jetstream.publish(self._subject(name), encode(gone), timeout=_ACK_S, headers=dict(_ROLLUP))
            await self._purge(self._chunks(name))
            # names are used once, so that nobody needs to remember that this one is deleted
            await self._purge(self._subject(name))

    async def names(self) -> set[str]:
        """Give the names of all objects, and of those that were begun and never finished."""
        with _told():
            info = await self._jetstream.stream_info(self._bucket.stream, subjects_filter=f"$O.{self._bucket.name}.>")
        found: set[str] = set()
        for subject in info.state.subjects or {}:
            kind, token = subject.split(".")[2:4]
            with suppress(ValueError):
                found.add(token if kind == "C" else base64.urlsafe_b64decode(token).decode())
        return found

    async def probe(self) -> str:
        """Say how full the bucket is."""
        with _told():
            info = await self._jetstream.stream_info(self._bucket.stream)
        return f"{info.state.bytes / 2**20:.1f} of {self._bucket.max_bytes / 2**20:.0f} MiB"

    async def _described(self, name: str) -> _Meta:
        with _told():
            message = await self._jetstream.get_msg(self._bucket.stream, subject=self._subject(name), direct=True)
        meta = msgspec.json.decode(message.data or b"", type=_Meta)
        if meta.deleted:
            raise _missing()
        return meta

    async def _undo(self, name: str, upload: "_Upload") -> None:
        """Remove what a failed write has left; what cannot be removed now is for a sweeper."""
        try:
            async with asyncio.timeout(_CLEAN_UP_S):
                await upload.settle()
                await self._purge(self._chunks(name))
                await self._purge(self._subject(name))
        except (NatsError, OSError) as fault:  # a time-out is one
            _log.warning("blob_left_behind", name=name, reason=type(fault).__name__)

    async def _purge(self, subject: str) -> None:
        await self._jetstream.purge_stream(self._bucket.stream, subject=subject)

    def _meta(self, name: str, size: int = 0, chunks: int = 0, digest: str = "", *, deleted: bool = False) -> _Meta:
        return _Meta(
            name=name, bucket=self._bucket.name, nuid=name, mtime=datetime.now(UTC).isoformat(), size=size,
            chunks=chunks, digest=digest, deleted=deleted, options=_Options(),
        )  # fmt: skip

    def _subject(self, name: str) -> str:
        return f"$O.{self._bucket.name}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"

    def _chunks(self, name: str) -> str:
        if not is_token(name):
            raise NotFound("blob_not_found", "There is no such file")
        return f"$O.{self._bucket.name}.C.{name}"


class _Upload:
    """The chunks of one object on their way: at most a few unacknowledged, stored in the order of the source."""

    def __init__(self, jetstream: JetStreamContext, first_write: asyncio.Lock, subject: str) -> None:
        self._jetstream = jetstream
        self._first_write = first_write
        self._subject = subject
        self._acks: deque[asyncio.Future[PubAck]] = deque()
        self._last_seq = 0
        self._digest = hashlib.sha256()
        self._size = 0
        self.count = 0

    async def take_all(self, source: AsyncIterator[bytes]) -> Written:
        """Publish what the source gives, in chunks of one size, and wait until all of it is stored."""
        rest = bytearray()
        async for data in source:
            rest += data
            while len(rest) >= CHUNK_BYTES:
                await self._publish(bytes(rest[:CHUNK_BYTES]))
                del rest[:CHUNK_BYTES]
        if rest:
            await self._publish(bytes(rest))
        while self._acks:
            await self._acknowledged()
        return Written(self._size, self._digest.hexdigest())

    async def settle(self) -> None:
        """Wait until nothing more is on its way, whatever becomes of it."""
        await asyncio.gather(*self._acks, return_exceptions=True)

    async def _publish(self, chunk: bytes) -> None:
        if len(self._acks) >= _IN_FLIGHT:
            await self._acknowledged()
        self._digest.update(chunk)
        self._size += len(chunk)
        self.count += 1
        async with self._first_write:  # the first one makes the inbox of the acknowledgements
            with _told():
                ack = await self._jetstream.publish_async(self._subject, chunk)  # pyright: ignore[reportUnknownMemberType]
        self._acks.append(ack)

    async def _acknowledged(self) -> None:
        with _told():
            async with asyncio.timeout(_ACK_S):  # `wait_for` can swallow a cancellation (python/cpython#86296)
                await asyncio.wait([self._acks[0]])
            ack = self._acks.popleft().result()
        if ack.seq <= self._last_seq:
            raise Unavailable("store_out_of_order", "The file could not be stored; send it again")
        self._last_seq = ack.seq


@contextmanager
def _told() -> Iterator[None]:
    """Tell the broker's errors as ours."""
    try:
        yield
    except NotFoundError as fault:
        raise _missing() from fault
    except (NatsError, OSError) as fault:  # a time-out is one
        raise Unavailable(
            "attachment_store_unavailable", "The store of files does not take or give any right now; try again later"
        ) from fault


def _missing() -> NotFound:
    return NotFound("blob_not_found", "There is no such file")
