"""What other use cases of this service need of documents and their model."""

from libs.contracts.context import Context
from libs.contracts.documents import PutDocument
from libs.contracts.knowledge import Search

from ..domain import Meaning
from ..ports import Engines
from .documents import Documents
from .searching import Searching

_AMONG = 5


class Shelf:
    """A Library over the use cases of documents."""

    def __init__(self, documents: Documents, searching: Searching) -> None:
        self._documents = documents
        self._searching = searching

    async def add(self, tenant: str, new: PutDocument) -> str:
        """Add a document; gives its id. Raises Invalid, Unavailable."""
        return (await self._documents.put(new, Context(tenant=tenant))).document.document_id

    async def finds(self, tenant: str, question: str, document_id: str) -> bool:
        """Say whether a question finds a document among its first passages. Raises Unavailable."""
        result = await self._searching.search(Search(query=question, limit=_AMONG), Context(tenant=tenant))
        return any(source.metadata.get("document_id") == document_id for source in result.sources)


class QuestionMeanings:
    """Meanings of a model.

    Args:
        model: as `DESKBUS_EMBEDDING_MODEL` names it.
    """

    def __init__(self, engines: Engines, model: str) -> None:
        self._engines = engines
        self._model = model

    async def of(self, question: str) -> Meaning | None:
        """Give a question's meaning. Raises Unavailable."""
        embedder = await self._engines.embedder(self._model)
        return Meaning(embedder.model.name, await embedder.embed_query(question))
