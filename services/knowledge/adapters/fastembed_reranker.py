"""Re-ranking by a cross-encoder through fastembed: it reads a question and a passage together."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from libs.contracts.errors import Unavailable
from services.knowledge.domain import EmbeddingModel
from services.knowledge.ports import EmbedderFault

from .fastembed_models import is_folder, known_to_fastembed, loaded, reranking_folder

_MAX_CHARACTERS = 8_000
_UNLOADED = "The re-ranking model is not loaded."


class FastembedReranker:
    """A Reranker, in a thread of its own; the event loop runs on meanwhile.

    Args:
        name: the folder of a model, or one of fastembed's cross-encoders.
        threads: how many threads onnxruntime uses.
    """

    def __init__(self, name: str, *, threads: int = 1) -> None:
        self._name = name
        self._threads = threads
        self._origin = ""
        self._runtime: _Runtime | None = None
        self._executor: ThreadPoolExecutor | None = None

    @property
    def model(self) -> EmbeddingModel:
        """Its name, and its origin once it is open."""
        return EmbeddingModel(name=self._name, dimension=1, origin=self._origin)

    async def open(self) -> None:
        """Load the model and try it once. Raises EmbedderFault. Opening an open one does nothing."""
        if self._executor is not None:
            return
        executor = ThreadPoolExecutor(1, thread_name_prefix="reranker")
        try:
            self._runtime, self._origin = await asyncio.get_running_loop().run_in_executor(
                executor, _load, self._name, self._threads
            )
        except BaseException:
            executor.shutdown(wait=False)
            raise
        self._executor = executor

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """A score from 0 to 1 for each text, in their order. Raises Unavailable where it is not open."""
        if self._executor is None or self._runtime is None:
            raise Unavailable("reranker_unavailable", _UNLOADED)
        if not texts:
            return []
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, _scores, self._runtime, question, [*texts]
        )

    async def close(self) -> None:
        """Let go of the model, after the question at work."""
        executor, self._executor, self._runtime = self._executor, None, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)


class _Runtime(Protocol):
    """What is used of fastembed's TextCrossEncoder."""

    def rerank(self, query: str, documents: Iterable[str], batch_size: int = ...) -> Iterable[float]: ...


def _load(name: str, threads: int) -> tuple[_Runtime, str]:
    """Load in the calling thread; fastembed is imported here, as for embeddings."""
    from fastembed.rerank.cross_encoder import TextCrossEncoder  # noqa: PLC0415 - see above

    if is_folder(name):
        source = reranking_folder(name)
    else:
        names = [each["model"] for each in TextCrossEncoder.list_supported_models()]
        source = known_to_fastembed(name, names, "DESKBUS_RERANK_MODEL")
    runtime, origin = loaded(source, TextCrossEncoder, threads=threads)
    try:
        _scores(runtime, "ready", ["ready"])
    except Exception as fault:
        raise EmbedderFault(f"The model {name} gives no score for a question and a text.") from fault
    return runtime, origin


def _scores(runtime: _Runtime, question: str, texts: list[str]) -> list[float]:
    """One text at a time, as for embeddings: a score does not depend on what else is asked."""
    asked = question[:_MAX_CHARACTERS]
    raw = [next(iter(runtime.rerank(asked, [text[:_MAX_CHARACTERS]], batch_size=1))) for text in texts]
    return [_probability(score) for score in raw]


def _probability(score: float) -> float:
    """Models of this kind give the logarithm of odds."""
    return 1 / (1 + math.exp(-score)) if score >= 0 else 1 - 1 / (1 + math.exp(score))
