"""An embedder where no model can be had: nothing has a meaning, and passages are found by their words alone."""

from collections.abc import Sequence

from ..domain import NO_MODEL, EmbeddingModel, Vector, guessed_tokens


class NoEmbedder:
    """An Embedder whose vectors are empty, which indexes take as none."""

    @property
    def model(self) -> EmbeddingModel:
        """That there is none."""
        return EmbeddingModel(name=NO_MODEL, dimension=0, origin="no embedding model, search is lexical")

    async def open(self) -> None:
        """Nothing to load."""

    async def embed_query(self, text: str) -> Vector:  # noqa: ARG002 - as the port has it
        """No meaning."""
        return []

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """No meanings."""
        return [[] for _ in texts]

    def count_tokens(self, text: str) -> int:
        """A guess: there is no tokenizer either."""
        return guessed_tokens(text)

    async def close(self) -> None:
        """Nothing to let go of."""
