"""Documents over a real database and the real embedded engine: versions, deletions, crashes, and what searches see of it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.servers import Servers
from libs.contracts.context import Context
from libs.contracts.documents import GetDocument, ListDocuments, PutDocument
from libs.contracts.errors import Invalid, NotFound, Unavailable
from libs.contracts.session import SessionDeleted
from libs.runtime.postgres import Database
from services.knowledge.app.ingesting import MOST_ATTEMPTS
from services.knowledge.domain.givens import given_from
from tests.support.knowledge_core import Core, fresh_database

ACME = Context(tenant="acme")


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    async with fresh_database(servers.environment["DESKBUS_DATABASE_URL"]) as own:
        yield own


@pytest.fixture
async def core(database: Database, tmp_path: Path) -> AsyncIterator[Core]:
    made = Core(database, tmp_path / "index")
    await made.open()
    made.work()
    yield made
    await made.stop()


async def eventually(condition: object, seconds: float = 20.0) -> None:
    """Wait until an async condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # type: ignore[operator]
            await asyncio.sleep(0.02)


# --- adding, replacing, deleting


async def test_a_document_is_found_with_what_it_carries(core: Core) -> None:
    put = await core.put("Refunds take five days.", metadata={"category": "orders", "year": 2026})
    assert (put.outcome, put.document.state, put.document.version, put.document.passages) == ("added", "ready", 1, 1)
    (source,) = (await core.search("refunds")).sources
    assert source.content == "Refunds take five days."
    assert {"category": "orders", "year": 2026, "document_id": "doc_a", "version": 1}.items() <= source.metadata.items()
    assert 0 < source.relevance_score <= 1
    assert source.cosine is not None
    assert await core.events() == ["document_indexed"]


async def test_the_same_content_changes_nothing(core: Core) -> None:
    first = await core.put("Refunds take five days.")
    again = await core.put("Refunds take five days.")
    assert (again.outcome, again.document.version) == ("unchanged", 1)
    assert again.document.updated_at == first.document.updated_at
    assert await core.events() == ["document_indexed"]


@pytest.mark.parametrize("change", ["title", "source", "metadata", "text"])
async def test_whatever_a_reader_sees_makes_a_new_version(core: Core, change: str) -> None:
    await core.put("Refunds take five days.")
    other = {"title": "Other", "source": "else", "metadata": {"a": 1}}.get(change)
    text = "Refunds take six days." if change == "text" else "Refunds take five days."
    put = await core.put(text, **({change: other} if other else {}))
    assert (put.outcome, put.document.version) == ("replaced", 2)
    assert await core.vectors() == 1


async def test_a_document_that_does_not_exist_is_not_found(core: Core) -> None:
    for asked in (
        core.documents.get(GetDocument(document_id="doc_none"), ACME),
        core.documents.get(GetDocument(document_id="no such id!"), ACME),
        core.delete("doc_none"),
        core.put("text", "doc_none", must_exist=True),
    ):
        with pytest.raises(NotFound) as caught:
            await asked
        assert caught.value.code == "document_not_found"


async def test_deleting_leaves_nothing_and_proves_it(core: Core) -> None:
    await core.put("One.\n\n# Two\nTwo.\n\n# Three\nThree.")
    await core.put("Another document.", "doc_b")
    gone = await core.delete()
    assert (gone.passages, gone.passages_left, gone.vectors_left) == (3, 0, 0)
    assert await core.texts("one two three") == ["Another document."]
    assert await core.vectors() == 1
    assert (await core.events())[-1] == "document_deleted"
    with pytest.raises(NotFound):
        await core.delete()


async def test_a_document_that_comes_again_never_has_a_number_of_before(core: Core) -> None:
    await core.put("One.")
    await core.put("Two.")
    await core.delete()
    put = await core.put("Three.")
    assert (put.outcome, put.document.version) == ("added", 3)


async def test_a_rejected_file_leaves_what_was_found(core: Core) -> None:
    await core.put("Refunds take five days.")
    put = await core.put("broken file", title="New title")
    assert (put.document.state, put.document.reason) == ("rejected", "broken")
    assert (put.document.version, put.document.newest_version, put.document.title) == (1, 2, "A title")
    assert await core.texts("refunds") == ["Refunds take five days."]
    assert await core.events() == ["document_indexed", "document_rejected"]


async def test_what_says_nothing_is_rejected(core: Core) -> None:
    with pytest.raises(Invalid):
        await core.put(" \n")


async def test_versions_and_passages_are_told(core: Core) -> None:
    await core.put("One.")
    await core.put("# A\nTwo.\n\n# B\nThree.")
    detail = await core.documents.get(GetDocument(document_id="doc_a", passages=1, offset=1), ACME)
    assert [(version.version, version.state, version.passages) for version in detail.versions] == [
        (2, "ready", 2),
        (1, "replaced", 1),
    ]
    assert [(passage.position, passage.heading, passage.text) for passage in detail.passages] == [(1, "B", "Three.")]


