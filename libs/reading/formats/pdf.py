"""PDF files: text in the order in which it was written, headings by their size, without what repeats on every page."""

import re
from typing import Any, BinaryIO

from ..manuscript import Found, Manuscript
from ..outcome import Unreadable, counted
from .pdf_lines import Line, lines_of
from .pdf_paragraphs import drop_repeated, write_lines

_MOST_PAGES = 2_000
_PROTECTED = "The file is protected, if only against changes; save it without protection and send that"
_MADE_UP_TITLE = re.compile(
    r"untitled|microsoft (?:word|powerpoint|excel) -|.*\.(?:docx?|pdf|indd|pptx?|xlsx?|tex|qxd)$", re.IGNORECASE
)


def read(file: BinaryIO, media_type: str, manuscript: Manuscript) -> Found:  # noqa: ARG001 - as every reader
    """Read a PDF file; one that only forbids to print or copy is opened."""
    from pypdf import PdfReader  # noqa: PLC0415 - takes a while to load
    from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, PyPdfError  # noqa: PLC0415

    found = Found()
    try:
        reader: Any = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("encrypted")
        pages = _pages(reader, found)
        found.title = _title(reader)
    except FileNotDecryptedError:
        raise Unreadable("encrypted") from None
    except DependencyError:  # AES, for which pypdf needs a library that is not here
        raise Unreadable("encrypted", _PROTECTED) from None
    except LimitReachedError:
        raise Unreadable("too_complex") from None
    except PyPdfError:
        raise Unreadable("broken") from None
    write_lines(drop_repeated(pages), manuscript)
    return found


def _pages(reader: Any, found: Found) -> list[list[Line]]:
    found.pages = len(reader.pages)
    pages: list[list[Line]] = []
    failed = 0
    for page in reader.pages:
        if len(pages) == _MOST_PAGES:
            found.notes.append(f"Only the first {_MOST_PAGES} pages were read")
            break
        try:
            pages.append(lines_of(page))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, AssertionError):
            failed += 1  # one damaged page is no reason to leave out the others
            pages.append([])
    if failed == found.pages:
        raise Unreadable("broken")
    empty = sum(not lines for lines in pages) - failed
    if failed:
        found.notes.append(counted(failed, "damaged page was", "damaged pages were") + " left out")
    if 0 < empty < len(pages):
        found.notes.append(counted(empty, "page has", "pages have") + " no text: scans and pictures were not read")
    return pages


def _title(reader: Any) -> str:
    title = getattr(reader.metadata, "title", None)
    return "" if not isinstance(title, str) or _MADE_UP_TITLE.match(title.strip()) else title
