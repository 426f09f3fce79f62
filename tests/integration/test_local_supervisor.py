"""The supervisor: back-off, settings file, choice of port, restarts, second starts, orderly ends. Stand-in programs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.journal import Journal, Lines, LogFile
from deploy.local.ports import LOWEST, Ports, first_free, free_port, is_free
from deploy.local.probe import report
from deploy.local.processes import Identity, wait_until
from deploy.local.services import Backoff
from deploy.local.state import ROOT, Lock, Refusal, State, data_folder, dotenv

# A gateway that is ready at once, and services that only wait. External addresses, so that no server is started.
STAND_IN = """
import os, sys
from pathlib import Path
from deploy.local import commands
from deploy.local.services import Plan, Service, Step

GATEWAY = '''
import http.server, json, os
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"status": "healthy", "checks": [{"name": "Database", "ok": True, "latency_ms": 0.5}]}).encode()
        self.send_response(200); self.end_headers(); self.wfile.write(body)
    def log_message(self, *words): print("asked", *words[1:2])
http.server.HTTPServer((os.environ["DESKBUS_HOST"], int(os.environ["DESKBUS_PORT"])), Ready).serve_forever()
'''
WAIT = "import os, time; print('worker with', os.environ.get('DESKBUS_FOUND', 'nothing')); time.sleep(600)"
worker, gateway = (os.environ.get(name) or default for name, default in (("WORKER", WAIT), ("GATEWAY", GATEWAY)))
step = os.environ.get("STEP") or "print('/the/model')"
plan = Plan(
    beside_servers=(Step("model", (sys.executable, "-c", step), variable="DESKBUS_FOUND"),),
    steps=(Step("migrate", (sys.executable, "-c", "print('migrated')")),),
    services=(Service("worker", (sys.executable, "-c", worker), 2), Service("gateway", (sys.executable, "-c", gateway), 2)),
    stop_order=("gateway", "worker"),
    deaths_before_ready=4,
)
folder = Path(os.environ["FOLDER"])
if sys.argv[1] == "start":
    sys.exit(commands.start(folder, [sys.executable, "-c", os.environ["STAND_IN"], "run"], os.environ, 20))
