"""Reading apart: what the process may not do, and that hostile files end within the limits."""

import asyncio
import io
import os
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from libs.reading import Limits, Reading, Unreadable, read
from libs.reading.apart import read_apart
from tests.unit.reading.files import column, inflating_pdf, part, pdf, rezipped, saved, slides, word, workbook

# generous: a busy machine starts a process in seconds
LIMITS = Limits(seconds=120)
SHEET = "xl/worksheets/sheet1.xml"


async def outcome(data: bytes, name: str, limits: Limits = LIMITS) -> Reading | Unreadable:
    try:
        return await read(io.BytesIO(data), name=name, limits=limits)
    except Unreadable as error:
        return error


async def refusal(data: bytes, name: str, limits: Limits = LIMITS) -> str:
    found = await outcome(data, name, limits)
    assert isinstance(found, Unreadable), found
    assert found.reason
    return found.code


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", "größer".encode("cp1252"), "größer"),
        ("a.md", b"---\ntitle: T\n---\n# H\n\nwords", "# H\n\nwords"),
        ("a.html", b"<html><body><h1>H</h1><p>words</p></body></html>", "# H\n\nwords"),
        ("a.csv", b"a,b\n1,2\n", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("a.json", b'{"a": {"b": 1}}', "## a\n\n- b: 1"),
        ("a.pdf", pdf([column("words")]), "words"),
        ("a.docx", saved(word(("Heading 1", "H"), ("Normal", "words"))), "# H\n\nwords"),
        ("a.pptx", saved(slides(("H", ["words"]))), "## H\n\nwords"),
        ("a.xlsx", saved(workbook(H=[("a", "b"), (1, 2)])), "## H\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("a.") else "",
)
async def test_every_format_is_read_apart(name: str, data: bytes, text: str) -> None:
    reading = await read(io.BytesIO(data), name=name, limits=LIMITS)
    assert reading.text == text


async def test_files_are_read_from_wherever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"some words")
    assert (await read(path, name="a.txt", limits=LIMITS)).text == "some words"
    with path.open("rb") as file:
        file.read(3)
        assert (await read(file, name="a.txt", limits=LIMITS)).text == "some words"
        assert not file.closed
    with tempfile.TemporaryFile() as file:
        file.write(b"unwritten yet")
        assert (await read(file, name="a.txt", limits=LIMITS)).text == "unwritten yet"
    with pytest.raises(FileNotFoundError):
        await read(tmp_path / "none", name="a.txt")


async def test_several_are_read_side_by_side() -> None:
    files = [(f"a{number}.txt", f"words {number}".encode()) for number in range(6)]
    readings = await asyncio.gather(*(read(io.BytesIO(data), name=name, limits=LIMITS) for name, data in files))
    assert [reading.text for reading in readings] == [data.decode() for _, data in files]


async def test_a_refusal_comes_with_its_words() -> None:
    with pytest.raises(Unreadable) as caught:
        await read(io.BytesIO(b"{"), name="a.json", limits=LIMITS)
    assert (caught.value.code, "line 1" in caught.value.reason) == ("broken", True)


# --- what the process may not do


async def running(program: str, limits: Limits = LIMITS) -> Reading | str:
    """Run a program in the place of ours; what it leaves in `said` is its answer."""
    lines = [
        "import msgspec, os, sys", "from libs.reading.confinement import confine", "from libs.reading.outcome import *",
        "confine(msgspec.json.decode(sys.argv[1], type=Task).limits)", program,
        "os.write(1, msgspec.msgpack.encode(Answer(Reading(text=str(said)))))",
    ]  # fmt: skip
    command: Sequence[str] = [sys.executable, "-B", "-E", "-s", "-c", "\n".join(lines)]
    empty: BinaryIO = io.BytesIO(b"")
    try:
        return await read_apart(empty, name="a.txt", declared=None, limits=limits, program=command)
    except Unreadable as error:
        return error.code


