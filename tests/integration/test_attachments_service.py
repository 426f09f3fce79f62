"""The attachments service over real servers: what it keeps, whom it tells, and what it leaves behind (nothing)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from nats.js.api import StreamInfo

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.attachments import AskTexts, Attachment, Describe, Discard, Register, Resolve
from libs.contracts.errors import Invalid, NotFound
from libs.contracts.health import AskHealth
from libs.contracts.streams import ATTACHMENTS
from libs.runtime.blobs import NatsBlobs
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from tests.support.system import System
from tests.unit.attachments.files import encrypted_pdf, endless_pdf, pdf

TENANT = "tenant_of_attachments"
OLD = "att_01AAAAAAAAAAAAAAAAAAAAAAAA"  # minted in 2010 or so


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    from tests.support.system import real_servers

    folder = tmp_path_factory.mktemp("attachments")
    only = {"gateway": 0, "agent": 0, "knowledge": 0}
    settings = {"reading_timeout_s": 4, "reading_cpu_s": 2, "attachment_unused_s": 6, "attachment_sweep_s": 0.5}
    with real_servers(folder / "servers") as servers, System(servers, folder, folder, only, **settings) as running:
        yield running


@pytest.fixture
async def bus(system: System) -> AsyncIterator[NatsBus]:
    async with NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as connected:
        for channel in (bus_map.SESSION_HEALTH, bus_map.ATTACHMENTS_HEALTH):
            await connected.call(channel, AskHealth(), tenant=TENANT, timeout=20)
        yield connected


class Desk:
    """One session, and its uploads."""

    def __init__(self, bus: NatsBus) -> None:
        self.bus = bus
        self.blobs = NatsBlobs(bus, ATTACHMENTS)
        self.id = mint("sess")

    async def open(self) -> "Desk":
        request = told.OpenSession(session_id=self.id, thread_id=mint("thread"))
        await self.bus.call(bus_map.OPEN_SESSION, request, tenant=TENANT, key=self.id)
        return self

    async def ask(self, channel: object, request: object, **options: object) -> object:
        return await self.bus.call(channel, request, tenant=TENANT, key=self.id, **options)  # type: ignore[arg-type]

    async def store(self, data: bytes) -> str:
        attachment_id = mint("att")
        await self.blobs.write(attachment_id, pieces(data))
        return attachment_id

    async def register(self, attachment_id: str, data: bytes, name: str, content_type: str = "") -> Attachment:
        request = Register(
            attachment_id=attachment_id, filename=name, content_type=content_type, size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )  # fmt: skip
        async with asyncio.timeout(20):
            while (answer := await self.ask(bus_map.REGISTER_ATTACHMENT, request)).state == "uploaded":
                pass
        return answer

    async def upload(self, data: bytes, name: str = "notes.txt", content_type: str = "") -> Attachment:
        return await self.register(await self.store(data), data, name, content_type)

    async def texts(self, *ids: str, **options: int) -> list[str]:
        request = AskTexts(attachment_ids=list(ids), **options)
        return [each.text for each in (await self.ask(bus_map.ATTACHMENT_TEXTS, request)).texts]

    async def described(self, *ids: str) -> list[Attachment]:
        return (await self.ask(bus_map.DESCRIBE_ATTACHMENTS, Describe(list(ids)))).attachments

    async def post(self, content: str, *refs: told.AttachmentRef) -> told.MessagePosted:
        request = told.PostMessage(
            message_id=mint("msg"), client_message_id=mint("client"), content=content, attachments=list(refs)
        )
        return await self.ask(bus_map.POST_MESSAGE, request)

    async def resolve(self, *ids: str) -> list[told.AttachmentRef]:
        return (await self.ask(bus_map.RESOLVE_ATTACHMENTS, Resolve(list(ids)))).attachments

    async def stored(self) -> StreamInfo:
        return await self.bus.jetstream.stream_info(ATTACHMENTS.stream)


async def pieces(data: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.fixture
async def desk(bus: NatsBus) -> Desk:
    return await Desk(bus).open()


async def until(probe: object, timeout: float = 15.0) -> None:
    async with asyncio.timeout(timeout):
        while not await probe():  # type: ignore[operator]
            await asyncio.sleep(0.1)


async def test_an_upload_is_read_and_told(desk: Desk) -> None:
    answer = await desk.upload("Größe 38, Farbe blau".encode(), "order.csv", "text/csv; charset=utf-8")
    assert (answer.state, answer.content_type, answer.detected_type) == ("ready", "text/csv", "text/csv")
    assert (answer.preview, answer.size, answer.error) == ("Größe 38, Farbe blau", 22, None)
    assert await desk.texts(answer.attachment_id) == ["Größe 38, Farbe blau"]
    assert await desk.described(answer.attachment_id) == [answer]
    assert b"".join([piece async for piece in desk.blobs.read(answer.attachment_id)]).decode().startswith("Größe")


async def test_registering_twice_records_once(desk: Desk) -> None:
    first = await desk.upload(b"once")
    assert await desk.register(first.attachment_id, b"once", "another.txt") == first


@pytest.mark.parametrize("name", ["../x.txt", "..\\..\\x.txt", "/etc/passwd.txt", "größe-中文-🎈.txt"])
async def test_r39_a_name_is_kept_as_given(desk: Desk, name: str) -> None:
    assert (await desk.upload(b"words", name)).filename == name


async def test_r39_a_long_name_keeps_its_ending(desk: Desk) -> None:
    exact, long = "n" * 296 + ".txt", "n" * 400 + ".txt"
    assert (await desk.upload(b"words", exact)).filename == exact
    assert (await desk.upload(b"words", long)).filename == exact
    assert (await desk.upload(b"words", "a\0b\r\nc\x1b.txt")).filename == "abc.txt"


@pytest.mark.parametrize(
    ("data", "name", "declared", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n rest", "photo.png", "image/png", "unsupported_type"),
        (b"\x89PNG\r\n\x1a\n rest", "notes.txt", "text/plain", "type_mismatch"),
        (b"\x7fELF\x02\x01", "notes.md", "text/plain", "type_mismatch"),
        (b"plain words", "invoice.pdf", "application/pdf", "type_mismatch"),
        (pdf("words"), "notes.txt", "application/pdf", "type_mismatch"),
        (b"", "notes.txt", "text/plain", "empty"),
        (encrypted_pdf(), "invoice.pdf", "application/pdf", "encrypted"),
        (pdf("words")[:150], "invoice.pdf", "application/pdf", "broken"),
    ],
)
async def test_r39_what_cannot_be_read_is_told_why(
    desk: Desk, data: bytes, name: str, declared: str, reason: str
) -> None:
    answer = await desk.upload(data, name, declared)
    assert (answer.state, answer.reason, answer.preview) == ("rejected", reason, None)
    assert answer.error
    assert reason != "unsupported_type" or "txt, md, csv, json, log and pdf" in answer.error
    assert await desk.texts(answer.attachment_id) == [""]


async def test_r39_a_file_that_takes_for_ever_is_stopped_while_others_are_read(desk: Desk) -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    endless = asyncio.create_task(desk.upload(endless_pdf(), "endless.pdf", "application/pdf"))
    await asyncio.sleep(0.5)
    asked = clock()
    assert (await desk.upload(b"meanwhile")).preview == "meanwhile"
    print(f"read {(clock() - asked) * 1000:.0f} ms beside a file without end")
    assert (await endless).reason == "too_complex"
    print(f"file without end rejected after {clock() - started:.1f} s")
    assert clock() - started < 10


# --- whose it is


async def test_r15_r16_another_session_never_reads_it(desk: Desk, bus: NatsBus) -> None:
    other = await Desk(bus).open()
    mine = await desk.upload(b"canary 8231")
    assert await other.described(mine.attachment_id) == []
    assert await other.texts(mine.attachment_id) == []
    with pytest.raises(Invalid) as caught:
        await other.resolve(mine.attachment_id)
    assert caught.value.code == "invalid_attachment"
    with pytest.raises(NotFound):
        await other.register(mine.attachment_id, b"canary 8231", "mine.txt")
    assert (await other.ask(bus_map.DISCARD_ATTACHMENTS, Discard([mine.attachment_id]))).count == 0
    assert await desk.texts(mine.attachment_id) == ["canary 8231"]


@pytest.mark.parametrize("asked", ["/etc/hostname", "../../etc/passwd", "att_>", "undefined", ""])
async def test_r15_only_ids_are_accepted(desk: Desk, asked: str) -> None:
    with pytest.raises(Invalid) as caught:
        await desk.resolve(asked)
    assert caught.value.code == "invalid_attachment"


async def test_texts_are_bounded_and_shared_fairly(desk: Desk) -> None:
    long = await desk.upload(b"l" * 150_000, "long.txt")
    short = await desk.upload(b"short")
    lengths = [len(text) for text in await desk.texts(long.attachment_id, short.attachment_id, max_characters=1000)]
    assert lengths == [995, 5]
    assert [len(text) for text in await desk.texts(long.attachment_id, max_characters=10**9)] == [100_000]
    assert [len(text) for text in await desk.texts(long.attachment_id, max_characters=-1)] == [0]


# --- its life


async def test_a_message_binds_its_uploads(desk: Desk) -> None:
    mine = await desk.upload(b"words")
    posted = await desk.post("see the file", *await desk.resolve(mine.attachment_id))

    async def bound() -> bool:
        return (await desk.described(mine.attachment_id))[0].message_id == posted.message_id

    await until(bound)
    assert (await desk.ask(bus_map.DISCARD_ATTACHMENTS, Discard([mine.attachment_id]))).count == 0


async def test_r42_deleting_a_session_leaves_nothing(desk: Desk, system: System) -> None:
    first, second = await desk.upload(b"x" * 300_000), await desk.upload(pdf("words"), "a.pdf")
    await desk.post("see the file", *await desk.resolve(first.attachment_id))
    await desk.ask(bus_map.DELETE_SESSION, told.DeleteSession())

    async def gone() -> bool:
        names = await desk.blobs.names()
        return not await desk.described(first.attachment_id, second.attachment_id) and not names & {
            first.attachment_id,
            second.attachment_id,
        }

    await until(gone)
    late = await desk.store(b"too late")
    with pytest.raises(NotFound) as caught:
        await desk.register(late, b"too late", "late.txt")
    assert caught.value.code == "session_not_found"
    assert await rows(system, desk.id) == 0
    await desk.blobs.delete(late)


async def test_discarding_leaves_nothing(desk: Desk) -> None:
    mine = await desk.upload(b"never mind")
    assert (await desk.ask(bus_map.DISCARD_ATTACHMENTS, Discard([mine.attachment_id]))).count == 1
    assert await desk.described(mine.attachment_id) == []
    assert mine.attachment_id not in await desk.blobs.names()


async def test_r42_what_nobody_uses_and_what_a_killed_process_left_is_swept(desk: Desk) -> None:
    unused = await desk.upload(b"never used")
    used = await desk.upload(b"used")
    await desk.post("see the file", *await desk.resolve(used.attachment_id))
    await desk.blobs.write(OLD, pieces(b"registered by nobody"))
    half = OLD.replace("01A", "01B")
    await desk.bus.jetstream.publish(f"$O.{ATTACHMENTS.name}.C.{half}", b"killed before its description")
    young = await desk.store(b"on its way")

    async def swept() -> bool:
        return not await desk.blobs.names() & {unused.attachment_id, OLD, half}

    await until(swept)
    assert await desk.described(unused.attachment_id) == []
    assert {used.attachment_id, young} <= await desk.blobs.names()
    assert await desk.texts(used.attachment_id) == ["used"]
    await desk.blobs.delete(young)


async def test_a_killed_service_leaves_its_readings_to_the_next(desk: Desk, system: System) -> None:
    data = b"read by whoever comes next"
    attachment_id = await desk.store(data)
    system.kill("attachments")
    system.start("attachments")
    assert (await desk.register(attachment_id, data, "a.txt")).preview == data.decode()


async def rows(system: System, session_id: str) -> int:
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    try:
        return await connection.fetchval(
            "select count(*) from attachments.attachments where session_id = $1", session_id
        )
    finally:
        await connection.close()
