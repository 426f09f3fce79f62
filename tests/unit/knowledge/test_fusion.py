"""How candidates are put into one order, scored, and shown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.domain import FoundPassage, Passage, fusion
from services.knowledge.domain.fusion import Candidate, Ranked
from services.knowledge.domain.grouping import MOST_MERGED, Group, alike, grouped, shingles
from services.knowledge.domain.overlap import MOST_CORRECTED, Overlap, analysis, overlaps
from services.knowledge.domain.relevance import Evidence

NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def found(document: str, position: int = 0, text: str = "", *, title: str = "", heading: str = "") -> FoundPassage:
    passage = Passage(
        passage_id=f"{document}-v1-{position}",
        document_id=document,
        tenant="acme",
        version=1,
        position=position,
        title=title,
        heading=heading,
        text=text or f"{document} {position} says its own and nothing else",
    )
    return FoundPassage(passage=passage, source=document)


def candidate(of: FoundPassage, dense: float = 0.5, headline: float = 0.5, lexical: float = 0.0) -> Candidate:
    passage = of.passage
    return Candidate(
        passage_id=passage.passage_id, document_id=passage.document_id, cosine=dense, headline=headline, lexical=lexical
    )


def ranked(question: str, *pairs: tuple[FoundPassage, Candidate], by_words: bool = False) -> list[Ranked]:
    texts = {each.passage.passage_id: each for each, _ in pairs}
    return fusion.rank(question, [one for _, one in pairs], texts, by_words=by_words)


def names(results: Sequence[Ranked]) -> list[str]:
    return [each.found.passage.passage_id for each in results]


def placed(*passages: FoundPassage) -> list[Ranked]:
    return [
        Ranked(found=each, order=1.0 - at / 100, score=0.9 - at / 100, cosine=0.5) for at, each in enumerate(passages)
    ]


def shown(groups: Sequence[Group]) -> list[list[int]]:
    return [[member.found.passage.position for member in group.members] for group in groups]


# Overlap


def test_words_in_common_count_by_their_rarity() -> None:
    passages = [analysis("", "", text) for text in ("lamp red", "lamp blue", "lamp green")]
    red, blue, _ = overlaps("a red lamp", passages)
    assert red.sentence == pytest.approx(1.0)
    assert 0 < blue.sentence < 0.5  # everybody has "lamp"
    assert red.words > blue.words > 0


def test_words_of_one_sentence_count_more_than_those_of_two() -> None:
    together = analysis(
        "", "", "Please reset the router and the password first. Nothing else is said in this one here."
    )
    apart = analysis("", "", "Please reset the router as it was sold first. The password is said in this one here.")
    other = analysis("", "", "Something else altogether.")
    near, far, none = overlaps("reset password", [together, apart, other])
    assert near.sentence == 1.0
    assert far.sentence == pytest.approx(0.5)
    assert none == Overlap(0.0, 0.0)


def test_the_headline_counts_among_the_words_and_is_no_sentence() -> None:
    (only,) = overlaps("refunds", [analysis("Refunds", "", "We pay.")])
    assert only.words > 0
    assert only.sentence == 0


def test_a_misspelt_word_is_found_where_nobody_has_it_as_written() -> None:
    passages = [analysis("", "", "The warranty is long."), analysis("", "", "The delivery is fast.")]
    assert [each.sentence > 0 for each in overlaps("warrenty", passages)] == [True, False]


def test_a_word_that_somebody_has_as_written_is_not_taken_for_another() -> None:
    passages = [analysis("", "", "Paint the wall."), analysis("", "", "Print the page.")]
    assert [each.sentence > 0 for each in overlaps("paint", passages)] == [True, False]


def test_no_more_words_are_looked_for_as_misspelt_than_the_bound() -> None:
    unknown = [f"{letter * 3}xyzzy" for letter in "bcdfghjk"]
    assert len(unknown) == MOST_CORRECTED
    passage = analysis("", "", "The warranty is long.")
    (within,) = overlaps(" ".join([*unknown[1:], "warrenty"]), [passage])
    (beyond,) = overlaps(" ".join([*unknown, "warrenty"]), [passage])
    assert within.sentence > 0
    assert beyond.sentence == 0


def test_a_question_without_words_shares_none() -> None:
    assert overlaps("?!", [analysis("", "", "Anything.")]) == [Overlap(0.0, 0.0)]
    assert overlaps("anything", []) == []


@given(st.text(max_size=60), st.lists(st.text(max_size=120), max_size=5))
def test_what_is_shared_is_a_part_of_the_question(question: str, texts: list[str]) -> None:
    for each in overlaps(question, [analysis("", "", text) for text in texts]):
        assert 0 <= each.words <= 1 + 1e-9
        assert 0 <= each.sentence <= 1 + 1e-9


# Order


def test_of_passages_as_near_the_one_with_the_words_is_first() -> None:
    a, b = found("a", text="The lamp is blue."), found("b", text="Error E17 means that the lamp is hot.")
    assert names(ranked("What is E17?", (a, candidate(a)), (b, candidate(b)))) == ["b-v1-0", "a-v1-0"]


def test_of_passages_with_the_same_words_the_nearer_is_first() -> None:
    a, b = found("a", text="Blue lamp."), found("b", text="Blue lamp!")
    assert names(ranked("lamp", (a, candidate(a, 0.4)), (b, candidate(b, 0.5)))) == ["b-v1-0", "a-v1-0"]
    assert names(ranked("lamp", (a, candidate(a, 0.5, 0.3)), (b, candidate(b, 0.5, 0.4)))) == ["b-v1-0", "a-v1-0"]


def test_equals_are_in_the_order_of_their_ids_whatever_the_engine_gave() -> None:
    a, b = found("a", text="Same."), found("b", text="Same.")
    pairs = [(a, candidate(a)), (b, candidate(b))]
    assert names(ranked("same", *pairs)) == names(ranked("same", *reversed(pairs))) == ["a-v1-0", "b-v1-0"]


def test_a_candidate_without_text_is_left_out() -> None:
    a, gone = found("a"), found("gone")
    results = fusion.rank("anything", [candidate(a), candidate(gone)], {"a-v1-0": a})
    assert names(results) == ["a-v1-0"]
    assert fusion.rank("anything", [], {}) == []


def test_the_shortlist_has_both_the_nearest_and_those_with_the_words() -> None:
    far = [candidate(found(f"far{n}"), 0.3, 0.3, 0.0) for n in range(100)]
    near, worded = candidate(found("near"), 0.8, 0.5), candidate(found("worded"), 0.3, 0.3, 12.0)
    short = fusion.shortlist([*far, worded, near])
    assert len(short) == fusion.SHORTLIST
    assert {each.document_id for each in short[:2]} == {"near", "worded"}
    assert fusion.shortlist([near]) == [near]
    assert fusion.shortlist([]) == []


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 50)), max_size=12))
def test_scores_are_shares_that_never_rise_down_the_list(cosines: list[tuple[float, float, float]]) -> None:
    pairs = [(each := found(f"d{n}"), candidate(each, *three)) for n, three in enumerate(cosines)]
    results = ranked("what is said", *pairs)
    assert len(results) == len(pairs)
    assert all(0 <= each.score <= 1 for each in results)
    assert all(one.score >= other.score and one.order >= other.order for one, other in pairwise(results))


def test_the_cosine_is_given_beside_the_score() -> None:
    a = found("a")
    assert [each.cosine for each in ranked("anything", (a, candidate(a, 0.42, 0.9)))] == [0.42]


def test_without_a_model_words_decide_order_and_score() -> None:
    a, b, c = found("a", text="The lamp."), found("b", text="The lamp is broken."), found("c", text="A bed.")
    pairs = [(each, candidate(each, 0.0, 0.0, 1.0)) for each in (a, b, c)]
    results = ranked("broken lamp", *pairs, by_words=True)
    assert names(results) == ["b-v1-0", "a-v1-0", "c-v1-0"]
    assert results[0].score > 0.5 > results[-1].score


# Score


def test_other_documents_tell_what_is_usual_and_the_first_ones_own_passages_do_not() -> None:
    own = [candidate(found("a", n), 0.9, 0.9) for n in range(3)]
    others = [candidate(found(f"d{n}"), 0.4, 0.9) for n in range(7)]
    assert fusion.usual_cosine(own) == 0
    assert fusion.usual_cosine([*own, others[0]]) == pytest.approx(0.4 / 5)
    assert fusion.usual_cosine([*own, *others]) == pytest.approx(0.4)
    assert fusion.usual_cosine([*own, candidate(found("d0", 1), 0.1), *others]) == pytest.approx(0.4)


def test_a_document_is_judged_by_the_most_that_its_passages_have() -> None:
    worded = Evidence(dense=0.4, headline=0.5, words=0.3, usual=0.3)
    nearest = Evidence(dense=0.6, headline=0.5, words=0.1, usual=0.3)
    other = Evidence(dense=0.9, headline=0.9, words=0.9, usual=0.3)
    both = Evidence(dense=0.6, headline=0.5, words=0.3, usual=0.3)
    assert fusion.pooled([("a", worded), ("b", other), ("a", nearest)]) == [both, other, nearest]
    assert fusion.pooled([]) == []


def test_what_a_later_passage_of_the_document_says_is_in_the_score_of_the_first() -> None:
    first, later, other = found("a"), found("a", 1), found("b", 1)
    pair = (first, candidate(first, 0.5, 0.6))
    (alone,) = ranked("anything", pair)
    assert ranked("anything", pair, (later, candidate(later, 0.6, 0.4)))[0].score > alone.score
    assert ranked("anything", pair, (other, candidate(other, 0.6, 0.4)))[0].score == alone.score


# What is shown


def test_neighbours_become_one_result_in_the_order_of_the_document() -> None:
    groups = grouped(placed(found("a", 3), found("b", 4), found("a", 2)), 5)
    assert shown(groups) == [[2, 3], [4]]
    assert groups[0].best.found.passage.position == 3
    assert groups[0].text.index("a 2") < groups[0].text.index("a 3")


def test_passages_that_are_apart_or_of_two_documents_stay_two() -> None:
    assert shown(grouped(placed(found("a", 1), found("a", 3), found("b", 2)), 5)) == [[1], [3], [2]]


def test_no_more_neighbours_than_the_bound_become_one() -> None:
    groups = grouped(placed(*(found("a", n) for n in range(MOST_MERGED + 1))), 5)
    assert shown(groups) == [list(range(MOST_MERGED)), [MOST_MERGED]]


def test_at_most_so_many_results_are_shown() -> None:
    passages = placed(*(found(f"d{n}") for n in range(6)))
    assert len(grouped(passages, 5)) == 5
    assert grouped(passages, 0) == []
    assert grouped([], 5) == []


def test_the_same_text_is_shown_once_where_it_is_placed_best() -> None:
    text = "The lamp is warranted for two years from the day of sale, in all countries."
    groups = grouped(placed(found("b", text=text), found("a", text=text.upper().replace(",", " -")), found("c")), 5)
    assert [group.best.found.passage.document_id for group in groups] == ["b", "c"]


@pytest.mark.parametrize(("kept", "same"), [(12, True), (11, True), (10, False)])
def test_texts_are_one_from_four_in_five_common_shingles(kept: int, same: bool) -> None:
    assert alike(shingles(" ".join(NUMBERS)), shingles(" ".join(NUMBERS[:kept]))) is same


def test_short_texts_are_one_only_if_they_are_the_same() -> None:
    assert alike(shingles("Two words."), shingles("two words"))
    assert not alike(shingles("Two words."), shingles("other words"))


def test_what_a_neighbour_repeats_stands_once() -> None:
    first = found("a", 0, "Open the box. Take the lamp out of the box.")
    second = found("a", 1, "Take the lamp out of the box. Screw it in.")
    (group,) = grouped(placed(first, second), 5)
    assert group.text == "Open the box. Take the lamp out of the box. Screw it in."


def test_ends_that_are_alike_by_chance_stay() -> None:
    (group,) = grouped(placed(found("a", 0, "Open the box"), found("a", 1, "box is open")), 5)
    assert group.text == "Open the box\n\nbox is open"


def test_a_neighbour_under_another_heading_stays_apart() -> None:
    """As the next question of a list of questions, whose answer is another."""
    first = found("a", 0, "Two years.", heading="Lamps > Warranty")
    second = found("a", 1, "By post.", heading="Lamps > Delivery")
    assert [group.text for group in grouped(placed(first, second), 5)] == ["Two years.", "By post."]
