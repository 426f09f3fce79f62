"""Searching and filling: over the bus among many passages, beside the embedder alone and the index alone.

Texts are real English of this machine's Python; vectors of passages are random, so that many can be made. Those of
questions, and of the documents that are filled in, are the model's own. Every question is asked once: none is cached.
"""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts.documents import GetDocument, ListDocuments, PutDocument
from libs.contracts.errors import DeskError
from libs.contracts.knowledge import Search
from libs.runtime.nats import NatsBus
from services.knowledge.adapters.fastembed_embedder import FastembedEmbedder
from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.domain import EmbeddingModel
from tests.support.system import System, real_servers

from . import machine
from .figures import percentile
from .knowledge_store import TENANT, Store, words
from .stage import SETTINGS, model_folder

SIZES = (10_000, 100_000)
AT_ONCE = 16
_ALONE = {"gateway": 0, "agent": 0, "session": 0, "attachments": 0}
_ONE_BY_ONE = 150
_SECONDS = 4.0
_DOCUMENTS, _DOCUMENT_WORDS = 12, 1_500
_INGEST_S = 60.0
_LIMIT = 50  # candidates by each, as the service asks for
_WORDS = " ".join(topics.values()).split()
PRINTED = (
    ("bus50", "search over the bus, one at a time, p50, ms"),
    ("bus99", "the same, p99, ms"),
    ("rate", f"searches per second, {AT_ONCE} at once"),
    ("rate50", "the same, p50, ms"),
    ("embed50", "floor: the question's embedding alone, p50, ms"),
    ("embed_rate", f"floor: embeddings per second, {AT_ONCE} at once"),
    ("index50", "floor: the index alone, p50, ms"),
    ("index_rate", f"floor: index searches per second, {AT_ONCE} at once"),
    ("memory", "memory of the index's process, MB"),
    ("others", "cores taken by the rest of the machine"),
)
_AIMS = {"bus50": ("8", "15"), "rate": ("150", "150")}


