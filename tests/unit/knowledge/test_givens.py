"""The bounds of what a document may be given as, on both sides of each."""

import pytest
from msgspec.structs import replace

from libs.contracts.documents import PutDocument
from services.knowledge.domain import givens
from services.knowledge.domain.versions import Given, Newest, is_unchanged

SOUND = PutDocument(document_id="doc_a", text="Boil water.")
FILE = PutDocument(blob="doc_upload_1", sha256="a" * 64, size=3)


def faulty(request: PutDocument) -> list[object]:
    return [fault.loc[1] for fault in givens.faults(request)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"document_id": "d" * 101}, "document_id"),
        ({"document_id": "doc.a"}, "document_id"),
        ({"document_id": ""}, "document_id"),
        ({"title": "t" * 301}, "title"),
        ({"source": "s" * 2_001}, "source"),
        ({"name": "n" * 256}, "name"),
        ({"media_type": "m" * 201}, "media_type"),
        ({"text": "x" * 500_001}, "text"),
        ({"text": "ä" * 250_001}, "text"),
        ({"text": ""}, "text"),
        ({"text": " \n\0"}, "text"),
        ({"text": None}, "text"),
        ({"url": "https://example.com"}, "text"),
        ({"blob": "b"}, "text"),
        ({"metadata": {str(n): n for n in range(51)}}, "metadata"),
        ({"metadata": {"k" * 101: 1}}, "metadata"),
        ({"metadata": {"": 1}}, "metadata"),
        ({"metadata": {"k\0": 1}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata"),
        ({"metadata": {"k": "\0"}}, "metadata"),
        ({"metadata": {"k": 2**53 + 1}}, "metadata"),
        ({"metadata": {"k": float("inf")}}, "metadata"),
    ],
    ids=[str(number) for number in range(22)],
)
def test_what_is_beyond_its_bounds_is_named(change: dict[str, object], field: str) -> None:
    assert field in faulty(replace(SOUND, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"document_id": "d" * 100},
        {"document_id": None},
        {"title": "t" * 300},
        {"source": "s" * 2_000},
        {"name": "n" * 255},
        {"media_type": "m" * 200},
        {"text": "x" * 500_000},
        {"text": "ä" * 250_000},
        {"text": None, "url": "https://example.com"},
        {"text": None, "blob": "b" * 100},
        {"metadata": {str(n): n for n in range(50)}},
        {"metadata": {"k" * 100: True}},
        {"metadata": {"k": "v" * 500}},
        {"metadata": {"k": 2**53, "l": -(2**53), "m": 1.5}},
    ],
    ids=[str(number) for number in range(14)],
)
def test_what_is_within_its_bounds_is_sound(change: dict[str, object]) -> None:
    assert faulty(replace(SOUND, **change)) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"blob": "b" * 101}, "blob"),
        ({"blob": "b/c"}, "blob"),
        ({"sha256": "A" * 64}, "sha256"),
        ({"sha256": "a"}, "sha256"),
    ],
    ids=["long", "path", "case", "short"],
)
def test_a_file_is_named_well(change: dict[str, object], field: str) -> None:
    assert faulty(FILE) == []
    assert faulty(replace(FILE, **change)) == [field]


def given() -> Given:
    request = replace(SOUND, title=" A \n title\0 ", source="")
    return givens.given_from(request, "doc_a", givens.content_of("Boil water."))


def test_a_sound_request_becomes_a_version() -> None:
    made = given()
    assert (made.title, made.source, made.content, made.size) == ("A title", None, "Boil water.", 11)
    assert made.shown_title == "A title"
    assert replace(made, title=None).shown_title == "doc_a"


def test_no_text_holds_what_a_database_cannot() -> None:
    assert givens.given_from(replace(SOUND, text="a\0b"), "doc_a", (3, "hash")).content == "a\ufffdb"


@pytest.mark.parametrize(
    ("same", "state", "reason", "unchanged"),
    [
        (True, "ready", None, True),
        (True, "queued", None, True),
        (True, "indexing", None, True),
        (True, "rejected", "broken", True),
        (True, "rejected", "lost", False),
        (True, "rejected", "url_timed_out", False),
        (False, "ready", None, False),
    ],
)
def test_the_same_is_unchanged_unless_it_failed_by_what_passes(
    same: bool, state: str, reason: str | None, unchanged: bool
) -> None:
    newest = Newest(
        session_id="", version=1, same=given().same if same else "other", state=state, reason=reason, blob=None
    )  # fmt: skip
    assert is_unchanged(given(), newest) is unchanged


@pytest.mark.parametrize(
    ("state", "unchanged"),
    [("queued", True), ("indexing", True), ("ready", False), ("replaced", False), ("rejected", False)],
)
def test_an_address_is_fetched_again_but_not_while_it_is_fetched(state: str, unchanged: bool) -> None:
    asked = replace(given(), content=None, url="https://example.com")
    newest = Newest(session_id="", version=1, same=asked.same, state=state, reason=None, blob=None)
    assert is_unchanged(asked, newest) is unchanged


@pytest.mark.parametrize("url", ["https://help.example/a", "https://help.example:8443/"])
def test_an_address_that_can_be_fetched_is_taken(url: str) -> None:
    assert givens.faults(PutDocument(url=url)) == []


@pytest.mark.parametrize("url", ["https://ann:secret@help.example/", "http://help.example/", "file:///etc/passwd", "x"])
def test_an_address_that_cannot_be_fetched_is_refused_before_it_is_kept(url: str) -> None:
    [fault] = givens.faults(PutDocument(url=url))
    assert fault.loc == ["body", "url"]
    assert "secret" not in fault.msg
