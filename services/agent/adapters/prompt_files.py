"""Prompts as files beside the code: versioned, and read once at the start."""

from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "prompts"
LATEST = "system.v1"


def read_prompt(name: str = LATEST) -> str:
    """Give the text of a prompt, such as `system.v1`; a name that is a path (`/etc/deskbus/ours.md`) is read from there.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    path = Path(name) if "/" in name else _FOLDER / f"{name}.md"
    return path.read_text(encoding="utf-8")
