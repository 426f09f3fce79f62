"""Which files of a folder become documents, and what each is called: the same file always gets the same id."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.state import Refusal

ENDINGS = {
    "txt", "text", "log", "md", "markdown", "html", "htm", "xhtml", "pdf", "docx", "docm", "pptx", "pptm", "xlsx", "xlsm",
    "csv", "tsv", "json", "jsonl", "ndjson",
}  # fmt: skip
BATCH_FILES = 20
BATCH_BYTES = 8 * 1024 * 1024
_SLUG = 60
_FNV_START, _FNV_PRIME, _64_BITS = 0xCBF29CE484222325, 0x100000001B3, 2**64 - 1


@dataclass(frozen=True)
class File:
    """A file that becomes a document; `source` is what readers see of where it is."""

    path: Path
    source: str
    size: int

    @property
    def document_id(self) -> str:
        """The id of its document."""
        return file_id(self.source)


@dataclass
class Found:
    """What a walk found: files, what can be no document and why, and how many were hidden."""

    files: list[File]
    refused: list[tuple[str, str]]
    hidden: int = 0


def file_id(source: str) -> str:
    """Give the id of the document that a file becomes: of the same path always the same.

    The knowledge page makes the same ones (`knowledge_words.js`): a readable part, and a hash (FNV-1a, 64 bits) of it all.
    """
    plain = unicodedata.normalize("NFKD", source)
    slug = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:_SLUG]
    number = _FNV_START
    for byte in unicodedata.normalize("NFC", source).encode("utf-8", "surrogateescape"):
        number = ((number ^ byte) * _FNV_PRIME) & _64_BITS
    return f"file-{slug}-{number:016x}"


def find(path: Path, prefix: str = "") -> Found:
    """Find the files of a folder and of the folders in it, or the one file.

    Hidden files and folders are left out; links to folders are not followed. Raises Refusal where there is nothing.
    """
    if not path.exists():
        raise Refusal(f"there is no {path}")
    found = Found([], [])
    if path.is_file():
        _take(found, path, prefix + path.name)
        return found
    for each in _walk(path, found):
        _take(found, each, prefix + each.relative_to(path).as_posix())
    if not found.files and not found.refused:
        raise Refusal(f"there are no files in {path}")
    return found


def _walk(folder: Path, found: Found) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda each: each.name)
    except OSError as error:
        found.refused.append((str(folder), f"the folder cannot be opened: {error.strerror}"))
        return
    for each in entries:
        if each.name.startswith("."):
            found.hidden += 1
        elif each.is_dir():
            if not each.is_symlink():
                yield from _walk(each, found)
        else:
            yield each


def _take(found: Found, path: Path, source: str) -> None:
    ending = path.suffix[1:].lower()
    if not path.is_file():
        found.refused.append((source, "it is no file"))
    elif ending and ending not in ENDINGS:
        found.refused.append((source, f"files of the type .{ending} cannot be read"))
    else:
        found.files.append(File(path, source, path.stat().st_size))


def batches(files: Iterable[File]) -> Iterator[list[File]]:
    """Divide files into requests of a few; a large one goes alone, so that what is wrong with it concerns no other."""
    batch: list[File] = []
    size = 0
    for file in files:
        if batch and (len(batch) == BATCH_FILES or size + file.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch
