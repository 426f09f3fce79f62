"""Models by name: the packaged one, a folder's, or any that fastembed knows, from its cache or by its own download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct

from services.knowledge.ports import EmbedderFault

PACKAGED = "minilm-l6-v2-int8"
# The name under which fastembed knows how the packaged model pools (mean over tokens) and normalises (to length 1).
_ARCHITECTURE = "sentence-transformers/all-MiniLM-L6-v2"
_FILES = ("model.onnx", "onnx/model.onnx", "model_optimized.onnx")
_Loaded = TypeVar("_Loaded")


class Source(Struct, frozen=True, kw_only=True):
    """Where a model is loaded from.

    Attributes:
        name: as fastembed knows it.
        folder: of its files; None where fastembed looks for them.
        origin: how it is obtained, for people.
        question, passage: what goes before a question and a passage.
    """

    name: str
    folder: Path | None
    origin: str
    question: str = ""
    passage: str = ""


def is_folder(name: str) -> bool:
    """Whether a model's name is that of a folder."""
    return name.startswith((".", "/", "~")) or Path(name).is_dir()


def packaged(folder: Path) -> Source:
    """The packaged model. Raises EmbedderFault where it was not built."""
    if not (folder / "model.onnx").is_file():
        raise EmbedderFault(
            f"There is no embedding model in {folder}: build it with 'python -m deploy.local.embedding_model FOLDER', or "
            "search by words alone with DESKBUS_EMBEDDING_MODEL=none."
        )
    return Source(name=_ARCHITECTURE, folder=folder, origin=f"packaged, local files, {_ARCHITECTURE}, int8")


def embedding_folder(name: str) -> Source:
    """A folder with an embedding model and its tokenizer, made known to fastembed. Raises EmbedderFault."""
    from fastembed import TextEmbedding  # noqa: PLC0415 - takes about a second and 70 MB
    from fastembed.common.model_description import ModelSource, PoolingType  # noqa: PLC0415 - as above

    folder, file = _files(name)
    known = f"folder:{folder}"
    if known.lower() not in {each["model"].lower() for each in TextEmbedding.list_supported_models()}:
        TextEmbedding.add_custom_model(
            model=known,
            pooling=PoolingType[_pooling(folder)],
            normalization=True,
            sources=ModelSource(hf=known),
            dim=1,  # it is measured, not told
            model_file=file,
        )
    told = _json(folder / "config_sentence_transformers.json").get("prompts")
    prompts = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    return Source(
        name=known,
        folder=folder,
        origin=f"folder {folder}",
        question=str(prompts.get("query") or ""),
        passage=str(prompts.get("passage") or prompts.get("document") or ""),
    )


def reranking_folder(name: str) -> Source:
    """A folder with a cross-encoder and its tokenizer, made known to fastembed. Raises EmbedderFault."""
    from fastembed.common.model_description import ModelSource  # noqa: PLC0415 - see above
    from fastembed.rerank.cross_encoder import TextCrossEncoder  # noqa: PLC0415 - see above

    folder, file = _files(name)
    known = f"folder:{folder}"
    if known.lower() not in {each["model"].lower() for each in TextCrossEncoder.list_supported_models()}:
        TextCrossEncoder.add_custom_model(model=known, sources=ModelSource(hf=known), model_file=file)
    return Source(name=known, folder=folder, origin=f"folder {folder}")


def loaded(source: Source, make: Callable[..., _Loaded], *, threads: int) -> tuple[_Loaded, str]:
    """Load a model in the calling thread; give it, and how it was obtained. Raises EmbedderFault."""
    # Named, so that no other provider is looked for; the arena would keep the memory of the longest text.
    options: dict[str, Any] = {
        "threads": threads,
        "providers": ["CPUExecutionProvider"],
        "enable_cpu_mem_arena": False,
    }
    if source.folder is not None:
        options["specific_model_path"] = str(source.folder)
    try:
        return make(source.name, local_files_only=True, **options), source.origin or "fastembed cache"
    except Exception as fault:
        if source.folder is not None:
            raise EmbedderFault(
                f"The model in {source.folder} cannot be loaded: it needs an ONNX model of texts, tokenizer.json and "
                "tokenizer_config.json. The packaged one is built again where its folder is deleted."
            ) from fault
    try:
        return make(source.name, **options), "fastembed download"
    except Exception as fault:
        raise EmbedderFault(
            f"The model {source.name} is not in fastembed's cache and cannot be downloaded here. Load it once where the hub is "
            "reachable and copy that folder (FASTEMBED_CACHE_PATH names it), give the folder of a model instead of a "
            f"name, or set DESKBUS_EMBEDDING_MODEL={PACKAGED} or =none."
        ) from fault


def known_to_fastembed(name: str, names: list[str], setting: str) -> Source:
    """One of fastembed's own models. Raises EmbedderFault where it knows none of that name."""
    if name.lower() not in {each.lower() for each in names}:
        raise EmbedderFault(
            f"{setting}={name} is neither a folder nor a model that fastembed knows. It knows, for example, "
            f"{', '.join(sorted(names)[:3])}; a folder's name begins with '/' or '.'."
        )
    return Source(name=name, folder=None, origin="")


def _files(name: str) -> tuple[Path, str]:
    folder = Path(name).expanduser().resolve()
    file = next((each for each in _FILES if (folder / each).is_file()), None)
    if file is None:
        raise EmbedderFault(f"There is no model in {folder}: it needs model.onnx and the files of its tokenizer.")
    return folder, file


def _pooling(folder: Path) -> str:
    """How token vectors become one: as sentence-transformers writes it, else the mean."""
    told = _json(folder / "1_Pooling" / "config.json")
    if told.get("pooling_mode_cls_token") or told.get("pooling_mode") == "cls":
        return "CLS"
    if told.get("pooling_mode_lasttoken") or told.get("pooling_mode") == "lasttoken":
        return "LAST_TOKEN"
    return "MEAN"


def _json(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}