sys.exit(commands.run(plan, folder, os.environ, tied="tied" in sys.argv))
"""


def surroundings(folder: Path, **more: str) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("DESKBUS_")}
    external = {f"DESKBUS_{name}_URL": "external://x" for name in ("NATS", "DATABASE", "REDIS")}
    return {**mine, **external, "FOLDER": str(folder), "STAND_IN": STAND_IN, **more}


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", STAND_IN, *words]


@contextmanager
def running(folder: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    with (
        (folder.parent / "output").open("w") as output,
        subprocess.Popen(
            command("run"), cwd=ROOT, env=surroundings(folder, **more), stdout=output, text=True
        ) as process,
    ):
        try:
            assert wait_until(lambda: State.read(folder).ready, 15), (folder.parent / "output").read_text()
            yield process
        finally:
            process.kill()


def entry(folder: Path, name: str):
    return next(found for found in State.read(folder).processes if found.name == name)


def test_backoff_doubles_is_bounded_and_forgets_after_a_long_life():
    backoff = Backoff(first=0.2, most=10, forgotten_after=30)
    assert [round(backoff.after(1), 3) for _ in range(8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]
    assert backoff.failures == 8
    assert backoff.after(31) == 0.2
    assert backoff.failures == 1


def test_settings_file(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text("# words\n\nA=1\nexport B = two words \nC='it # stays'\nD=\"x=y\"  # gone\nE=gone # too\nF=\n")
    assert dotenv(file) == {"A": "1", "B": "two words", "C": "it # stays", "D": "x=y", "E": "gone", "F": ""}
    assert dotenv(tmp_path / "absent") == {}


def test_settings_file_with_a_fault_names_the_line(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text("A=1\nnonsense\n")
    with pytest.raises(Refusal, match="line 2"):
        dotenv(file)


def test_data_folder_is_per_user_and_can_be_told(tmp_path: Path):
    assert data_folder({}) == ROOT / ".run" / str(os.getuid())
    assert data_folder({"DESKBUS_DATA_DIR": str(tmp_path)}) == tmp_path


def test_ports_are_remembered_and_replaced_only_where_taken(tmp_path: Path):
    ports = Ports(tmp_path / "ports.json")
    port = ports["nats"]
    again = Ports(tmp_path / "ports.json")
    again.settle("nats")
    assert again["nats"] == port >= LOWEST
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        again.settle("nats")
    assert again["nats"] != port


def test_the_next_free_port_is_found():
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert first_free(port, "127.0.0.1") not in (None, port)


def test_lines_are_cut_whatever_the_pieces():
    lines = Lines()
    assert lines.feed(b"one\r\ntw") == ["one"]
    assert lines.feed(b"o\n") == ["two"]
    assert len(lines.feed(b"x" * 70_000)) == 1
    assert lines.feed("ö".encode()[:1]) == []
    assert lines.feed("ö".encode()[1:]) == []
    assert lines.finish() == ["ö"]


def test_log_files_stay_within_bounds(tmp_path: Path):
    file = LogFile(tmp_path / "a.log", limit=100)
    for number in range(50):
        file.write(f"line {number}\n".encode())
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    assert "line 49\n" in (tmp_path / "a.log").read_text()


def test_the_merged_log_names_who_speaks(tmp_path: Path):
    journal = Journal(tmp_path, None, ["gateway"])
    journal.line("gateway", "hello")
    journal.say("one\ntwo")
    journal.close()
    assert (tmp_path / "deskbus.log").read_text() == "gateway | hello\ndeskbus | one\ndeskbus | two\n"
    assert (tmp_path / "gateway.log").read_text() == "hello\n"


def test_readiness_reports_are_read_leniently():
    listed = report(
        b'{"status": "unhealthy", "checks": [{"name": "Database", "detail": "down", "more": 1}, {"ok": true}]}'
    )
    assert [(check.name, check.ok) for check in listed.rows] == [("Database", False), ("?", True)]
    assert str(listed.rows[0]) == "Database: down"
    assert [check.name for check in report(b'{"checks": {"Database": {"ok": true}}}').rows] == ["Database"]
    assert report(b"").rows == report(b"[]").rows == report(b'{"checks": 3}').rows == []


def test_a_number_alone_is_no_identity():
    mine = Identity.of(os.getpid())
    assert mine is not None
    assert mine.lives
    assert not Identity(os.getpid(), "before").lives
    assert Identity.of(2**22 + 1) is None


def test_life_of_a_system(tmp_path: Path):
    folder = tmp_path / "data"
    with running(folder) as process:
        state = State.read(folder)
        assert state.pid == process.pid
        assert state.url.startswith("http://127.0.0.1:")
        assert Lock(folder).held
        assert (folder / "state.json").stat().st_mode & 0o077 == 0
        assert "worker with /the/model" in (folder / "log" / "worker.log").read_text()

        for verb in ("run", "start"):  # a second one says where the first one is
            second = subprocess.run(
                command(verb),
                cwd=ROOT,
                env=surroundings(folder),
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
            assert (second.returncode, state.url in second.stdout) == (0, True), second

        worker = entry(folder, "worker")  # one that dies is started again
        os.kill(worker.pid, signal.SIGKILL)
        assert wait_until(lambda: entry(folder, "worker").restarts == 1 and entry(folder, "worker").identity.lives, 5)
        assert "worker was ended by SIGKILL, starting it again in 0.2 s" in (tmp_path / "output").read_text()

        everybody = State.read(folder).processes
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert not any(found.identity.lives for found in everybody)
    words = (tmp_path / "output").read_text()
    assert words.index("gateway stopped") < words.index("worker stopped")
    assert not Lock(folder).held


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path):
    folder = tmp_path / "data"
    with running(folder) as process:
        everybody = State.read(folder).processes
        process.kill()
        assert wait_until(lambda: not any(found.identity.lives for found in everybody), 5)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="death signals are a Linux facility")
def test_a_tied_supervisor_ends_with_its_parent(tmp_path: Path):
    folder = tmp_path / "data"
    parent = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(600)"
    arguments = [sys.executable, "-c", parent, *command("run", "tied")]
    with subprocess.Popen(arguments, cwd=ROOT, env=surroundings(folder), stdout=subprocess.DEVNULL) as process:
        try:
            assert wait_until(lambda: State.read(folder).ready, 15)
            everybody = State.read(folder).processes
        finally:
            process.kill()
    assert wait_until(lambda: not Lock(folder).held, 10)
    assert not any(found.identity.lives for found in everybody)


def test_started_in_the_background(tmp_path: Path):
    folder = tmp_path / "data"
    done = subprocess.run(
        command("start"), cwd=ROOT, env=surroundings(folder), capture_output=True, text=True, timeout=30, check=False
    )
    try:
        state = State.read(folder)
        assert done.returncode == 0, done
        assert state.ready
        assert f"Deskbus is ready: {state.url}" in done.stdout
    finally:
        State.read(folder).identity.signal(signal.SIGTERM)
    assert wait_until(lambda: not Lock(folder).held, 10)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"WORKER": "print('no database: make one'); raise SystemExit(3)"},
            ["worker ended with code 3, 4 times", "no database"],
        ),
        # Settings that cannot be used are no better at a second try: the first is the last.
        (
            {"WORKER": "print('DESKBUS_MODEL: no such model'); raise SystemExit(78)"},
            ["worker ended with code 78, settings cannot be used; its last words:", "  DESKBUS_MODEL: no such model"],
        ),
        (
            {"STEP": "raise SystemExit('the weights are missing')"},
            ["model ended with code 1", "the weights are missing"],
        ),
        ({"DESKBUS_PORT": "TAKEN"}, ["is taken: set DESKBUS_PORT to another"]),
        ({"DESKBUS_PORT": "http"}, ["DESKBUS_PORT=http is no port"]),
        ({"DESKBUS_HOST": "192.0.2.1"}, ["DESKBUS_HOST=192.0.2.1 cannot be listened on"]),
    ],
)
def test_a_system_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path, more: dict[str, str], words: list[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        more = {name: str(taken.getsockname()[1]) if value == "TAKEN" else value for name, value in more.items()}
        # A gateway that never gets ready, so that the worker has its deaths.
        environment = surroundings(tmp_path / "data", GATEWAY="import time; time.sleep(600)", **more)
        begun = time.monotonic()
        done = subprocess.run(
            command("run"), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 1, done
    assert all(word in done.stdout for word in words), done.stdout
    assert ("starting it again" in done.stdout) == ("raise SystemExit(3)" in more.get("WORKER", ""))
    assert "Traceback" not in done.stdout + done.stderr
    assert time.monotonic() - begun < 12
    assert not Lock(tmp_path / "data").held


def test_settings_that_become_unusable_while_the_system_runs_do_not_end_it(tmp_path: Path):
    """The file that a service reads may be mended; what else runs goes on meanwhile."""
    folder, broken = tmp_path / "data", tmp_path / "broken"
    worker = (
        "import os, sys, time; print('worker with', os.environ['DESKBUS_FOUND'])\n"
        f"sys.exit(78) if os.path.exists({str(broken)!r}) else time.sleep(600)"
    )
    with running(folder, WORKER=worker):
        broken.touch()
        os.kill(entry(folder, "worker").pid, signal.SIGKILL)
        assert wait_until(
            lambda: "worker ended with code 78, starting it again" in (tmp_path / "output").read_text(), 5
        )
        broken.unlink()
        assert wait_until(lambda: entry(folder, "worker").restarts > 1 and entry(folder, "worker").identity.lives, 10)
        assert State.read(folder).ready
