"""Word files and presentations."""

import io
import zipfile

import docx
import pytest
from docx.oxml.ns import nsdecls

from libs.reading import Unreadable
from libs.reading.archive import Archive

from .files import add_slide_table, add_xml, part, read, rezipped, saved, slides, word


def test_a_word_file() -> None:
    document = word(
        ("Title", "Returns"), ("Heading 1", "How"), ("Normal", "First\twords."), ("List Bullet", "one"),
        ("List Bullet 2", "inner"), ("List Bullet", "two"), ("Normal", "Then:"), ("List Number", "a"),
        ("List Number", "b"), ("Heading 2", "Fees"), title="Returns handbook",
    )  # fmt: skip
    table = document.add_table(3, 3)
    for row, texts in zip(table.rows, [("Country", "Fee", ""), ("DE", "0 €", "x"), ("", "4 €", "y")], strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    inner = table.cell(2, 2).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "in", "side"
    document.add_paragraph("# no heading")
    reading = read(saved(document), "a.docx")
    assert reading.text == (
        "# Returns\n\n# How\n\nFirst words.\n\n- one\n- inner\n- two\n\nThen:\n\n1. a\n2. b\n\n## Fees\n\n"
        "| Country | Fee | Fee |\n| --- | --- | --- |\n| DE | 0 € | x |\n| DE | 4 € | y in, side |\n\n\\# no heading"
    )
    assert (reading.title, reading.pages) == ("Returns handbook", None)
    assert reading.media_type.endswith("wordprocessingml.document")


def test_lists_in_lists_by_their_depth() -> None:
    document = word(("List Number", "one"))
    list_id = document.styles["List Number"].element.pPr.numPr.numId.val
    for depth, text in ((0, "two"), (0, "three")):
        add_xml(
            document,
            f'<w:pPr><w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{list_id}"/></w:numPr></w:pPr><w:r><w:t>{text}</w:t></w:r>',
        )
    add_xml(
        document,
        '<w:pPr><w:pStyle w:val="ListNumber"/><w:numPr><w:numId w:val="0"/></w:numPr></w:pPr><w:r><w:t>no item</w:t></w:r>',
    )
    assert read(saved(document), "a.docx").text == "1. one\n2. two\n3. three\n\nno item"


def test_tracked_changes_are_accepted() -> None:
    document = word(("Normal", "Before."))
    add_xml(
        document,
        '<w:r><w:t xml:space="preserve">Fee: </w:t></w:r><w:del w:id="1" w:author="x"><w:r><w:delText>5</w:delText></w:r></w:del>'
        '<w:ins w:id="2" w:author="x"><w:r><w:t>7</w:t></w:r></w:ins><w:r><w:rPr><w:vanish/></w:rPr><w:t> hidden</w:t></w:r>'
        '<w:hyperlink><w:r><w:t xml:space="preserve"> by link</w:t></w:r></w:hyperlink><w:r><w:br/><w:t>next</w:t></w:r>',
    )
    assert read(saved(document), "a.docx").text == "Before.\n\nFee: 7 by link\nnext"


def test_a_table_of_one_column_is_a_frame() -> None:
    document = docx.Document()
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = "Framed"
    cell.add_paragraph("Inside", style="Heading 2")
    assert read(saved(document), "a.docx").text == "Framed\n\n## Inside"


def test_headings_by_an_own_style() -> None:
    document = word(("Normal", "words"))
    style = document.styles.add_style("Kapitel", 1)
    style.base_style = document.styles["Heading 3"]
    document.add_paragraph("Own", style="Kapitel")
    assert read(saved(document), "a.docx").text == "words\n\n### Own"


def test_text_boxes_and_footnotes_are_read_once() -> None:
    document = word(("Normal", "words"))
    add_xml(document, f'<w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><mc:Choice><w:drawing><w:txbxContent {nsdecls("w")}><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></w:drawing></mc:Choice><mc:Fallback><w:pict><w:txbxContent {nsdecls("w")}><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent></w:r>')  # fmt: skip
    add_xml(document, '<w:r><w:t>noted</w:t><w:footnoteReference w:id="2"/></w:r>')
    data = saved(document)
    relations = part(data, "word/_rels/document.xml.rels").replace(
        b"</Relationships>",
        b'<Relationship Id="rF" Type="http://x/footnotes" Target="footnotes.xml"/></Relationships>',
    )
    notes = f'<w:footnotes {nsdecls("w")}><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote><w:footnote w:id="2"><w:p><w:r><w:t>small print</w:t></w:r></w:p></w:footnote></w:footnotes>'
    data = rezipped(data, {"word/_rels/document.xml.rels": relations, "word/footnotes.xml": notes.encode()})
    assert read(data, "a.docx").text == "words\n\nboxed\n\nnoted[2]\n\n[2] small print"


def test_a_presentation() -> None:
    presentation = slides(("Welcome", ["one", "two"]), ("Fees", ["Only this"]), ("Secret", ["hidden words"]))
    first, second, hidden = presentation.slides
    first.placeholders[1].text_frame.paragraphs[1].level = 1
    first.notes_slide.notes_text_frame.text = "Say hello"
    add_slide_table(second, [("Country", "Fee"), ("DE", "0 €")])
    hidden._element.set("show", "0")
    presentation.core_properties.title = "Deck"
    reading = read(saved(presentation), "a.pptx")
    assert reading.text == (
        "## Welcome\n\n- one\n   - two\n\nNotes: Say hello\n\n## Fees\n\nOnly this\n\n"
        "| Country | Fee |\n| --- | --- |\n| DE | 0 € |"
    )
    assert (reading.title, reading.pages, reading.notes) == ("Deck", 3, ["1 hidden slide was left out"])


def test_a_slide_without_a_title_and_groups() -> None:
    presentation = slides(("", ["words"]))
    group = presentation.slides[0].shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "grouped"
    assert read(saved(presentation), "a.pptx").text == "## Slide 1\n\nwords\n\ngrouped"


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">""" + b"".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(10)
) + b"]>"  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changed"),
    [("a.docx", "word/document.xml"), ("a.docx", "word/styles.xml"), ("a.pptx", "ppt/slides/slide1.xml")],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(name: str, changed: str, encoding: str) -> None:
    data = saved(word(("Normal", "x")) if name == "a.docx" else slides(("x", ["y"])))
    xml = BOMB.decode() + part(data, changed).decode().partition("?>")[2].replace("</w:t>", "&k;</w:t>")
    xml = xml.replace('version="1.0"', f'version="1.0" encoding="{encoding}"')
    with pytest.raises(Unreadable) as caught:
        read(rezipped(data, {changed: xml.encode(encoding)}), name)
    assert caught.value.code == "broken"


