"""Text, Markdown, and what bytes mean."""

import pytest

from libs.reading import Unreadable

from .files import read

GERMAN = "Die Größe der Tür ist für alle höher, und die Straße müßte süßer klingen. Fünf Äpfel über Öl."
JAPANESE = "返品は商品の到着から三十日以内に可能です。詳しくはカスタマーサポートまでお問い合わせください。"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param("größer 中文 🎈".encode(), "größer 中文 🎈", id="utf-8"),
        pytest.param("\ufeffmarked ä".encode(), "marked ä", id="mark"),
        pytest.param("wide wörds".encode("utf-16"), "wide wörds", id="utf-16"),
        pytest.param("\ufeffwide wörds".encode("utf-16-be"), "wide wörds", id="utf-16-be"),
        pytest.param(("wide wörds " * 20).encode("utf-16-le"), ("wide wörds " * 20).strip(), id="utf-16 without mark"),
        pytest.param("wider".encode("utf-32"), "wider", id="utf-32"),
        pytest.param((GERMAN * 5).encode("cp1252"), GERMAN * 5, id="windows-1252"),
        pytest.param((GERMAN + " 5 € “so”").encode("cp1252"), GERMAN + " 5 € “so”", id="windows-1252 signs"),
        pytest.param((JAPANESE * 3).encode("shift_jis"), JAPANESE * 3, id="shift-jis"),
        pytest.param(("Где мой заказ и когда он придёт? " * 9).encode("cp1251"), ("Где мой заказ и когда он придёт? " * 9).strip(), id="windows-1251"),
        pytest.param(b"a\0b\x07c\x1b[31m\x7f d", "abc[31m d", id="controls"),
        pytest.param(b"one\r\ntwo\rthree\x0cfour", "one\ntwo\nthree\nfour", id="line ends"),
        pytest.param("cafe\u0301".encode(), "café", id="composed"),
        pytest.param("trai\u00adling\u202e x\u200b".encode(), "trailing x\u200b", id="unseen"),
        pytest.param(b"a  \n\n\n\n\nb\t\n", "a\n\nb", id="blank lines"),
    ],
)  # fmt: skip
def test_text_of_any_encoding(data: bytes, text: str) -> None:
    reading = read(data, "a.txt")
    assert reading.text == text
    assert reading.media_type == "text/plain"
    assert reading.notes == []


def test_utf8_with_scars_stays_utf8() -> None:
    reading = read((GERMAN * 20).encode() + b"\xff end", "a.txt")
    assert reading.text == GERMAN * 20 + "\ufffd end"
    assert reading.notes == ["1 character could not be decoded"]


@pytest.mark.parametrize("data", [b"", b" \n\t ", "\ufeff".encode(), b"--- \n ...", b"\0\0\0\0"])
def test_a_file_without_a_word_is_empty(data: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read(data, "a.txt")
    assert caught.value.code == ("unsupported_type" if data.startswith(b"\0") else "empty")


def test_the_longest_text_is_read_and_a_longer_one_is_not() -> None:
    assert len(read(b"x" * 100, "a.txt", output_characters=100).text) == 100
    with pytest.raises(Unreadable) as caught:
        read(b"x" * 101, "a.txt", output_characters=100)
    assert caught.value.code == "too_large"


def test_the_largest_file_is_read_and_a_larger_one_is_not() -> None:
    assert read(b"x" + b" " * 399, "a.txt", output_characters=100).text == "x"
    with pytest.raises(Unreadable) as caught:
        read(b"x" + b" " * 400, "a.txt", output_characters=100)
    assert caught.value.code == "too_large"


def test_front_matter_is_taken_off() -> None:
    text = """---
id: doc_1
title: "Returns: how"
tags: [orders, 'refunds']
audience:
  - all
  - staff
summary: >
  Two
  lines
# a comment
source: https://example.org/a  # where
---

# Other heading

Words.
"""
    reading = read(text.encode(), "a.md")
    assert reading.title == "Returns: how"
    assert reading.metadata == {
        "id": "doc_1", "tags": "orders, refunds", "audience": "all, staff", "summary": "Two, lines",
        "source": "https://example.org/a",
    }  # fmt: skip
    assert reading.text == "# Other heading\n\nWords."


def test_toml_front_matter_is_taken_off() -> None:
    reading = read(b'+++\ntitle = "T"\ntags = ["a", "b"]\n+++\nWords.', "a.md")
    assert (reading.title, reading.metadata, reading.text) == ("T", {"tags": "a, b"}, "Words.")


@pytest.mark.parametrize(
    "text",
    ["---\nno field here\n---\nWords.", "---\ntitle: never ends\n\nWords.", "+++\nbroken = \n+++\nWords.", "---\n---"],
)
def test_what_is_no_front_matter_stays(text: str) -> None:
    reading = read((text + "\n\nMore words").encode(), "a.md")
    assert reading.text.startswith(text[:3])
    assert reading.metadata == {}


def test_markdown_stays_as_it_is() -> None:
    text = "# Title\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n- one\n  - two\n\n1. x\n\n```\n# no heading\n\n\n\nx\n```\n\nEnd"
    reading = read(text.encode(), "a.md")
    assert reading.text == text.replace("\n\n\n\nx", "\n\nx")
    assert reading.title == "Title"


def test_underlined_headings_and_comments() -> None:
    reading = read(b"Big\n===\n\nSmall\n---\n\ntext <!-- hidden -->end\n\n- item\n---\n", "a.md")
    assert reading.text == "# Big\n\n## Small\n\ntext end\n\n- item\n---"


def test_a_program_is_no_heading() -> None:
    assert read(b"```\n# not a title\n```\nwords\n\n## Title ##\n", "a.md").title == "Title"
