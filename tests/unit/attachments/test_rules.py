"""What a file is, what it is called, how much of it is told, and how it is offered for download."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.attachments import Attachment
from libs.contracts.errors import Invalid
from services.attachments.domain import (
    NAME_CHARACTERS,
    TEXT_CHARACTERS,
    Detected,
    Found,
    Reading,
    clean_name,
    clean_text,
    clean_type,
    detect,
    read,
    share,
    suffix_of,
)
from services.gateway.domain.uploads import check_attachment_ids, download_disposition, download_type, upload_reply

from .files import pdf

ID = "att_01M7WFKX817W324VZC06MW7WMX"


@pytest.mark.parametrize(
    ("name", "declared", "head", "kind"),
    [
        ("a.txt", "text/plain", b"words", "text"),
        ("A.TXT", "unknown", b"words", "text"),
        ("a.md", "application/octet-stream", b"# words", "text"),
        ("a.csv", "text/csv", b"a;b", "text"),
        ("a.json", "application/json", b"{}", "text"),
        ("a.log", "unknown", "wide".encode("utf-16"), "text"),
        ("a.pdf", "application/pdf", pdf("words"), "pdf"),
        ("a.pdf", "unknown", b"\n\n" + pdf("words"), "pdf"),
        ("README", "unknown", b"words", "text"),
        ("invoice", "unknown", pdf("words"), "pdf"),
        ("../../x.txt", "text/plain", b"words", "text"),
        ("mz.txt", "text/plain", b"MZ is a name too", "text"),
        ("about.txt", "text/plain", b"this is about %PDF-1.7 files", "text"),
    ],
)
def test_what_can_be_read(name: str, declared: str, head: bytes, kind: str) -> None:
    found = detect(name, declared, head)
    assert isinstance(found, Detected)
    assert found.kind == kind


@pytest.mark.parametrize(
    ("name", "declared", "head", "reason"),
    [
        ("a.exe", "text/plain", b"words", "unsupported_type"),
        ("a.txt.exe", "text/plain", b"words", "unsupported_type"),
        ("a.docx", "unknown", b"PK\x03\x04", "unsupported_type"),
        ("a.png", "image/png", b"\x89PNG\r\n\x1a\n", "unsupported_type"),
        ("picture", "text/plain", b"\x89PNG\r\n\x1a\n", "unsupported_type"),
        ("a.txt", "text/plain", b"\x89PNG\r\n\x1a\n", "type_mismatch"),
        ("a.txt", "text/plain", b"PK\x03\x04", "type_mismatch"),
        ("a.txt", "text/plain", b"MZ\x90\0\3", "type_mismatch"),
        ("a.txt", "application/pdf", pdf("words"), "type_mismatch"),
        ("a.pdf", "application/pdf", b"words", "type_mismatch"),
        ("a.pdf", "application/pdf", b"PK\x03\x04", "type_mismatch"),
        ("invoice", "application/pdf", b"words", "type_mismatch"),
        ("a.csv", "text/csv", b"a;b\0", "not_text"),
    ],
)
def test_r39_what_is_refused_and_why(name: str, declared: str, head: bytes, reason: str) -> None:
    found = detect(name, declared, head)
    assert isinstance(found, Reading)
    assert (found.state, found.reason) == ("rejected", reason)
    assert reason not in {"unsupported_type", "not_text"} or "txt, md, csv, json, log and pdf" in (found.error or "")


@given(st.text(), st.text(), st.binary())
def test_r39_deciding_never_fails(name: str, declared: str, head: bytes) -> None:
    found = detect(clean_name(name), clean_type(declared), head)
    assert isinstance(found, Detected) or found.error


@given(st.text(max_size=800))
def test_r39_a_name_can_be_shown_and_stored(name: str) -> None:
    shown = clean_name(name)
    assert 0 < len(shown) <= NAME_CHARACTERS
    assert unicodedata.is_normalized("NFC", shown) or len(shown) == NAME_CHARACTERS
    assert shown.encode()
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in shown)
    assert clean_name(shown) == shown


def test_r39_names_are_kept() -> None:
    for name in ("../x.txt", "größe 中文.txt", "n" * 300, "a:b?.txt"):
        assert clean_name(name) == name
    assert clean_name("u\u0308.txt") == "ü.txt"
    assert clean_name("n" * 400 + ".json") == "n" * 295 + ".json"
    assert clean_name("n" * 400 + "." + "x" * 50) == "n" * 300
    assert clean_name(" \0 ") == "unnamed"
    assert [suffix_of(name) for name in ("a.TXT", "a.b/c", "..\\.hidden", "a.", "a. txt ")] == [
        "txt",
        "",
        "",
        "",
        "txt",
    ]


@given(st.text())
def test_any_text_can_be_stored_and_told(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert "\0" not in cleaned
    assert clean_text(cleaned) == cleaned


def test_texts_are_bounded() -> None:
    reading = read(Found(text="w" * (TEXT_CHARACTERS + 1)), "text/plain")
    assert (len(reading.text), reading.truncated, len(reading.preview or "")) == (TEXT_CHARACTERS, True, 500)
    assert not read(Found(text="w" * TEXT_CHARACTERS), "text/plain").truncated
    assert read(Found(text="w", truncated=True), "text/plain").truncated


@given(st.lists(st.integers(0, 5000), max_size=8), st.integers(-5, 20_000))
def test_what_is_shared_out_is_never_more_than_there_is(lengths: list[int], total: int) -> None:
    granted = share(lengths, total)
    assert all(0 <= got <= length for got, length in zip(granted, lengths, strict=True))
    assert sum(granted) <= max(total, 0)
    assert sum(granted) == sum(lengths) or sum(granted) > max(total, 0) - max(len(lengths), 1)


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ("text/csv; charset=utf-8", "text/csv"),
        ("TEXT/Plain", "text/plain"),
        ("", "unknown"),
        ("text", "unknown"),
        ("text/plain\r\nX-Evil: 1", "unknown"),
        ("a/" + "b" * 200, "unknown"),
    ],
)
def test_a_declared_type_is_a_media_type_or_unknown(declared: str, kept: str) -> None:
    assert clean_type(declared) == kept


# --- at the gateway


def attachment(**fields: object) -> Attachment:
    values = {
        "attachment_id": ID, "session_id": "sess_1", "filename": "a.txt", "content_type": "text/html", "size": 1,
        "sha256": "", "state": "ready", "created_at": datetime(2026, 5, 4, tzinfo=UTC),
    } | fields  # fmt: skip
    return Attachment(**values)


@given(st.text(max_size=300))
def test_r39_a_download_has_a_name_without_a_path_or_a_second_header(name: str) -> None:
    header = download_disposition(clean_name(name))
    assert header.isascii()
    assert header.isprintable()
    assert header.startswith('attachment; filename="')
    assert not set("/\\") & set(header)
    assert header.count('"') == 2


def test_a_download_keeps_its_name() -> None:
    assert (
        download_disposition("größe.txt") == "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt"
    )
    assert download_disposition("../../x.txt") == "attachment; filename=\"x.txt\"; filename*=UTF-8''x.txt"
    assert download_disposition("..") == "attachment; filename=\"attachment\"; filename*=UTF-8''attachment"


def test_a_download_is_offered_as_what_was_found_in_it_and_never_as_what_was_said() -> None:
    assert download_type(attachment(detected_type="text/plain")) == "text/plain"
    assert download_type(attachment(state="rejected", detected_type="application/pdf")) == "application/octet-stream"
    assert download_type(attachment()) == "application/octet-stream"


@pytest.mark.parametrize("given", [["/etc/passwd"], [{"path": "/etc/passwd"}], [7], [None], [""], [f"{ID} "], [[ID]]])
def test_r15_only_ids_name_uploads(given: list[object]) -> None:
    with pytest.raises(Invalid) as caught:
        check_attachment_ids(given)
    assert caught.value.code == "invalid_attachment"


def test_r15_ids_are_counted_once() -> None:
    ids = [ID[:-1] + str(number) for number in range(6)]
    assert check_attachment_ids([ID, ID]) == [ID]
    assert check_attachment_ids(ids[:5] * 2) == ids[:5]
    with pytest.raises(Invalid):
        check_attachment_ids(ids)


def test_an_upload_is_answered_as_it_stands() -> None:
    waiting = upload_reply(attachment(state="uploaded", size=1_500_000, content_type="unknown"))
    assert (waiting.processed, waiting.error, waiting.preview) == (False, None, None)
    assert (waiting.size_mb, waiting.content_type) == (1_500_000 / 1024 / 1024, "unknown")
