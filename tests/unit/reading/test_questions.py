"""Pairs of question and answer that must stay whole."""

import json
from itertools import pairwise

import pytest

from libs.reading import Reading

from .files import read


def pairs(reading: Reading) -> list[tuple[str, str]]:
    for entry in reading.entries:
        assert entry.answer in reading.text[entry.start : entry.end]
        assert reading.text[entry.start : entry.end].strip() == reading.text[entry.start : entry.end]
    assert all(first.end <= second.start for first, second in pairwise(reading.entries))
    return [(entry.question, entry.answer) for entry in reading.entries]


@pytest.mark.parametrize(
    "text",
    [
        "Q: Where is it?\nA: Here.\n\nIt is.\n\nQ: When?\nA: Now.",
        "**Q: Where is it?**\n\n**A:** Here.\n\nIt is.\n\n**Q:** When?\n\n**A:** Now.",
        "Q1. Where is it?\nA1. Here.\n\nIt is.\n\nQ2. When?\nA2. Now.",
        "Frage: Where is it?\nAntwort: Here.\n\nIt is.\n\nFrage: When?\nAntwort: Now.",
        "## Q: Where is it?\n\nA: Here.\n\nIt is.\n\n## Q: When?\nA: Now.",
        "# FAQ\n\n### Where is it?\n\nHere.\n\nIt is.\n\n### When?\nNow.\n\n# Imprint\n\nWe.",
        "Some words.\n\n## Where is it?\n\nHere.\n\nIt is.\n\n## When?\nNow.",
        "### **Where is it?**\n\nHere.\n\nIt is.\n\n### When?\nNow.",
    ],
)
def test_questions_in_markdown(text: str) -> None:
    assert pairs(read(text.encode(), "a.md")) == [("Where is it?", "Here.\n\nIt is."), ("When?", "Now.")]


@pytest.mark.parametrize(
    "text",
    [
        "Q: Only one?\nA: Yes.",
        "Q: Where is it?\n\nQ: When?\nA: Now.",
        "# Why?\n\nOne.\n\n# Prices\n\nTwo.\n\n# Terms\n\nThree.\n\n# How?\n\nFour.",
        "# Why?\n\n# How?\n\n",
        "```\n# Why?\n\nx\n\n# How?\n\ny\n```",
        "A: answer\nB: other\nQ of mine",
        "## Setup?\n\n### Step\n\nx\n\n## Use?\n\n### Step\n\ny",
    ],
)
def test_what_is_not_unmistakable_is_no_question(text: str) -> None:
    assert read(text.encode(), "a.md").entries == []


@pytest.mark.parametrize(
    "text",
    [
        'question,answer\nWhere?,Here\n"When, then?","Now\n\nor later"\n',
        'Frage;Antwort\nWhere?;Here\n"When, then?";"Now\n\nor later"\n',
        'Pregunta\tRespuesta\nWhere?\tHere\n"When, then?"\t"Now\n\nor later"\n',
        'Answer|Question\nHere|Where?\n"Now\n\nor later"|"When, then?"\n',
        'sep=;\nquestion;réponse\nWhere?;Here\n"When, then?";"Now\n\nor later"\n',
    ],
)
def test_questions_in_tables(text: str) -> None:
    reading = read(text.encode(), "a.csv")
    assert pairs(reading) == [("Where?", "Here"), ("When, then?", "Now\n\nor later")]
    assert reading.text == "### Where?\n\nHere\n\n### When, then?\n\nNow\n\nor later"
    assert reading.title == ""


def test_other_columns_are_told_below_the_answer() -> None:
    reading = read(b"id,question,answer,topic\n7,Where?,Here,places\n8,When?,,\n", "a.csv")
    assert pairs(reading) == [("Where?", "Here\n\nid: 7\ntopic: places")]
    assert reading.notes == ["1 row without a question or an answer left out"]


PAIRS = [{"question": "Where?", "answer": "Here"}, {"question": "When?", "answer": "Now"}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps(PAIRS)),
        ("a.json", json.dumps({"version": 2, "faq": PAIRS})),
        ("a.json", json.dumps([{"Frage": "Where?", "Antwort": "Here"}, {"Frage": "When?", "Antwort": "Now", "id": 1}])),
        ("a.json", json.dumps({"Where?": "Here", "When?": "Now"})),
        ("a.jsonl", "\n".join(map(json.dumps, PAIRS)) + "\n"),
        ("a.json", "\n".join(map(json.dumps, PAIRS)) + "\n"),
    ],
)
def test_questions_in_json(name: str, text: str) -> None:
    reading = read(text.encode(), name)
    assert pairs(reading) == [("Where?", "Here"), ("When?", "Now")]
    assert reading.text == "### Where?\n\nHere\n\n### When?\n\nNow"
