"""The embedded index's process: one owner of a folder, nothing lost when it is killed, and gone with its service."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.adapters.qdrant_edge_process import EdgeProcess
from services.knowledge.ports import IndexLocked, IndexUnavailable, VectorIndex
from tests.support.embedding import ROOT
from tests.support.indexes import EAST, MODEL, found, point, words


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[QdrantEdgeIndex]:
    opened = QdrantEdgeIndex(tmp_path / "index", lock_wait_s=0)
    await opened.open(MODEL)
    yield opened
    await opened.close()


def children() -> set[int]:
    """The processes of engines that this process has started."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            if "qdrant_edge_program" in Path(f"/proc/{pid}/cmdline").read_text():
                found.add(int(pid))
    return found


async def until_it_answers(index: VectorIndex) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                return await index.ping()
            except IndexUnavailable:
                await asyncio.sleep(0.02)


async def test_a_vector_of_the_wrong_length_is_refused(index: VectorIndex) -> None:
    with pytest.raises(IndexUnavailable):
        await index.upsert([point("refunds", [1.0, 0.0])])
    await index.upsert([point("refunds", EAST)])
    assert await index.count() == 1


async def test_many_calls_at_once_get_their_own_answers(index: VectorIndex) -> None:
    await index.upsert([point(f"doc-{n}", EAST, n) for n in range(1, 41)])
    answers = await asyncio.gather(*(found(index, None, n) for n in range(1, 41)))
    assert answers == [[f"doc-{n}"] for n in range(1, 41)]


async def test_a_call_that_is_given_up_disturbs_no_other(index: VectorIndex) -> None:
    await index.upsert([point("refunds", EAST)])
    given_up = asyncio.create_task(index.count())
    await asyncio.sleep(0)
    given_up.cancel()
    assert await asyncio.gather(index.count(), index.count("acme"), index.count("globex")) == [1, 1, 0]


async def test_a_process_that_dies_is_started_again(tmp_path: Path) -> None:
    before = children()
    index = QdrantEdgeIndex(tmp_path / "index", lock_wait_s=0)
    await index.open(MODEL)
    await index.upsert([point(f"doc-{n}", EAST) for n in range(100)])
    for _ in range(2):
        (pid,) = children() - before
        os.kill(pid, signal.SIGSTOP)  # so that it cannot have answered before it dies
        asked = asyncio.create_task(index.count())
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(IndexUnavailable):
            await asked
        await until_it_answers(index)
        assert await index.count() == 100
    await index.close()
    assert children() == before


async def test_closing_while_it_is_being_started_again_leaves_nothing(tmp_path: Path) -> None:
    before = children()
    index = QdrantEdgeIndex(tmp_path / "index", lock_wait_s=0)
    await index.open(MODEL)
    (pid,) = children() - before
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(IndexUnavailable):
        while True:
            await index.ping()
    await index.close()
    assert children() == before
    with pytest.raises(IndexUnavailable):
        await index.ping()


async def test_room_is_made_where_much_was_deleted(tmp_path: Path) -> None:
    index = QdrantEdgeIndex(tmp_path / "index", lock_wait_s=0)
    await index.open(MODEL)
    await index.upsert([point(f"gone/{n}", EAST, 1) for n in range(1_500)])
    await index.upsert([point(f"kept-{n:02}", [1.0, n / 10, 0.0], 1, 2, headline=EAST) for n in range(30)])
    await index.delete_document("acme", "gone")
    before = (await index.search(EAST, words(2), tenant="acme", limit=30))[:5]
    await index.close()
    await index.open(MODEL)  # here
    after = (await index.search(EAST, words(2), tenant="acme", limit=30))[:5]
    assert [hit.document_id for hit in after] == [f"kept-{n:02}" for n in range(5)]
    assert [(hit.document_id, hit.cosine, hit.headline) for hit in after] == [
        (hit.document_id, pytest.approx(hit.cosine), pytest.approx(hit.headline)) for hit in before
    ]
    await index.upsert([point("new", EAST, 2)])
    assert await index.count() == 31
    assert (await found(index, EAST, limit=2)) == ["kept-00", "new"]
    await index.close()


async def test_a_process_that_ends_is_no_answer() -> None:
    process = await EdgeProcess.start()
    os.kill(process.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        await process.gone.wait()
    assert await process.end() == -signal.SIGKILL


async def test_the_embedded_index_serves_one_process(tmp_path: Path, index: VectorIndex) -> None:
    second = QdrantEdgeIndex(tmp_path / "index", lock_wait_s=0)
    with pytest.raises(IndexLocked, match="Another process has the vector index"):
        await second.open(MODEL)
    await index.close()
    await second.open(MODEL)
    await second.close()


async def test_the_next_one_waits_until_the_folder_is_free(tmp_path: Path, index: VectorIndex) -> None:
    second = QdrantEdgeIndex(tmp_path / "index", lock_wait_s=30)
    opening = asyncio.create_task(second.open(MODEL))
    await asyncio.sleep(0.5)
    assert not opening.done()
    await index.close()
    await opening
    await second.close()


SERVICE = """
import asyncio, pathlib, sys
from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.domain import EmbeddingModel, Point

async def main():
    index = QdrantEdgeIndex(pathlib.Path(sys.argv[1]))
    await index.open(EmbeddingModel(name="toy-3", dimension=3, origin="tests"))
    await index.upsert([
        Point(passage_id=f"doc-v1-{n}", document_id="doc", tenant="acme", version=1, vector=[1.0, n, 0.0])
        for n in range(200)
    ])
    assert "qdrant_edge" not in sys.modules, "the engine is loaded into the service"
    print("written", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_service_loses_nothing_that_was_written_and_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVICE, str(folder), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert service.stdout is not None
        assert await asyncio.wait_for(service.stdout.readline(), 30) == b"written\n"
        with pytest.raises(IndexLocked):
            await QdrantEdgeIndex(folder, lock_wait_s=0).open(MODEL)
    finally:
        service.kill()
        await service.wait()
    # It can be opened only when the engine's process has let go of it.
    survivor = QdrantEdgeIndex(folder, lock_wait_s=30)
    await survivor.open(MODEL)
    assert await survivor.count("acme") == 200
    assert await found(survivor, EAST, limit=1) == ["doc"]
    await survivor.close()
