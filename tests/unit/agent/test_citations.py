"""Citation marks in streaming text: which are marks, how they are renumbered, and that pieces change nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.domain.citations import Citations


def rewritten(text: str, ranks: range = range(1, 6), size: int = 1) -> tuple[str, list[int]]:
    citations = Citations(ranks)
    pieces = [citations.feed(text[n : n + size]) for n in range(0, len(text), size)]
    return "".join([*pieces, citations.finish()]), citations.used


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("written", "left", "used"),
    [
        ("Thirty days [4].", "Thirty days [1].", [4]),
        ("A [3]. B [1]. C [3].", "A [1]. B [2]. C [1].", [3, 1]),
        ("A [2, 5].", "A [1][2].", [2, 5]),
        ("A [2;5].", "A [1][2].", [2, 5]),
        ("A [2][5].", "A [1][2].", [2, 5]),
        ("A [2-4].", "A [1][2][3].", [2, 3, 4]),
        ("A [4-5, 2].", "A [1][2][3].", [4, 5, 2]),
        ("A [ 3 – 5 ].", "A [1][2][3].", [3, 4, 5]),
        ("A [ 2 ].", "A [1].", [2]),
        ("A【2】.", "A[1].", [2]),
        ("A [2, 2].", "A [1].", [2]),
        ("thirty days[2].", "thirty days[1].", [2]),
        ("A [9].", "A.", []),
        ("A [9] B.", "A B.", []),
        ("A  [9].", "A .", []),
        ("A [0].", "A.", []),
        ("A [2, 9].", "A [1].", [2]),
        ("A [9][2].", "A[1].", [2]),
        ("[2] A", "[1] A", [2]),
        ("[9] A", " A", []),
        ("A [1][2][3][4].", "A [1][2][3].", [1, 2, 3]),
        ("A [1][2][3]. B [4]. C [2].", "A [1][2][3]. B. C [2].", [1, 2, 3]),
        ("end [2]", "end [1]", [2]),
        ("end [9]", "end", []),
    ],
)
def test_marks_are_numbered_by_first_use_and_others_are_removed(
    written: str, left: str, used: list[int], size: int
) -> None:
    assert rewritten(written, size=size) == (left, used)


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "[click here] [1a] [] [ ] [2024] [x] [1.5]",
        "array[0] = 1",
        "array[0, 1]",
        "ages [1-4], [2–5] and [3-6]",
        "[4-2], [3-3] and [1-2-3]",
        "[5-6], [7-9], [0-2] and [1, 4-6]",
        "use `list[1]` and `a [2]`",
        "```\nx [1]\n```",
        "[1](https://example.com)",
        "[ 1, 2, 3, 4, 5, 1, 2 ]",
        "[1\n]",
        "an open [",
        "an open [1",
        "an open [1, ",
        "a space at the end ",
        "[[",
        "",
    ],
)
def test_other_brackets_pass_unchanged(text: str, size: int) -> None:
    assert rewritten(text, size=size) == (text, [])


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("`code` and [1]", "`code` and [1]"),
        ("an open ` tick\nthen [9].", "an open ` tick\nthen."),
        ("```\nx [9]\n```\nthen [9].", "```\nx [9]\n```\nthen."),
    ],
)
def test_code_ends(written: str, left: str) -> None:
    for size in (1, 2, 100):
        assert rewritten(written, size=size)[0] == left


def test_passages_that_a_tool_found_can_be_cited_from_then_on() -> None:
    citations = Citations([1])
    said = citations.feed("A [6] and ")
    citations.know([6])
    said += citations.feed("B [6].") + citations.finish()
    assert (said, citations.used) == ("A and B [1].", [6])


def test_text_without_brackets_is_not_held_back() -> None:
    assert Citations([1]).feed("Thirty days.") == "Thirty days."


PARTS = st.sampled_from(
    [
        "[1]",
        "[2, 3]",
        "[",
        "]",
        " ",
        "【4】",
        "[9]",
        "`",
        "```",
        "\n",
        "a",
        "word",
        "(",
        "[1",
        "-",
        "12",
        ",",
        ".",
        "[0]",
        "x[",
    ]
)


@given(st.lists(PARTS | st.text(max_size=5), max_size=25).map("".join), st.data())
def test_any_cut_of_a_text_gives_the_same_and_little_is_held(text: str, data: st.DataObject) -> None:
    whole = rewritten(text, size=max(1, len(text)))
    citations, said, at, known = Citations(range(1, 6)), "", 0, 0
    while at < len(text):
        size = data.draw(st.integers(1, 9))
        said += citations.feed(text[at : at + size])
        at += size
        known = max(known, len(citations._held))
    assert (said + citations.finish(), citations.used) == whole
    assert known <= 16


@given(st.text(alphabet="ab .,()`\n[]", max_size=60))
def test_text_without_numbers_is_never_changed(text: str) -> None:
    assert rewritten(text, size=2) == (text, [])
