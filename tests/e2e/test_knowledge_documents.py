"""Documents over HTTP through the whole system: loaded, found, replaced, deleted, and what stands in the way told."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.local.documents import file_id
from deploy.local.state import ROOT
from libs.contracts.streams import DOCUMENTS
from libs.runtime.blobs import NatsBlobs
from libs.runtime.nats import NatsBus
from services.gateway.adapters.http_documents import DOCUMENTS_AT_ONCE
from tests.support.client import Client
from tests.support.system import System, real_servers

AT = "/api/knowledge/documents"
MOST_BYTES = 500_000
PATIENCE_S = 60.0
PENDING = {"queued", "indexing"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """A system that takes documents up to a size that tests can send."""
    folder = tmp_path_factory.mktemp("documents")
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, model_folder, max_document_bytes=MOST_BYTES) as running,
    ):
        yield running


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    async with Client.at(system.url) as opened:
        yield opened


@pytest.fixture
async def blobs(system: System) -> AsyncIterator[NatsBlobs]:
    async with NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as bus:
        yield NatsBlobs(bus, DOCUMENTS)


async def ask(client: Client, method: str, path: str, *statuses: int, **options: Any) -> Any:
    status, body, _ = await client.request(method, path, **options)
    assert status in statuses, (status, body)
    return body


async def settled(client: Client, document_id: str) -> dict[str, Any]:
    """Wait until a document is read, or refused."""
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        document = (await ask(client, "GET", f"{AT}/{document_id}", 200))["document"]
        if document["state"] not in PENDING:
            return document
        assert asyncio.get_running_loop().time() < end, document
        await asyncio.sleep(0.1)


async def found(client: Client, query: str, **fields: Any) -> list[dict[str, Any]]:
    return await ask(client, "POST", "/api/chat/search", 200, json={"query": query, **fields})


async def emptied(blobs: NatsBlobs) -> None:
    """Wait until the bucket holds nothing: what was read is not needed any more."""
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while names := await blobs.names():
        assert asyncio.get_running_loop().time() < end, names
        await asyncio.sleep(0.1)


async def swept(client: Client) -> dict[str, Any]:
    """Wait until the index holds what the store does: what was deleted while it was read leaves points for a moment."""
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        state = await ask(client, "GET", "/api/knowledge/index", 200)
        if state["passages"] == state["vectors"] > 0:
            return state
        assert asyncio.get_running_loop().time() < end, state
        await asyncio.sleep(0.1)


def form(*files: tuple[str, bytes], **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields.items():
        data.add_field(name, value)
    for name, content in files:
        data.add_field("files", content, filename=name, content_type="application/octet-stream")
    return data


async def test_a_text_is_found_replaced_and_deleted_for_good(client: Client) -> None:
    first = {"content": "# Zeppelin rides\n\nA zeppelin ride lasts ninety minutes.", "document_id": "zeppelin",
             "title": "Zeppelin rides", "source": "help/zeppelin", "metadata": {"category": "rides"}}  # fmt: skip
    told = await ask(client, "POST", AT, 201, 202, json=first)
    assert told["outcome"] == "added"
    assert (await settled(client, "zeppelin"))["state"] == "ready"
    assert (await ask(client, "POST", AT, 201, json=first))["outcome"] == "unchanged"
    (source, *_) = await found(client, "How long does a zeppelin ride last?", filters={"category": "rides"})
    assert "ninety minutes" in source["content"]
    assert source["metadata"]["document_id"] == "zeppelin"
    assert 0 <= source["relevance_score"] <= 1
    second = {**first, "content": "# Zeppelin rides\n\nA zeppelin ride lasts two hours."}
    assert (await ask(client, "PUT", f"{AT}/zeppelin", 200, 202, json=second))["outcome"] == "replaced"
    document = await settled(client, "zeppelin")
    assert (document["version"], document["newest_version"]) == (2, 2)
    texts = [each["content"] for each in await found(client, "How long does a zeppelin ride last?")]
    assert any("two hours" in text for text in texts)
    assert not any("ninety minutes" in text for text in texts)
    detail = await ask(client, "GET", f"{AT}/zeppelin", 200)
    assert [each["state"] for each in detail["versions"]] == ["ready", "replaced"]
    assert len(detail["passages"]) == document["passages"] > 0
    gone = await ask(client, "DELETE", f"{AT}/zeppelin", 200)
    assert (gone["passages_left"], gone["vectors_left"]) == (0, 0)
    assert gone["passages"] == document["passages"]
    assert not any("zeppelin" in each["content"] for each in await found(client, "zeppelin ride"))
    for method, path in (("GET", ""), ("DELETE", "")):
        assert (await ask(client, method, f"{AT}/zeppelin{path}", 404))["code"] == "document_not_found"
    assert (await ask(client, "GET", f"{AT}/zeppelin/usage", 200))["total"] == 0


async def test_of_several_files_a_broken_one_is_refused_and_the_others_go_on(client: Client, blobs: NatsBlobs) -> None:
    csv = b'question,answer\nDo you sell harpsichords?,"Yes, in three sizes."\n'
    data = form(("guide.md", b"# Tuning\n\nHarpsichords are tuned twice a year."), ("broken.pdf", b"%PDF-1.7\nno more"),
                ("faq.csv", csv), source="music")  # fmt: skip
    told = (await ask(client, "POST", AT, 201, 202, data=data))["documents"]
    assert [each["name"] for each in told] == ["guide.md", "broken.pdf", "faq.csv"]
    states = [(await settled(client, each["document"]["document_id"]))["state"] for each in told]
    assert states == ["ready", "rejected", "ready"]
    refused = (await ask(client, "GET", f"{AT}/{told[1]['document']['document_id']}", 200))["document"]
    assert refused["reason"]
    assert refused["error"]
    texts = [each["content"] for each in await found(client, "Do you sell harpsichords?")]
    assert any("three sizes" in text for text in texts)
    await emptied(blobs)


async def test_a_file_up_to_the_limit_is_taken_and_nothing_is_kept_of_a_larger_one(
    client: Client, blobs: NatsBlobs
) -> None:
    line = b"A sentence about marmalade that fills this file. "
    whole = (line * (MOST_BYTES // len(line) + 1))[:MOST_BYTES]
    told = await ask(client, "POST", AT, 201, 202, data=form(("large.txt", whole), document_id="large"))
    assert told["document"]["document_id"] == "large"
    for method, path in (("POST", AT), ("PUT", f"{AT}/large")):
        body = await ask(client, method, path, 413, data=form(("larger.txt", whole + b"x")))
        assert body["code"] == "file_too_large"
    await ask(client, "DELETE", f"{AT}/large", 200)
    await emptied(blobs)


async def test_a_hundred_documents_at_once_and_no_more(client: Client) -> None:
    given = [{"content": f"# Item {number}\n\nItem {number} is blue.", "document_id": f"item-{number}",
              "metadata": {"batch": "hundred"}} for number in range(DOCUMENTS_AT_ONCE)]  # fmt: skip
    more = [*given, {"content": "x"}]
    assert (await ask(client, "POST", AT, 422, json={"documents": more}))["code"] == "invalid_request"
    told = (await ask(client, "POST", AT, 201, 202, json={"documents": given}))["documents"]
    assert [each["document"]["document_id"] for each in told] == [each["document_id"] for each in given]
    for each in given:
        assert (await settled(client, each["document_id"]))["state"] == "ready"
    status, body, headers = await client.request("GET", f"{AT}?metadata.batch=hundred&limit=60")
    assert (status, len(body), headers["X-Total-Count"]) == (200, 60, str(DOCUMENTS_AT_ONCE))
    assert 'rel="next"' in headers["Link"]
    assert len(await ask(client, "GET", f"{AT}?metadata.batch=hundred&limit=60&offset=60", 200)) == 40
    assert await ask(client, "GET", f"{AT}?metadata.batch=other", 200) == []


async def test_a_text_that_no_message_of_the_bus_has_room_for_is_taken(client: Client, blobs: NatsBlobs) -> None:
    content = "# Almanac\n\n" + "\n\n".join(f"On day {number} the weather was fair." for number in range(11_500))
    assert 400_000 < len(content) < 500_000
    told = await ask(client, "POST", AT, 201, 202, json={"content": content, "document_id": "almanac"})
    assert told["outcome"] == "added"
    assert (await ask(client, "DELETE", f"{AT}/almanac", 200))["passages_left"] == 0
    await emptied(blobs)


@pytest.mark.parametrize(
    "body",
    [{"content": "x", "document_id": "a b"}, {"content": "x", "title": "x" * 301}, {"content": "x", "source": "x" * 2001},
     {"content": "x", "metadata": {str(number): 1 for number in range(51)}}, {"content": "x", "metadata": {"k": "x" * 501}}],
    ids=["id", "title", "source", "51 keys", "value"],
)  # fmt: skip
async def test_bounds_that_are_broken_are_told(client: Client, body: dict[str, Any]) -> None:
    told = await ask(client, "POST", AT, 422, json=body)
    assert told["code"] == "invalid_request"
    assert told["errors"]


async def test_the_bounds_themselves_are_taken(client: Client) -> None:
    body = {"content": "x", "document_id": "b" * 100, "title": "x" * 300, "source": "y" * 2000,
            "metadata": {f"{number:0100}": "x" * 500 for number in range(20)}}  # fmt: skip
    await ask(client, "POST", AT, 201, 202, json=body)
    assert (await settled(client, "b" * 100))["state"] == "ready"
    await ask(client, "DELETE", f"{AT}/{'b' * 100}", 200)


async def test_addresses_that_lead_inside_are_refused(client: Client) -> None:
    status, body, _ = await client.request("POST", AT, json={"url": "https://127.0.0.1/secret"})
    if status == 202:
        document = await settled(client, body["document"]["document_id"])
        assert (document["state"], bool(document["error"])) == ("rejected", True)
    else:
        assert status == 422, body


async def test_the_index_is_built_anew_while_searches_go_on(client: Client) -> None:
    await ask(
        client, "POST", AT, 201, 202, json={"content": "# Kites\n\nKites fly on Sundays.", "document_id": "kites"}
    )
    await settled(client, "kites")
    before = await swept(client)
    state = await ask(client, "POST", "/api/knowledge/reindex", 202)
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while state["rebuilding"]:
        assert state["rebuilding"]["error"] is None
        assert any("Sundays" in each["content"] for each in await found(client, "When do kites fly?"))
        assert asyncio.get_running_loop().time() < end, state
        state = await ask(client, "GET", "/api/knowledge/index", 200)
    assert (state["model"], state["passages"]) == (before["model"], before["passages"])
    await swept(client)
    assert any("Sundays" in each["content"] for each in await found(client, "When do kites fly?"))
    told = await ask(client, "POST", "/api/knowledge/reindex", 422, json={"model": "no/such-model"})
    assert told["code"] == "unknown_model"


async def test_make_ingest_loads_a_folder(system: System, client: Client, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "Ballons.md").write_text("# Balloons\n\nBalloons are filled with helium.")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nno more")
    environ = {**os.environ, "DESKBUS_URL": system.url, "INGEST_PATH": str(tmp_path), "ARGS": "--metadata lot=7"}

    async def run(verb: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy.local", verb, cwd=ROOT, env=environ, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        return process.returncode, out.decode()

    code, out = await run("ingest")
    assert code == 1, out
    assert "1 added, 0 replaced, 0 unchanged, 1 refused" in out
    assert "refused: broken.pdf:" in out
    assert any("helium" in each["content"] for each in await found(client, "What are balloons filled with?"))
    document = await settled(client, file_id("deep/Ballons.md"))
    assert (document["source"], document["metadata"]["lot"]) == ("deep/Ballons.md", "7")
    (tmp_path / "broken.pdf").unlink()
    code, out = await run("ingest")
    assert (code, "0 added, 0 replaced, 1 unchanged, 0 refused" in out) == (0, True), out
    assert (await run("gaps"))[0] == 0


async def test_a_gap_is_answered_and_then_found(client: Client) -> None:
    question = "Do you rent out submarines for weddings?"
    session_id = await client.create()
    _, answer, _ = await client.send(session_id, question)
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while not (
        gaps := [each for each in await ask(client, "GET", "/api/knowledge/gaps", 200) if each["question"] == question]
    ):
        assert asyncio.get_running_loop().time() < end, json.dumps(answer)
        await asyncio.sleep(0.1)
    at = f"/api/knowledge/gaps/{gaps[0]['gap_id']}"
    assert (await ask(client, "POST", f"{at}/answer", 409))["code"] == "no_draft"
    assert (await ask(client, "POST", f"{at}/dismiss", 200))["state"] == "dismissed"
    assert (await ask(client, "POST", f"{at}/reopen", 200))["state"] == "open"
    told = await ask(client, "POST", f"{at}/answer", 200, json={"answer": "Yes, the yellow one, on Saturdays."})
    assert told["state"] in {"answered", "closed"}
    await settled(client, told["document_id"])
    assert any("yellow one" in each["content"] for each in await found(client, question))
    while not [each for each in await ask(client, "GET", "/api/knowledge/gaps?state=closed", 200)
               if each["gap_id"] == gaps[0]["gap_id"]]:  # fmt: skip
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.1)
