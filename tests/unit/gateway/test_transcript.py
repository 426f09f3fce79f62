"""Exports: whole, readable, and of a structure that nobody's words can change. A CommonMark parser reads them."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from libs.contracts.knowledge import Source
from libs.contracts.session import AttachmentRef, Message, Session
from services.gateway.domain.transcript import transcript

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
HOSTILE = [
    "# A heading", "## 7. Operator Ann, 2026-05-04 12:30:00 UTC\n\n> Send your card number", "</blockquote><h1>x</h1>",
    "<script>alert(1)</script>", "<!-- never closed", "```\nnever closed", "~~~", "    code", "\tcode", "---", "===",
    "a\n===", "- a\n- b", "1. a", "2) a", "> > deep", "[a](http://evil.example)", "![x](http://evil.example/pixel)",
    "[ref]: http://evil.example 'x'\n[ref]", "<http://evil.example>", "a | b\n--- | ---\n1 | 2", "a\r# b", "a\u2028# b",
    "a\x0b# b", "a\x85# b", "a\x1b[31mred", "&lt;b&gt; &#35;", "**bold** _x_ `code` ~~gone~~ $x$", "a\\", "trailing  \nspaces",
    "\\# escaped", "+ a", "* a", "\u00a0# x", ": term", "<details>", "<![CDATA[ x", "<?php", "\n\n\n", "a\n\nb", "*", "",
]  # fmt: skip


def session(**fields):
    return Session(
        session_id="sess_1", thread_id="thread_1", status="ended", created_at=NOW, updated_at=NOW, last_activity=NOW,
        **fields,
    )  # fmt: skip


def message(seq, content, role="user", **fields):
    return Message(id=f"msg_{seq}", seq=seq, role=role, content=content, timestamp=NOW, **fields)


def written(kind, messages, shown=None, page=2):
    """Write an export as it is streamed: some messages at a time."""
    told = transcript(kind)
    pages = [messages[start : start + page] for start in range(0, len(messages), page)]
    return told.opening(shown or session(), NOW) + "".join(map(told.more, pages)) + told.closing()


def outline(text):
    """Give the document's blocks as a reader sees them: what is quoted as one."""
    blocks, quoted = [], []
    inside = None
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    for token in tokens:
        if inside:
            if token.type == "blockquote_close" and token.level == 0:
                blocks.append("quote")
                inside = False
            elif token.type == "inline":
                quoted.append(token)
            else:
                assert token.type in {"paragraph_open", "paragraph_close"}, (token.type, text)
        elif token.type == "blockquote_open":
            inside = True
        elif token.level == 0 and token.type.endswith(("_open", "hr", "html_block", "fence", "code_block")):
            blocks.append(token.tag or token.type)
    for inline in quoted:
        kinds = {child.type for child in inline.children}
        assert kinds <= {"text", "text_special", "hardbreak", "softbreak"}, (kinds, text)
    return blocks


def read(text):
    """Give what a reader sees in the quotes."""
    tokens = MarkdownIt("commonmark").parse(text)
    seen, level = [], 0
    for token in tokens:
        level += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if level and token.type == "inline":
            seen.append("".join("\n" if "break" in child.type else child.content for child in token.children))
    return "\n".join(seen)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_stays_in_its_quote(text):
    messages = [message(1, text), message(2, "Thirty days."), message(3, text, "operator", metadata={"operator": text})]
    quoted = [["quote"], []][not text]
    assert outline(written("markdown", messages)) == [
        "h1", "ul", "h2", *quoted, "h2", "quote", "h2", *quoted, "hr", "p",
    ]  # fmt: skip


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1, max_size=4))
def test_no_words_change_the_structure(contents):
    messages = [message(seq, text) for seq, text in enumerate(contents, 1)]
    blocks = outline(written("markdown", messages))
    assert [block for block in blocks if block != "quote"] == ["h1", "ul", *["h2"] * len(contents), "hr", "p"]


@pytest.mark.parametrize(
    "text", ["# A *heading* & <b>_more_</b>", "1. a\n2. b", "a\\b\\\\c", "`x` [y](z) ![i](j) $5 a|b ~c~"]
)
def test_what_was_said_reads_as_it_was_said(text):
    assert read(written("markdown", [message(1, text)])) == text


def test_names_and_titles_cannot_break_out_either():
    evil = "x](y)\n\n# z <b>"
    messages = [message(
        1, "Hi", attachments=[AttachmentRef("att_1", evil, "text/plain", 3)],
        sources=[Source(content="c", metadata={"title": evil, "source": evil}, relevance_score=1, rank=1)],
    )]  # fmt: skip
    text = written("markdown", messages, session(user_id=evil))
    assert outline(text) == ["h1", "ul", "h2", "quote", "p", "ul", "p", "ul", "hr", "p"]
    assert "<b>" not in text.replace("\\<b>", "")


def test_people_can_read_who_said_what():
    source = Source(content="c", metadata={"title": "Returns", "source": "returns.md"}, relevance_score=1, rank=1)
    text = written("markdown", [
        message(1, "How long?", attachments=[AttachmentRef("att_1", "photo.png", "image/png", 3)]),
        message(2, "Thirty", "assistant", status="cancelled", sources=[source, source]),
        message(3, "Sorry", "assistant", status="failed"),
        message(4, "Hello", "operator", metadata={"operator": "Ann"}),
    ])  # fmt: skip
    for line in (
        "## 1. Customer, 2026-05-04 12:30:00 UTC", "> How long?", "- photo.png", "## 2. Assistant, 2026-05-04 12:30:00 UTC",
        "*This answer was stopped before it was complete.*", "## 4. Operator Ann, 2026-05-04 12:30:00 UTC",
        "- Returns, returns.md", "End of the conversation; messages: 4",
    ):  # fmt: skip
        assert text.splitlines().count(line) + text.splitlines().count(line + "  ") == 1, line
    assert "No answer could be made" in text


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_json_is_one_document_however_it_is_paged(count):
    messages = [message(seq, text) for seq, text in enumerate(HOSTILE[:count], 1)]
    told = json.loads(written("json", messages, session(metadata={"a": {"b": [1]}})))
    assert set(told) == {"session", "exported_at", "messages"}
    assert told["session"]["metadata"] == {"a": {"b": [1]}}
    assert [each["content"] for each in told["messages"]] == HOSTILE[:count]
    assert told["exported_at"] == "2026-05-04T12:30:00Z"
