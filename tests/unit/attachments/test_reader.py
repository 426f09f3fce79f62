"""Reading apart: what is in a file, and that nothing in it does harm."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.attachments.adapters.reader_process import Limits
from services.attachments.adapters.subprocess_reader import SubprocessReader
from services.attachments.domain import TEXT_CHARACTERS, Detected, Reading

from .files import encrypted_pdf, endless_pdf, inflating_pdf, pdf

TEXT, PDF = Detected("text", "text/plain"), Detected("pdf", "application/pdf")
ROOT = Path(__file__).parents[3]


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


def reader(timeout: float = 20.0, limits: Limits | None = None, program: str = "") -> SubprocessReader:
    options = {"program": [sys.executable, "-c", program]} if program else {}
    return SubprocessReader(limits or Limits(), timeout=timeout, **options)


async def read(detected: Detected, data: bytes, **options: object) -> Reading:
    return await reader(**options).read(detected, pieces(data))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain words\r\nand more\r", "plain words\nand more\n"),
        ("größer, 中文, 🎈".encode(), "größer, 中文, 🎈"),
        ("\ufeffmarked".encode(), "marked"),
        ("wide words äöü".encode("utf-16"), "wide words äöü"),
        ("Die Größe der Tür ist für alle höher. ".encode("cp1252") * 20, "Die Größe der Tür ist für alle höher. " * 20),
        (b"bell\x07 and escape\x1b[31m", "bell  and escape [31m"),
    ],
)
async def test_text_of_any_encoding(data: bytes, text: str) -> None:
    reading = await read(TEXT, data)
    assert (reading.state, reading.text, reading.truncated) == ("ready", text, False)
    assert reading.preview == text[:500]


async def test_a_long_text_is_bounded() -> None:
    reading = await read(TEXT, "é".encode() * 5_000_000)
    assert (reading.text, reading.truncated) == ("é" * TEXT_CHARACTERS, True)


async def test_a_pdf_is_read() -> None:
    reading = await read(PDF, pdf("Invoice 4711", "Total 12.50"))
    assert reading.state == "ready"
    assert reading.text.split() == ["Invoice", "4711", "Total", "12.50"]


@pytest.mark.parametrize(
    ("detected", "data", "reason"),
    [
        (PDF, encrypted_pdf(), "encrypted"),
        (PDF, b"%PDF-1.7\nnothing of the kind", "broken"),
        (PDF, pdf("cut off in the middle")[:200], "broken"),
        (PDF, pdf(), "no_text"),
        (TEXT, b"   \n\t", "no_text"),
        (TEXT, b"a" * 9000 + b"\0\1\2", "not_text"),
    ],
)
async def test_r39_what_cannot_be_read_is_told_why(detected: Detected, data: bytes, reason: str) -> None:
    reading = await read(detected, data)
    assert (reading.state, reading.reason, reading.text) == ("rejected", reason, "")
    assert reading.error


async def test_r39_a_pdf_that_inflates_costs_no_more_than_its_limit() -> None:
    data = inflating_pdf()
    started = time.monotonic()
    reading = await read(PDF, data)
    print(f"500 MB out of {len(data) / 2**20:.1f} MiB: {reading.reason} after {time.monotonic() - started:.2f} s")
    assert reading.state == "rejected"
    assert reading.reason in {"too_complex", "broken"}


async def test_r39_a_pdf_without_end_is_stopped_by_its_processor_time() -> None:
    data = endless_pdf()
    started = time.monotonic()
    reading = await read(PDF, data, limits=Limits(cpu_s=2))
    print(f"4 million steps: {reading.reason} after {time.monotonic() - started:.2f} s")
    assert reading.reason == "too_complex"
    assert time.monotonic() - started < 15


async def test_r39_a_parser_that_hangs_is_killed_while_others_read() -> None:
    started = time.monotonic()
    hanging = asyncio.create_task(read(PDF, b"", timeout=3, program="import time; time.sleep(60)"))
    assert (await read(TEXT, b"meanwhile")).text == "meanwhile"
    assert not hanging.done()
    assert (await hanging).reason == "too_complex"
    assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    "what",
    [
        "bytearray(2_000_000_000)",
        "open('made-by-a-parser.txt', 'w', buffering=1).write('x\\n')",
        "[open('/dev/null') for _ in range(100)]",
        "exec('while True: pass')",
    ],
)
async def test_r39_a_parser_cannot_take_more_than_its_limits(what: str, tmp_path: Path) -> None:
    program = f"""
import os
from services.attachments.adapters.reader_process import Limits, confine
confine(Limits(memory=200 * 2**20, cpu_s=1, wall_s=5))
os.chdir({str(tmp_path)!r})
{what}
print('{{"text": "it could"}}')
"""
    reading = await read(TEXT, b"", timeout=10, program=program)
    assert reading.state == "rejected"
    assert written_in(tmp_path) == 0


async def test_r39_a_parser_inherits_no_sockets_and_no_environment() -> None:
    program = (
        "import os, json; print(json.dumps({'text': str([sorted(os.listdir('/proc/self/fd')), sorted(os.environ)])}))"
    )
    os.set_inheritable(listening := os.dup(2), True)
    try:
        reading = await read(TEXT, b"", program=program)
    finally:
        os.close(listening)
    assert reading.text == "[['0', '1', '2', '3'], ['LC_ALL']]"  # 3 is the listing itself


async def test_a_parser_that_says_too_much_or_nonsense_is_rejected() -> None:
    assert (await read(TEXT, b"", program="print('x' * 3_000_000)")).state == "rejected"
    assert (await read(TEXT, b"", program="print('{')")).reason == "broken"
    assert (await read(TEXT, b"", program="raise SystemExit(3)")).reason == "broken"


def written_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