async def test_it_inherits_nothing() -> None:
    os.set_inheritable(listening := os.dup(2), True)
    try:
        found = await running("said = [sorted(os.listdir('/proc/self/fd')), dict(os.environ).keys() - {'LC_CTYPE'}]")
    finally:
        os.close(listening)
    assert isinstance(found, Reading)
    assert found.text == "[['0', '1', '2', '3'], set()]"  # 3 is the listing itself


@pytest.mark.parametrize(
    "what",
    [
        "import socket; socket.socket()",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import _socket; _socket.socketpair()",
        "import ctypes; said = 'made one' if ctypes.CDLL(None).socket(2, 1, 0) >= 0 else 1 / 0",
        "import ctypes; said = 'ran' if ctypes.CDLL(None).fork() > 0 else 1 / 0",
        "os.fork()",
        "os.system('true')",
        "os.execv('/bin/true', ['true'])",
        "import subprocess; subprocess.run(['true'])",
        "os.kill(os.getppid(), 0)",
        "bytearray(2_000_000_000)",
        "os.write(os.open('written', os.O_CREAT | os.O_WRONLY), b'words')",
        "files = [open('/dev/null') for _ in range(100)]",
    ],
)
async def test_it_cannot(what: str, tmp_path: Path) -> None:
    program = f"os.chdir({str(tmp_path)!r})\nsaid = 'it could'\n{what}"
    assert await running(program) == "broken"
    assert written_in(tmp_path) == 0


async def test_without_any_of_that_it_answers(tmp_path: Path) -> None:
    found = await running(f"os.chdir({str(tmp_path)!r})\nsaid = 'it could'\nbytearray(2_000_000)")
    assert isinstance(found, Reading)
    assert found.text == "it could"


async def test_one_that_hangs_is_killed_while_others_are_read() -> None:
    hanging = asyncio.create_task(running("import time; time.sleep(600)", Limits(seconds=8)))
    assert (await read(io.BytesIO(b"meanwhile"), name="a.txt", limits=LIMITS)).text == "meanwhile"
    assert await hanging == "timed_out"


@pytest.mark.parametrize("limit", ["processor time", "waiting"])
async def test_one_that_works_without_end_is_killed(limit: str) -> None:
    program = "import signal; signal.alarm(0)\n" if limit == "processor time" else ""
    assert await running(program + "while True: pass", Limits(seconds=3)) == "timed_out"


