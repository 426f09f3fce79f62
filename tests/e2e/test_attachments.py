"""Files through the public API: uploaded, named in messages, downloaded, refused, and gone without a trace."""

import asyncio
import io
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from libs.contracts import bus_map
from libs.contracts.attachments import AskTexts
from libs.contracts.streams import ATTACHMENTS
from libs.runtime.blobs import NatsBlobs
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from tests.support.client import Client
from tests.support.system import System
from tests.unit.attachments.files import encrypted_pdf, pdf

LIMIT = 10 * 1024 * 1024
UPLOAD = "/api/chat/upload"


@pytest.fixture
async def bus(system: System) -> AsyncIterator[NatsBus]:
    async with NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as connected:
        yield connected


@pytest.fixture
async def blobs(bus: NatsBus) -> NatsBlobs:
    return NatsBlobs(bus, ATTACHMENTS)


def form(*parts: tuple[str, Any, str | None], **fields: str) -> aiohttp.FormData:
    """A form: first the fields, then the files."""
    made = aiohttp.FormData(default_to_multipart=True, quote_fields=False)
    for name, value in fields.items():
        made.add_field(name, value)
    for name, data, filename in parts:
        made.add_field(
            name, io.BytesIO(data) if isinstance(data, bytes) else data, filename=filename, content_type="text/plain"
        )
    return made


async def upload(client: Client, session_id: str, data: bytes, name: str = "notes.txt") -> dict[str, Any]:
    status, body, _ = await client.request("POST", UPLOAD, data=form(("file", data, name), session_id=session_id))
    assert status == 200, body
    return body


async def content(client: Client, session_id: str, attachment_id: str) -> tuple[int, bytes, dict[str, str]]:
    url = f"{client.url}/api/attachments/{attachment_id}/content"
    async with client.http.get(url, params={"session_id": session_id}) as answer:
        return answer.status, await answer.read(), dict(answer.headers)


async def trickle(size: int, piece: int = 256 * 1024) -> AsyncIterator[bytes]:
    """Bytes whose number nobody is told before."""
    for start in range(0, size, piece):
        yield b"t" * min(piece, size - start)


# --- uploading


async def test_an_upload_is_read_described_and_downloaded(client: Client) -> None:
    session_id = await client.create()
    body = await upload(client, session_id, "Bestellung 4711: größer".encode(), "order.txt")
    assert set(body) == {"attachment_id", "filename", "size_mb", "content_type", "processed", "preview", "error"}
    assert (body["processed"], body["preview"], body["error"]) == (True, "Bestellung 4711: größer", None)
    assert body["size_mb"] == 25 / 1024 / 1024
    path = f"/api/attachments/{body['attachment_id']}"
    status, told, _ = await client.request("GET", path, params={"session_id": session_id})
    assert (status, told["state"], told["filename"]) == (200, "ready", "order.txt")
    status, data, headers = await content(client, session_id, body["attachment_id"])
    assert (status, data.decode(), headers["Content-Length"]) == (200, "Bestellung 4711: größer", "25")
    assert headers["Content-Disposition"] == "attachment; filename=\"order.txt\"; filename*=UTF-8''order.txt"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("where", ["before", "after", "query"])
async def test_the_session_may_be_named_anywhere(client: Client, where: str) -> None:
    session_id, made, query = await client.create(), aiohttp.FormData(default_to_multipart=True), {}
    if where == "before":
        made.add_field("session_id", session_id)
    made.add_field("file", b"words", filename="a.txt")
    if where == "after":
        made.add_field("session_id", session_id)
    if where == "query":
        query = {"session_id": session_id}
    status, body, _ = await client.request("POST", UPLOAD, data=made, params=query)
    assert (status, body["preview"]) == (200, "words")


