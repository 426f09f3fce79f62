"""What the knowledge service may be told."""

from typing import Annotated

from msgspec import Meta, field

from libs.runtime.settings import CacheSettings


class Settings(CacheSettings, frozen=True, kw_only=True):
    """Settings of the knowledge service.

    Attributes:
        embedding_path: the folder of the packaged embedding model.
        embedding_model: the packaged one by its name, one that fastembed knows by its name, a folder that holds one, or
            `none`: then passages are found by their words alone.
        embedding_threads: processor threads for one text.
        index_path: the folder of the embedded vector indexes, where no Qdrant server is given.
        qdrant_url: a Qdrant server; then any number of replicas may run.
        seed_documents: whether to load the example documents where there are none; by default outside of
            staging and production.
        ingest_slots: how many documents are read and embedded at the same time.
        ingest_timeout_s: seconds that reading one file may take.
        ingest_memory_mb: MiB that reading one file may take.
        fetch_private_hosts: names of hosts whose pages may become documents although they are in a private network.
    """

    database_url: str
    embedding_path: str
    embedding_model: str = "minilm-l6-v2-int8"
    embedding_threads: int = 1
    index_path: str = ".run/index"
    qdrant_url: str | None = None
    qdrant_api_key: str | None = None
    seed_documents: bool | None = None
    ingest_slots: Annotated[int, Meta(ge=1, le=16)] = 4
    ingest_timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    ingest_memory_mb: Annotated[int, Meta(ge=256)] = 512
    fetch_private_hosts: list[str] = field(default_factory=list)

    @property
    def seeds(self) -> bool:
        """Whether the example documents are to be loaded."""
        return self.environment in ("development", "testing") if self.seed_documents is None else self.seed_documents
