"""What a customer asked, apart, and what to look for."""

import pytest

from services.agent.domain import question, words
from services.agent.domain.sentences import sentences

from .fakes import message


def test_the_query_is_all_open_questions() -> None:
    asked = [message("My shoes are too small."), message("Can I return them?", seq=2)]
    assert question.query(asked, []) == "My shoes are too small. Can I return them?"


def test_only_a_follow_up_brings_history_into_the_query() -> None:
    history = [message("What about express shipping?"), message("1-2 days", role="assistant", seq=2)]
    assert question.query([message("and how long?", seq=3)], history) == "What about express shipping? and how long?"
    assert question.query([message("and a refund?", seq=3)], history) == "and a refund?"
    assert question.query([message("thanks!", seq=3)], history) == "thanks!"
    assert question.query([message("why?", seq=3)], []) == "why?"


def test_a_long_story_gives_its_question() -> None:
    story = "I bought a lamp last year. " * 60 + "Can I still return it?"
    assert question.query([message(story)], []) == "Can I still return it?"
    assert len(question.query([message("word " * 700)], [])) <= question.MAX_QUERY


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("How do I pay?", ["How do I pay?"]),
        ("Hi! How do I pay? Do you ship to Spain?", ["How do I pay?", "Do you ship to Spain?"]),
        ("What does shipping cost and how long does it take to Spain?", ["What does shipping cost", "how long does it take to Spain?"]),
        ("I want my money back", ["I want my money back"]),
        ("Thanks a lot!", []),
        ("", []),
    ],
)  # fmt: skip
def test_questions_are_taken_apart(text: str, parts: list[str]) -> None:
    assert question.asked([message(text)], []) == parts


@pytest.mark.parametrize(
    "same",
    [
        "return returns returned returning",
        "ship ships shipped shipping",
        "cancel cancels cancelled canceling",
        "verify verifies verified verification",
        "reset resets resetting",
        "policy policies",
        "address addresses",
        "arrive arrives arrived arriving",
        "pay pays paying payment payments",
    ],
)
def test_forms_of_a_word_have_one_stem(same: str) -> None:
    assert len({words.stem(word) for word in same.split()}) == 1


def test_different_words_keep_their_stems() -> None:
    apart = [
        "order",
        "return",
        "refund",
        "ship",
        "sheep",
        "pay",
        "play",
        "member",
        "account",
        "address",
        "business",
        "bus",
        "reset",
        "rest",
        "new",
    ]
    assert len({words.stem(word) for word in apart}) == len(apart)


@pytest.mark.parametrize(
    ("passage", "parts"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("By 9 a.m. EST. Later no.", ["By 9 a.m. EST.", "Later no."]),
        ("It costs 3.50 in all. Yes.", ["It costs 3.50 in all.", "Yes."]),
        ("Do this: 1. Open it. 2. Close it.", ["Do this: 1. Open it. 2. Close it."]),
        ("Choose one:\n- red\n- green\n\nThen pay.", ["Choose one:\n- red\n- green", "Then pay."]),
        ('He said "Go." Then he went.', ['He said "Go."', "Then he went."]),
        ("", []),
    ],
)
def test_passages_are_taken_apart_into_what_can_be_quoted(passage: str, parts: list[str]) -> None:
    assert sentences(passage) == parts
