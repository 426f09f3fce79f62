"""How documents are read, what their passages are called, and what is near enough to be an answer."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from services.knowledge import domain

FRONT_MATTER = "---\nid: doc_tea\ntitle: Tea: a guide\nsource: help/tea\ncategory: drinks\n---\n"


def document(body: str) -> domain.Document:
    return domain.read_document(FRONT_MATTER + body, tenant="acme")


def test_front_matter_becomes_the_document() -> None:
    read = document("Boil water.\n")
    assert (read.document_id, read.title, read.source) == ("doc_tea", "Tea: a guide", "help/tea")
    assert (read.metadata, read.tenant, read.body, read.version) == ({"category": "drinks"}, "acme", "Boil water.", 1)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    written = "\ufeff" + (FRONT_MATTER + "One.\n\nTwo.").replace("\n", "\r\n")
    assert domain.read_document(written, tenant="acme") == document("One.\n\nTwo.")


@pytest.mark.parametrize(
    ("markdown", "fault"),
    [
        ("Boil water.", "front matter"),
        ("---\nid: doc_tea\n---\nBoil.", "lacks title, source, category"),
        (FRONT_MATTER.replace("doc_tea", "doc.tea"), "'doc.tea'"),
        (FRONT_MATTER.replace("doc_tea", "d" * 101), "100 at most"),
        (FRONT_MATTER.replace("id: doc_tea", "id doc_tea"), "not 'name: value'"),
        (FRONT_MATTER + " \n", "no text"),
    ],
)
def test_a_document_that_cannot_be_read_says_why(markdown: str, fault: str) -> None:
    with pytest.raises(domain.MalformedDocument, match=re.escape(fault)):
        domain.read_document(markdown, tenant="acme")


def test_a_document_becomes_passages_with_derived_ids() -> None:
    body = "Intro.\n\n# Green\n80 degrees."
    passages = domain.split(replace(document(body), version=3, session_id="sess_1"))
    assert [(p.passage_id, p.session_id, p.position, p.heading, p.text) for p in passages] == [
        ("doc_tea-v3-0", "sess_1", 0, "", "Intro."),
        ("doc_tea-v3-1", "sess_1", 1, "Green", "80 degrees."),
    ]


def test_a_document_without_any_block_is_one_passage() -> None:
    assert [passage.text for passage in domain.split(document("#"))] == ["#"]


@pytest.mark.parametrize(
    ("heading", "read"),
    [
        ("", "Tea\nBoil."),
        ("Green", "Tea\nGreen\nBoil."),
        ("Tea", "Tea\nBoil."),
        ("Tea > Green", "Tea > Green\nBoil."),
        ("Teapots", "Tea\nTeapots\nBoil."),
    ],
)
def test_a_title_that_is_the_first_heading_is_read_once(heading: str, read: str) -> None:
    assert domain.embedded_text("Tea", heading, "Boil.", domain.guessed_tokens) == read


def test_a_reader_is_told_what_a_passage_carries_and_where_it_stands() -> None:
    (passage,) = domain.split(document("Boil."))
    found = domain.FoundPassage(passage=passage, source="help/tea", metadata={"category": "drinks", "title": "forged"})
    assert domain.metadata(found) == {
        "document_id": "doc_tea", "title": "Tea: a guide", "source": "help/tea", "version": 1, "chunk": 0, "heading": "",
        "category": "drinks",
    }  # fmt: skip
    assert domain.filterable(passage, "help/tea", {"category": "drinks", "document_id": "forged"}) == {
        "document_id": "doc_tea", "title": "Tea: a guide", "source": "help/tea", "category": "drinks",
    }  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [("b", "t", "s", {}), ("a", "u", "s", {}), ("a", "t", None, {}), ("a", "t", "s", {"k": 1}), ("a", None, "ts", {})],
    ids=str,
)
def test_sameness_covers_all_that_is_given(other: tuple[str, str | None, str | None, dict[str, str | int]]) -> None:
    assert domain.sameness("a", "t", "s", {}) != domain.sameness(*other)


def test_sameness_knows_no_order_of_metadata() -> None:
    assert domain.sameness("a", "t", "s", {"k": 1, "l": 2}) == domain.sameness("a", "t", "s", {"l": 2, "k": 1})


def test_point_ids_are_stable_and_apart_by_tenant() -> None:
    def point(tenant: str, passage_id: str) -> domain.Point:
        return domain.Point(passage_id=passage_id, document_id="doc_tea", tenant=tenant, version=1, vector=[1.0])

    # The literal holds the derivation still: another value would orphan every point that is stored.
    assert str(point("acme", "doc_tea-v1-0").point_id) == "03927b23-32b2-59e9-ab77-29aebaf0615d"
    ids = {point(tenant, passage).point_id for tenant in ("acme", "globex") for passage in ("a-v1-0", "a-v1-1")}
    assert len(ids) == 4


@pytest.mark.parametrize(("cosine", "score"), [(-0.2, 0.0), (0.4, 0.4), (1.0000001, 1.0)])
def test_a_cosine_becomes_a_score_between_0_and_1(cosine: float, score: float) -> None:
    assert domain.clipped(cosine) == score
