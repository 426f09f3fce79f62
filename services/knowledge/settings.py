"""What the knowledge service may be told."""

from libs.runtime.settings import CacheSettings


class Settings(CacheSettings, frozen=True, kw_only=True):
    """Settings of the knowledge service.

    Attributes:
        embedding_path: the folder of the embedding model.
        embedding_threads: processor threads for one text.
        index_path: the folder of the embedded vector index, where no Qdrant server is given.
        qdrant_url: a Qdrant server; then any number of replicas may run.
        seed_documents: whether to load the example documents where there are none; by default outside of
            staging and production.
    """

    database_url: str
    embedding_path: str
    embedding_threads: int = 1
    index_path: str = ".run/index"
    qdrant_url: str | None = None
    qdrant_api_key: str | None = None
    seed_documents: bool | None = None

    @property
    def seeds(self) -> bool:
        """Whether the example documents are to be loaded."""
        return self.environment in ("development", "testing") if self.seed_documents is None else self.seed_documents
