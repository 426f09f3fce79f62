"""PDF files."""

import io

import pytest
from pypdf import PdfReader, PdfWriter

from libs.reading import Unreadable

from .files import Spot, assembled, column, pdf, read

LONG = "These words fill the line to its very end and go on in the next line"


def test_headings_paragraphs_and_lists() -> None:
    page = [
        *column("Handbook", size=24, top=760),
        *column("Returns", size=16, top=720),
        *column(LONG, "which is short.", top=690),
        *column("A paragraph of its own,", top=640),
        *column("Fees", size=16, top=600),
        *column("• small parcels", "• large parcels", top=570),
        *column("1. Print it", "2. Post it", top=530),
        *column("Country: DE", "Fee: 4", top=480),
    ]
    reading = read(pdf([page], title="Handbook 2025"), "a.pdf")
    assert reading.text == (
        f"# Handbook\n\n## Returns\n\n{LONG} which is short.\n\nA paragraph of its own,\n\n## Fees\n\n"
        "- small parcels\n- large parcels\n\n1. Print it\n2. Post it\n\nCountry: DE\nFee: 4"
    )
    assert (reading.title, reading.pages, reading.media_type, reading.language) == (
        "Handbook 2025",
        1,
        "application/pdf",
        "en",
    )


def test_lines_of_a_table_of_contents_stay_apart() -> None:
    dots = " . . . . . . . . . . . . . . . . . . . ."
    assert (
        read(pdf([column(f"1 Introduction{dots} 4", f"2 Fees {'.' * 60} 12")]), "a.pdf").text
        == "1 Introduction … 4\n2 Fees … 12"
    )


def test_columns_are_read_one_after_the_other() -> None:
    left = column("left one", "left two", left=50)
    right = column("right one", "right two", left=320)
    assert read(pdf([left + right]), "a.pdf").text == "left one\nleft two\n\nright one\nright two"


def test_words_divided_at_a_line_end_are_joined() -> None:
    lines = (
        "This sentence is about customer satis-",
        "faction and about a well-",
        "known matter, as well-known as it is.",
    )
    text = "This sentence is about customer satisfaction and about a well-known matter, as well-known as it is."
    assert read(pdf([column(*lines)]), "a.pdf").text == text


def framed(number: int, of: int) -> list[Spot]:
    body = column(f"Words of sheet {number}0 alone", "and their end", top=600)
    return [*column("Acme Handbook 2025", top=780), *body, *column(f"Page {number} of {of}", top=30)]


@pytest.mark.parametrize(("pages", "removed"), [(2, False), (3, True), (6, True)])
def test_what_stands_on_every_page_is_left_out(pages: int, removed: bool) -> None:
    reading = read(pdf([framed(number, pages) for number in range(1, pages + 1)]), "a.pdf")
    assert ("Acme Handbook" not in reading.text) is removed
    assert "Page 2 of" not in reading.text
    assert reading.text.count("and their end") == pages
    assert reading.text.count("alone") == pages
    assert reading.pages == pages


def test_a_scan_has_no_text() -> None:
    with pytest.raises(Unreadable) as caught:
        read(pdf([[], []]), "a.pdf")
    assert caught.value.code == "no_text"


def test_pages_without_text_are_noted() -> None:
    assert read(pdf([column("words"), []]), "a.pdf").notes == ["1 page has no text: scans and pictures were not read"]


def locked(user: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([column("locked words")]))))
    writer.encrypt(user, "owner", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_a_file_that_only_forbids_printing_is_read() -> None:
    assert read(locked(""), "a.pdf").text == "locked words"


def test_a_file_with_a_password_is_told() -> None:
    with pytest.raises(Unreadable) as caught:
        read(locked("secret"), "a.pdf")
    assert caught.value.code == "encrypted"


def test_a_file_under_aes_is_told() -> None:
    keys = " ".join(
        f"/{name} <{'00' * size}>" for name, size in (("O", 48), ("U", 48), ("OE", 32), ("UE", 32), ("Perms", 16))
    )
    ciphers = "/CF << /StdCF << /CFM /AESV3 /Length 32 >> >> /StmF /StdCF /StrF /StdCF"
    lock = f"/Encrypt << /Filter /Standard /V 5 /R 6 /Length 256 /P -4 {keys} {ciphers} >> /ID [<00> <00>]"
    with pytest.raises(Unreadable) as caught:
        read(pdf([column("words")], trailer="/Root 1 0 R " + lock), "a.pdf")
    assert caught.value.code == "encrypted"


def test_a_broken_table_of_places_is_mended() -> None:
    data = pdf([column("words")])
    assert read(data.replace(b"startxref\n", b"startxref\n9"), "a.pdf").text == "words"


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\nnothing of the kind",
        pdf([column("cut off")])[:150],
        assembled([b"<< /Type /Catalog /Pages 1 0 R >>"]),
        assembled([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [2 0 R] >>"]),
    ],
    ids=["nothing", "cut", "no pages", "circle"],
)
def test_a_damaged_file_is_broken(data: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read(data, "a.pdf")
    assert caught.value.code in {"broken", "no_text", "too_complex"}


@pytest.mark.parametrize(
    ("title", "told"), [("Microsoft Word - x.docx", ""), ("final.indd", ""), ("Untitled", ""), ("Our fees", "Our fees")]
)
def test_titles_that_programs_make_up(title: str, told: str) -> None:
    assert read(pdf([column("words")], title=title), "a.pdf").title == told


@pytest.mark.parametrize(("pages", "notes"), [(2000, []), (2001, ["Only the first 2000 pages were read"])])
def test_a_very_long_file_is_read_up_to_its_limit(pages: int, notes: list[str]) -> None:
    reading = read(pdf([column("some words")] * pages), "a.pdf")
    assert (reading.notes, reading.pages) == (notes, pages)
