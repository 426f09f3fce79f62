"""Documents: what answers may rest on, and how one is read from Markdown."""

from __future__ import annotations

import hashlib
import re

from msgspec import Struct
from msgspec.structs import replace

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,100}")

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)


class MalformedDocument(ValueError):
    """A document that cannot be read; the message says what is wrong with it, for the person who wrote it."""


class Document(Struct, frozen=True, kw_only=True):
    """A text that answers may rest on.

    Attributes:
        source: where a reader finds it (a path or an address).
        version: 1 for the first text under this id, one more for each change.
    """

    document_id: str
    tenant: str
    title: str
    source: str
    category: str
    body: str
    version: int = 1

    @property
    def content_hash(self) -> str:
        """sha256 (hex) of everything a reader sees: equal means that there is nothing to index again."""
        seen = f"{self.title}\x00{self.source}\x00{self.category}\x00{self.body}"
        return hashlib.sha256(seen.encode()).hexdigest()


def is_document_id(text: str) -> bool:
    """Whether `text` may name a document: it becomes part of subjects and of passage ids."""
    return _TOKEN.fullmatch(text) is not None


def read_document(markdown: str, *, tenant: str) -> Document:
    """Read a Markdown document whose front matter gives `id`, `title`, `source` and `category`, one a line.

    Raises MalformedDocument.
    """
    parts = _FRONT_MATTER.match(markdown.replace("\r\n", "\n").removeprefix("\ufeff"))
    if parts is None:
        raise MalformedDocument("A document begins with front matter between two lines of '---'.")
    fields = dict(_field(line) for line in parts[1].splitlines() if line.strip())
    missing = [name for name in ("id", "title", "source", "category") if not fields.get(name)]
    if missing:
        raise MalformedDocument(f"The front matter lacks {', '.join(missing)}.")
    if not is_document_id(fields["id"]):
        raise MalformedDocument(f"The id {fields['id']!r} may have only letters, digits, '_' and '-', 100 at most.")
    if not parts[2].strip():
        raise MalformedDocument(f"{fields['id']} has no text.")
    return Document(
        document_id=fields["id"],
        tenant=tenant,
        title=fields["title"],
        source=fields["source"],
        category=fields["category"],
        body=parts[2].strip(),
    )


def _field(line: str) -> tuple[str, str]:
    name, separator, value = line.partition(":")
    if not separator:
        raise MalformedDocument(f"{line!r} in the front matter is not 'name: value'.")
    return name.strip(), value.strip()


def next_version(document: Document, stored: Document | None) -> Document | None:
    """The document as it must be stored now: with the version after `stored`, or None where nothing has changed."""
    if stored is None:
        return document
    if stored.content_hash == document.content_hash:
        return None
    return replace(document, version=stored.version + 1)
