"""Every code that a client may see stands in docs/api.md."""

import ast
import re
from pathlib import Path

from libs.contracts import errors
from services.gateway.adapters import problem
from services.gateway.adapters.openapi.document import document
from services.gateway.domain import rates
from services.gateway.routes import served

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
    # `lease_lost` and `control_changed` are for agents, `bad_approval` is about an event that nobody asked for.
    assert codes(ROOT / "services" / "session") - {"lease_lost", "control_changed", "bad_approval"} <= documented()


def test_every_code_that_openapi_tells_of_is_documented() -> None:
    api = document(served(api="/api", debug=True), "0")
    faults = [
        answer["description"]
        for methods in api["paths"].values()
        for told in methods.values()
        for status, answer in told["responses"].items()
        if int(status) >= 400
    ]
    told = set(re.findall(r"`(\w+)`", " ".join(faults)))
    assert {"approval_expired", "agent_unavailable", "memory_not_found"} <= told
    assert told - {"degraded", "unhealthy"} <= documented()
