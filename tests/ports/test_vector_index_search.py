"""What every VectorIndex promises of searches: both scores of all it finds, whose uploads it looks at, and filters."""

from __future__ import annotations

import math

import pytest

from services.knowledge.ports import VectorIndex
from tests.support.indexes import EAST, NORTH, UP, found, index, maker, point, search

__all__ = ["index", "maker"]

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")

NEAR_EAST = [3.0, 1.0, 0.0]


async def test_what_is_found_by_words_has_its_cosine_and_the_other_way_round(index: VectorIndex) -> None:
    await index.upsert([point("meant", EAST, 1), point("said", NEAR_EAST, 1, 2), point("neither", UP, 3)])
    meant, said = await search(index, EAST, 1, 2, limit=1)
    assert [meant.document_id, said.document_id] == ["meant", "said"]
    assert (meant.cosine, said.cosine) == (pytest.approx(1.0), pytest.approx(3 / math.sqrt(10), abs=1e-3))
    assert said.lexical > meant.lexical > 0


async def test_what_is_found_has_the_cosine_of_its_headline_and_nothing_is_found_by_it(index: VectorIndex) -> None:
    await index.upsert([
        point("meant", EAST, headline=NEAR_EAST),
        point("said", UP, 1, headline=EAST),
        point("none", NEAR_EAST),
        point("headed", NORTH, headline=EAST),
    ])  # fmt: skip
    hits = {hit.document_id: hit for hit in await search(index, EAST, 1, limit=2)}
    assert hits.keys() == {"meant", "none", "said"}
    assert hits["meant"].headline == pytest.approx(3 / math.sqrt(10), abs=1e-3)
    assert (hits["said"].headline, hits["none"].headline) == (pytest.approx(1.0, abs=1e-3), 0.0)


async def test_each_is_found_once(index: VectorIndex) -> None:
    await index.upsert([point("both", EAST, 1), point("other", NORTH)])
    assert await found(index, EAST, 1) == ["both", "other"]


async def test_the_union_holds_the_best_of_each(index: VectorIndex) -> None:
    near = [point(f"near-{n}", [10.0, float(n), 0.0]) for n in range(5)]
    worded = [point(f"word-{n}", UP, *range(1, 7 - n)) for n in range(5)]
    await index.upsert([*near, *worded])
    ids = await found(index, EAST, 1, 2, 3, 4, 5, 6, limit=3)
    assert ids == ["near-0", "near-1", "near-2", "word-0", "word-1", "word-2"]


async def test_words_are_worth_more_the_fewer_passages_say_them(index: VectorIndex) -> None:
    often = [point(f"often-{n}", UP, 1) for n in range(9)]
    await index.upsert([*often, point("rare", UP, 2)])
    best = max(await search(index, None, 1, 2, limit=20), key=lambda hit: hit.lexical)
    assert best.document_id == "rare"


async def test_what_other_tenants_say_makes_no_word_cheaper(index: VectorIndex) -> None:
    await index.upsert([point("a", UP, 1), point("b", UP, 2)])
    before = {hit.document_id: hit.lexical for hit in await search(index, None, 1, 2)}
    await index.upsert([point(f"x-{n}", UP, 1, tenant="globex") for n in range(50)])
    after = {hit.document_id: hit.lexical for hit in await search(index, None, 1, 2)}
    assert after == pytest.approx(before)
    assert after["a"] == pytest.approx(after["b"])


async def test_with_no_vector_only_words_count(index: VectorIndex) -> None:
    await index.upsert([point("east", EAST, 1), point("north", NORTH, 2)])
    (hit,) = await search(index, None, 1)
    assert (hit.document_id, hit.cosine) == ("east", 0.0)


async def test_with_neither_vector_nor_words_nothing_is_found(index: VectorIndex) -> None:
    await index.upsert([point("east", EAST, 1)])
    assert await search(index, None) == []


