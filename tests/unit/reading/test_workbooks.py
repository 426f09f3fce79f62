"""Workbooks."""

import datetime as dt

import pytest

from libs.reading import Unreadable

from .files import part, read, rezipped, saved, workbook


def test_sheets_become_tables() -> None:
    book = workbook(
        Prices=[("Item", "Net", "Share", "Since", "Stock"), ("Cup", 4.5, 0.125, dt.date(2025, 3, 1), True), ("Pan", 0.1 + 0.2, 1, None, 7)],
        Empty=[],
        Notes=[("Only one",)],
    )  # fmt: skip
    for row in (2, 3):
        book["Prices"].cell(row, 3).number_format = "0.0%"
    book.create_sheet("Draft").sheet_state = "hidden"
    book.properties.title = "Price list"
    reading = read(saved(book), "a.xlsx")
    assert reading.text == (
        "## Prices\n\n| Item | Net | Share | Since | Stock |\n| --- | --- | --- | --- | --- |\n"
        "| Cup | 4.5 | 12.5% | 2025-03-01 | yes |\n| Pan | 0.3 | 100% |  | 7 |\n\n## Notes\n\n| Only one |\n| --- |"
    )
    assert (reading.title, reading.notes) == ("Price list", ["The hidden sheet “Draft” was left out"])


def test_merged_cells_are_told_in_each_row() -> None:
    book = workbook(
        S=[("Fees 2025", None, None), ("Land", "Size", "Fee"), ("DE", "small", 1), (None, "large", 2), ("FR", "all", 3)]
    )
    book["S"].merge_cells("A1:C1")
    book["S"].merge_cells("A3:A4")
    assert read(saved(book), "a.xlsx").text == (
        "## S\n\nFees 2025\n\n| Land | Size | Fee |\n| --- | --- | --- |\n| DE | small | 1 |\n| DE | large | 2 |\n| FR | all | 3 |"
    )


def test_formulas_are_told_by_their_values() -> None:
    data = saved(workbook(S=[("a", "b"), (2, "=A2*3"), (3, "=A3*3")]))
    sheet = part(data, "xl/worksheets/sheet1.xml").replace(b"<f>A2*3</f><v />", b"<f>A2*3</f><v>6</v>")
    sheet = sheet.replace(b"<f>A2*3</f><v></v>", b"<f>A2*3</f><v>6</v>").replace(
        b"<f>A2*3</f><v/>", b"<f>A2*3</f><v>6</v>"
    )
    reading = read(rezipped(data, {"xl/worksheets/sheet1.xml": sheet}), "a.xlsx")
    assert reading.text == "## S\n\n| a | b |\n| --- | --- |\n| 2 | 6 |\n| 3 |  |"
    assert reading.notes == ["Sheet “S”: 1 formula has no saved value"]


def test_questions_stay_whole() -> None:
    reading = read(
        saved(workbook(FAQ=[("Question", "Answer", "Topic"), ("Where?", "Here", "x"), ("When?", "Now", None)])),
        "a.xlsx",
    )
    assert [(entry.question, entry.answer) for entry in reading.entries] == [
        ("Where?", "Here\n\nTopic: x"),
        ("When?", "Now"),
    ]
    assert [reading.text[entry.start : entry.end] for entry in reading.entries] == [
        "### Where?\n\nHere\n\nTopic: x",
        "### When?\n\nNow",
    ]


def sheet_with(rows: str, dimension: str = "A1:B2") -> bytes:
    data = saved(workbook(S=[("a",)]))
    xml = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    return rezipped(data, {"xl/worksheets/sheet1.xml": xml.encode()})


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


@pytest.mark.parametrize("dimension", ["A1:XFD1048576", "A1"])
def test_a_sheet_that_lies_of_its_size(dimension: str) -> None:
    rows = f'<row r="1">{cell("A1", "x")}{cell("C1", "y")}</row><row r="5000">{cell("A5000", "z")}</row>'
    assert read(sheet_with(rows, dimension), "a.xlsx").text == "## S\n\n| x | y |\n| --- | --- |\n| z |  |"


def test_what_comes_after_very_many_empty_rows_is_not_looked_for() -> None:
    for row, seen in ((20_001, True), (20_002 + 1, False)):
        rows = f'<row r="1">{cell("A1", "x")}</row><row r="{row}">{cell(f"A{row}", "far")}</row>'
        assert ("far" in read(sheet_with(rows), "a.xlsx").text) is seen


def test_a_long_sheet_is_read_up_to_its_limit() -> None:
    reading = read(saved(workbook(S=[(f"row {number}",) for number in range(50_002)])), "a.xlsx")
    assert reading.notes == ["Sheet “S” was read up to row 50000 only"]
    assert reading.text.endswith("| row 49999 |")


@pytest.mark.parametrize(("columns", "notes"), [(256, []), (257, ["Sheet “S” was read up to column 256 only"])])
def test_a_wide_sheet_is_read_up_to_its_limit(columns: int, notes: list[str]) -> None:
    reading = read(saved(workbook(S=[range(1, columns + 1)])), "a.xlsx")
    assert reading.notes == notes
    assert " 256 |" in reading.text
    assert " 257 |" not in reading.text


@pytest.mark.parametrize(("rows", "notes"), [(800, []), (801, ["Sheet “S” was read up to row 800 only"])])
def test_a_sheet_of_many_cells_is_read_up_to_its_limit(rows: int, notes: list[str]) -> None:
    cells = "<c><v>1</v></c>" * 250
    reading = read(sheet_with(f"<row>{cells}</row>" * rows), "a.xlsx")
    assert reading.notes == notes
    assert reading.text.count("\n| 1 |") == 800


def test_a_longer_sheet_than_the_limit_is_not_needed_for_a_note() -> None:
    assert read(saved(workbook(S=[("row",)] * 50_000)), "a.xlsx").notes == []


def test_entities_are_refused() -> None:
    data = saved(workbook(S=[("a",)]))
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><sst/>'
    with pytest.raises(Unreadable) as caught:
        read(rezipped(data, {"xl/sharedStrings.xml": bomb}), "a.xlsx")
    assert caught.value.code == "broken"
