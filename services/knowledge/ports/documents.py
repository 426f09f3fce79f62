"""What is known: documents with their versions, their passages, and what searches rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from libs.contracts.documents import (
    Document,
    DocumentPassage,
    DocumentVersion,
    ListDocuments,
)
from services.knowledge.domain import Build, FoundPassage
from services.knowledge.domain.versions import (
    Buried,
    Given,
    Grounds,
    Newest,
    Progress,
    Ready,
    ToBuild,
    Unswept,
    Work,
)

# What became of a version that was finished: it is found; a newer one was given; it was deleted, or somebody else has it;
# a build began meanwhile for which it is not embedded.
Finish = Literal["ready", "superseded", "lost", "other_builds"]


class DocumentStore(Protocol):
    """Documents of one tenant. All methods of this module's ports raise Unavailable where they cannot work."""

    async def put(self, tenant: str, given: Given, unchanged: Callable[[Given, Newest], bool]) -> int | None:
        """Queue a version in one transaction, and give its number; None where `unchanged` says so of the newest one.

        Raises:
            Conflict: `document_of_session`, where the id is that of an upload, or the other way about.
        """
        ...

    async def get(self, tenant: str, document_id: str) -> tuple[Document, str] | None:
        """A document as it stands, with its session; None where there is none."""
        ...

    async def newest(self, tenant: str, document_id: str) -> Newest | None:
        """The version that was given last."""
        ...

    async def versions(self, tenant: str, document_id: str, limit: int) -> list[DocumentVersion]:
        """Its versions, the newest first."""
        ...

    async def passages(self, tenant: str, document_id: str, limit: int, offset: int) -> list[DocumentPassage]:
        """Some of the passages that are found of it, in their order."""
        ...

    async def page(self, tenant: str, query: ListDocuments) -> tuple[list[Document], int]:
        """Some documents, changed last first, without uploads, and how many there are."""
        ...

    async def any(self, tenant: str) -> bool:
        """Whether a tenant has documents, or has deleted one."""
        ...

    async def of_session(self, tenant: str, session_id: str) -> list[str]:
        """The ids of a session's uploads."""
        ...

    async def bury(self, tenant: str, document_id: str, session_id: str) -> Buried | None:
        """Delete a document of a session, or of none, with all its versions and passages; None where there is none."""
        ...

    async def count_passages(self, tenant: str, document_id: str) -> int:
        """How many passages there are of a document, in all builds."""
        ...

    async def prove(self, buried: Buried) -> None:
        """Say that nothing of a deleted document is left in the index and the bucket."""
        ...

    async def forget_session(self, tenant: str, session_id: str) -> None:
        """Forget what the searches of a session rested on."""
        ...


class VersionStore(Protocol):
    """Versions of all tenants on their way to being found."""

    async def claim(self, lease_s: float) -> Work | None:
        """Take the next version for so many seconds; None where none waits."""
        ...

    async def renew(self, work: Work, lease_s: float) -> bool:
        """Keep it for so many seconds more; False where it is somebody else's, or gone."""
        ...

    async def put_off(self, work: Work, seconds: float) -> None:
        """Give it back, to be taken after so many seconds; the attempt does not count."""
        ...

    async def finish(self, work: Work, ready: Ready) -> Finish:
        """Make it what is found of its document, in all builds and in one step, with its event."""
        ...

    async def reject(self, work: Work, reason: str, error: str) -> bool:
        """Say that it cannot be used, with its event; what was found stays. False where it is no longer this process's."""
        ...

    async def is_found(self, work: Work, ready: Ready) -> bool:
        """Whether what is found says the same."""
        ...

    async def forget(self, work: Work) -> None:
        """Forget a version that says what is found already."""
        ...

    async def renew_generation(self, tenant: str, session_id: str) -> None:
        """Say that the index holds other points of a tenant."""
        ...

    async def unsettled(self) -> list[tuple[str, str]]:
        """Tenants and ids of documents of which the index may hold more than what is found."""
        ...

    async def unswept(self, limit: int) -> list[Unswept]:
        """Settled versions that left something behind."""
        ...

    async def swept(self, version: Unswept) -> None:
        """Say that nothing is left of a version, but points of one that is newer than what is found."""
        ...

    async def unproven(self, limit: int) -> list[Buried]:
        """Deletions of which the index may still hold something."""
        ...

    async def tidy(self) -> None:
        """Forget old events and leases whose versions are superseded."""
        ...


class BuildStore(Protocol):
    """Builds of the index."""

    async def all(self) -> list[Build]:
        """All builds, the oldest first."""
        ...

    async def begin(self, build: Build) -> Build:
        """Write a build down; a live one in place of the one that holds nothing.

        Raises:
            Conflict: `reindex_running`.
        """
        ...

    async def lease(self, build_id: str, lease_s: float) -> bool:
        """Take a build that is being filled; False where another process has it."""
        ...

    async def renew(self, build_id: str, lease_s: float) -> bool:
        """Keep it; False where it is gone."""
        ...

    async def release(self, build_id: str, error: str | None) -> None:
        """Give it back, with why it cannot be filled."""
        ...

    async def unbuilt(self, build_id: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Tenants and ids of found documents that a build lacks."""
        ...

    async def to_build(self, tenant: str, document_id: str) -> ToBuild | None:
        """What is found of a document."""
        ...

    async def add(self, build_id: str, version: ToBuild, passages: Sequence[FoundPassage]) -> bool:
        """Add a document's passages to a build; False where another version is found by now."""
        ...

    async def progress(self, build_id: str) -> Progress:
        """How far a build is."""
        ...

    async def switch(self, build_id: str) -> bool:
        """Make a build what searches find, in one step; False where it still lacks a document."""
        ...

    async def retired(self, seconds: float) -> list[Build]:
        """Builds that have not been live for so many seconds."""
        ...

    async def drop(self, build_id: str) -> None:
        """Forget a build with its passages."""
        ...


class PassageStore(Protocol):
    """Passages as searches read them, and as an index is filled with."""

    async def grounds(self, tenant: str, session_id: str) -> Grounds | None:
        """What a search rests on; None where nothing was ever known."""
        ...

    async def found(
        self, tenant: str, build_id: str, session_id: str, passage_ids: Sequence[str]
    ) -> tuple[dict[str, FoundPassage], Grounds | None]:
        """Passages by id, without those that are not found any more, and what they rest on."""
        ...

    async def count(self, build_id: str) -> int:
        """How many passages a build has."""
        ...

    async def counts(self, build_id: str, after: tuple[str, str], limit: int) -> list[tuple[str, str, int]]:
        """Tenants and ids of documents in a build, in order, with the number of their passages."""
        ...

    async def of_document(self, build_id: str, tenant: str, document_id: str) -> list[FoundPassage]:
        """A document's passages in a build."""
        ...

    async def renew_generations(self) -> None:
        """Say that the index holds other points of everybody."""
        ...


class Stores(NamedTuple):
    """All that is known, as it is looked at from different sides."""

    documents: DocumentStore
    versions: VersionStore
    builds: BuildStore
    passages: PassageStore