async def test_words_that_nobody_says_find_nothing(index: VectorIndex) -> None:
    await index.upsert([point("east", EAST, 1)])
    assert await search(index, None, 4_294_967_295) == []


async def test_uploads_are_found_by_their_session_only(index: VectorIndex) -> None:
    await index.upsert([
        point("shared", NORTH, 1),
        point("mine", EAST, 1, session_id="sess_1"),
        point("theirs", EAST, 1, session_id="sess_2"),
    ])  # fmt: skip
    assert await found(index, EAST, 1) == ["shared"]
    assert await found(index, EAST, 1, session_id="sess_1") == ["mine", "shared"]
    assert await found(index, EAST, 1, session_id="sess_2") == ["theirs", "shared"]
    assert await found(index, EAST, 1, session_id="sess_3") == ["shared"]
    assert await found(index, EAST, 1, tenant="globex", session_id="sess_1") == []


async def test_the_best_of_both_scopes_share_the_limit(index: VectorIndex) -> None:
    await index.upsert([point(f"s{n}", [1.0, n / 10, 0.0]) for n in range(3)])
    await index.upsert([point(f"u{n}", [1.0, n / 10 + 0.05, 0.0], session_id="sess_1") for n in range(3)])
    assert await found(index, EAST, session_id="sess_1", limit=3) == ["s0", "u0", "s1"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"language": "en"}, ["a", "b"]),
        ({"language": "en", "year": 2026}, ["b"]),
        ({"year": 2026.0}, ["b", "c"]),
        ({"year": "2026"}, []),
        ({"draft": True}, ["c"]),
        ({"draft": 1}, []),
        ({"score": 0.5}, ["a"]),
        ({"nothing": "here"}, []),
        ({"document_id": "c"}, ["c"]),
        ({"document_id": "c", "version": 1}, ["c"]),
        ({"version": 2}, []),
        ({'odd."key|=[': "ünïcode / yes"}, ["b"]),
        ({"note": "long " * 200}, ["a"]),
        ({"note": "long " * 200 + "!"}, []),
    ],
    ids=str,
)
async def test_filters_hold_inside_the_engine(
    index: VectorIndex, filters: dict[str, object], expected: list[str]
) -> None:
    await index.upsert([
        point("a", EAST, 1, language="en", year=2025, score=0.5, note="long " * 200),
        point("b", EAST, 1, language="en", year=2026, **{'odd."key|=[': "ünïcode / yes"}),
        point("c", EAST, 1, language="de", year=2026, draft=True),
        point("x", EAST, 1, tenant="globex", language="en", year=2026),
    ])  # fmt: skip
    assert await found(index, EAST, 1, filters=filters) == expected
    assert await found(index, EAST, filters=filters) == expected
    assert await found(index, None, 1, filters=filters) == expected


async def test_filters_bound_before_the_limit_does(index: VectorIndex) -> None:
    await index.upsert([point(f"near-{n}", EAST) for n in range(20)])
    await index.upsert([point("far", NORTH, kind="rare")])
    assert await found(index, EAST, limit=1, filters={"kind": "rare"}) == ["far"]


async def test_filters_hold_for_uploads_too(index: VectorIndex) -> None:
    await index.upsert([
        point("kept", EAST, session_id="sess_1", kind="yes"),
        point("left", EAST, session_id="sess_1", kind="no"),
        point("theirs", EAST, session_id="sess_2", kind="yes"),
    ])  # fmt: skip
    assert await found(index, EAST, session_id="sess_1", filters={"kind": "yes"}) == ["kept"]


async def test_a_session_is_no_part_of_another_scope(index: VectorIndex) -> None:
    """A value that looks like the way in which scopes are written finds nothing of another one."""
    await index.upsert([point("theirs", EAST, session_id='sess_2|kind="yes"', kind="yes")])
    assert await found(index, EAST, session_id="sess_2", filters={"kind": "yes"}) == []
