"""Documents: what answers may rest on, and how one is read from Markdown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from libs.contracts.documents import Metadata

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,100}")

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)


class MalformedDocument(ValueError):
    """A document that cannot be read; the message says what is wrong with it, for the person who wrote it."""


class Unreadable(Exception):
    """A file that nothing can be made of.

    Args:
        code: stable, snake_case.
        reason: a sentence for people.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Entry(Struct, frozen=True):
    """A question with its answer, at `text[start:end]` of what it was read from."""

    question: str
    answer: str
    start: int
    end: int


class Reading(Struct, frozen=True, kw_only=True):
    """What a file says.

    Attributes:
        text: Markdown, also with what the entries say.
        language: ISO 639-1; empty where it is not known.
        entries: questions with their answers, in the order of the text; each is kept whole.
        notes: what was left out, for people.
    """

    text: str
    title: str = ""
    language: str = ""
    media_type: str = ""
    entries: Sequence[Entry] = ()
    notes: Sequence[str] = ()


class Document(Struct, frozen=True, kw_only=True):
    """A text that answers may rest on.

    Attributes:
        source: where a reader finds it (a path or an address).
        session_id: of an upload, the session that may find it; empty for what everybody may.
        version: 1 for the first text under this id, one more for each change.
    """

    document_id: str
    tenant: str
    session_id: str = ""
    title: str
    source: str
    metadata: Metadata = {}
    body: str
    entries: Sequence[Entry] = ()
    version: int = 1


def sameness(content_sha256: str, title: str | None, source: str | None, metadata: Metadata) -> str:
    """sha256 (hex) of everything that was given: equal means that there is nothing to index again."""
    given = (content_sha256, title, source, metadata)
    return hashlib.sha256(msgspec.json.encode(given, order="deterministic")).hexdigest()


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
        metadata={"category": fields["category"]},
        body=parts[2].strip(),
    )


def _field(line: str) -> tuple[str, str]:
    name, separator, value = line.partition(":")
    if not separator:
        raise MalformedDocument(f"{line!r} in the front matter is not 'name: value'.")
    return name.strip(), value.strip()
