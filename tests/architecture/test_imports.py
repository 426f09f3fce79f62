"""R45: what is locked is enough, and importing any module does nothing but import, without a warning."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# asks for its input when it runs, by design a program for a process of its own
PROGRAMS = {"services.attachments.adapters.reader_process"}


def modules() -> list[str]:
    found = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for top in ("libs", "services", "deploy")
        for path in sorted((ROOT / top).rglob("*.py"))
        if "docker" not in path.parts
    ]
    return [name for name in found if not name.endswith("__main__") and name not in PROGRAMS]


def test_r45_every_module_imports_without_a_warning() -> None:
    names = modules()
    assert len(names) > 100
    lines = "\n".join(f"import {name}" for name in names)
    code = f"import socket\nsocket.socket.connect = None\n{lines}\nprint('imported')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "imported", done.stderr[-2000:]
