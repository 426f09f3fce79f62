"""`python -m tests.bench`: measure, print a table, and with `--write` keep it in docs/benchmarks.md."""

import argparse
import resource
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.support.system import ROOT, System

from . import knowledge, machine, models, report
from .checker import FIRST_MS, INTERVAL_MS
from .figures import lateness, median, percentile
from .stage import Load, Started, Target, WithoutSearch, deskbus, floor

LEVELS = (1, 32, 128)
PARTS = ("stream", "sockets", "started", "models", "knowledge")
_COALESCING_MS = 35.0
_IDLE_SOCKETS = 2000
_ANSWERS_AT_ONCE = 16
_MOST_S = 330.0
_RESUMES = 60
_LISTENERS, _WATCHED = 49, 4
_STREAMS, _LONG_TOKENS, _LONG_INTERVAL_MS = 500, 120, 80


def main() -> int:
    """Entry point; 1 where a token was lost, doubled, reordered or foreign, or something else was stored."""
    asked = _parser().parse_args()
    # A thousand sockets need more descriptors than many shells allow a process.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 20_000) if most > 0 else 20_000, most))
    begun = time.monotonic()
    found: dict[str, Any] = {"spins": [machine.spin() for _ in range(20)]}
    with tempfile.TemporaryDirectory(prefix="deskbus-bench-") as place:
        if "started" in asked.parts:
            found["started"] = _started(Path(place))
        if "sockets" in asked.parts:
            found["sockets"] = _sockets(Path(place))
        if "models" in asked.parts:
            found["models"] = models.measure(Path(place), _say)
        if "knowledge" in asked.parts:
            found["knowledge"] = knowledge.measure(Path(place) / "knowledge", _say)
        if "stream" in asked.parts:
            found["stream"] = _stream(Path(place), asked, found["spins"], begun + _MOST_S)
    found["seconds"] = time.monotonic() - begun
    found["faults"] = [
        fault for runs in found.get("stream", {}).get("runs", {}).values() for run in runs for fault in run["faults"]
    ]
    found["faults"] += found.get("sockets", {}).get("faults", []) + models.faults(found.get("models", {}))
    text = report.text(found)
    print(text)
    if asked.write:
        report.write(ROOT / "docs" / "benchmarks.md", found, text)
    return 1 if found["faults"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to run (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="how often to repeat the streaming load (default: 3)")
    parser.add_argument("--seconds", type=float, default=3.5, help="how long each measurement takes (default: 3.5)")
    parser.add_argument("--sessions", type=int, nargs="+", default=LEVELS, help="sessions at once (default: 1 32 128)")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/benchmarks.md")
    return parser


def _say(words: str) -> None:
    print(f"... {words}", flush=True)


# --- streaming


def _stream(place: Path, asked: argparse.Namespace, spins: list[float], until: float) -> dict[str, Any]:
    """Stream at each level from each target, in rounds, so that what disturbs one disturbs the others as well."""
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    with ExitStack() as stack:
        _say("starting the floor and two systems")
        targets = [
            stack.enter_context(floor()),
            stack.enter_context(deskbus(WithoutSearch, "without", place / "without")),
            stack.enter_context(deskbus(System, "with", place / "with")),
        ]
        rounds: list[float] = []
        for number in range(asked.rounds):
            # On a busy machine everything around the measurements takes longer: better one round less than no end.
            if rounds and time.monotonic() + max(rounds) > until:
                _say(f"no time for round {number + 1}")
                break
            begun = time.monotonic()
            for sessions in asked.sessions:
                for target in targets:
                    _say(f"round {number + 1}: {sessions} sessions, {target.name}")
                    spins.append(statistics.median(machine.spin() for _ in range(5)))
                    runs.setdefault((target.name, sessions), []).append(_run(target, sessions, asked.seconds))
            rounds.append(time.monotonic() - begun)
        memory = {target.name: machine.memory(target.roots) for target in targets}
    return {"runs": runs, "memory": memory, "rounds": len(rounds)}


def _run(target: Target, sessions: int, seconds: float) -> dict[str, Any]:
    with Load(target, {"kind": "stream", "sessions": sessions, "measure_s": seconds}) as load:
        result = load.measured()
    figures = _figures(result["messages"])
    messages = max(1, result["completed"])
    mine = sum(used for name, used in result["cpu"].items() if name != "load")
    return {
        **figures,
        "faults": [f"{target.name}, {sessions} sessions: {fault}" for fault in result["faults"]],
        "checked": result["checked"],
        "measured": len(result["messages"]),
        "rate": result["rate"],
        "cpu": mine * 1000 / messages,
        "cpu_by": {name: used * 1000 / messages for name, used in result["cpu"].items()},
        "others": result["others"] / result["seconds"],
    }


def _figures(messages: list[dict[str, Any]]) -> dict[str, float]:
    """Give percentiles in milliseconds over the messages of a run."""
    accept = [(timed["acknowledged"] - timed["sent"]) * 1000 for timed in messages]
    first = [(timed["arrivals"][0] - timed["sent"]) * 1000 - FIRST_MS for timed in messages if timed["arrivals"][0]]
    whole: list[float] = []
    apart: list[float] = []
    for timed in messages:
        if None not in timed["arrivals"]:
            late = lateness([at * 1000 for at in timed["arrivals"]], INTERVAL_MS, _COALESCING_MS)
            whole += late[0]
            apart += late[1]
    series = {"accept": accept, "first": first, "token": apart, "coalesced": whole}
    return {
        f"{name}{label}": percentile(values, share)
        for name, values in series.items()
        for label, share in (("50", 0.5), ("99", 0.99))
    } | {"frames": median(timed["frames"] for timed in messages)}


# --- sockets


def _sockets(place: Path) -> dict[str, Any]:
    """Measure coming back in the middle of an answer, many who watch one conversation, and many answers at once."""
    with ExitStack() as stack:
        _say("starting the floor and a system")
        bare = stack.enter_context(floor())
        system = stack.enter_context(deskbus(WithoutSearch, "sockets", place / "sockets", gateways=2))
        _say(f"{_RESUMES} clients come back in the middle of an answer")
        resumed = {target.name: _measure(target, {"kind": "resume", "sessions": _RESUMES}) for target in (bare, system)}
        _say(f"{_LISTENERS + 1} sockets on each of {_WATCHED} conversations")
        watched = {
            target.name: _measure(
                target,
                {"kind": "fan_out", "sessions": _WATCHED, "listeners": _LISTENERS, "measure_s": 8.0, "warm_s": 2.0},
            )
            for target in (bare, system)
        }
        _say(f"{_STREAMS} answers at once")
        script = f"[tokens={_LONG_TOKENS}] [interval={_LONG_INTERVAL_MS}]"
        job = {"kind": "many", "sessions": _STREAMS, "warm_s": 4.0, "script": script, "tokens": _LONG_TOKENS}
        streamed = _measure(system, job)
    whole: list[float] = []
    for timed in streamed["messages"]:
        if None not in timed["arrivals"]:
            whole += lateness([at * 1000 for at in timed["arrivals"]], _LONG_INTERVAL_MS, _COALESCING_MS)[1]
    gateway = watched["sockets"]
    return {
        "resume50": {name: percentile(run["took"], 0.5) * 1000 for name, run in resumed.items()},
        "resume99": {name: percentile(run["took"], 0.99) * 1000 for name, run in resumed.items()},
        "frame": {
            "floor": watched["floor"]["cpu"]["floor"] / watched["floor"]["frames"] * 1e6,
            "sockets": gateway["cpu"]["gateway"] / gateway["frames"] * 1e6,
        },
        "frames": {name: run["frames"] for name, run in watched.items()},
        "at_once": streamed["at_once"],
        "checked": sum(run["checked"] for run in (*watched.values(), streamed)) + _RESUMES,
        "late50": percentile(whole, 0.5),
        "late99": percentile(whole, 0.99),
        "faults": [
            f"sockets: {fault}" for run in (*resumed.values(), *watched.values(), streamed) for fault in run["faults"]
        ],
    }


def _measure(target: Target, job: dict[str, Any]) -> dict[str, Any]:
    with Load(target, job) as load:
        return load.measured()


# --- a system by `make start`


def _started(place: Path) -> dict[str, Any]:
    """Measure what a user gets by `make start`: ready time, memory, answers, idle sockets."""
    with Started(place / "started") as system:
        _say("make start: with no data, and again")
        fresh = system.start()
        system.stop()
        again = system.start()
        time.sleep(1)
        memory = system.memory()
        _say(f"extractive answers, {_ANSWERS_AT_ONCE} at once")
        with Load(system.target, {"kind": "answers", "sessions": _ANSWERS_AT_ONCE}) as load:
            answers = load.measured()
        _say(f"{_IDLE_SOCKETS} idle sockets")
        idle = _idle(system.target)
    count = len(answers["took"])
    took = [seconds * 1000 for seconds in answers["took"]]
    return {
        "fresh": fresh,
        "again": again,
        "memory": memory,
        "idle": idle,
        "answers": count / answers["seconds"],
        "answer50": percentile(took, 0.5),
        "answer99": percentile(took, 0.99),
        "cited": answers["cited"] / max(1, count),
        "answer_cpu": {name: used * 1000 / max(1, count) for name, used in answers["cpu"].items()},
        "others": answers["others"] / answers["seconds"],
    }


def _idle(target: Target) -> dict[str, float]:
    """Give what an idle socket costs the gateway, in bytes of RSS and PSS."""
    gateway = {"gateway": target.roots["gateway"]}
    with Load(target, {"kind": "idle", "sessions": _IDLE_SOCKETS}) as load:
        load.until("begin")
        before = machine.memory(gateway)["gateway"]
        load.go_on()
        load.until("end")
        after = machine.memory(gateway)["gateway"]
        load.go_on()
        load.result()
    return {kind: (after[place] - before[place]) / _IDLE_SOCKETS for place, kind in enumerate(("rss", "pss"))}


if __name__ == "__main__":
    raise SystemExit(main())
