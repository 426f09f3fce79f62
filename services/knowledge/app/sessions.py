"""Uploads as documents: found by the searches of their session alone, and gone with it."""

from libs.contracts.context import Context
from libs.contracts.session import SessionDeleted

from ..ports import DocumentStore
from .documents import Documents


class Sessions:
    """The use cases about what belongs to a session."""

    def __init__(self, store: DocumentStore, documents: Documents) -> None:
        self._store = store
        self._documents = documents

    async def forget(self, event: SessionDeleted, ctx: Context) -> None:
        """Delete the documents of a session that was deleted. Twice is once.

        Raises:
            Unavailable: it could not be done now.
        """
        for document_id in await self._store.of_session(ctx.tenant, event.session_id):
            await self._documents.remove(ctx.tenant, document_id, event.session_id)
        await self._store.forget_session(ctx.tenant, event.session_id)
