"""What of a text can be found again by its words."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.domain import lexical
from services.knowledge.domain.spelling import distance, nearest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Track the PARCEL!", ["track", "the", "parcel"]),
        ("The customer's order, don't", ["the", "customer", "order", "dont"]),
        ("The customer’s order", ["the", "customer", "order"]),
        ("l'adresse d'expédition", ["adresse", "expédition"]),
        ("E-17 and NL_T200", ["e", "17", "and", "nl", "t200"]),
        ("退货 ok", ["退货", "ok"]),
        ("退货政策", ["退货", "货政", "政策"]),
        ("货", ["货"]),
        ("...", []),
        ("", []),
    ],
)
def test_words_are_lower_case_and_without_apostrophes(text: str, words: list[str]) -> None:
    assert lexical.words(text) == words


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("How can I return it?", "en"),
        ("Wie kann ich das zurückgeben?", "de"),
        ("¿Cómo puedo devolver el pedido?", "es"),
        ("Comment puis-je rendre ma commande ?", "fr"),
        ("refund parcel", None),
    ],
)
def test_the_language_is_told_by_small_words(text: str, name: str | None) -> None:
    assert lexical.language(lexical.words(text)) == name


def test_a_passage_keeps_content_words_as_stems() -> None:
    assert lexical.stems("The refunds were returned to the returning customers") == [
        "refund",
        "return",
        "return",
        "custom",
    ]


@pytest.mark.parametrize(
    ("passage", "question"),
    [
        ("We are shipping the orders to you.", "When do you ship my order?"),
        ("Die Rücksendungen werden von uns bezahlt.", "Wer bezahlt die Rücksendung?"),
        ("Los reembolsos se hacen en tres días.", "¿Cuándo se hace el reembolso?"),
        ("Les remboursements sont faits en trois jours.", "Quand est-ce que le remboursement est fait ?"),
        ("Die Rücksendungen werden von uns bezahlt.", "Rücksendung"),
    ],
)
def test_a_question_shares_weights_with_a_passage_in_its_language(passage: str, question: str) -> None:
    assert lexical.query_weights(question).keys() & lexical.weights("", "", passage).keys()


def test_a_small_word_of_one_language_is_a_content_word_of_another() -> None:
    assert "war" in lexical.stems("The war of the dynasty")
    assert "war" not in lexical.stems("Es war die Lampe von gestern")


def test_a_question_of_small_words_only_is_asked_as_it_is() -> None:
    assert [term.word for term in lexical.terms("How are you?")] == ["how", "are", "you"]
    assert lexical.terms("?!") == []


def test_each_word_is_asked_for_once() -> None:
    assert [term.stems for term in lexical.terms("What are refunds and a refund of the refunded?")] == [("refund",)]


def test_a_question_has_no_more_words_than_the_bound() -> None:
    words = [f"code{n}" for n in range(lexical.MOST_TERMS + 1)]
    assert [term.word for term in lexical.terms(" ".join(words))] == words[:-1]
    assert [term.word for term in lexical.terms(" ".join(words[:-1]))] == words[:-1]


def test_title_and_headings_count_as_the_text_does() -> None:
    stem = lexical.index_of("refund")
    assert stem in lexical.weights("Refund", "", "Text.")
    assert stem in lexical.weights("", "Refunds", "Text.")
    assert stem not in lexical.weights("", "", "Text.")


def test_a_word_that_stands_often_weighs_more_and_never_more_than_the_bound() -> None:
    once, often, always = (lexical.saturated(count, 80) for count in (1, 5, 10_000))
    assert once == pytest.approx(1.0)
    assert once < often < always < 1 + lexical.K1


def test_a_word_weighs_less_in_a_longer_passage() -> None:
    assert lexical.saturated(1, 20) > lexical.saturated(1, 80) > lexical.saturated(1, 400)


def test_the_number_of_a_stem_is_the_same_in_every_process() -> None:
    code = "from services.knowledge.domain import lexical; print(lexical.index_of('refund'))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert int(told) == lexical.index_of("refund")


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_has_weights_that_an_index_takes(title: str, text: str) -> None:
    for made in (lexical.weights(title, "", text), lexical.query_weights(text)):
        assert all(0 <= key < 2**32 and 0 < value < 100 for key, value in made.items())


@given(st.text(max_size=300))
def test_sentences_hold_all_words_of_a_text(text: str) -> None:
    parts = [word for sentence in lexical.sentences(text) for word in sentence.split()]
    assert parts == text.split()


def test_a_piece_of_a_few_words_is_no_sentence_of_its_own() -> None:
    text = "You may return it within thirty days. No. Send it back with the label that came in the box."
    assert list(lexical.sentences(text)) == [
        "You may return it within thirty days. No.",
        "Send it back with the label that came in the box.",
    ]


@pytest.mark.parametrize(
    ("one", "other", "mistakes"),
    [
        ("refund", "refund", 0),
        ("refnd", "refund", 1),
        ("refudn", "refund", 1),
        ("rfudn", "refund", 2),
        ("abc", "xyz", 3),
    ],
)
def test_mistakes_are_counted_up_to_the_bound(one: str, other: str, mistakes: int) -> None:
    assert distance(one, other, 3) == distance(other, one, 3) == mistakes
    assert distance(one, other, 1) == min(mistakes, 2)


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("refnd", ["refund"]),
        ("waranti", ["warranti"]),
        ("gurrantee", ["guarantee"]),  # two mistakes, in a long word
        ("rfnd", []),  # two mistakes, in a short one
        ("sefund", []),  # another first letter
        ("ref", []),  # too short
        ("t2000", []),  # a code is what it is
    ],
)
def test_a_word_that_nobody_knows_is_one_that_is_nearly_it(word: str, near: list[str]) -> None:
    assert nearest(word, ["refund", "warranti", "guarantee", "t200"]) == near


@pytest.mark.parametrize(("length", "found"), [(3, False), (4, True), (30, True), (31, False)])
def test_very_short_and_very_long_words_are_never_taken_for_others(length: int, found: bool) -> None:
    known = "a" * (length + 1)
    assert nearest("a" * length, [known]) == ([known] if found else [])