def measure(place: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure at each size, then what filling does and to whom."""
    return asyncio.run(_measure(place, say))


async def _measure(place: Path, say: Callable[[str], None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with real_servers(place / "servers") as servers:
        system = System(servers, place / "system", model_folder(), _ALONE, **SETTINGS, cache_enabled="false")
        system.folder.mkdir(parents=True)
        async with NatsBus.connect(servers.environment["DESKBUS_NATS_URL"], "bench") as bus:
            await _started(system, bus)  # makes the first build
            _stop(system)
            for size in SIZES:
                say(f"knowledge: {size} passages")
                found[str(size)] = await _at(size, servers, system, bus)
            say("knowledge: filling")
            found["filling"] = await _filling(system, bus)
            _stop(system)
    return found


async def _at(size: int, servers: Servers, system: System, bus: NatsBus) -> dict[str, Any]:
    """Fill up to a size, measure the floors, then the service."""
    async with Store.open(servers.environment["DESKBUS_DATABASE_URL"]) as store:
        index = QdrantEdgeIndex(system.folder / "index" / store.build_id)
        await index.open(store.model)
        await store.fill(index, size, _text)
        floors = await _floors(index, store.model)
        await index.close()
    await _started(system, bus)
    begun, busy, ours = time.monotonic(), machine.busy_seconds(), {"all": os.getpid()}
    before = machine.cpu_seconds(ours)["all"]

    async def ask() -> None:
        await bus.call(bus_map.SEARCH, Search(query=_question(), min_score=0.0), tenant=TENANT, timeout=10)

    one, many = await _one_by_one(ask), await _at_once(ask)
    spent = time.monotonic() - begun
    mine = machine.cpu_seconds(ours)["all"] - before
    engine = _engine(system.processes["knowledge", 0].pid)
    result = {
        **floors,
        "bus50": percentile(one, 0.5),
        "bus99": percentile(one, 0.99),
        "rate": len(many) / _SECONDS,
        "rate50": percentile(many, 0.5),
        "memory": machine.memory_of("engine", engine)["engine"][0] / 1e6,
        "others": (machine.busy_seconds() - busy - mine) / spent,
    }
    if size != SIZES[-1]:
        _stop(system)
    return result


async def _floors(index: QdrantEdgeIndex, model: EmbeddingModel) -> dict[str, float]:
    embedder = FastembedEmbedder(model_folder(), workers=2)
    await embedder.open()
    vectors = [await embedder.embed_query(_question()) for _ in range(50)]

    async def embed() -> None:
        await embedder.embed_query(_question())

    async def look() -> None:
        vector = random.choice(vectors)
        await index.search(vector, words(_question()), tenant=TENANT, limit=_LIMIT)

    one, many = await _one_by_one(embed), await _at_once(embed)
    looked, looked_many = await _one_by_one(look), await _at_once(look)
    await embedder.close()
    return {
        "dimension": model.dimension,
        "embed50": percentile(one, 0.5),
        "embed_rate": len(many) / _SECONDS,
        "index50": percentile(looked, 0.5),
        "index_rate": len(looked_many) / _SECONDS,
    }


async def _filling(system: System, bus: NatsBus) -> dict[str, float]:
    """Fill documents in while somebody else asks for something small; beside the embedder with the same passages."""
    texts = [_text(_DOCUMENT_WORDS) for _ in range(_DOCUMENTS)]
    waits: list[float] = []
    over = asyncio.Event()
    tenant = f"{TENANT}_filled"

    async def others() -> None:
        while not over.is_set():
            begun = time.perf_counter()
            await bus.call(bus_map.LIST_DOCUMENTS, ListDocuments(limit=5), tenant=tenant, timeout=10)
            waits.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(0.01)

    watcher = asyncio.create_task(others())
    begun = time.perf_counter()
    requests = [
        PutDocument(document_id=f"filled_{number}", title=f"Chapter {number}", text=text)
        for number, text in enumerate(texts)
    ]
    await asyncio.gather(*(bus.call(bus_map.PUT_DOCUMENT, each, tenant=tenant, timeout=30) for each in requests))
    passages = await _all_ready(bus, tenant)
    spent = time.perf_counter() - begun
    over.set()
    await watcher
    alone = await _embedder_alone(await _passages(bus, tenant))
    return {
        "passages": passages,
        "rate": passages / spent,
        "alone": alone,
        "share": passages / spent / alone,
        "wait50": percentile(waits, 0.5),
        "wait": max(waits),
    }


async def _all_ready(bus: NatsBus, tenant: str) -> int:
    """Wait until every document is found; give how many passages they have."""
    async with asyncio.timeout(_INGEST_S):
        while True:
            page = await bus.call(bus_map.LIST_DOCUMENTS, ListDocuments(limit=100), tenant=tenant, timeout=10)
            if all(each.state == "ready" for each in page.documents) and page.total == _DOCUMENTS:
                return sum(each.passages for each in page.documents)
            if any(each.state == "rejected" for each in page.documents):
                raise RuntimeError("a document was rejected")
            await asyncio.sleep(0.1)


async def _passages(bus: NatsBus, tenant: str) -> list[str]:
    """The texts that were embedded."""
    found: list[str] = []
    for number in range(_DOCUMENTS):
        request = GetDocument(document_id=f"filled_{number}", passages=100)
        detail = await bus.call(bus_map.GET_DOCUMENT, request, tenant=tenant, timeout=10)
        found += [f"{detail.document.title}\n{each.heading}\n{each.text}" for each in detail.passages]
    return found


async def _embedder_alone(passages: list[str]) -> float:
    """Embed the same passages with nothing around it; give how many a second."""
    embedder = FastembedEmbedder(model_folder(), workers=2)
    await embedder.open()
    begun = time.perf_counter()
    await embedder.embed_passages(passages)
    spent = time.perf_counter() - begun
    await embedder.close()
    return len(passages) / spent


async def _one_by_one(do: Callable[[], Awaitable[None]]) -> list[float]:
    for _ in range(10):
        await do()
    return [await _timed(do) for _ in range(_ONE_BY_ONE)]


async def _at_once(do: Callable[[], Awaitable[None]]) -> list[float]:
    took: list[float] = []
    until = time.perf_counter() + _SECONDS

    async def again() -> None:
        while time.perf_counter() < until:
            took.append(await _timed(do))

    await asyncio.gather(*(again() for _ in range(AT_ONCE)))
    return took


async def _timed(do: Callable[[], Awaitable[None]]) -> float:
    begun = time.perf_counter()
    await do()
    return (time.perf_counter() - begun) * 1000


async def _started(system: System, bus: NatsBus) -> None:
    system.start("knowledge")
    until = time.monotonic() + 60
    while not await _answers(bus):
        if time.monotonic() > until or system.processes["knowledge", 0].poll() is not None:
            raise RuntimeError(f"the service does not answer:\n{system.log('knowledge')[-3000:]}")
        await asyncio.sleep(0.1)


async def _answers(bus: NatsBus) -> bool:
    try:
        await bus.call(bus_map.SEARCH, Search(query="ready"), tenant=TENANT, timeout=5)
    except DeskError:
        return False
    return True


def _stop(system: System) -> None:
    process = system.processes.pop(("knowledge", 0))
    process.terminate()
    process.wait(30)


def _engine(service: int) -> int:
    """The process of the embedded engine."""
    for pid in machine.trees({"service": service})["service"]:
        if b"qdrant_edge_program" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return service


def _text(count: int) -> str:
    start = random.randrange(len(_WORDS) - count)
    return " ".join(_WORDS[start : start + count])


def _question() -> str:
    return f"{_text(8)} {random.randrange(1_000_000)}"


def rows(found: dict[str, Any], number: Callable[[float], str]) -> list[list[str]]:
    """The table of searches: a column for each size, and the aims."""
    return [
        [label, *(number(found[str(size)][key]) for size in SIZES), " / ".join(_AIMS.get(key, ()))]
        for key, label in PRINTED
    ]


def memory_row(found: dict[str, Any], number: Callable[[float], str]) -> list[str]:
    """What 10,000 more passages take in the index's process."""
    small, large = (found[str(size)]["memory"] for size in SIZES)
    return ["memory per 10,000 passages, MB", "", number((large - small) / (SIZES[1] - SIZES[0]) * 10_000), ""]


def filling_rows(found: dict[str, Any], number: Callable[[float], str]) -> list[list[str]]:
    """The table of filling."""
    filling = found["filling"]
    return [
        ["passages filled in", number(filling["passages"]), ""],
        ["passages per second", number(filling["rate"]), ""],
        ["floor: the embedder alone, passages per second", number(filling["alone"]), ""],
        ["share of the embedder alone", number(filling["share"]), "0.80"],
        ["another request meanwhile, p50, ms", number(filling["wait50"]), ""],
        ["another request meanwhile, the longest, ms", number(filling["wait"]), "50"],
    ]
