"""Answers by a language model that the test server plays: what the agent adds, and that no token is lost where models fail."""

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.support.system import ROOT, System, clean_environment

from .checker import FIRST_MS, INTERVAL_MS, TOKENS
from .figures import lateness, median, percentile
from .stage import Load, Target, deskbus, floor

SESSIONS = 128
# A level with cores to spare, at which times say what the agent does, and not how long it waits for a core.
FEW_SESSIONS = 32
_SECONDS = 6.0
_FEW_SECONDS = 4.0
_COALESCING_MS = 35.0
# name -> what part of the model's calls fails before the first token, and what part is cut in the middle
TROUBLE = {"well": (0.0, 0.0), "failing": (0.05, 0.05)}
PRINTED = (
    ("first50", "added to the first token, p50, ms"),
    ("first99", "added to the first token, p99, ms"),
    ("late50", "late per token, coalescing apart, p50, ms"),
    ("late99", "late per token, coalescing apart, p99, ms"),
    ("rate", "messages per second"),
    ("cpu", "CPU per message, all processes, ms"),
    ("agent", "CPU per message in the agent, ms"),
    ("again", "share of answers that began anew"),
    ("degraded", "share of answers that quote the pages instead"),
    ("others", "cores taken by the rest of the machine"),
)


@contextmanager
def provider(failing: float, cut: float) -> Iterator[str]:
    """Run the test server as a process; give its base address."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "tests.support.openai_server", "0", "--tokens", str(TOKENS), "--first-ms", str(FIRST_MS),
            "--interval-ms", str(INTERVAL_MS), "--fail-rate", str(failing), "--cut-rate", str(cut),
        ],
        cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


def measure(place: Path, say: Any) -> dict[str, Any]:
    """Let 128 sessions talk to the floor, to the scripted model, and to the test server, well and failing; 32 to some."""
    found: dict[str, Any] = {}

    def run(target: Target, **job: Any) -> None:
        say(f"models: {SESSIONS} sessions, {target.name}")
        found[target.name] = _run(target, {"sessions": SESSIONS, "measure_s": _SECONDS, **job})
        if target.name in ("scripted", "well"):
            say(f"models: {FEW_SESSIONS} sessions, {target.name}")
            few = {"sessions": FEW_SESSIONS, "measure_s": _FEW_SECONDS, **job}
            found[f"{target.name}, {FEW_SESSIONS} sessions"] = _run(target, few)

    with ExitStack() as stack:
        say("models: starting the floor and a system with the scripted model")
        targets = [stack.enter_context(floor()), stack.enter_context(deskbus(System, "scripted", place / "scripted"))]
        for target in targets:
            run(target)
    for name, (failing, cut) in TROUBLE.items():
        with (
            provider(failing, cut) as address,
            deskbus(System, name, place / name, model=f"openai/test@{address}") as target,
        ):
            run(target, model=True)
    return found


def faults(found: dict[str, Any]) -> list[str]:
    """Give what was wrong with answers."""
    return [f"models, {name}: {fault}" for name, run in found.items() for fault in run["faults"]]


def _run(target: Target, job: dict[str, Any]) -> dict[str, Any]:
    with Load(target, {"kind": "stream", **job}) as load:
        result = load.measured()
    timed = result["messages"]
    whole = [one for one in timed if one["arrivals"] and None not in one["arrivals"]]
    at_once = [one for one in whole if one["attempt"] == 1]
    first = [(one["arrivals"][0] - one["sent"]) * 1000 - FIRST_MS for one in at_once]
    late = [
        late
        for one in at_once
        for late in lateness([at * 1000 for at in one["arrivals"]], INTERVAL_MS, _COALESCING_MS)[1]
    ]
    messages = max(1, result["completed"])
    return {
        "first50": percentile(first, 0.5),
        "first99": percentile(first, 0.99),
        "late50": percentile(late, 0.5),
        "late99": percentile(late, 0.99),
        "rate": result["rate"],
        "cpu": sum(used for name, used in result["cpu"].items() if name != "load") * 1000 / messages,
        "agent": result["cpu"].get("agent", math.nan) * 1000 / messages,
        "again": sum(one["attempt"] > 1 for one in timed) / max(1, len(timed)),
        "degraded": sum(one["degraded"] for one in timed) / max(1, len(timed)),
        "others": result["others"] / result["seconds"],
        "measured": len(timed),
        "checked": result["checked"],
        "faults": result["faults"],
    }


def rows(found: dict[str, Any], number: Any) -> list[list[str]]:
    """Give the table's rows: the floor, the scripted model with retrieval, the test server, and the same with failures."""
    names = ("floor", "scripted", *TROUBLE)
    table = [[label, *(number(found[name][key]) for name in names)] for key, label in PRINTED]
    few = f", {FEW_SESSIONS} sessions"
    added = found["well" + few]["first50"] - found["scripted" + few]["first50"]
    table += [
        [
            f"CPU per message in the agent{few}, ms",
            "",
            *(number(found[name + few]["agent"]) for name in ("scripted", "well")),
            "",
        ],
        [
            f"added to the first token{few}, p50, ms",
            "",
            *(number(found[name + few]["first50"]) for name in ("scripted", "well")),
            "",
        ],
        [f"of this by a language model{few}, p50, ms (aim 6)", "", "", number(added), ""],
        # No word leaves before the next token has ended it; the scripted model's tokens leave at once.
        ["the same without the wait for the token that ends the first word", "", "", number(added - INTERVAL_MS), ""],
    ]
    ratio = median([found["well"]["cpu"]]) / found["floor"]["cpu"]
    table.append(
        ["CPU per message / floor", "1", number(found["scripted"]["cpu"] / found["floor"]["cpu"]), number(ratio), ""]
    )
    return table