async def test_documents_are_listed_changed_last_first(core: Core) -> None:
    await core.put("One.", "doc_a", title="Returns", metadata={"lang": "en"})
    await core.put("Two.", "doc_b", title="Shipping", source="help/returns", metadata={"lang": "de"})
    await core.put("broken", "doc_c")
    await core.put("Three.", "doc_d", tenant="globex")

    async def listed(**wanted: object) -> tuple[list[str], int]:
        page = await core.documents.list_documents(ListDocuments(**wanted), ACME)  # type: ignore[arg-type]
        return [document.document_id for document in page.documents], page.total

    assert await listed() == (["doc_c", "doc_b", "doc_a"], 3)
    assert await listed(limit=1, offset=1) == (["doc_b"], 3)
    assert await listed(offset=9) == ([], 3)
    assert await listed(search="RETURNS") == (["doc_b", "doc_a"], 2)
    assert await listed(state="rejected") == (["doc_c"], 1)
    assert await listed(filters={"lang": "de"}) == (["doc_b"], 1)


async def test_filters_choose_by_what_documents_carry(core: Core) -> None:
    await core.put("Refunds for shoes.", "doc_a", metadata={"lang": "en", "public": True})
    await core.put("Refunds for hats.", "doc_b", metadata={"lang": "de", "public": False})
    assert await core.texts("refunds", filters={"lang": "de"}) == ["Refunds for hats."]
    assert await core.texts("refunds", filters={"public": True}) == ["Refunds for shoes."]
    assert await core.texts("refunds", filters={"document_id": "doc_b"}) == ["Refunds for hats."]
    assert await core.texts("refunds", filters={"lang": ["de"]}) == []
    assert await core.texts("refunds", filters={"none": 1}) == []


async def test_an_address_that_gives_the_same_again_changes_nothing(core: Core) -> None:
    async def fetched() -> tuple[int, int, str]:
        request = PutDocument(document_id="web", url="https://example.com/page")
        document = (await core.documents.put(request, ACME)).document
        return document.version, document.newest_version, document.state

    assert await fetched() == (1, 1, "ready")
    assert await fetched() == (1, 1, "ready")
    assert await core.events() == ["document_indexed"]
    core.reader.page = "Another page."
    assert await fetched() == (2, 2, "ready")
    assert await core.texts("page") == ["Another page."]


# --- sessions


async def upload(core: Core, text: str, document_id: str, session_id: str) -> None:
    request = PutDocument(document_id=document_id, text=text, title="Upload")
    await core.documents.add("acme", given_from(request, document_id, (len(text), text), session_id))
    await eventually(lambda: settled(core, document_id))


async def settled(core: Core, document_id: str) -> bool:
    newest = await core.stores.documents.newest("acme", document_id)
    return newest is None or newest.state not in ("queued", "indexing")


async def test_an_upload_is_found_by_its_session_alone_and_goes_with_it(core: Core) -> None:
    await core.put("Refunds for everybody.")
    await upload(core, "Refunds of mine.", "att_1", "sess_1")
    await upload(core, "Refunds of hers.", "att_2", "sess_2")
    assert await core.texts("refunds") == ["Refunds for everybody."]
    assert sorted(await core.texts("refunds", session_id="sess_1")) == ["Refunds for everybody.", "Refunds of mine."]
    assert await core.texts("refunds", session_id="sess_3") == ["Refunds for everybody."]
    page = await core.documents.list_documents(ListDocuments(), ACME)
    assert page.total == 1
    for asked in (core.get("att_1"), core.delete("att_1"), core.put("x", "att_1", must_exist=True)):
        with pytest.raises(NotFound):
            await asked
    for _ in range(2):
        await core.sessions.forget(SessionDeleted("sess_1"), ACME)
    assert await core.texts("refunds", session_id="sess_1") == ["Refunds for everybody."]
    assert sorted(await core.texts("refunds", session_id="sess_2")) == ["Refunds for everybody.", "Refunds of hers."]
    assert await core.vectors() == 2


# --- one moment for searches


async def test_a_replacement_is_one_step_for_searches(core: Core) -> None:
    """Searches run all the time while a document is replaced 20 times: each sees one version, whole."""
    text = "# Refund\nRefund rule {0}.\n\n# Return\nRefund return {0}.\n\n# Money\nRefund money {0}."
    await core.put(text.format("v1"))
    seen: set[int] = set()
    done = asyncio.Event()
    faults: list[object] = []

    async def watch(number: int) -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            sources = (await core.search(f"refund {'x ' * (turn % 50)}{number}", filters={})).sources
            told = [int(number) for source in sources for number in re.findall(r"v(\d+)", source.content)]
            if len(set(told)) != 1 or len(told) != 3:
                faults.append(told)
            seen.update(told)

    watchers = [asyncio.create_task(watch(number)) for number in range(3)]
    for version in range(2, 22):
        assert (await core.put(text.format(f"v{version}"))).document.version == version
    done.set()
    await asyncio.gather(*watchers)
    assert faults == []
    assert len(seen) > 5
    assert await core.vectors() == 3


