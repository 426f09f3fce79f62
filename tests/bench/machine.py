"""What the machine says: CPU and memory of processes from /proc, and how much of it others take."""

import os
import time
from collections import defaultdict
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SPIN = 200_000


def trees(roots: dict[str, int]) -> dict[str, list[int]]:
    """Give the processes under each root, itself included."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _stat(int(folder.name))):
            children[int(fields[1])].append(int(folder.name))
    found: dict[str, list[int]] = {}
    for name, root in roots.items():
        found[name], new = [], [root]
        while new:
            pid = new.pop()
            found[name].append(pid)
            new += children[pid]
    return found


def cpu_seconds(roots: dict[str, int]) -> dict[str, float]:
    """Give the processor time that each root and all under it have used; that of children that ended counts too."""
    used: dict[str, float] = {}
    for name, pids in trees(roots).items():
        fields = [stat for pid in pids if (stat := _stat(pid))]
        used[name] = sum(sum(map(int, stat[11:15])) for stat in fields) / TICK
    return used


def memory(roots: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Give RSS and PSS in bytes; PSS shares out what processes have in common, 0 where it may not be read."""
    return {
        name: (sum(map(_rss, pids)), sum(map(_pss, pids)))
        for name, pids in trees(roots).items()
    }  # fmt: skip


def memory_of(name: str, pid: int) -> dict[str, tuple[int, int]]:
    """Give RSS and PSS of one process without its children."""
    return {name: (_rss(pid), _pss(pid))}


def busy_seconds() -> float:
    """Give the processor time that everybody on the machine has used."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICK


def spin() -> float:
    """Time a fixed piece of work, in milliseconds; what it takes beyond its usual time is noise."""
    started = time.perf_counter()
    total = 0
    for number in range(_SPIN):
        total += number
    return (time.perf_counter() - started) * 1000


def _stat(pid: int) -> list[str]:
    """Give the fields after the name: state, parent, ..., utime at 11."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
