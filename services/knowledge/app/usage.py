"""Where documents are used: which answers cited them."""

from collections import defaultdict

from libs.contracts.context import Context
from libs.contracts.documents import AskDocumentUsage, Citation, DocumentUsage
from libs.contracts.errors import FieldError, Invalid
from libs.contracts.session import Message, TurnCompleted

from ..ports import CitationStore

_MOST_LISTED = 100


class Usage:
    """The use cases about where documents are used."""

    def __init__(self, store: CitationStore) -> None:
        self._store = store

    async def note(self, event: TurnCompleted, ctx: Context) -> None:
        """Note what an answer cited.

        Raises:
            Unavailable: it could not be done now.
        """
        if cited := citations(event.message, event.turn_id, ctx.key):
            await self._store.note(ctx.tenant, cited)

    async def of_document(self, request: AskDocumentUsage, ctx: Context) -> DocumentUsage:
        """Give the answers that cited a document, newest first; none where nothing cited it.

        Raises:
            Invalid: `invalid_request`.
        """
        if not 1 <= request.limit <= _MOST_LISTED:
            why = f"must be 1 to {_MOST_LISTED}"
            raise Invalid("invalid_request", f"limit {why}", errors=[FieldError(["query", "limit"], why)])
        if request.offset < 0:
            why = "must be 0 or more"
            raise Invalid("invalid_request", f"offset {why}", errors=[FieldError(["query", "offset"], why)])
        return await self._store.usage(ctx.tenant, request.document_id, request.version, request.limit, request.offset)


def citations(answer: Message, turn_id: str, session_id: str) -> list[tuple[str, Citation]]:
    """Give what an answer cited, one entry for each document and version; sources that are no documents are left out."""
    passages: dict[tuple[str, int], set[int]] = defaultdict(set)
    for source in answer.sources:
        document_id, version = source.metadata.get("document_id"), source.metadata.get("version")
        chunk = source.metadata.get("chunk")
        if isinstance(document_id, str) and isinstance(version, int) and isinstance(chunk, int):
            passages[document_id, version].add(chunk)
    return [
        (
            document_id,
            Citation(
                session_id=session_id, turn_id=turn_id, message_id=answer.id, version=version,
                passages=sorted(found), outdated=False, answered_at=answer.timestamp,
            ),
        )
        for (document_id, version), found in passages.items()
    ]  # fmt: skip
