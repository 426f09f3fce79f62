"""The file that declares tools: TOML or JSON by its ending, and the secrets that its headers name."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from services.agent.domain.http_tools import HttpTool
from services.agent.domain.tool_declarations import ToolFileFault, read_declarations

SECRET_PREFIX = "DESKBUS_TOOL_SECRET_"  # noqa: S105 - where secrets are, not one of them
_FILE = "_FILE"
_MAX_BYTES = 1024 * 1024


def read_tool_file(path: Path, variables: Mapping[str, str]) -> list[HttpTool]:
    """Give the tools that a file declares.

    Args:
        path: ends with `.toml` or `.json`.
        variables: the environment, or what of it begins with `DESKBUS_TOOL_SECRET_`: `..._CRM=word` is the value of
            `${CRM}` in headers, `..._CRM_FILE=/path` names a file that holds it.

    Raises:
        ToolFileFault: with every fault found in file and secrets; no secret is in it.
    """
    secrets, faults = _secrets(variables)
    try:
        content = _content(path)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ToolFileFault([*faults, f"{path}: {reason}"]) from error
    try:
        tools = read_declarations(content, secrets)
    except ToolFileFault as found:
        raise ToolFileFault([*faults, *found.faults]) from None
    if faults:
        raise ToolFileFault(faults)
    return tools


def _content(path: Path) -> object:
    readers = {".toml": tomllib.loads, ".json": json.loads}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ValueError("must end with .toml or .json")
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"is larger than {_MAX_BYTES} bytes")
    return reader(content.decode())


def _secrets(variables: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Give the secrets by name, and what is wrong with those that are in files."""
    secrets: dict[str, str] = {}
    faults: list[str] = []
    for variable, value in sorted(variables.items()):
        if not variable.startswith(SECRET_PREFIX) or not value:
            continue
        name = variable.removeprefix(SECRET_PREFIX)
        if not name.endswith(_FILE):
            secrets[name] = value
            continue
        try:
            # Editors and secret stores end files with a line break that is no part of the secret.
            secrets.setdefault(name.removesuffix(_FILE), Path(value).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeError) as error:
            faults.append(f"{variable}: the file cannot be read: {type(error).__name__}")
    return secrets, faults
