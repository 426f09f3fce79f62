"""What a file is, and that nothing but `Unreadable` comes of any bytes."""

import contextlib
import io
from importlib import import_module

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.reading import SUPPORTED, Unreadable, media_type_of
from libs.reading.manuscript import Manuscript

from .files import read

OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX, XLSX = OFFICE + "wordprocessingml.document", OFFICE + "spreadsheetml.sheet"
ZIP = b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(16)


@pytest.mark.parametrize(
    ("head", "name", "declared", "expected"),
    [
        (b"words", "a.txt", None, "text/plain"),
        (b"words", "a.MD ", None, "text/markdown"),
        (b"words", "a.log", "application/octet-stream", "text/plain"),
        (b"words", "noname", None, "text/plain"),
        (b"words", "noname", "text/csv; charset=utf-8", "text/csv"),
        (b"words", "a.2025", None, "text/plain"),
        (b'{"a": 1}', "noname", None, "application/json"),
        (b'[{"a": 1}]', "noname", None, "application/json"),
        (b"[link] words", "noname", None, "text/plain"),
        (b"{}", "a.jsonl", None, "application/x-ndjson"),
        (b"\xef\xbb\xbf <!DOCTYPE HTML>", "a.txt", None, "text/html"),
        ("<html>".encode("utf-16"), "noname", None, "text/html"),
        (b"<?xml version='1.0'?><!-- x --><html xmlns='x'>", "a", None, "text/html"),
        (b"<p>", "a.htm", None, "text/html"),
        (b"%PDF-1.4", "a.txt", None, "application/pdf"),
        (b"stray bytes %PDF-1.4", "a.pdf", None, "application/pdf"),
        (b"How %PDF-1.4 is marked", "a.md", None, "text/markdown"),
        (ZIP + b"word/document.xml", "a.zip", None, DOCX),
        (ZIP + b"docProps/app.xml", "a.xlsx", None, XLSX),
        (ZIP + b"docProps/app.xml", "a", XLSX, XLSX),
        (ZIP + b"other", "a.zip", None, None),
        (ZIP + b"other", "a.txt", None, None),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.docx", None, DOCX),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.doc", None, None),
        (b"\x89PNG\r\n", "a.txt", None, None),
        (b"{\\rtf1 words", "a.txt", None, None),
        (b"words", "a.png", None, None),
        (b"words", "a.docx", None, None),
        (b"words", "a", "application/pdf", None),
        (bytes(range(32)) * 20, "a.txt", None, None),
        (b"MZ words of the New Zealand", "a.txt", None, "text/plain"),
        (b"", "a.pdf", None, "application/pdf"),
        (b"", "a", None, "text/plain"),
    ],
)
def test_content_decides_then_name_then_declaration(
    head: bytes, name: str, declared: str | None, expected: str | None
) -> None:
    assert media_type_of(head, name, declared) == expected


def test_supported_endings_are_told_once() -> None:
    endings = [ending for endings in SUPPORTED.values() for ending in endings]
    assert len(endings) == len(set(endings)) > 12


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.doc", "save it as .docx"),
        ("a.xls", "save it as .xlsx"),
        ("a.png", "txt, md, html, pdf, docx"),
        ("a.pdf", "says .pdf"),
    ],
)
def test_people_are_told_what_to_do(name: str, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(b"\x89PNG\r\n\x1a\n", name)
    assert caught.value.code == "unsupported_type"
    assert words in caught.value.reason


MARKS = ["---\n", "+++\n", "title: x\n", "# ", "Q: ", "A: ", "?", "| ", "\n\n", "```", "<div>", "</table>", "<td rowspan=2>", "<ul><li>", "\0",
         '"', ";", "{", "[", "}", "]", ": ", "question", "answer", "\ufeff", "\ud800", "é", "1. ", "\r", "<!DOCTYPE html>", "&#0;", "==="]  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(MARKS), st.text(max_size=20)), max_size=40).map("".join)
DATA = st.one_of(
    st.binary(max_size=300),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    TEXTS.map(lambda text: text.encode("utf-16", "surrogatepass")),
    TEXTS.map(lambda text: text.encode("cp1252", "replace")),
    st.sampled_from([b"%PDF-1.7\n", ZIP, b"<html>"]).flatmap(
        lambda head: st.binary(max_size=300).map(lambda tail: head + tail)
    ),
)
NAMES = st.one_of(
    st.text(max_size=20), st.sampled_from([f"a.{ending}" for endings in SUPPORTED.values() for ending in endings])
)


@given(DATA, NAMES, st.one_of(st.none(), st.text(max_size=20), st.sampled_from(sorted(SUPPORTED))))
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_are_read_or_refused(data: bytes, name: str, declared: str | None) -> None:
    media_type = media_type_of(data, name, declared)
    assert media_type is None or media_type in SUPPORTED
    with contextlib.suppress(Unreadable):
        reading = read(data, name, declared)
        assert reading.text.strip()
        assert reading.text.isprintable() or not any(
            ord(character) < 32 and character not in "\n\t" for character in reading.text
        )
        for entry in reading.entries:
            assert 0 <= entry.start < entry.end <= len(reading.text)
            assert entry.question
            assert entry.answer


TYPES = {"plain": "text/markdown", "tables": "text/csv", "json_documents": "application/json", "html": "text/html"}


@pytest.mark.parametrize("module", list(TYPES))
@given(DATA)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_text_parsers_raise_nothing_but_unreadable(module: str, data: bytes) -> None:
    """Seen without the catch-all that tells a parser's own error as a broken file."""
    parse = import_module(f"libs.reading.formats.{module}").read
    with contextlib.suppress(Unreadable):
        parse(io.BytesIO(data), TYPES[module], Manuscript(5000))
