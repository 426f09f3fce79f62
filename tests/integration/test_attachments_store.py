"""The object bucket over a real broker: chunk by chunk in and out, readable by others, and nothing left of a failure."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator

import pytest

from deploy.local.servers import Servers
from libs.contracts.errors import Internal, NotFound, Unavailable
from libs.contracts.streams import ATTACHMENTS, Bucket
from libs.runtime.blobs import CHUNK_BYTES, NatsBlobs
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus

TEN_MIB = 10 * 1024 * 1024


@pytest.fixture
async def bus(servers: Servers) -> AsyncIterator[NatsBus]:
    async with NatsBus.connect(servers.environment["DESKBUS_NATS_URL"], "test") as connected:
        yield connected


@pytest.fixture
def blobs(bus: NatsBus) -> NatsBlobs:
    return NatsBlobs(bus, ATTACHMENTS)


async def numbers(size: int, piece: int = 60_000) -> AsyncIterator[bytes]:
    """So many bytes, no two chunks alike."""
    sent = 0
    while sent < size:
        part = (sent.to_bytes(8, "big") * (piece // 8))[: min(piece, size - sent)]
        sent += len(part)
        yield part


async def read(blobs: NatsBlobs, name: str) -> bytes:
    return b"".join([piece async for piece in blobs.read(name)])


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, TEN_MIB])
async def test_what_is_written_is_read(blobs: NatsBlobs, size: int) -> None:
    name, whole = mint("att"), b"".join([piece async for piece in numbers(size)])
    started = time.perf_counter()
    written = await blobs.write(name, numbers(size))
    between = time.perf_counter()
    assert await read(blobs, name) == whole
    assert (written.size, written.sha256) == (size, hashlib.sha256(whole).hexdigest())
    if size == TEN_MIB:
        print(f"10 MiB: written in {between - started:.3f} s, read in {time.perf_counter() - between:.3f} s")
    await blobs.delete(name)
    assert name not in await blobs.names()


async def test_other_programs_read_it(blobs: NatsBlobs, bus: NatsBus) -> None:
    name = mint("att")
    await blobs.write(name, numbers(300_000))
    store = await bus.jetstream.object_store(ATTACHMENTS.name)
    result = await store.get(name)
    assert (result.info.name, result.info.size, result.info.chunks) == (name, 300_000, 3)
    assert result.data == await read(blobs, name)
    await blobs.delete(name)


async def test_r39_a_source_that_fails_leaves_nothing(blobs: NatsBlobs, bus: NatsBus) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        async for piece in numbers(TEN_MIB // 2):
            yield piece
        raise ConnectionResetError

    name, before = mint("att"), await size_of(bus)
    with pytest.raises(ConnectionResetError):
        await blobs.write(name, breaking())
    assert name not in await blobs.names()
    assert await size_of(bus) == before


async def test_r39_cancelling_leaves_nothing(blobs: NatsBlobs, bus: NatsBus) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        async for piece in numbers(TEN_MIB // 2):
            yield piece
        await asyncio.sleep(60)

    name, before = mint("att"), await size_of(bus)
    writing = asyncio.create_task(blobs.write(name, stalling()))
    while name not in await blobs.names():
        await asyncio.sleep(0.01)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert name not in await blobs.names()
    assert await size_of(bus) == before


async def test_many_at_once_do_not_mix(blobs: NatsBlobs) -> None:
    names = [mint("att") for _ in range(8)]
    written = await asyncio.gather(*(blobs.write(name, numbers(400_000 + place)) for place, name in enumerate(names)))
    for name, told in zip(names, written, strict=True):
        assert hashlib.sha256(await read(blobs, name)).hexdigest() == told.sha256
        await blobs.delete(name)


async def test_what_is_not_there_is_not_found(blobs: NatsBlobs) -> None:
    for name in (mint("att"), "att_>", "../x"):
        with pytest.raises(NotFound):
            await read(blobs, name)
    await blobs.delete(mint("att"))


async def test_a_lost_chunk_is_never_taken_for_the_file(blobs: NatsBlobs, bus: NatsBus) -> None:
    name = mint("att")
    await blobs.write(name, numbers(3 * CHUNK_BYTES))
    first = await bus.jetstream.get_msg(ATTACHMENTS.stream, subject=f"$O.{ATTACHMENTS.name}.C.{name}", seq=1, next=True)
    await bus.jetstream.delete_msg(ATTACHMENTS.stream, first.seq)
    with pytest.raises((Internal, NotFound)):
        await read(blobs, name)
    await blobs.delete(name)


async def test_a_bucket_that_is_missing_is_unavailable(bus: NatsBus) -> None:
    blobs = NatsBlobs(bus, Bucket(name="nowhere", description="", max_bytes=1))
    with pytest.raises(Unavailable):
        await blobs.write(mint("att"), numbers(200_000))


async def size_of(bus: NatsBus) -> int:
    return (await bus.jetstream.stream_info(ATTACHMENTS.stream)).state.bytes
