"""Documents over HTTP, over a desk in memory: what is passed on, what is refused, and what stays in the store."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import structlog
from aiohttp import FormData

from libs.contracts.documents import (
    AskDocumentUsage,
    DeleteDocument,
    Document,
    DocumentDetail,
    DocumentGone,
    DocumentPage,
    DocumentPut,
    DocumentUsage,
    GetDocument,
    ImportSite,
    IndexState,
    ListDocuments,
    PutDocument,
    Reindex,
    SiteImported,
)
from libs.contracts.errors import Conflict, DeskError, Invalid, NotFound, TimedOut, Unavailable
from libs.contracts.knowledge import AnswerGap, DismissGap, Gap, GapPage, ListGaps, ReopenGap
from libs.runtime.ids import mint
from services.gateway.adapters.http_documents import DOCUMENTS_AT_ONCE
from services.gateway.app.documents import Documents
from services.gateway.domain.documents import TEXT_BYTES, DocumentLimits
from services.gateway.domain.uploads import NewFile
from tests.unit.attachments.blobs import Blobs

from .edge import Gateway, gateway
from .fakes import NOW, TENANT, Desk

PATH = "/api/knowledge/documents"
GAP_ID = "gap_01J9Z3N8Q4V5W6X7Y8Z9A0B1C2"
GAP = f"/api/knowledge/gaps/{GAP_ID}"
ROUTES = [
    ("POST", PATH, {"content": "x"}, "put_document"), ("GET", PATH, None, "list_documents"),
    ("GET", f"{PATH}/a", None, "get_document"), ("PUT", f"{PATH}/a", {"content": "x"}, "put_document"),
    ("DELETE", f"{PATH}/a", None, "delete_document"), ("GET", f"{PATH}/a/usage", None, "document_usage"),
    ("POST", "/api/knowledge/sites", {"sitemap": "https://a.example/sitemap.xml"}, "import_site"),
    ("GET", "/api/knowledge/index", None, "index_state"), ("POST", "/api/knowledge/reindex", None, "reindex"),
    ("GET", "/api/knowledge/gaps", None, "list_gaps"), ("POST", f"{GAP}/dismiss", None, "dismiss_gap"),
    ("POST", f"{GAP}/reopen", None, "reopen_gap"), ("POST", f"{GAP}/answer", {"answer": "x"}, "answer_gap"),
]  # fmt: skip
IDS = [f"{method} {path.removeprefix('/api/knowledge/')}".replace(GAP_ID, "id") for method, path, _, _ in ROUTES]


def row(state: Any = "ready", **fields: Any) -> Document:
    return Document(**{
        "document_id": "doc_1", "title": "A", "source": "a", "version": 1, "newest_version": 1, "state": state,
        "created_at": NOW, "updated_at": NOW, **fields,
    })  # fmt: skip


def asked_of(desk: Gateway, channel: str, answer: Any) -> list[Any]:
    """Have the desk answer a channel; gives what it is asked."""
    asked: list[Any] = []

    def answering(request: Any, _: str) -> Any:
        asked.append(request)
        told = answer(request) if callable(answer) else answer
        if isinstance(told, DeskError):
            raise told
        return told

    desk.desk.answers[channel] = answering
    return asked


def taking(desk: Gateway, state: Any = "ready", outcome: Any = "added") -> list[PutDocument]:
    return asked_of(desk, "put_document", lambda each: DocumentPut(row(state, title=each.title or "A"), outcome))


async def ask(desk: Gateway, method: str, path: str, status: int, **options: Any) -> Any:
    async with desk.client.request(method, path, **options) as response:
        assert response.status == status, await response.text()
        return await response.json(content_type=None)


def form(*files: tuple[str, bytes], **fields: str | list[str]) -> FormData:
    data = FormData(quote_fields=False, default_to_multipart=True)
    for name, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            data.add_field(name, value)
    for name, content in files:
        data.add_field("files", content, filename=name, content_type="text/markdown")
    return data


# --- who may, and what is away


@pytest.mark.parametrize(("method", "path", "body", "channel"), ROUTES, ids=IDS)
async def test_administrators_only(method: str, path: str, body: Any, channel: str) -> None:
    async with gateway(admin_token="s3cret") as desk:
        asked = asked_of(desk, channel, lambda _: pytest.fail("asked"))
        for headers in ({}, {"X-Admin-Token": "s3cre"}):
            told = await ask(desk, method, path, 401, json=body, headers=headers)
            assert told["code"] == "admin_required"
        assert asked == []


@pytest.mark.parametrize("fault", [Unavailable("knowledge_unavailable", "away"), TimedOut("timed_out", "slow")],
                         ids=["away", "slow"])  # fmt: skip
@pytest.mark.parametrize(("method", "path", "body", "channel"), ROUTES, ids=IDS)
async def test_a_service_that_is_away_is_told(
    method: str, path: str, body: Any, channel: str, fault: DeskError
) -> None:
    async with gateway() as desk:
        desk.desk.faults[channel] = fault
        told = await ask(desk, method, path, 503, json=body)
        assert (told["code"], told["retryable"]) == ("knowledge_unavailable", True)


# --- one text or address


async def test_one_document_is_passed_on() -> None:
    async with gateway() as desk:
        asked = taking(desk)
        given = {
            "content": "# A\n\nb",
            "title": "T",
            "document_id": "a",
            "source": "s",
            "metadata": {"k": 1, "l": True},
        }
        told = await ask(desk, "POST", PATH, 201, json=given)
        assert told == msgspec.to_builtins(DocumentPut(row(title="T"), "added"))
        await ask(desk, "POST", PATH, 201, json={"url": "https://a.example/x", "metadata": {}})
        assert asked == [
            PutDocument(document_id="a", title="T", source="s", metadata={"k": 1, "l": True}, text="# A\n\nb"),
            PutDocument(url="https://a.example/x"),
        ]


@pytest.mark.parametrize(
    ("state", "status", "put"), [("ready", 201, 200), ("queued", 202, 202), ("indexing", 202, 202)]
)
async def test_what_is_still_being_read_is_accepted(state: str, status: int, put: int) -> None:
    async with gateway() as desk:
        taking(desk, state)
        assert (await ask(desk, "POST", PATH, status, json={"content": "x"}))["document"]["state"] == state
        assert (await ask(desk, "PUT", f"{PATH}/a", put, json={"content": "x"}))["document"]["state"] == state


async def test_what_cannot_be_read_is_an_error_with_its_reason() -> None:
    async with gateway() as desk:
        asked_of(
            desk, "put_document", DocumentPut(row("rejected", reason="broken", error="The file is damaged"), "added")
        )
        told = await ask(desk, "POST", PATH, 422, json={"content": "x"})
        assert (told["code"], told["detail"]) == ("document_rejected", "The file is damaged")
        assert told["errors"] == [{"loc": ["body"], "msg": "broken"}]


@pytest.mark.parametrize("body", [
    {}, {"content": "x", "url": "https://a.example"}, {"content": " \n"}, {"content": 5}, {"title": "x"},
    {"content": "x", "metadata": {"k": {}}}, {"content": "x", "metadata": {"k": None}}, {"documents": []},
    {"documents": {}}, {"documents": [{"content": "x"}] * (DOCUMENTS_AT_ONCE + 1)}, [],
], ids=["nothing", "both", "blank", "number", "title alone", "nested", "null", "no documents", "object", "101", "list"])  # fmt: skip
async def test_a_body_that_is_no_document(body: Any) -> None:
    async with gateway() as desk:
        asked = taking(desk)
        assert (await ask(desk, "POST", PATH, 422, json=body))["code"] == "invalid_request"
        assert asked == []


async def test_a_body_of_another_type_is_told() -> None:
    async with gateway() as desk:
        for method, path in (("POST", PATH), ("PUT", f"{PATH}/a")):
            told = await ask(desk, method, path, 415, data="x", headers={"Content-Type": "text/plain"})
            assert told["code"] == "unsupported_media_type"


async def test_a_new_version_is_of_a_document_that_is_there() -> None:
    async with gateway() as desk:
        asked = taking(desk, outcome="replaced")
        told = await ask(desk, "PUT", f"{PATH}/a-1", 200, json={"content": "x", "document_id": "other"})
        assert told["outcome"] == "replaced"
        assert asked == [PutDocument(document_id="a-1", must_exist=True, text="x")]
        asked_of(desk, "put_document", NotFound("document_not_found", "none"))
        assert (await ask(desk, "PUT", f"{PATH}/a", 404, json={"content": "x"}))["code"] == "document_not_found"


@pytest.mark.parametrize("document_id", ["a.b", "a%20b", "x" * 101, "%3E", "ä"])
async def test_an_id_that_no_document_has(document_id: str) -> None:
    async with gateway() as desk:
        for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/usage")):
            told = await ask(desk, method, f"{PATH}/{document_id}{path}", 404, json={"content": "x"})
            assert told["code"] == "document_not_found"


@pytest.mark.parametrize(
    ("length", "stored"), [(TEXT_BYTES - 2, False), (TEXT_BYTES - 1, True)], ids=["fits", "too long"]
)
async def test_a_text_that_no_message_has_room_for_goes_through_the_store(length: int, stored: bool) -> None:
    async with gateway() as desk:
        asked = taking(desk)
        await ask(desk, "POST", PATH, 201, json={"content": "x" * length, "title": "T"})
        (put,) = asked
        assert (put.text is None, put.title) == (stored, "T")
        if stored:
            assert desk.documents.kept == {put.blob: b"x" * length}
            assert (put.size, put.media_type, put.name) == (length, "text/markdown", "content.md")
        else:
            assert desk.documents.kept == {}


# --- several


async def test_of_several_each_is_told() -> None:
    async with gateway() as desk:

        def answer(request: PutDocument) -> Any:
            if request.document_id == "bad id":
                return Invalid("invalid_request", "document_id may have only letters")
            return DocumentPut(row("rejected" if request.text == "broken" else "ready"), "added")

        asked = asked_of(desk, "put_document", answer)
        given = [{"content": "a", "title": "A"}, {"content": "x", "document_id": "bad id"}, {"content": ""}, 5,
                 {"content": "broken"}]  # fmt: skip
        told = (await ask(desk, "POST", PATH, 201, json={"documents": given}))["documents"]
        assert [each["name"] for each in told] == ["A", "bad id", "document 3", "document 4", "document 5"]
        codes = [each.get("error", {}).get("code") for each in told]
        assert codes == [None, "invalid_request", "invalid_request", "invalid_request", "document_rejected"]
        assert ["document" in each for each in told] == [True, False, False, False, True]
        assert len(asked) == 3


async def test_a_hundred_documents_are_taken_at_once() -> None:
    async with gateway() as desk:
        asked = taking(desk)
        given = [{"content": f"text {number}"} for number in range(DOCUMENTS_AT_ONCE)]
        told = await ask(desk, "POST", PATH, 201, json={"documents": given})
        assert len(told["documents"]) == len(asked) == DOCUMENTS_AT_ONCE


# --- files


async def test_one_file_is_stored_and_told_of() -> None:
    async with gateway() as desk:
        asked = taking(desk)
        data = form(("../help/Returns.md", b"# Returns"), title="T", document_id="a", source="s", metadata='{"k": 2}')
        told = await ask(desk, "POST", PATH, 201, data=data)
        assert told["outcome"] == "added"
        (put,) = asked
        assert desk.documents.kept == {put.blob: b"# Returns"}
        assert (put.name, put.media_type, put.size, put.text) == ("Returns.md", "text/markdown", 9, None)
        assert (put.title, put.document_id, put.source, put.metadata) == ("T", "a", "s", {"k": 2})


async def test_of_several_files_one_that_is_refused_does_not_keep_the_others() -> None:
    async with gateway() as desk:

        def answer(request: PutDocument) -> Any:
            bad = request.name == "b.md"
            return Conflict("document_of_session", "taken") if bad else DocumentPut(row("queued"), "added")

        asked = asked_of(desk, "put_document", answer)
        data = form(("a.md", b"a"), ("b.md", b"b"), ("c.md", b"c"), source="s", document_id=["a", "b", "c"])
        told = (await ask(desk, "POST", PATH, 202, data=data))["documents"]
        assert [(each["name"], each.get("error", {}).get("code")) for each in told] == [
            ("a.md", None), ("b.md", "document_of_session"), ("c.md", None),
        ]  # fmt: skip
        assert sorted((each.document_id, each.source) for each in asked) == [("a", "s"), ("b", "s"), ("c", "s")]
        assert sorted(desk.documents.kept.values()) == [b"a", b"c"]


async def test_a_file_is_taken_up_to_the_limit_and_nothing_stays_of_a_larger_one() -> None:
    async with gateway(document_bytes=1000) as desk:
        asked = taking(desk)
        await ask(desk, "POST", PATH, 201, data=form(("a.md", b"x" * 1000)))
        kept = dict(desk.documents.kept)
        for method, path in (("POST", PATH), ("PUT", f"{PATH}/a")):
            asked_of(desk, "get_document", DocumentDetail(document=row(), versions=[], passages=[]))
            told = await ask(desk, method, path, 413, data=form(("a.md", b"x" * 1001)))
            assert told["code"] == "file_too_large"
        told = await ask(desk, "POST", PATH, 413, data=form(("a.md", b"x"), ("b.md", b"x" * 1001)))
        assert "0.000953674 MiB" in told["detail"]
        assert desk.documents.kept == kept
        assert len(asked) == 1


@pytest.mark.parametrize(("data", "status"), [
    (form(title="x"), 422), (form(("a.md", b"x"), metadata="[]"), 422), (form(("a.md", b"x"), ("b.md", b"y"), title="x"), 422),
    (form(*[(f"{number}.md", b"x") for number in range(DOCUMENTS_AT_ONCE + 1)]), 422),
], ids=["no file", "no metadata", "one title", "too many"])  # fmt: skip
async def test_a_form_that_is_refused_leaves_nothing_in_the_store(data: FormData, status: int) -> None:
    async with gateway() as desk:
        asked = taking(desk)
        assert (await ask(desk, "POST", PATH, status, data=data))["code"] == "invalid_request"
        assert (asked, desk.documents.kept) == ([], {})


async def test_as_many_files_as_allowed_with_all_their_fields() -> None:
    async with gateway() as desk:
        asked = taking(desk)
        names = [f"{number}.md" for number in range(DOCUMENTS_AT_ONCE)]
        data = form(*[(name, b"x") for name in names], title=names, source=names, document_id=[name[:-3] for name in names],
                    metadata=["{}"] * len(names))  # fmt: skip
        await ask(desk, "POST", PATH, 201, data=data)
        assert len(asked) == DOCUMENTS_AT_ONCE


async def test_files_that_nobody_wants_are_refused_before_they_are_taken() -> None:
    async with gateway() as desk:
        desk.desk.away.add("knowledge")
        told = await ask(desk, "POST", PATH, 503, data=form(("a.md", b"x")))
        assert told["code"] == "knowledge_unavailable"
        asked_of(desk, "get_document", NotFound("document_not_found", "none"))
        await ask(desk, "PUT", f"{PATH}/a", 404, data=form(("a.md", b"x")))
        assert desk.documents.kept == {}


async def test_a_file_of_which_nobody_knows_whether_it_was_taken_stays() -> None:
    async with gateway() as desk:
        asked_of(desk, "put_document", TimedOut("timed_out", "slow"))
        await ask(desk, "POST", PATH, 503, data=form(("a.md", b"x")))
        assert list(desk.documents.kept.values()) == [b"x"]
        asked_of(desk, "put_document", Invalid("invalid_request", "no"))
        await ask(desk, "POST", PATH, 422, data=form(("a.md", b"y")))
        assert list(desk.documents.kept.values()) == [b"x"]


# --- looking at them


async def test_documents_are_listed_filtered_and_paged() -> None:
    async with gateway() as desk:
        rows = [row(document_id=f"doc_{number}") for number in range(70)]
        asked = asked_of(
            desk, "list_documents", lambda each: DocumentPage(rows[each.offset : each.offset + each.limit], len(rows))
        )
        query = {
            "search": " refund ",
            "state": "ready",
            "limit": "60",
            "metadata.category": "faq",
            "metadata.year": "2026",
        }
        async with desk.client.get(PATH, params=query) as response:
            assert [each["document_id"] for each in await response.json()] == [each.document_id for each in rows[:60]]
            assert response.headers["X-Total-Count"] == "70"
            following = response.links["next"]["url"]
        assert (following.query["offset"], following.query["metadata.category"]) == ("60", "faq")
        assert asked[0] == ListDocuments(
            limit=25, search="refund", state="ready", filters={"category": "faq", "year": 2026}
        )
        assert [(each.offset, each.limit) for each in asked] == [(0, 25), (25, 25), (50, 10)]
        async with desk.client.get(f"{PATH}?offset=70") as response:
            assert (await response.json(), "Link" in response.headers) == ([], False)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "offset=-1", "state=done", "search=" + "x" * 201], ids=lambda query: query[:12]
)
async def test_lists_that_cannot_be_given(query: str) -> None:
    async with gateway() as desk:
        asked_of(desk, "list_documents", DocumentPage([], 0))
        await ask(desk, "GET", f"{PATH}?limit=100&search=" + "x" * 200, 200)
        assert (await ask(desk, "GET", f"{PATH}?{query}", 422))["code"] == "invalid_request"


async def test_a_document_is_shown_with_its_versions_and_passages() -> None:
    async with gateway() as desk:
        detail = DocumentDetail(document=row(), versions=[], passages=[])
        asked = asked_of(desk, "get_document", detail)
        assert await ask(desk, "GET", f"{PATH}/doc_1", 200) == msgspec.to_builtins(detail)
        await ask(desk, "GET", f"{PATH}/doc_1?passages=100&offset=50", 200)
        assert asked == [GetDocument(document_id="doc_1"), GetDocument(document_id="doc_1", passages=100, offset=50)]
        for query in ("passages=101", "passages=-1", "offset=-1"):
            await ask(desk, "GET", f"{PATH}/doc_1?{query}", 422)


async def test_where_a_document_is_used() -> None:
    async with gateway() as desk:
        asked = asked_of(desk, "document_usage", DocumentUsage(answers=[], total=3, outdated=1))
        async with desk.client.get(f"{PATH}/doc_1/usage?version=2&limit=5&offset=1") as response:
            assert await response.json() == {"answers": [], "total": 3, "outdated": 1}
            assert response.headers["X-Total-Count"] == "3"
        assert asked == [AskDocumentUsage(document_id="doc_1", version=2, limit=5, offset=1)]
        await ask(desk, "GET", f"{PATH}/doc_1/usage?version=0", 422)


async def test_a_deletion_tells_what_was_counted() -> None:
    async with gateway() as desk:
        asked = asked_of(
            desk, "delete_document", DocumentGone(document_id="doc_1", passages=4, passages_left=0, vectors_left=None)
        )
        told = await ask(desk, "DELETE", f"{PATH}/doc_1", 200)
        assert told == {"document_id": "doc_1", "passages": 4, "passages_left": 0, "vectors_left": None}
        assert asked == [DeleteDocument("doc_1")]


async def test_sites_and_the_index() -> None:
    async with gateway() as desk:
        sites = asked_of(desk, "import_site", SiteImported(documents=["web-1"]))
        at = "/api/knowledge/sites"
        assert await ask(desk, "POST", at, 202, json={"sitemap": "https://a.example/s.xml"}) == {"documents": ["web-1"]}
        await ask(
            desk, "POST", at, 202, json={"sitemap": "https://a.example/s.xml", "limit": 1000, "metadata": {"k": 1}}
        )
        for body in ({}, {"sitemap": ""}, {"sitemap": "x", "limit": 0}, {"sitemap": "x", "limit": 1001}):
            await ask(desk, "POST", at, 422, json=body)
        assert sites == [
            ImportSite(sitemap="https://a.example/s.xml"),
            ImportSite(sitemap="https://a.example/s.xml", limit=1000, metadata={"k": 1}),
        ]
        state = IndexState(engine="embedded", model="m", dimension=3, origin="packaged", passages=1, vectors=1)
        asked_of(desk, "index_state", state)
        begun = asked_of(desk, "reindex", state)
        assert (await ask(desk, "GET", "/api/knowledge/index", 200))["engine"] == "embedded"
        await ask(desk, "POST", "/api/knowledge/reindex", 202)
        await ask(desk, "POST", "/api/knowledge/reindex", 202, json={"model": "other"})
        assert begun == [Reindex(None), Reindex("other")]
        asked_of(desk, "reindex", Conflict("reindex_running", "wait"))
        assert (await ask(desk, "POST", "/api/knowledge/reindex", 409))["code"] == "reindex_running"


# --- gaps


async def test_what_becomes_of_a_gap_is_passed_on() -> None:
    gap = Gap(gap_id=GAP_ID, question="q", count=1, first_asked_at=NOW, last_asked_at=NOW, state="dismissed")
    async with gateway() as desk:
        asked = [asked_of(desk, channel, gap) for channel in ("dismiss_gap", "reopen_gap", "answer_gap")]
        assert await ask(desk, "POST", f"{GAP}/dismiss", 200) == msgspec.to_builtins(gap)
        await ask(desk, "POST", f"{GAP}/reopen", 200)
        await ask(desk, "POST", f"{GAP}/answer", 200)
        await ask(desk, "POST", f"{GAP}/answer", 200, json={"answer": " Yes. ", "question": " Really? "})
        await ask(desk, "POST", f"{GAP}/answer", 200, json={"answer": "x" * 20_000, "question": "y" * 500})
        assert asked == [[DismissGap(GAP_ID)], [ReopenGap(GAP_ID)], [
            AnswerGap(gap_id=GAP_ID), AnswerGap(gap_id=GAP_ID, answer="Yes.", question="Really?"),
            AnswerGap(gap_id=GAP_ID, answer="x" * 20_000, question="y" * 500),
        ]]  # fmt: skip
        for body in (
            {"answer": " "},
            {"answer": "x" * 20_001},
            {"question": "y" * 501},
            {"answer": "a\0"},
            {"answer": 5},
        ):
            assert (await ask(desk, "POST", f"{GAP}/answer", 422, json=body))["code"] == "invalid_request"
        for gap_id in ("gap_1", mint("doc"), "undefined", "*"):
            for what in ("dismiss", "reopen", "answer"):
                told = await ask(desk, "POST", f"/api/knowledge/gaps/{gap_id}/{what}", 404)
                assert told["code"] == "gap_not_found"


async def test_gaps_of_a_state() -> None:
    async with gateway() as desk:
        asked = asked_of(desk, "list_gaps", GapPage([], 0))
        await ask(desk, "GET", "/api/knowledge/gaps", 200)
        await ask(desk, "GET", "/api/knowledge/gaps?state=dismissed", 200)
        assert asked == [ListGaps(), ListGaps(state="dismissed")]
        await ask(desk, "GET", "/api/knowledge/gaps?state=done", 422)


# --- bounds of what arrives at once


async def test_so_many_files_arrive_at_once_and_no_more() -> None:
    release = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await release.wait()

    blobs = Blobs()
    documents = Documents(
        Desk(), blobs, structlog.get_logger(), tenant=TENANT, mint=mint, limits=DocumentLimits(at_once=2)
    )
    arriving = [asyncio.create_task(documents.store(NewFile("a.txt"), slowly())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await documents.store(NewFile("a.txt"), slowly())
    assert refused.value.code == "too_many_uploads"
    release.set()
    await asyncio.gather(*arriving)
    await documents.store(NewFile("a.txt"), slowly())
    assert len(blobs.kept) == 3


@pytest.mark.parametrize(("count", "status"), [(64, 201), (65, 413)], ids=["4 MiB", "more"])
async def test_a_form_s_fields_are_bounded_together(count: int, status: int) -> None:
    async with gateway() as desk:
        taking(desk)
        data = form(("a.md", b"x"), other=["x" * 65_536] * count)
        told = await ask(desk, "POST", PATH, status, data=data)
        assert status == 201 or (told["code"], desk.documents.kept) == ("body_too_large", {})


@pytest.mark.parametrize(("count", "status"), [(500, 201), (501, 400)], ids=["all", "one more"])
async def test_a_form_s_parts_are_bounded(count: int, status: int) -> None:
    async with gateway() as desk:
        taking(desk)
        told = await ask(desk, "POST", PATH, status, data=form(("a.md", b"x"), other=["x"] * count))
        assert status == 201 or told["code"] == "bad_form"


async def test_a_form_that_breaks_off_leaves_nothing_in_the_store() -> None:
    async with gateway() as desk:
        asked = taking(desk)
        head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.md"\r\n\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        told = await ask(desk, "POST", PATH, 400, data=head + b"x" * 1000, headers=headers)
        assert (told["code"], asked, desk.documents.kept) == ("bad_form", [], {})
