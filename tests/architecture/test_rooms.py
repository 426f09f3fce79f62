"""Every service has the same rooms, and no room outgrows its reader."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ["gateway", "session", "agent", "knowledge", "attachments"]
ROOMS = ["__main__", "main", "settings", "routes", "app", "ports", "domain", "adapters"]
LONGEST_FILE = 300
LONGEST_FUNCTION = 40
# file or file:function -> why it may be longer
EXCEPTIONS = {
    "libs/contracts/session.py": "one screen a section: what the session service says, kept together",
    "libs/runtime/nats.py": "the bus's one implementation",
}


def sources() -> list[Path]:
    return [path for top in ("libs", "services", "deploy") for path in sorted((ROOT / top).rglob("*.py"))]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    folder = ROOT / "services" / service
    missing = [room for room in ROOMS if not ((folder / f"{room}.py").exists() or (folder / room).is_dir())]
    assert missing == []
    assert (folder / "README.md").read_text().startswith(f"# {service}")


def test_services_are_the_five() -> None:
    folders = {path.name for path in (ROOT / "services").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(SERVICES)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path: Path) -> None:
    name, text = str(path.relative_to(ROOT)), path.read_text()
    if name not in EXCEPTIONS:
        assert len(text.splitlines()) <= LONGEST_FILE, f"{name} has outgrown its room: make it a package of nouns"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and f"{name}:{node.name}" not in EXCEPTIONS:
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{name}:{node.name} has {length} lines"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_is_inside(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "manager", "base", "misc"}
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_runtime_stays_small() -> None:
    lines = sum(len(path.read_text().splitlines()) for path in (ROOT / "libs/runtime").glob("*.py"))
    assert lines <= 3200  # bus, database, cache, blobs, figures, operations: docs/decisions/0002


def test_no_test_patches_what_it_tests() -> None:
    forbidden = re.compile(r"mock\.patch|monkeypatch\.setattr|MagicMock")
    guilty = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__) and forbidden.search(path.read_text())
    ]
    assert guilty == []


def test_only_settings_read_the_environment() -> None:
    # `service` hands the environment to `settings`, to tell of names that nobody reads
    allowed = {
        "libs/runtime/settings.py",
        "libs/runtime/service.py",
        "libs/runtime/migrate.py",
        "libs/runtime/provision.py",
    }
    guilty = [
        str(path.relative_to(ROOT))
        for top in ("libs", "services")
        for path in (ROOT / top).rglob("*.py")
        if re.search(r"os\.environ|os\.getenv", path.read_text()) and str(path.relative_to(ROOT)) not in allowed
    ]
    assert guilty == []
