"""How documents are read, versioned and split, and what is near enough to be an answer."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.knowledge import domain

FRONT_MATTER = "---\nid: doc_tea\ntitle: Tea: a guide\nsource: help/tea\ncategory: drinks\n---\n"


def document(body: str) -> domain.Document:
    return domain.read_document(FRONT_MATTER + body, tenant="acme")


def texts(body: str) -> list[str]:
    return [passage.text for passage in domain.split(document(body))]


def test_front_matter_becomes_the_document() -> None:
    read = document("Boil water.\n")
    assert (read.document_id, read.title, read.source) == ("doc_tea", "Tea: a guide", "help/tea")
    assert (read.category, read.tenant, read.body, read.version) == ("drinks", "acme", "Boil water.", 1)


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


def test_paragraphs_share_a_passage_while_they_fit() -> None:
    assert texts("Boil water.\n\nAdd leaves.") == ["Boil water.\n\nAdd leaves."]


def test_a_passage_carries_its_headings_and_a_derived_id() -> None:
    body = "Intro.\n\n# Green ##\n## Brewing\n80 degrees.\n\n# Black\n95 degrees."
    passages = domain.split(replace(document(body), version=3))
    assert [(p.passage_id, p.heading, p.text) for p in passages] == [
        ("doc_tea-v3-0", "", "Intro."),
        ("doc_tea-v3-1", "Green > Brewing", "80 degrees."),
        ("doc_tea-v3-2", "Black", "95 degrees."),
    ]
    assert passages[1].embedded_text == "Tea: a guide\nGreen > Brewing\n80 degrees."


def test_a_fence_is_kept_whole_and_holds_no_headings() -> None:
    fence = "```\n# not a heading\n\n~~~\nlast\n```"
    assert texts(f"Before.\n\n{fence}\n\n# After\nEnd.") == [f"Before.\n\n{fence}", "End."]


def test_a_long_paragraph_is_cut_at_sentences() -> None:
    sentences = [f"Sentence {n} has exactly six words." for n in range(60)]
    passages = texts(" ".join(sentences))
    assert len(passages) == 2
    assert " ".join(passages) == " ".join(sentences)
    assert all(text.endswith("words.") for text in passages)


def test_a_long_list_is_cut_between_its_lines() -> None:
    lines = [f"- item {n} with a few more words to it" for n in range(60)]
    passages = texts("\n".join(lines))
    assert len(passages) > 1
    assert "\n".join(passages).splitlines() == lines


def test_text_without_spaces_is_cut_all_the_same() -> None:
    passages = texts("茶" * 4_000)
    assert [len(text) for text in passages] == [1_500, 1_500, 1_000]


@given(st.text(alphabet="ab. \n#`-", max_size=3_000).filter(lambda body: body.strip() != ""))
def test_splitting_loses_nothing_and_keeps_to_its_bounds(body: str) -> None:
    passages = domain.split(document(body))
    for passage in passages:
        assert passage.text.strip()
        assert len(passage.text.split()) <= domain.MAX_WORDS
        assert len(passage.text) <= domain.MAX_CHARACTERS
    assert len({passage.passage_id for passage in passages}) == len(passages)
    kept = "".join("".join(passage.text.split()) for passage in passages)
    if "#" not in body:  # headings move from the text to the path
        assert kept == "".join(body.split())


@given(st.lists(st.text(alphabet="ab ", min_size=1, max_size=40).filter(str.strip), min_size=1, max_size=200))
def test_splitting_is_the_same_every_time(paragraphs: list[str]) -> None:
    body = "\n\n".join(paragraphs)
    assert domain.split(document(body)) == domain.split(document(body))


def test_a_version_counts_changes_that_a_reader_sees() -> None:
    first = document("Boil water.")
    assert domain.next_version(first, None) == first
    assert domain.next_version(document("Boil water."), first) is None
    changed = domain.next_version(document("Boil more water."), replace(first, version=4))
    assert changed is not None
    assert changed.version == 5


@pytest.mark.parametrize("field", ["title", "source", "category", "body"])
def test_the_content_hash_covers_each_field(field: str) -> None:
    first = document("Boil water.")
    assert replace(first, **{field: "other"}).content_hash != first.content_hash


def test_the_content_hash_ignores_version_and_tenant() -> None:
    first = document("Boil water.")
    assert replace(first, version=2, tenant="globex").content_hash == first.content_hash


def test_point_ids_are_stable_and_apart_by_tenant() -> None:
    def point(tenant: str, passage_id: str) -> domain.Point:
        return domain.Point(passage_id=passage_id, document_id="doc_tea", tenant=tenant, version=1, vector=[1.0])

    # The literal holds the derivation still: another value would orphan every point that is stored.
    assert str(point("acme", "doc_tea-v1-0").point_id) == "03927b23-32b2-59e9-ab77-29aebaf0615d"
    ids = {point(tenant, passage).point_id for tenant in ("acme", "globex") for passage in ("a-v1-0", "a-v1-1")}
    assert len(ids) == 4


def hit(passage_id: str, score: float) -> domain.Hit:
    return domain.Hit(passage_id=passage_id, document_id="doc_tea", score=score)


def test_an_answer_rests_on_what_is_near_enough_nearest_first() -> None:
    hits = [hit("c", 0.5), hit("a", domain.MIN_SCORE), hit("d", domain.MIN_SCORE - 0.01), hit("b", 0.5)]
    assert [found.passage_id for found in domain.supported(hits)] == ["b", "c", "a"]
    assert domain.supported(hits, min_score=0.6) == []


@pytest.mark.parametrize(("cosine", "score"), [(-0.2, 0.0), (0.4, 0.4), (1.0000001, 1.0)])
def test_a_cosine_becomes_a_score_between_0_and_1(cosine: float, score: float) -> None:
    assert domain.clipped(cosine) == score