async def test_one_that_is_asked_no_more_is_gone(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    os.mkfifo(told)
    program = (
        f"to = os.open({str(told)!r}, os.O_WRONLY); os.write(to, str(os.getpid()).encode()); os.close(to)\n"
        "import time; time.sleep(600)"
    )
    task = asyncio.create_task(running(program))
    pid = int(await asyncio.to_thread(told.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_one_that_says_too_much_or_nonsense() -> None:
    small = Limits(seconds=120, output_characters=1000)
    assert await running("said = 'x' * 5_000_000", small) == "too_large"
    assert await running("os.write(1, b'nonsense'); os._exit(0)") == "broken"
    assert await running("os._exit(3)") == "broken"
    assert await running("import signal; os.abort()") == "too_complex"


# --- hostile files


async def test_an_archive_that_would_fill_the_memory() -> None:
    data = saved(word(("Normal", "words")))
    for size in (260, 60):  # beyond what parts may hold together, and within it
        xml = part(data, "word/document.xml").replace(b"words", b"words" + b" " * (size * 2**20))
        assert await refusal(rezipped(data, {"word/document.xml": xml}), "a.docx") in {"too_complex", "broken"}


async def test_an_archive_that_lies_of_its_sizes() -> None:
    xml = b"<w>" + b" " * (300 * 2**20)
    data = rezipped(saved(word(("Normal", "words"))), {"word/document.xml": xml})
    real, told = len(xml).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    assert data.count(real) == 2
    assert await refusal(data.replace(real, told), "a.docx") in {"too_complex", "broken"}


async def test_archives_in_archives_are_not_opened() -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(100 * 2**20))
    data = rezipped(
        saved(word(("Normal", "words"))), {f"word/embeddings/{number}.zip": inner.getvalue() for number in range(50)}
    )
    found = await outcome(data, "a.docx")
    assert isinstance(found, Reading)
    assert found.text == "words"
    assert await refusal(inner.getvalue(), "a.zip") == "unsupported_type"


async def test_a_pdf_that_inflates() -> None:
    assert await refusal(inflating_pdf(500), "a.pdf") in {"too_complex", "broken", "no_text"}


async def test_a_pdf_of_very_many_steps() -> None:
    data = inflating_pdf(60)
    assert await refusal(data, "a.pdf", Limits(seconds=30)) in {"too_complex", "timed_out", "broken", "no_text"}


async def test_a_line_of_fifty_megabytes() -> None:
    assert await refusal(b"words " * 8_700_000, "a.txt") == "too_large"
    assert await refusal(b"words " * 8_700_000, "a.csv") == "too_large"
    assert await refusal(b"<html>" + b"words " * 8_700_000, "a.html") == "too_large"


async def test_the_longest_lines_that_are_read() -> None:
    for name in ("a.txt", "a.md", "a.html"):
        head = b"<html><p>" if name == "a.html" else b""
        found = await outcome(head + b"words " * 800_000, name)
        assert isinstance(found, Reading)
        assert len(found.text) == 800_000 * 6 - 1


@pytest.mark.parametrize(
    "tag", ["div", "span", "b", "ul><li", "table><tr><td", "blockquote", "details><summary", "dl><dd"]
)
async def test_a_page_of_a_hundred_thousand_elements_in_each_other(tag: str) -> None:
    found = await outcome(b"<html><body><p>first words</p>" + f"<{tag}>".encode() * 100_000 + b"last", "a.html")
    assert found.code in {"too_complex", "broken"} if isinstance(found, Unreadable) else "first words" in found.text


async def test_a_word_file_of_very_deep_tables() -> None:
    data = saved(word(("Normal", "words")))
    deep = b"<w:tbl><w:tr><w:tc>" * 3000 + b"</w:tc></w:tr></w:tbl>" * 3000
    xml = part(data, "word/document.xml").replace(b"<w:sectPr", deep + b"<w:sectPr", 1)
    assert await refusal(rezipped(data, {"word/document.xml": xml}), "a.docx") in {"broken", "too_complex"}


async def test_a_million_empty_rows() -> None:
    rows = b'<row r="1"><c r="A1" t="inlineStr"><is><t>words</t></is></c></row>' + b"".join(
        b'<row r="%d"/>' % number for number in range(2, 1_000_001)
    )
    data = saved(workbook(S=[("x",)]))
    xml = part(data, SHEET)
    start, end = xml.index(b"<sheetData>") + len(b"<sheetData>"), xml.index(b"</sheetData>")
    found = await outcome(rezipped(data, {SHEET: xml[:start] + rows + xml[end:]}), "a.xlsx")
    assert isinstance(found, Reading)
    assert found.text == "## S\n\n| words |\n| --- |"


async def test_strings_of_a_workbook_that_would_fill_the_memory() -> None:
    strings = (
        b"<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'>"
        + b"<si><t>some longer words</t></si>" * 6_000_000
        + b"</sst>"
    )
    data = saved(workbook(S=[("x",)]))
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    told = b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/></Types>'
    types = part(data, "[Content_Types].xml").replace(b"</Types>", told)
    data = rezipped(data, {"[Content_Types].xml": types, "xl/sharedStrings.xml": strings})
    assert await refusal(data, "a.xlsx", Limits(seconds=60, memory_mb=256)) in {"too_complex", "timed_out", "broken"}


def written_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
