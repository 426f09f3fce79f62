"""Versions of documents on their way to being found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from libs.contracts.documents import Metadata, VersionState

from .builds import Build
from .documents import Entry
from .passages import Passage

# What may have passed by itself: the same content is read again where it is given again.
PASSING = frozenset({"lost", "url_unreachable", "url_timed_out", "url_unavailable"})


class Given(Struct, frozen=True, kw_only=True):
    """What is to become a version; exactly one of `content`, `blob` and `url` is there.

    Attributes:
        session_id: of an upload, the session that may find it; empty for what everybody may.
        title: what the file says, where None.
        same: a hash of all of it.
    """

    document_id: str
    session_id: str = ""
    title: str | None
    source: str | None
    metadata: Metadata
    name: str = ""
    media_type: str | None = None
    content: str | None = None
    blob: str | None = None
    url: str | None = None
    sha256: str
    size: int
    same: str

    @property
    def shown_title(self) -> str:
        """What it is called until it is read."""
        return self.title or self.name or self.url or self.document_id


class Newest(Struct, frozen=True, kw_only=True):
    """A document's version that was given last."""

    session_id: str
    version: int
    same: str
    state: VersionState
    reason: str | None
    blob: str | None


def is_unchanged(given: Given, newest: Newest) -> bool:
    """Whether there is nothing to do: the same was given last, and what became of it will not be another thing.

    What an address gives may be another thing each time, but not while it is being fetched.
    """
    if given.url is not None and newest.state not in ("queued", "indexing"):
        return False
    return newest.same == given.same and not (newest.state == "rejected" and newest.reason in PASSING)


class Work(Struct, frozen=True, kw_only=True):
    """A version that this process has claimed; `attempt` fences it from whoever claims it after the lease."""

    tenant: str
    document_id: str
    version: int
    attempt: int
    session_id: str
    title: str | None
    source: str | None
    metadata: Metadata
    name: str
    media_type: str | None
    content: str | None
    blob: str | None
    url: str | None
    sha256: str
    size: int
    found_version: int


class Ready(Struct, frozen=True, kw_only=True):
    """What a version was read and cut into, for each build that it was embedded for."""

    title: str
    source: str
    language: str
    media_type: str
    body: str
    entries: Sequence[Entry]
    notes: Sequence[str]
    sha256: str
    size: int
    passages: Mapping[str, Sequence[Passage]]


class ToBuild(Struct, frozen=True, kw_only=True):
    """A found version, to be cut and embedded for another build."""

    tenant: str
    document_id: str
    session_id: str
    version: int
    title: str
    source: str
    metadata: Metadata
    body: str
    entries: Sequence[Entry]


class Buried(Struct, frozen=True, kw_only=True):
    """A document that was deleted: its last version, what to remove from the bucket, whether somebody may still write."""

    tenant: str
    document_id: str
    version: int
    passages: int
    blobs: Sequence[str]
    at_work: bool = False


class Unswept(Struct, frozen=True, kw_only=True):
    """A settled version of which the bucket or the index may still hold something."""

    tenant: str
    document_id: str
    version: int
    blob: str | None
    found_version: int


class Grounds(Struct, frozen=True):
    """What a search rests on: another one with every change that it may see."""

    build_id: str
    generation: str


class Progress(Struct, frozen=True):
    """How far a build is: documents that it has, of all that are found."""

    done: int
    documents: int


__all__ = [
    "PASSING", "Build", "Buried", "Given", "Grounds", "Newest", "Progress", "Ready", "ToBuild", "Unswept", "Work",
    "is_unchanged",
]  # fmt: skip
