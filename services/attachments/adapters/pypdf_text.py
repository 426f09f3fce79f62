"""Text of PDF files by pypdf."""

from typing import BinaryIO

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, PyPdfError

from ..domain import Found

_PAGES = 500


def pdf_text(file: BinaryIO, characters: int) -> Found:
    """Read at most so many characters, page by page; pages are divided by an empty line."""
    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            return Found(reason="encrypted")
        return _pages(reader, characters)
    except (FileNotDecryptedError, DependencyError):
        return Found(reason="encrypted")
    except LimitReachedError:
        return Found(reason="too_complex")
    except PyPdfError:
        return Found(reason="broken")


def _pages(reader: PdfReader, characters: int) -> Found:
    texts: list[str] = []
    length = 0
    for number, page in enumerate(reader.pages):
        if number == _PAGES or length > characters:
            return Found(text="\n\n".join(texts)[:characters], truncated=True)
        text = page.extract_text().strip()
        if text:
            texts.append(text)
            length += len(text) + 2
    return Found(text="\n\n".join(texts))
