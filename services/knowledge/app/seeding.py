"""The example documents that a development system begins with."""

import asyncio
from collections.abc import Sequence

from ..domain import Document, sameness
from ..domain.givens import content_of
from ..domain.versions import Given
from ..ports import DocumentStore
from .documents import Documents

_WAIT_S = 60.0
_LOOK_S = 0.1


async def seed(documents: Sequence[Document], store: DocumentStore, desk: Documents) -> int:
    """Load documents where a tenant never had one, and wait until they are found; gives how many.

    Raises:
        Unavailable: they could not be stored.
    """
    if not documents or await store.any(documents[0].tenant):
        return 0
    for document in documents:
        await desk.add(document.tenant, _given(document))
    loop = asyncio.get_running_loop()
    until = loop.time() + _WAIT_S
    while loop.time() < until:
        states = [await store.newest(document.tenant, document.document_id) for document in documents]
        if not any(newest and newest.state in ("queued", "indexing") for newest in states):
            break
        await asyncio.sleep(_LOOK_S)
    return len(documents)


def _given(document: Document) -> Given:
    size, sha256 = content_of(document.body)
    return Given(
        document_id=document.document_id, title=document.title, source=document.source, metadata=document.metadata,
        media_type="text/markdown", content=document.body, sha256=sha256, size=size,
        same=sameness(sha256, document.title, document.source, document.metadata),
    )  # fmt: skip