async def test_a_file_without_a_type_is_of_an_unknown_one(client: Client) -> None:
    session_id = await client.create()
    made = (
        f'--x\r\nContent-Disposition: form-data; name="session_id"\r\n\r\n{session_id}\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="größe.txt"\r\n\r\nwords\r\n--x--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, body, _ = await client.request("POST", UPLOAD, data=made.encode(), headers=headers)
    assert (status, body["content_type"], body["filename"], body["processed"]) == (200, "unknown", "größe.txt", True)


@pytest.mark.parametrize("name", ["../x.txt", "a/../etc/passwd.txt", "größe-中文-🎈.txt", "n" * 296 + ".txt"])
async def test_r39_names_are_shown_as_given_and_never_paths(client: Client, name: str) -> None:
    session_id = await client.create()
    body = await upload(client, session_id, b"words", name)
    assert (body["filename"], body["processed"]) == (name, True)
    _, _, headers = await content(client, session_id, body["attachment_id"])
    assert "/" not in headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"\x89PNG\r\n\x1a\n", "screen.png", "txt, md, csv, json, log and pdf"),
        (b"\x89PNG\r\n\x1a\n", "screen.txt", "png"),
        (b"", "notes.txt", "empty"),
        (encrypted_pdf(), "invoice.pdf", "password"),
        (pdf("words")[:150], "invoice.pdf", "damaged"),
    ],
)
async def test_r39_what_cannot_be_read_is_told_why(client: Client, data: bytes, name: str, said: str) -> None:
    body = await upload(client, await client.create(), data, name)
    assert (body["processed"], body["preview"]) == (False, None)
    assert said in body["error"]


@pytest.mark.parametrize(
    ("session_id", "status", "code"),
    [
        ("undefined", 400, "invalid_session_id"),
        ("", 400, "invalid_session_id"),
        ("null", 400, "invalid_session_id"),
        ("sess_01AAAAAAAAAAAAAAAAAAAAAAAA", 404, "session_not_found"),
        ("../x", 404, "session_not_found"),
    ],
)
@pytest.mark.parametrize("first", ["session_id", "file"])
async def test_r01_an_upload_needs_a_session(
    client: Client, blobs: NatsBlobs, session_id: str, status: int, code: str, first: str
) -> None:
    made, before = aiohttp.FormData(default_to_multipart=True), await blobs.names()
    if first == "session_id":
        made.add_field("session_id", session_id)
    made.add_field("file", b"words", filename="a.txt")
    if first == "file":
        made.add_field("session_id", session_id)
    answer, body, _ = await client.request("POST", UPLOAD, data=made)
    assert (answer, body["code"]) == (status, code)
    assert await blobs.names() <= before


async def test_what_is_no_upload_is_told_so(client: Client) -> None:
    session_id = await client.create()
    for status, code, options in (
        (415, "unsupported_media_type", {"json": {"session_id": session_id}}),
        (422, "invalid_request", {"data": form(session_id=session_id)}),
        (400, "bad_form", {"data": form(("other", b"words", "a.txt"), session_id=session_id)}),
        (400, "bad_form", {"data": b"words", "headers": {"Content-Type": "multipart/form-data"}}),
        (400, "bad_form", {"data": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}),
        (422, "invalid_attachment",
         {"data": form(("file", b"1", "a.txt"), ("file", b"2", "b.txt"), session_id=session_id)}),
    ):  # fmt: skip
        answer, body, _ = await client.request("POST", UPLOAD, **options)
        assert (answer, body["code"]) == (status, code)


# --- the limit


async def test_r39_exactly_the_limit_passes(client: Client) -> None:
    session_id = await client.create()
    body = await upload(client, session_id, b"m" * LIMIT)
    assert (body["size_mb"], body["processed"]) == (10.0, True)
    status, data, _ = await content(client, session_id, body["attachment_id"])
    assert (status, len(data)) == (200, LIMIT)


@pytest.mark.parametrize("told", [True, False])
async def test_r39_one_byte_more_is_refused_and_nothing_stays(client: Client, blobs: NatsBlobs, told: bool) -> None:
    session_id, before = await client.create(), await blobs.names()
    data = b"m" * (LIMIT + 1) if told else trickle(LIMIT + 1)
    status, body, _ = await client.request("POST", UPLOAD, data=form(("file", data, "a.txt"), session_id=session_id))
    assert (status, body["code"]) == (413, "file_too_large")
    assert await blobs.names() <= before


