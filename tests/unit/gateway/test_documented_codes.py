"""Every code that a client may see stands in docs/api.md."""

import ast
import re
from pathlib import Path

from libs.contracts import errors
from services.gateway.adapters import problem
from services.gateway.domain import rates

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
FAMILIES = {
    name for module in (errors, problem, rates) for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, errors.DeskError)
}  # fmt: skip


def codes(folder: Path) -> set[str]:
    """The codes that are raised in the modules of a folder."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                first = node.args[0] if name in FAMILIES and node.args else None
                named = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                found |= {
                    each.value for each in [first, *named]
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }  # fmt: skip
    return {code for code in found if re.fullmatch(r"[a-z][a-z0-9_]+", code)}


def documented() -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE))


def test_every_code_of_the_gateway_is_documented() -> None:
    raised = codes(ROOT / "services" / "gateway") | {"rate_limited"}
    assert len(raised) > 20
    assert raised <= documented()


def test_every_code_of_the_session_service_is_documented() -> None:
    # `lease_lost` and `control_changed` are for agents.
    assert codes(ROOT / "services" / "session") - {"lease_lost", "control_changed"} <= documented()
