"""Embeddings by fastembed (onnxruntime on the CPU), from local files and with no network.

Texts are embedded one by one, never in batches: the int8 model scales its activations per batch, so that a vector
would depend on what shares the batch (cosine to the lone vector down to 0.986), and padding made batches slower
(at 32 texts a third of the speed) and memory large (1 GB instead of 165 MB).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, cast

from libs.contracts.errors import Unavailable
from services.knowledge.domain import EmbeddingModel, Vector
from services.knowledge.ports import EmbedderFault

MODEL_NAME = "minilm-l6-v2-int8"
DIMENSION = 384
# The name under which fastembed knows how this model pools (mean over tokens) and normalises (to length 1).
_ARCHITECTURE = "sentence-transformers/all-MiniLM-L6-v2"
# The model reads 256 tokens, but the tokenizer would first cut up all that it is given (1 MB: 0.9 s).
_MAX_CHARACTERS = 8_000


class FastembedEmbedder:
    """all-MiniLM-L6-v2 (int8) from a folder that holds `model.onnx` and its tokenizer.

    One thread of its own does all the work, in the order of arrival; onnxruntime releases the GIL, so the event loop
    runs on meanwhile. Passages are given to it one at a time, so a question waits for one passage at most.

    Args:
        folder: what `deploy.local.embedding_model.ensure` returns.
        threads: how many threads onnxruntime uses for one text.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._folder = folder
        self._threads = threads
        self._runtime: _Runtime | None = None
        self._executor: ThreadPoolExecutor | None = None

    @property
    def model(self) -> EmbeddingModel:
        """Its name, dimension and origin."""
        return EmbeddingModel(name=MODEL_NAME, dimension=DIMENSION, origin=f"local files, {_ARCHITECTURE}, int8")

    async def open(self) -> None:
        """Load the model and try it once. Raises EmbedderFault. Opening an open embedder does nothing."""
        if self._executor is not None:
            return
        executor = ThreadPoolExecutor(1, thread_name_prefix="embedder")
        try:
            self._runtime = await asyncio.get_running_loop().run_in_executor(
                executor, _load, self._folder, self._threads
            )
        except BaseException:
            executor.shutdown(wait=False)
            raise
        self._executor = executor

    async def embed_query(self, text: str) -> Vector:
        """The vector of a question. Raises Unavailable where the embedder is not open."""
        return await self._embed(text)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of passages, in their order."""
        return [await self._embed(text) for text in texts]

    async def close(self) -> None:
        """Let go of the model, after the text at work. Texts that still wait are given up."""
        executor, self._executor, self._runtime = self._executor, None, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)

    async def _embed(self, text: str) -> Vector:
        if self._executor is None or self._runtime is None:
            raise Unavailable("embedder_unavailable", "The embedding model is not loaded.")
        return await asyncio.get_running_loop().run_in_executor(self._executor, _vector, self._runtime, text)


class _Array(Protocol):
    """What is used of a numpy array."""

    def tolist(self) -> list[float]: ...


class _Runtime(Protocol):
    """What is used of fastembed's TextEmbedding."""

    def embed(self, documents: list[str]) -> Iterable[_Array]: ...


def _load(folder: Path, threads: int) -> _Runtime:
    """Load in the calling thread. fastembed is imported here: it takes about a second and 70 MB."""
    if not (folder / "model.onnx").is_file():
        raise EmbedderFault(
            f"There is no embedding model in {folder}: build it with 'python -m deploy.local.embedding_model FOLDER'."
        )
    from fastembed import TextEmbedding  # noqa: PLC0415 - see above

    try:
        runtime = cast(
            "_Runtime",
            TextEmbedding(
                _ARCHITECTURE,
                specific_model_path=str(folder),
                local_files_only=True,
                threads=threads,
                # Named, so that no other provider is looked for; the arena would keep the memory of the longest text.
                providers=["CPUExecutionProvider"],
                enable_cpu_mem_arena=False,
            ),
        )
        dimension = len(_vector(runtime, "ready"))
    except Exception as fault:
        raise EmbedderFault(
            f"The embedding model in {folder} cannot be loaded; delete the folder and build it."
        ) from fault
    if dimension != DIMENSION:
        raise EmbedderFault(f"The embedding model in {folder} gives {dimension} dimensions; {DIMENSION} are expected.")
    return runtime


def _vector(runtime: _Runtime, text: str) -> Vector:
    (array,) = runtime.embed([text[:_MAX_CHARACTERS]])
    return array.tolist()
