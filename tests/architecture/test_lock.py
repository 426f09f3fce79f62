"""The lock file names the public index and nobody else's; a service imports only what its group installs."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# import name -> distribution, where they differ
DISTRIBUTIONS = {
    "charset_normalizer": "charset-normalizer",
    "py_rust_stemmers": "py-rust-stemmers",
    "nats": "nats-py",
    "ulid": "python-ulid",
    "qdrant_edge": "qdrant-edge-py",
    "qdrant_client": "qdrant-client",
}


def test_lock_names_public_hosts_only() -> None:
    text = (ROOT / "uv.lock").read_text()
    hosts = set(re.findall(r"https?://([^/\"]+)", text))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
    assert "file://" not in text
    assert 'path = "' not in text


def test_lock_has_hashes() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    files = [file for package in lock["package"] for file in package.get("wheels", [])]
    assert files
    assert all(file["hash"].startswith("sha256:") for file in files)


def test_r31_no_gpu_stack_is_locked() -> None:
    names = {package["name"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert not [name for name in names if name == "torch" or name.startswith(("nvidia", "triton"))]


def distributions(requirements: list[object]) -> set[str]:
    return {re.split(r"[<>=;\[ ]", text)[0] for text in requirements if isinstance(text, str)}


@pytest.mark.parametrize("service", ["gateway", "session", "agent", "knowledge", "attachments"])
def test_a_service_imports_only_its_group(service: str) -> None:
    installed = distributions(PROJECT["project"]["dependencies"]) | distributions(PROJECT["dependency-groups"][service])
    foreign: set[str] = set()
    for path in (ROOT / "services" / service).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names and top not in {"libs", "services"}:
                    foreign.add(DISTRIBUTIONS.get(top, top))
    assert foreign <= installed