async def test_r39_the_limit_is_told_the_moment_it_is_passed(client: Client) -> None:
    """A client that goes on sending for ever is answered after 10 MiB."""
    session_id = await client.create()
    reader, writer = await connect(client)
    writer.write(head(client, session_id, "Transfer-Encoding: chunked"))
    opening = part(session_id)
    writer.write(f"{len(opening):x}\r\n".encode() + opening + b"\r\n")
    piece = b"m" * 65_536
    sent = 0
    answer = asyncio.create_task(reader.readline())
    while not answer.done() and sent < 3 * LIMIT:
        writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        sent += len(piece)
        await asyncio.sleep(0.002)
    assert b" 413 " in await asyncio.wait_for(answer, 5)
    print(f"413 after {sent / 2**20:.1f} MiB")
    assert sent < LIMIT + 3 * 2**20
    writer.close()


@pytest.mark.parametrize("ending", ["cut", "abort"])
async def test_r39_a_client_that_leaves_leaves_nothing(client: Client, blobs: NatsBlobs, ending: str) -> None:
    session_id, before = await client.create(), await blobs.names()
    _, writer = await connect(client)
    writer.write(head(client, session_id, "Content-Length: 5000000") + part(session_id) + b"m" * 2_000_000)
    await writer.drain()
    async with asyncio.timeout(10):
        while not await blobs.names() - before:
            await asyncio.sleep(0.02)
    if ending == "cut":
        writer.close()
    else:
        writer.transport.abort()
    async with asyncio.timeout(10):
        while await blobs.names() - before:
            await asyncio.sleep(0.05)


