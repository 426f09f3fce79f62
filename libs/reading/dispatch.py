"""Which reader a file gets, and what every reading has in common: title, language, entries, and its last checks."""

from collections.abc import Callable
from importlib import import_module
from typing import BinaryIO, cast

from .decoding import clean
from .languages import language_of
from .manuscript import Found, Manuscript, one_line
from .media_types import (
    CSV,
    DOCX,
    HTML,
    JSON,
    JSONL,
    MARKDOWN,
    PDF,
    PPTX,
    SUPPORTED,
    TEXT,
    TSV,
    XLSX,
    ending_of,
    media_type_of,
)  # fmt: skip
from .outcome import Reading, Task, Unreadable
from .questions import find_entries, first_heading

_HEAD_BYTES = 16 * 1024
_BYTES_PER_CHARACTER = 4
_TITLE_CHARACTERS = 300
_METADATA_FIELDS = 100
_VALUE_CHARACTERS = 2000
# Loaded when needed: a text shall not wait for what reads PDF files.
_READERS = {
    TEXT: "plain", MARKDOWN: "plain", HTML: "html", PDF: "pdf", DOCX: "docx", PPTX: "pptx", XLSX: "xlsx", CSV: "tables",
    TSV: "tables", JSON: "json_documents", JSONL: "json_documents",
}  # fmt: skip
_PACKAGES = frozenset({PDF, DOCX, PPTX, XLSX})


Reader = Callable[[BinaryIO, str, Manuscript], Found]


def read_file(file: BinaryIO, task: Task) -> Reading:
    """Read a file.

    Raises:
        Unreadable: whatever is wrong with the file; a parser's own error is told as `broken`.
    """
    media_type = _checked(file, task)
    module = import_module(f".formats.{_READERS[media_type]}", __package__)
    reader = cast("Reader", module.read)
    manuscript = Manuscript(task.limits.output_characters)
    try:
        found = reader(file, media_type, manuscript)
        return _finished(found, manuscript, media_type)
    except Unreadable:
        raise
    except (MemoryError, RecursionError):
        raise Unreadable("too_complex") from None
    except Exception:
        raise Unreadable("broken") from None


def _checked(file: BinaryIO, task: Task) -> str:
    """Give the media type of a file that is worth reading."""
    head = file.read(_HEAD_BYTES)
    size = file.seek(0, 2)
    file.seek(0)
    if size == 0:
        raise Unreadable("empty")
    media_type = media_type_of(head, task.name, task.declared)
    if media_type is None:
        raise Unreadable("unsupported_type", _unsupported(task.name))
    if media_type not in _PACKAGES and size > task.limits.output_characters * _BYTES_PER_CHARACTER:
        raise Unreadable("too_large")
    return media_type


def _unsupported(name: str) -> str:
    endings = ", ".join(ending for ending, *_ in SUPPORTED.values())
    instead = {"doc": "docx", "xls": "xlsx", "ppt": "pptx", "rtf": "docx", "odt": "docx", "ods": "xlsx", "odp": "pptx"}
    ending = ending_of(name)
    if ending in instead:
        return f"Files of type .{ending} cannot be read; save it as .{instead[ending]}"
    if any(ending in endings for endings in SUPPORTED.values()):
        return f"The file's name says .{ending}, but its content is something else"
    return f"Files of this type cannot be read. Supported are {endings}"


def _finished(found: Found, manuscript: Manuscript, media_type: str) -> Reading:
    text = manuscript.text.rstrip()
    if not any(map(str.isalnum, text)):
        raise Unreadable("no_text" if media_type in _PACKAGES or media_type == HTML else "empty")
    title = one_line(clean(found.title)) or ("" if found.whole else first_heading(text))
    metadata = {clean(key): clean(value)[:_VALUE_CHARACTERS] for key, value in found.metadata.items()}
    return Reading(
        text=text,
        title=title[:_TITLE_CHARACTERS],
        language=language_of(text),
        media_type=media_type,
        pages=found.pages,
        entries=manuscript.entries if manuscript.entries or found.whole else find_entries(text),
        notes=found.notes,
        metadata=dict(list(metadata.items())[:_METADATA_FIELDS]),
    )
