"""The report: a table for people, and the same in docs/benchmarks.md between its marks."""

import math
import platform
from pathlib import Path
from typing import Any

from . import knowledge, models
from .figures import median

BEGIN, END = "<!-- measured: written by `make bench ARGS=--write` -->", "<!-- end of measured -->"
_NAMES = {"floor": "floor", "without": "no retrieval", "with": "retrieval"}
# What is aimed at with 128 sessions on two cores: without retrieval, with it.
_AIMS: dict[str, tuple[float, float]] = {
    "accept50": (8, 8), "first50": (5, 12), "first99": (20, 40), "token50": (2, 2), "token99": (10, 10), "cpu": (10, 10),
}  # fmt: skip
_ROWS = (
    ("accept50", "accepted, p50, ms"),
    ("accept99", "accepted, p99, ms"),
    ("first50", "added to the first token, p50, ms"),
    ("first99", "added to the first token, p99, ms"),
    ("token50", "late per token, coalescing apart, p50, ms"),
    ("token99", "late per token, coalescing apart, p99, ms"),
    ("coalesced50", "late per token with coalescing, p50, ms"),
    ("coalesced99", "late per token with coalescing, p99, ms"),
    ("frames", "text frames per answer"),
    ("rate", "messages per second"),
    ("cpu", "CPU per message, all processes, ms"),
    ("others", "cores taken by the rest of the machine"),
)
_SYSTEMS = ("without", "with")
_MB = 1024 * 1024


def text(found: dict[str, Any]) -> str:
    """Give the tables as Markdown, which is readable as it is."""
    parts = [_noise(found)]
    if stream := found.get("stream"):
        parts += [_streams(stream["runs"]), _processes(stream)]
    if sockets := found.get("sockets"):
        parts.append(_sockets(sockets))
    if answered := found.get("models"):
        parts.append(_models(answered))
    if searched := found.get("knowledge"):
        parts.append(_knowledge(searched))
    if started := found.get("started"):
        parts.append(_started(started))
    return "\n\n".join([*parts, _faults(found)])


def write(file: Path, found: dict[str, Any], measured: str) -> None:
    """Replace what stands between the marks; what is written around them by hand stays."""
    before, after = "# Benchmarks\n\n", "\n"
    if file.exists() and BEGIN in (old := file.read_text()):
        before, rest = old.split(BEGIN, 1)
        after = rest.split(END, 1)[1]
    about = (
        f"Python {platform.python_version()}, {platform.machine()}, {found.get('stream', {}).get('rounds', 0)} rounds."
    )
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{before}{BEGIN}\n\n{about}\n\n{measured}\n\n{END}{after}")


