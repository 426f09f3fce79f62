"""Embeddings by fastembed (onnxruntime on the CPU), from local files and with no network where it can be.

Texts are embedded one by one, never in batches: the int8 model scales its activations per batch, so that a vector
would depend on what shares the batch (cosine to the lone vector down to 0.986), and padding made batches slower
(at 32 texts a third of the speed) and memory large (1 GB instead of 165 MB). Questions at once share a model instead:
each worker thread embeds one of them, and onnxruntime releases the GIL.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, cast

from msgspec import Struct

from libs.contracts.errors import Unavailable
from services.knowledge.domain import EmbeddingModel, Vector
from services.knowledge.ports import EmbedderFault

from .fastembed_models import PACKAGED, Source, embedding_folder, is_folder, known_to_fastembed, loaded, packaged

_DIMENSION = 384
# A model reads some hundred tokens, but the tokenizer would first cut up all that it is given (1 MB: 0.9 s).
_MAX_CHARACTERS = 8_000
_UNLOADED = "The embedding model is not loaded."


class FastembedEmbedder:
    """An embedding model.

    Its worker threads do all the work, in the order of arrival; the event loop runs on meanwhile. Passages are given to
    them one at a time each, so a question waits for one passage at most.

    Args:
        folder: of the packaged model: what `deploy.local.embedding_model.ensure` returns.
        name: the packaged model, a folder of another one, or one that fastembed knows.
        threads: how many threads onnxruntime uses for one text.
        workers: how many texts are embedded at once.
    """

    def __init__(self, folder: Path, *, name: str = PACKAGED, threads: int = 1, workers: int = 1) -> None:
        self._folder = folder
        self._name = name
        self._threads = threads
        self._workers = workers
        self._passages = asyncio.Semaphore(workers)
        self._loaded: _Loaded | None = None
        self._executor: ThreadPoolExecutor | None = None

    @property
    def model(self) -> EmbeddingModel:
        """Its name, dimension and origin; of any but the packaged one once it is open, else raises Unavailable."""
        if self._loaded is not None:
            return EmbeddingModel(name=self._name, dimension=self._loaded.dimension, origin=self._loaded.origin)
        if self._name == PACKAGED:
            return EmbeddingModel(name=PACKAGED, dimension=_DIMENSION, origin="packaged, local files")
        raise Unavailable("embedder_unavailable", _UNLOADED)

    async def open(self) -> None:
        """Load the model and try it once. Raises EmbedderFault. Opening an open embedder does nothing."""
        if self._executor is not None:
            return
        executor = ThreadPoolExecutor(self._workers, thread_name_prefix="embedder")
        try:
            self._loaded = await asyncio.get_running_loop().run_in_executor(
                executor, _load, self._name, self._folder, self._threads
            )
        except BaseException:
            executor.shutdown(wait=False)
            raise
        self._executor = executor

    async def embed_query(self, text: str) -> Vector:
        """The vector of a question. Raises Unavailable where the embedder is not open."""
        return await self._embed(text, question=True)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of passages, in their order."""
        return await asyncio.gather(*map(self._embed_passage, texts))

    def count_tokens(self, text: str) -> int:
        """How many tokens the model makes of a text; also from other threads."""
        if self._loaded is None:
            raise Unavailable("embedder_unavailable", _UNLOADED)
        return len(self._loaded.counter.encode(text, add_special_tokens=False).ids)

    async def close(self) -> None:
        """Let go of the model, after the texts at work. Texts that still wait are given up."""
        executor, self._executor, self._loaded = self._executor, None, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)

    async def _embed_passage(self, text: str) -> Vector:
        async with self._passages:
            return await self._embed(text, question=False)

    async def _embed(self, text: str, *, question: bool) -> Vector:
        if self._executor is None or self._loaded is None:
            raise Unavailable("embedder_unavailable", _UNLOADED)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._loaded.vector, text, question)


class _Array(Protocol):
    """What is used of a numpy array."""

    def tolist(self) -> list[float]: ...


class _Encoding(Protocol):
    """What is used of what a tokenizer gives."""

    @property
    def ids(self) -> list[int]: ...


class _Tokenizer(Protocol):
    """What is used of a tokenizer."""

    def encode(self, sequence: str, *, add_special_tokens: bool) -> _Encoding: ...

    def no_truncation(self) -> None: ...

    def no_padding(self) -> None: ...


class _Runtime(Protocol):
    """What is used of fastembed's TextEmbedding."""

    def query_embed(self, query: str) -> Iterable[_Array]: ...

    def passage_embed(self, texts: list[str]) -> Iterable[_Array]: ...


class _Loaded(Struct, frozen=True, kw_only=True):
    """A model at work; any number of threads may use it at once."""

    runtime: _Runtime
    counter: _Tokenizer
    source: Source
    origin: str
    dimension: int = 0

    def vector(self, text: str, question: bool) -> Vector:
        """A text's vector, of length 1."""
        if question:
            (array,) = self.runtime.query_embed(self.source.question + text[:_MAX_CHARACTERS])
        else:
            (array,) = self.runtime.passage_embed([self.source.passage + text[:_MAX_CHARACTERS]])
        vector = array.tolist()
        length = math.hypot(*vector)
        # Most models give vectors of length 1, some do not.
        return vector if abs(length - 1) < 1e-6 or not length else [number / length for number in vector]


def _load(name: str, folder: Path, threads: int) -> _Loaded:
    """Load in the calling thread. fastembed is imported here: it takes about a second and 70 MB."""
    source = packaged(folder) if name == PACKAGED else None
    from fastembed import TextEmbedding  # noqa: PLC0415 - see above
    from tokenizers import Tokenizer  # noqa: PLC0415 - see above

    if source is None:
        names = [each["model"] for each in TextEmbedding.list_supported_models()]
        source = (
            embedding_folder(name) if is_folder(name) else known_to_fastembed(name, names, "DESKBUS_EMBEDDING_MODEL")
        )
    runtime, origin = loaded(source, TextEmbedding, threads=threads)
    try:
        counter = cast("_Tokenizer", Tokenizer.from_str(cast("Any", runtime.model).tokenizer.to_str()))
        counter.no_truncation()
        counter.no_padding()
        model = _Loaded(runtime=runtime, counter=counter, source=source, origin=origin)
        dimension = len(model.vector("ready", False))
    except Exception as fault:
        raise EmbedderFault(f"The model {name} cannot be loaded, or embeds no text.") from fault
    if name == PACKAGED and dimension != _DIMENSION:
        raise EmbedderFault(f"The embedding model in {folder} gives {dimension} dimensions; {_DIMENSION} are expected.")
    return _Loaded(runtime=runtime, counter=counter, source=source, origin=origin, dimension=dimension)
