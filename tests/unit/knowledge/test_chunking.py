"""How a text is cut: by its structure, nothing lost, nothing too long, and the same every time."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.domain import Entry, Size, embedded_text, guessed_tokens
from services.knowledge.domain.chunking import Piece, cut, pieces
from tests.support.embedding import ROOT, SEED_DOCUMENTS

SIZE = Size(60, 12)
DOCUMENTS = sorted((ROOT / "docs").glob("*.md")) + sorted(SEED_DOCUMENTS.glob("*.md"))


def pieced(markdown: str, title: str = "Title", size: Size = SIZE) -> list[Piece]:
    return cut(markdown, title=title, measure=guessed_tokens, size=size)


def told(markdown: str) -> list[tuple[str, str]]:
    return [(piece.heading, piece.text) for piece in pieced(markdown)]


def once(found: list[Piece]) -> str:
    """What pieces say, without what they repeat and without white space."""
    said = "".join(piece.text[piece.repeated : len(piece.text) - piece.closing] for piece in found)
    return "".join(said.split())


def tokens(piece: Piece, title: str = "Title", size: Size = SIZE) -> int:
    return guessed_tokens(embedded_text(title, piece.heading, piece.text, guessed_tokens, size))


# --- what stands together


def test_paragraphs_share_a_piece_while_they_fit() -> None:
    assert told("Boil water.\n\nAdd leaves.") == [("", "Boil water.\n\nAdd leaves.")]


def test_a_heading_begins_a_piece_which_carries_its_path() -> None:
    markdown = "Intro.\n\n# Green ##\n## Brewing\n80 degrees.\n\n# Black\n95 degrees."
    assert told(markdown) == [("", "Intro."), ("Green > Brewing", "80 degrees."), ("Black", "95 degrees.")]


def test_a_level_that_is_left_out_ends_with_its_parent() -> None:
    assert told("# A\n### C\none\n## B\ntwo") == [("A > C", "one"), ("A > B", "two")]


def test_a_heading_with_nothing_under_it_is_not_lost() -> None:
    assert told("# A\n## B\n# C\ntext\n# D") == [("A", "B"), ("C", "text"), ("", "D")]


def test_what_is_no_heading_is_text() -> None:
    assert told("#no space\n\n####### seven") == [("", "#no space\n\n####### seven")]


def test_the_outermost_headings_give_way_where_they_are_too_long() -> None:
    markdown = "# one two three four five six\n## seven eight nine ten eleven\n### twelve thirteen\ntext"
    assert [piece.heading for piece in pieced(markdown)] == ["seven eight nine ten eleven > twelve thirteen"]


# --- where it is cut


def test_a_long_paragraph_is_cut_at_sentences_and_repeats_the_last() -> None:
    sentences = [f"Sentence {n} has six words." for n in range(30)]
    found = pieced(" ".join(sentences))
    assert len(found) > 2
    for before, piece in pairwise(found):
        repeated = piece.text[: piece.repeated].strip()
        assert repeated in sentences
        assert before.text.endswith(repeated)
        assert not piece.text[piece.repeated :].startswith(repeated)
    assert all(piece.text.endswith("words.") for piece in found)


def test_a_sentence_that_is_too_long_to_share_is_not_repeated() -> None:
    sentences = [f"Sentence {n} " + "goes on and on " * 5 + "to its end." for n in range(6)]
    assert [piece.repeated for piece in pieced(" ".join(sentences))] == [0] * len(pieced(" ".join(sentences)))


def test_nothing_is_shared_across_a_heading() -> None:
    assert [piece.repeated for piece in pieced("# A\nOne.\n# B\nTwo.")] == [0, 0]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One two. Three four.", ["One two.", "Three four."]),
        ("Is it so? Yes! Fine.", ["Is it so?", "Yes!", "Fine."]),
        ("It costs 3.50 e.g. in Bern.", ["It costs 3.50 e.g. in Bern."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("これは本です。次です。", ["これは本です。", "次です。"]),
        ("One line.\nNext line.", ["One line.", "Next line."]),
    ],
)
def test_a_sentence_ends_at_its_mark(text: str, sentences: list[str]) -> None:
    found = cut(text, title="", measure=lambda part: 100 if len(part) > len(max(sentences, key=len)) else 50)
    assert [piece.text for piece in found] == ["\n".join(sentences)] or once(found) == "".join(text.split())
    from services.knowledge.domain.blocks import sentences as parted

    assert [sentence for _, sentence in parted(text)] == sentences


def test_a_long_list_is_cut_between_items() -> None:
    items = [f"- item {n} with a few\n  more words to it" for n in range(12)]
    found = pieced("\n".join(items))
    assert len(found) > 1
    for piece in found:
        assert all(line.startswith(("- item", "  more")) for line in piece.text.splitlines())
        assert piece.text.startswith("- item")


def test_items_stay_together_over_blank_lines() -> None:
    assert len(pieced("- one\n\n- two\n\n  more of two\n\n- three")) == 1


def test_a_long_table_is_cut_at_rows_under_its_header() -> None:
    header = "| Country | Days |\n|---|---:|"
    rows = [f"| Land {n} | {n} |" for n in range(40)]
    found = pieced("Before.\n\n" + "\n".join([header, *rows]) + "\n\nAfter.")
    assert len(found) > 3
    for piece in found[1:]:
        assert piece.text.startswith(header)
    assert found[0].text.startswith(f"Before.\n\n{header}\n| Land 0 |")
    assert [row for piece in found for row in re.findall(r"\| Land .*\|", piece.text)] == rows


def test_long_code_is_cut_at_lines_within_its_fence() -> None:
    lines = [f"    x{n} = {n}  # a comment" for n in range(40)]
    found = pieced("```python\n" + "\n".join(lines) + "\n```")
    assert len(found) > 3
    for piece in found:
        assert piece.text.startswith("```python\n")
        assert piece.text.endswith("\n```")
    assert [line for piece in found for line in piece.text.splitlines() if line.startswith("    ")] == lines


def test_a_fence_holds_no_headings_and_is_kept_whole() -> None:
    fence = "```\n# not a heading\n\n~~~\nlast\n```"
    assert told(f"Before.\n\n{fence}\n\n# After\nEnd.") == [("", f"Before.\n\n{fence}"), ("After", "End.")]


def test_text_without_spaces_is_cut_all_the_same() -> None:
    found = pieced("x" * 4_000)
    assert len(found) > 5
    assert once(found) == "x" * 4_000


# --- questions and answers


def faq(*pairs: tuple[str, str]) -> tuple[str, list[Entry]]:
    text, entries = "# Shop\n\nWelcome.\n\n## Help\n\n", []
    for question, answer in pairs:
        start = len(text)
        text += f"### {question}\n\n{answer}\n\n"
        entries.append(Entry(question, answer, start, len(text)))
    return text + "## Imprint\n\nThe end.", entries


def test_a_question_and_its_answer_are_one_piece_among_the_rest() -> None:
    text, entries = faq(("How long?", "Three days.\n\n- or four"), ("Where?", "Everywhere."))
    found = pieces(text, entries, title="T", measure=guessed_tokens, size=SIZE)
    assert [(piece.heading, piece.text) for piece in found] == [
        ("Shop", "Welcome."),
        ("Shop > Help > How long?", "Three days.\n\n- or four"),
        ("Shop > Help > Where?", "Everywhere."),
        ("Shop > Imprint", "The end."),
    ]


def test_an_answer_that_is_too_long_repeats_its_question() -> None:
    answer = " ".join(f"Sentence {n} has six words." for n in range(30))
    text, entries = faq(("How long?", answer), ("Where?", "Everywhere."))
    found = pieces(text, entries, title="T", measure=guessed_tokens, size=SIZE)
    parts = [piece for piece in found if piece.heading.endswith("How long?")]
    assert len(parts) > 2
    assert once(parts) == "".join(answer.split())
    assert sum(piece.text == "Everywhere." for piece in found) == 1


def test_a_question_that_is_too_long_to_be_carried_is_said_in_full_once() -> None:
    question = "Is it so that " + "this goes on and on " * 6 + "?"
    text, entries = faq((question, "Yes."), ("Where?", "Everywhere."))
    found = pieces(text, entries, title="T", measure=guessed_tokens, size=SIZE)
    assert sum(" ".join(question.split()) in " ".join(piece.text.split()) for piece in found) == 1
    assert all(tokens(piece, "T") <= SIZE.tokens + 2 for piece in found)


# --- bounds


@given(
    st.lists(
        st.one_of(
            st.text(alphabet="ab. \n-|`", max_size=200),
            st.sampled_from(
                ["- item one two\n", "| a | b |\n|---|---|\n| c | d |\n", "```\ncode\n```\n", "Word. ", "\n\n"]
            ),
            st.integers(1, 80).map(lambda n: "word " * n + "end. "),
            st.integers(1, 40).map(lambda n: "| a | b |\n|---|---|\n" + "| row of | cells |\n" * n + "\n"),
        ),
        max_size=20,
    )
)
def test_nothing_is_lost_or_too_long_and_order_is_kept(parts: list[str]) -> None:
    markdown = "".join(parts)
    found = pieced(markdown)
    assert once(found) == "".join(markdown.split())
    for piece in found:
        assert piece.text.strip()
        assert tokens(piece) <= SIZE.tokens
    assert pieced(markdown) == found


@given(st.text(max_size=2_000), st.text(max_size=300))
def test_any_text_can_be_cut(text: str, title: str) -> None:
    for piece in pieced(text, title):
        assert tokens(piece, title) <= SIZE.tokens + 2
        assert piece.text.strip()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_real_documents_lose_no_word_and_fit_the_model(path: object) -> None:
    markdown = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    size = Size()
    found = pieced(markdown, "The title of a document", size)
    said = " ".join(piece.text for piece in found)
    headings = " ".join(piece.heading for piece in found)
    missing = [word for word in re.findall(r"\w{4,}", markdown) if word not in said and word not in headings]
    assert missing == []
    assert max(tokens(piece, "The title of a document", size) for piece in found) <= size.tokens + 2
    long = [piece for piece in found if guessed_tokens(piece.text) > 100]
    assert len(found) == 1 or len(long) > 0