def damaged(data: bytes, kind: str) -> bytes:
    if kind == "cut":
        return data[: len(data) // 2]
    if kind == "flipped":
        place = data.index(b"word/document.xml") + 200
        return data[:place] + bytes(byte ^ 0xFF for byte in data[place : place + 50]) + data[place + 50 :]
    if kind == "not xml":
        return rezipped(data, {"word/document.xml": b"<w:document><w:body>"})
    return rezipped(data, {"_rels/.rels": b"<Relationships/>", "word/document.xml": b""})


@pytest.mark.parametrize("kind", ["cut", "flipped", "not xml", "no parts"])
def test_a_damaged_file_is_broken(kind: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(damaged(saved(word(("Normal", "words"))), kind), "a.docx")
    assert caught.value.code == "broken"


def test_an_encrypted_package_is_told_from_an_old_file() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
    for tail, code in (("EncryptedPackage".encode("utf-16-le"), "encrypted"), (b"WordDocument", "unsupported_type")):
        with pytest.raises(Unreadable) as caught:
            read(ole + tail + bytes(99), "a.docx")
        assert caught.value.code == code


def test_a_word_file_without_words() -> None:
    with pytest.raises(Unreadable) as caught:
        read(saved(docx.Document()), "a.docx")
    assert caught.value.code == "no_text"


def test_a_file_is_what_its_content_says() -> None:
    assert read(saved(word(("Normal", "words"))), "a.pdf").text == "words"
    assert read(saved(word(("Normal", "words"))), "noname").media_type.endswith("wordprocessingml.document")
    assert io.BytesIO(saved(slides(("x", ["y"])))).read(2) == b"PK"


@pytest.mark.parametrize(("parts", "fits"), [(20_000, True), (20_001, False)])
def test_an_archive_of_very_many_parts(parts: int, fits: bool) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(parts):
            archive.writestr(f"{number}", b"")
    try:
        assert len(Archive(file).names) == parts
        assert fits
    except Unreadable as error:
        assert (error.code, fits) == ("too_complex", False)


@pytest.mark.parametrize(("size", "fits"), [(256 * 2**20, True), (256 * 2**20 + 1, False)])
def test_an_archive_of_very_large_parts(size: int, fits: bool) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("large.xml", b"x")
        archive.writestr("large.bin", bytes(9))
    data = file.getvalue()
    place = data.index(b"PK\x01\x02") + 24  # what the directory says of the first part's size
    try:
        assert "large.xml" in Archive(io.BytesIO(data[:place] + size.to_bytes(4, "little") + data[place + 4 :]))
        assert fits
    except Unreadable as error:
        assert (error.code, fits) == ("too_complex", False)