def _table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: list[str]) -> str:
        first, *rest = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return "| " + " | ".join([cells[0].ljust(len(first)), *rest]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _noise(found: dict[str, Any]) -> str:
    spins = sorted(found["spins"])
    return (
        f"Calibration loop: {spins[0]:.1f} ms at its best, {median(spins):.1f} ms at the median, {spins[-1]:.1f} ms at"
        f" its worst of {len(spins)}. The whole took {found['seconds']:.0f} s."
    )


def _streams(runs: dict[tuple[str, int], list[dict[str, Any]]]) -> str:
    tables: list[str] = []
    for sessions in sorted({level for _, level in runs}):
        names = [name for name in _NAMES if (name, sessions) in runs]
        middle = {
            name: {key: median(run[key] for run in runs[name, sessions]) for key, _ in _ROWS} for name in names
        }  # fmt: skip
        head = [f"{sessions} session{'s' * (sessions > 1)}", *(_NAMES[name] for name in names)]
        if "floor" in names:
            head += [f"{_NAMES[name]} / floor" for name in names if name != "floor"]
        if sessions == 128:
            head.append("aim")
        rows = [_stream_row(key, label, middle, sessions) for key, label in _ROWS]
        measured = " / ".join(str(sum(run["measured"] for run in runs[name, sessions])) for name in names)
        tables.append(_table(head, rows) + f"\n\nMessages measured: {measured}.")
    return "\n\n".join(tables)


def _stream_row(key: str, label: str, middle: dict[str, dict[str, float]], sessions: int) -> list[str]:
    row = [label, *(_number(figures[key]) for figures in middle.values())]
    if "floor" in middle:
        least = middle["floor"][key]
        comparable = least > 0 and key != "others"
        for name, figures in middle.items():
            if name != "floor":
                row.append(_number(figures[key] / least) if comparable else "-")
    if sessions == 128:
        row.append(" / ".join(_number(aim) for aim in dict.fromkeys(_AIMS.get(key, ()))))
    return row


def _processes(stream: dict[str, Any]) -> str:
    runs, memory = stream["runs"], stream["memory"]
    top = max(level for _, level in runs)
    names = [*memory["with"], "load"]
    rows: list[list[str]] = []
    for process in names:
        spent = (median(run["cpu_by"].get(process, math.nan) for run in runs[target, top]) for target in _SYSTEMS)
        row = [process, *map(_number, spent)]
        for target in _SYSTEMS:
            rss, pss = memory[target].get(process, (math.nan, math.nan))
            row += [_number(rss / _MB), _number(pss / _MB)]
        rows.append(row)
    sums = ["all but the load"]
    sums += [_number(median(run["cpu"] for run in runs[target, top])) for target in _SYSTEMS]
    for target in _SYSTEMS:
        sums += [_number(sum(pair[place] for pair in memory[target].values()) / _MB) for place in (0, 1)]
    head = [f"process, {top} sessions", "CPU ms/message, no retrieval", "retrieval"]
    head += ["RSS MB, no retrieval", "PSS MB", "RSS MB, retrieval", "PSS MB"]
    return _table(head, [*rows, sums])


def _sockets(found: dict[str, Any]) -> str:
    def row(label: str, figures: dict[str, float], aim: str) -> list[str]:
        ratio = figures["sockets"] / figures["floor"]
        return [label, _number(figures["floor"]), _number(figures["sockets"]), _number(ratio), aim]

    rows = [
        row(
            "back in the middle of an answer, at another gateway: to the missed text, p50, ms",
            found["resume50"],
            "30 ms",
        ),
        row("the same, p99, ms", found["resume99"], ""),
        row("CPU per frame and socket, 50 sockets a session, us", found["frame"], "2x"),
        ["answers streaming at once", "", _number(found["at_once"]), "", "500"],
        ["late per token meanwhile, p50, ms", "", _number(found["late50"]), "", ""],
        ["late per token meanwhile, p99, ms", "", _number(found["late99"]), "", ""],
    ]
    delivered = " / ".join(_number(count) for count in found["frames"].values())
    head = ["sockets", "floor", "measured", "measured / floor", "aim"]
    return (
        _table(head, rows)
        + f"\n\nFrames delivered to those who watched: {delivered}. The floor resumes nothing: its time is the handshake's."
    )


def _models(found: dict[str, Any]) -> str:
    head = [
        f"language models, {models.SESSIONS} sessions",
        "floor",
        "scripted, retrieval",
        "test server",
        "5 % fail, 5 % cut",
    ]
    measured = " / ".join(str(found[name]["measured"]) for name in ("floor", "scripted", *models.TROUBLE))
    return (
        _table(head, models.rows(found, _number)) + f"\n\nMessages measured: {measured}. The adapter is the direct one."
    )


def _knowledge(found: dict[str, Any]) -> str:
    head = ["knowledge", *(f"{size:,} passages" for size in knowledge.SIZES), "aim"]
    searches = [*knowledge.rows(found, _number), knowledge.memory_row(found, _number)]
    filling = _table(["filling", "measured", "aim"], knowledge.filling_rows(found, _number))
    return f"{_table(head, searches)}\n\n{filling}"


def _started(found: dict[str, Any]) -> str:
    rss, pss = (sum(pair[place] for pair in found["memory"].values()) / _MB for place in (0, 1))
    rows = [
        ["ready, no data yet, s", _number(found["fresh"]), "10"],
        ["ready, started again, s", _number(found["again"]), "10"],
        ["memory of all processes after start, RSS, MB", _number(rss), ""],
        ["memory of all processes after start, PSS, MB", _number(pss), "600"],
        ["memory per idle socket in the gateway, RSS, KB", _number(found["idle"]["rss"] / 1024), "20"],
        ["memory per idle socket in the gateway, PSS, KB", _number(found["idle"]["pss"] / 1024), ""],
        ["extractive answers per second, 16 at once", _number(found["answers"]), "100"],
        ["extractive answer, p50, ms", _number(found["answer50"]), ""],
        ["extractive answer, p99, ms", _number(found["answer99"]), ""],
        ["share of answers with sources", _number(found["cited"]), ""],
        ["CPU per extractive answer, ms", _number(sum(v for k, v in found["answer_cpu"].items() if k != "load")), ""],
    ]
    by = [
        [name, _number(pair[0] / _MB), _number(pair[1] / _MB), _number(found["answer_cpu"].get(name, math.nan))]
        for name, pair in found["memory"].items()
    ]
    head = ["process, after start", "RSS MB", "PSS MB", "CPU ms/answer"]
    return _table(["`make start`", "measured", "aim"], rows) + "\n\n" + _table(head, by)


def _faults(found: dict[str, Any]) -> str:
    runs = [run for each in found.get("stream", {}).get("runs", {}).values() for run in each]
    if not runs and "sockets" not in found and "models" not in found:
        return ""
    checked = sum(run["checked"] for run in [*runs, *found.get("models", {}).values()])
    checked += found.get("sockets", {}).get("checked", 0)
    if not found["faults"]:
        return f"Checked {checked} answers: no token lost, doubled, reordered or foreign; all stored as streamed."
    return "\n".join([f"FAULTS in {checked} answers: {len(found['faults'])}", *found["faults"][:20]])
