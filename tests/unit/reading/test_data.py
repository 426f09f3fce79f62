"""Tables of text and JSON."""

import json

import pytest

from libs.reading import Unreadable

from .files import read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_tables_of_any_delimiter(delimiter: str) -> None:
    rows = [["Land", "Preis, netto", "n"], ["Österreich", "1,50", ""], ["", "", ""], ['so "genannt"', "a|b", "3"]]
    text = "\r\n".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    expected = (
        '| Land | Preis, netto | n |\n| --- | --- | --- |\n| Österreich | 1,50 |  |\n| so "genannt" | a\\|b | 3 |'
    )
    assert read(text.encode("cp1252"), "a.csv").text == expected


def test_a_tab_separated_table() -> None:
    reading = read(b"a\tb\n1,5\t2\n", "a.tsv")
    assert reading.text == "| a | b |\n| --- | --- |\n| 1,5 | 2 |"
    assert reading.media_type == "text/tab-separated-values"


def test_rows_of_unlike_length() -> None:
    assert read(b"a,b\n1\n1,2,3\n", "a.csv").text == "| a | b |  |\n| --- | --- | --- |\n| 1 |  |  |\n| 1 | 2 | 3 |"


def test_documents_become_sections() -> None:
    documents = [{"title": "One", "content": "First.", "url": "u"}, {"title": "Two", "text": "Second.", "n": 3}]
    text = "## One\n\nFirst.\n\nurl: u\n\n## Two\n\nSecond.\n\nn: 3"
    assert read(json.dumps(documents).encode(), "a.json").text == text
    assert read(json.dumps({"documents": documents}).encode(), "a.json").text == text


def test_one_document_has_its_title() -> None:
    reading = read(json.dumps({"title": "One", "body": "# Part\n\nFirst."}).encode(), "a.json")
    assert (reading.title, reading.text) == ("One", "# One\n\n# Part\n\nFirst.")


def test_documents_by_their_names() -> None:
    reading = read(json.dumps({"One": {"content": "First."}, "Two": {"content": "Second."}}).encode(), "a.json")
    assert reading.text == "## One\n\nFirst.\n\n## Two\n\nSecond."


def test_other_json_is_told_by_its_paths() -> None:
    value = {
        "shop": {"name": "Acme", "open": True, "at": {"city": "Bonn"}},
        "rates": [{"to": "DE", "eur": 1.5}, {"to": "FR"}],
        "n": None,
    }
    assert read(json.dumps(value).encode(), "a.json").text == (
        "## shop\n\n- name: Acme\n- open: yes\n- at.city: Bonn\n\n## rates\n\n| to | eur |\n| --- | --- |\n| DE | 1.5 |\n| FR |  |"
    )


def test_broken_json_tells_where() -> None:
    with pytest.raises(Unreadable) as caught:
        read(b'{"a": 1,\n "b": }', "a.json")
    assert caught.value.code == "broken"
    assert "line 2, column 7" in caught.value.reason


def test_deep_json_is_too_complex() -> None:
    with pytest.raises(Unreadable) as caught:
        read(b"[" * 100_000 + b"]" * 100_000, "a.json")
    assert caught.value.code == "too_complex"
    assert read(b"[" * 40 + b'"x"' + b"]" * 40, "a.json").text
    with pytest.raises(Unreadable) as caught:
        read(b"[" * 60 + b'"x"' + b"]" * 60, "a.json")
    assert caught.value.code == "too_complex"


@pytest.mark.parametrize(("values", "fits"), [(99_999, True), (100_000, False)])
def test_json_of_very_many_values(values: int, fits: bool) -> None:
    data = ("[" + ",".join(["[1]"] * values) + "]").encode()  # each is a list and what it holds
    try:
        assert read(data, "a.json").text.count("\n") == values - 1
        assert fits
    except Unreadable as error:
        assert (error.code, fits) == ("too_complex", False)
