"""What a form and a query say of documents, and where a text goes that a message of the bus has no room for."""

from typing import Any

import pytest

from libs.contracts.channels import encode
from libs.contracts.documents import Document, DocumentPut
from libs.contracts.errors import Invalid
from services.gateway.domain.document_forms import (
    form_documents,
    metadata_filters,
)
from services.gateway.domain.document_outcomes import (
    DocumentOutcomes,
    became,
    refused,
)
from services.gateway.domain.documents import (
    TEXT_BYTES,
    NewDocument,
    named,
)
from services.gateway.domain.limits import FILTERS
from services.gateway.domain.uploads import NewFile

from .fakes import NOW


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("42", 42), ("1.5", 1.5), ("true", True), ("false", False), ('"42"', "42"), ("returns", "returns"),
        ("", ""), ("null", "null"), ("[1]", "[1]"), ("{}", "{}"), ('"open', '"open'), ("1 2", "1 2"), ("\ud800", "\ud800"),
    ],
    ids=[
        "integer", "number", "true", "false", "quoted", "text", "empty", "null", "list", "object", "half quoted",
        "two numbers", "lone surrogate",
    ],
)  # fmt: skip
def test_a_filter_s_value_is_what_it_looks_like(written: str, value: object) -> None:
    found = metadata_filters([("search", "x"), ("metadata.key", written), ("metadatakey", "y")])
    assert found == {"key": value}
    assert type(found["key"]) is type(value)


def test_filters_are_bounded() -> None:
    allowed = [(f"metadata.{number}", "x") for number in range(FILTERS)]
    assert len(metadata_filters(allowed)) == FILTERS
    with pytest.raises(Invalid, match="at most 20"):
        metadata_filters([*allowed, ("metadata.more", "x")])


@pytest.mark.parametrize(
    ("fields", "count", "told"),
    [
        ({}, 2, [(None, None, None, {})] * 2),
        ({"title": ["A"], "document_id": ["a"], "source": ["s"], "metadata": ['{"k": 1}']}, 1, [("A", "a", "s", {"k": 1})]),
        ({"source": ["s"], "metadata": ['{"k": true}']}, 2, [(None, None, "s", {"k": True})] * 2),
        ({"title": ["A", ""], "document_id": ["a", "b"], "source": ["s", "t"], "metadata": ["{}", '{"k": "v"}']}, 2,
         [("A", "a", "s", {}), (None, "b", "t", {"k": "v"})]),
        ({"title": [""], "document_id": [""], "metadata": [""]}, 2, [(None, None, None, {})] * 2),
    ],
    ids=["nothing", "all of one", "shared by two", "each of two", "fields left empty"],
)  # fmt: skip
def test_a_form_tells_of_each_of_its_files(fields: dict[str, list[str]], count: int, told: list[object]) -> None:
    assert [
        (each.title, each.document_id, each.source, each.metadata) for each in form_documents(fields, count)
    ] == told


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"title": ["A"]}, 2), ({"document_id": ["a"]}, 2), ({"document_id": ["a", "b", "c"]}, 2), ({"title": ["A", "B"]}, 1),
        ({"source": ["s", "t"]}, 3), ({"metadata": ["{}", "{}"]}, 3), ({"metadata": ["[]"]}, 1), ({"metadata": ["{"]}, 1),
        ({"metadata": ['{"k": {}}']}, 1), ({"metadata": ['{"k": null}']}, 1), ({"metadata": ["[" * 5000]}, 1),
    ],
    ids=[
        "title of two", "id of two", "too many ids", "too many titles", "some sources", "some metadata", "list",
        "no json", "nested", "null", "deep",
    ],
)  # fmt: skip
def test_a_form_that_leaves_open_what_is_meant_is_refused(fields: dict[str, list[str]], count: int) -> None:
    with pytest.raises(Invalid) as refused:
        form_documents(fields, count)
    assert refused.value.errors[0].loc == ["body", next(iter(fields))]


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\docs\\Returns.pdf", "Returns.pdf"), ("a\u202eb\nc.txt", "abc.txt"),
        ("/", "file"), ("  ", "file"), ("x" * 300 + ".pdf", "x" * 251 + ".pdf"), ("Rückgabe.md", "Rückgabe.md"),
    ],
    ids=["path", "windows path", "controls", "slash", "blank", "long", "umlaut"],
)  # fmt: skip
def test_a_file_s_name_is_for_display_only(filename: str, name: str) -> None:
    assert named(NewFile(filename, "text/plain"))[0] == name


@pytest.mark.parametrize("kind", ["", "x" * 129, "text/\nplain"], ids=["none", "long", "controls"])
def test_a_type_that_is_none_is_not_passed_on(kind: str) -> None:
    assert named(NewFile("a.txt", kind))[1] is None
    assert named(NewFile("a.txt", "x" * 128))[1] == "x" * 128


def test_a_text_goes_into_a_message_as_long_as_it_fits() -> None:
    plain, quotes = "x" * (TEXT_BYTES - 2), '"' * (TEXT_BYTES // 2)
    assert len(encode(plain)) == TEXT_BYTES
    assert [NewDocument(content=text).is_long for text in (plain, plain + "x", quotes[:-1], quotes)] == [
        False, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["ready", None], 201),
        (["ready", "queued"], 202),
        ([None, "indexing"], 202),
        ([None, None], 200),
        (["rejected"], 200),
    ],
    ids=["one refused", "one waits", "the other waits", "none stored", "none readable"],
)
def test_the_status_of_several_tells_whether_there_is_more_to_come(states: list[Any], status: int) -> None:
    told = [
        refused("a", Invalid("invalid_request", "no"))
        if state is None
        else became("b", DocumentPut(row(state), "added"))
        for state in states
    ]
    assert DocumentOutcomes(documents=told).status == status


def row(state: Any) -> Document:
    return Document(
        document_id="doc_1",
        title="A",
        source="",
        version=1,
        newest_version=1,
        state=state,
        created_at=NOW,
        updated_at=NOW,
    )