async def test_a_newer_version_is_never_replaced_by_an_older_one(core: Core) -> None:
    await core.put("One.")
    core.engines.models["toy"].delay = 0.2
    await asyncio.gather(*(core.put(f"Text {number}.") for number in range(6)))

    async def quiet() -> bool:
        return (await core.get()).version == 7

    await eventually(quiet)
    texts = {source.metadata["version"] for source in (await core.search("text")).sources}
    assert texts == {7}


# --- crashes and outages


async def test_a_process_that_dies_between_index_and_commit_leaves_its_work_to_the_next(
    database: Database, tmp_path: Path
) -> None:
    first = Core(database, tmp_path / "index", lease_s=0.5)
    await first.open()
    first.work()
    await first.put("Old rule.")
    reached = asyncio.Event()

    async def halt() -> None:
        reached.set()
        await asyncio.Event().wait()

    first.engines.after["upsert"] = halt
    putting = asyncio.create_task(first.put("# A\nNew rule.\n\n# B\nNew words."))
    await asyncio.wait_for(reached.wait(), 10)
    putting.cancel()
    assert await first.vectors() == 3
    assert await first.texts("rule") == ["Old rule."]
    await first.stop()

    second = Core(database, tmp_path / "index", lease_s=0.5)
    await second.open()
    assert await second.texts("rule") == ["Old rule."]
    second.work()

    async def switched() -> bool:
        return (await second.get()).version == 2

    await eventually(switched)
    assert " ".join(await second.texts("rule")).split() == ["New", "rule.", "New", "words."]
    assert await second.vectors() == 2
    await second.stop()


async def test_what_kills_every_process_is_given_up(database: Database, tmp_path: Path) -> None:
    core = Core(database, tmp_path / "index")
    await core.open()
    await core.documents.add("acme", given_from(PutDocument(text="Killer.", title="K"), "doc_a", (7, "hash")))
    for _ in range(MOST_ATTEMPTS):
        assert await core.stores.versions.claim(0.0) is not None
    assert await core.ingesting.ingest_one()
    document = await core.get()
    assert (document.state, document.reason) == ("rejected", "lost")
    assert (await core.put("Killer.")).outcome == "replaced"
    await core.stop()


async def test_what_a_lease_was_lost_for_writes_nothing(database: Database, tmp_path: Path) -> None:
    core = Core(database, tmp_path / "index")
    await core.open()
    await core.documents.add("acme", given_from(PutDocument(text="One.", title="K"), "doc_a", (4, "hash")))
    slow = await core.stores.versions.claim(0.0)
    assert slow is not None
    assert await core.ingesting.ingest_one()
    assert (await core.get()).state == "ready"
    assert not await core.stores.versions.renew(slow, 1)
    assert not await core.stores.versions.reject(slow, "lost", "lost")
    assert (await core.get()).state == "ready"
    await core.stop()


async def test_an_index_that_is_away_delays_documents_and_fails_searches(core: Core) -> None:
    await core.put("Refunds take five days.")
    core.engines.away = True
    put = await core.put("Refunds take six days.")
    assert (put.document.state, put.document.version, put.document.newest_version) == ("queued", 1, 2)
    with pytest.raises(Unavailable):
        await core.search("refunds now")
    core.engines.away = False

    async def found() -> bool:
        return (await core.get()).version == 2

    await eventually(found)
    assert await core.texts("refunds") == ["Refunds take six days."]


async def test_a_deletion_while_the_index_is_away_is_made_up_for(core: Core) -> None:
    await core.put("Refunds take five days.")
    core.engines.away = True
    gone = await core.delete()
    assert (gone.passages_left, gone.vectors_left) == (0, None)
    core.engines.away = False
    assert await core.texts("refunds") == []
    assert await core.vectors() == 1
    await core.sweeping.sweep()
    assert await core.vectors() == 0
    async with core.database.connection() as work:
        assert await work.rows("unproven_deletions", 10) == []


async def test_a_lost_index_is_built_again(database: Database, tmp_path: Path) -> None:
    first = Core(database, tmp_path / "index")
    await first.open()
    first.work()
    for number in range(5):
        await first.put(f"Text {number}.", f"doc_{number}")
    await first.stop()
    second = Core(database, tmp_path / "other")
    live = await second.opening.live_build("toy")
    assert await second.opening.restore(live) == 5
    assert await second.opening.restore(live) == 0
    assert len(await second.texts("text")) == 5
    await second.stop()


async def test_a_process_that_stops_gives_its_work_back_at_once(database: Database, tmp_path: Path) -> None:
    first = Core(database, tmp_path / "index")
    await first.open()
    first.work()
    first.engines.models["toy"].delay = 30
    assert (await first.put("One.")).document.state == "indexing"
    await first.ingesting.give_back()
    await first.stop()
    second = Core(database, tmp_path / "index")
    await second.open()
    assert await second.ingesting.ingest_one()
    assert (await second.get()).state == "ready"
    await second.stop()