async def connect(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = client.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


def head(client: Client, session_id: str, length: str) -> bytes:
    host = client.url.removeprefix("http://")
    return (
        f"POST {UPLOAD}?session_id={session_id} HTTP/1.1\r\nHost: {host}\r\n{length}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    ).encode()


def part(session_id: str) -> bytes:
    return (
        f'--x\r\nContent-Disposition: form-data; name="session_id"\r\n\r\n{session_id}\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    ).encode()


async def test_r39_the_gateways_memory_stays_flat(client: Client, system: System) -> None:
    session_id = await client.create()
    await upload(client, session_id, b"w" * LIMIT)  # what is loaded once is loaded
    pid = system.processes["gateway", 0].pid
    before, most, done = memory(pid), 0, asyncio.Event()

    async def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, memory(pid))
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    started = time.perf_counter()
    bodies = await asyncio.gather(*(upload(client, session_id, os.urandom(1) * LIMIT, f"{n}.txt") for n in range(5)))
    seconds = time.perf_counter() - started
    done.set()
    await watching
    print(f"5 x 10 MiB in {seconds:.2f} s ({50 / seconds:.0f} MiB/s): gateway {before} -> at most {most} KiB")
    assert len(bodies) == 5
    assert most - before < 20 * 1024


def memory(pid: int) -> int:
    """A process's resident memory, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


# --- in messages


async def test_a_message_names_its_uploads(client: Client, bus: NatsBus) -> None:
    session_id = await client.create()
    first = (await upload(client, session_id, b"canary one", "one.txt"))["attachment_id"]
    second = (await upload(client, session_id, b"canary two", "two.txt"))["attachment_id"]
    assert (await client.send(session_id, "See the file", attachment_ids=[first]))[0] == 200
    assert (await client.send(session_id, "And this", attachments=[second]))[0] == 200
    asked = [each for each in (await client.history(session_id))["messages"] if each["role"] == "user"]
    assert [each["attachments"] for each in asked] == [
        [{"attachment_id": first, "filename": "one.txt", "content_type": "text/plain", "size": 10}],
        [{"attachment_id": second, "filename": "two.txt", "content_type": "text/plain", "size": 10}],
    ]
    texts = await bus.call(
        bus_map.ATTACHMENT_TEXTS, AskTexts(attachment_ids=[first, second]), tenant="default", key=session_id
    )
    assert [each.text for each in texts.texts] == ["canary one", "canary two"]


async def test_r19_a_message_over_the_socket_names_its_uploads(client: Client) -> None:
    session_id = await client.create()
    mine = (await upload(client, session_id, b"words"))["attachment_id"]
    async with client.socket(session_id) as socket:
        await socket.ask("See the file", attachment_ids=[mine])
        await socket.ask("Once more", attachments=[mine])
    asked = [each for each in (await client.history(session_id))["messages"] if each["role"] == "user"]
    assert [each["attachments"][0]["attachment_id"] for each in asked] == [mine, mine]


async def test_ten_words_in_a_file_change_an_answer_and_only_in_their_session(client: Client) -> None:
    question = "When does my parcel arrive?"
    session_id, other = await client.create(), await client.create()
    note = await upload(client, session_id, b"Your parcel 77 arrives on Friday between 9 and 11.")
    status, answer, _ = await client.send(session_id, question, attachment_ids=[note["attachment_id"]])
    assert status == 200
    assert "Friday" in answer["message"]
    assert answer["sources"][0]["metadata"]["title"] == "notes.txt"
    assert "read_attachment" in answer["metadata"]["tools_used"]
    _, again, _ = await client.send(session_id, "Between which hours will the parcel arrive?")
    assert "Friday" in again["message"]
    _, elsewhere, _ = await client.send(other, question)
    assert "Friday" not in elsewhere["message"]


async def test_a_file_that_cannot_be_read_is_told_in_the_answer(client: Client) -> None:
    session_id = await client.create()
    scan = await upload(client, session_id, b"%PDF-1.4 this is no pdf", "scan.pdf")
    _, answer, _ = await client.send(session_id, "How long does shipping take?", attachment_ids=[scan["attachment_id"]])
    assert "3-5 business days" in answer["message"]
    assert "could not read scan.pdf" in answer["message"]


async def test_files_come_with_their_message(client: Client) -> None:
    session_id = await client.create()
    files = [("attachments", f"file {n}".encode(), f"{n}.txt") for n in range(5)]
    path = f"/api/chat/sessions/{session_id}/messages"
    status, body, _ = await client.request("POST", path, data=form(*files, message="Five files"))
    assert status == 200, body
    message = (await client.history(session_id))["messages"][0]
    assert [each["filename"] for each in message["attachments"]] == [f"{n}.txt" for n in range(5)]
    attachment_id = message["attachments"][3]["attachment_id"]
    assert (await content(client, session_id, attachment_id))[:2] == (200, b"file 3")


@pytest.mark.parametrize(
    ("files", "fields", "status", "code"),
    [
        (6, {"message": "Six files"}, 422, "invalid_attachment"),
        (2, {"message": "  "}, 422, "invalid_message"),
        (2, {}, 422, "invalid_request"),
        (1, {"message": "Too large", "size": LIMIT + 1}, 413, "file_too_large"),
        (2, {"message": "Paths", "attachment_ids": "/etc/hostname"}, 422, "invalid_attachment"),
    ],
)
async def test_r39_a_refused_message_leaves_no_files(
    client: Client, blobs: NatsBlobs, files: int, fields: dict[str, Any], status: int, code: str
) -> None:
    session_id, before = await client.create(), await blobs.names()
    size = fields.pop("size", 200_000)
    parts = [("attachments", b"w" * size, f"{n}.txt") for n in range(files)]
    path = f"/api/chat/sessions/{session_id}/messages"
    answer, body, _ = await client.request("POST", path, data=form(*parts, **fields))
    assert (answer, body["code"]) == (status, code)
    assert await blobs.names() <= before
    assert (await client.history(session_id))["total"] == 0


@pytest.mark.parametrize(
    "named",
    [
        [{"path": "/etc/hostname", "filename": "a.txt"}],
        ["/etc/hostname"],
        ["../../etc/passwd"],
        ["att_01AAAAAAAAAAAAAAAAAAAAAAAA"],
        [7],
        ["another session's"],
    ],
)
async def test_r15_r16_only_uploads_of_this_session_can_be_named(client: Client, named: list[Any]) -> None:
    session_id, other = await client.create(), await client.create()
    if named == ["another session's"]:
        named = [(await upload(client, other, b"canary 9921"))["attachment_id"]]
    for field in ("attachment_ids", "attachments"):
        status, body, _ = await client.send(session_id, "Read this", **{field: named})
        assert (status, body["code"]) == (422, "invalid_attachment")
        async with client.socket(session_id) as socket:
            await socket.send("Read this", **{field: named})
            assert (await socket.until("error"))["code"] == "invalid_attachment"
    history = await client.history(session_id)
    assert history["total"] == 0
    assert "canary" not in json.dumps(history)


async def test_r16_another_session_sees_nothing_of_it(client: Client) -> None:
    session_id, other = await client.create(), await client.create()
    attachment_id = (await upload(client, session_id, b"canary 5512 " * 500))["attachment_id"]
    unknown = mint("att")
    for path in ("", "/content"):
        bodies = []
        for asked, by in ((attachment_id, other), (unknown, other), (unknown, session_id), ("../x", other)):
            url = f"/api/attachments/{asked.replace('/', '%2F')}{path}"
            status, body, _ = await client.request("GET", url, params={"session_id": by})
            assert (status, body["code"]) == (404, "attachment_not_found")
            bodies.append(body["detail"])
        assert len(set(bodies)) == 1
        status, body, _ = await client.request("GET", f"/api/attachments/{attachment_id}{path}")
        assert (status, body["code"]) == (400, "invalid_session_id")
    _, answer, _ = await client.send(other, "What is canary 5512?")
    assert "5512 canary" not in json.dumps(answer)


async def test_r16_r42_a_deleted_session_leaves_no_file(client: Client, blobs: NatsBlobs) -> None:
    session_id = await client.create()
    mine = {(await upload(client, session_id, b"canary 7714", name))["attachment_id"] for name in ("a.txt", "b.txt")}
    assert (await client.send(session_id, "See the files", attachment_ids=list(mine)))[0] == 200
    assert (await client.request("DELETE", f"/api/sessions/{session_id}"))[0] == 200
    async with asyncio.timeout(15):
        while await blobs.names() & mine:
            await asyncio.sleep(0.1)
    for attachment_id in mine:
        assert (await content(client, session_id, attachment_id))[0] == 404
    status, _, _ = await client.request("POST", UPLOAD, data=form(("file", b"late", "a.txt"), session_id=session_id))
    assert status == 404


async def test_a_service_that_is_away_is_told_and_leaves_nothing(
    client: Client, system: System, blobs: NatsBlobs
) -> None:
    session_id, before = await client.create(), await blobs.names()
    kept = (await upload(client, session_id, b"kept"))["attachment_id"]
    system.kill("attachments")
    try:
        status, body, _ = await client.request(
            "POST", UPLOAD, data=form(("file", b"words", "a.txt"), session_id=session_id)
        )
        assert (status, body["code"], body["retryable"]) == (503, "attachments_unavailable", True)
        assert (await client.send(session_id, "See", attachment_ids=[kept]))[0] == 503
        assert (await client.send(session_id, "No file"))[0] == 200
        assert await blobs.names() <= before | {kept}
    finally:
        system.start("attachments")
        await asyncio.to_thread(system.wait_ready)
    async with asyncio.timeout(20):
        while (await client.request("GET", f"/api/attachments/{kept}", params={"session_id": session_id}))[0] != 200:
            await asyncio.sleep(0.2)
    assert (await upload(client, session_id, b"back again"))["processed"]
