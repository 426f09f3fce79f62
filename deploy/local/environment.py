"""Makes the project's own Python environment in `.venv`; the system is never touched.

Run by the system's python3 before anything is installed, so it uses the standard library only:

    python3 deploy/local/environment.py [--group NAME ...]

pip puts uv into `.tools`, and uv installs what `uv.lock` pins into `.venv`. A stamp makes a repeat free.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
UV = TOOLS / "bin" / "uv"
UV_VERSION = "0.13.8"
OLDEST_PYTHON = (3, 11)
TRUST_STORES = ("/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/ssl/cert.pem")
HEARTBEAT = 10.0  # seconds between the signs of life of a slow step
UNREACHABLE = (
    "error sending request",
    "dns error",
    "failed to fetch",
    "failed to download",
    "connection",
    "temporary failure in name resolution",
    "no matching distribution found",  # what pip says when it could reach no index at all
    "timed out",
    "offline",
)


class SetupError(Exception):
    """Why the environment cannot be made, in one sentence that says what to do."""


def say(text: str) -> None:
    """Tell what is happening, on stderr: stdout belongs to the command that follows."""
    print(f"deskbus: {text}", file=sys.stderr, flush=True)


def base_python() -> str:
    """The interpreter to build upon: never that of a virtual environment, which may go away."""
    return os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)


def fingerprint(groups: Sequence[str]) -> str:
    """What the environment was made from and where, since its scripts hold absolute paths."""
    pins = hashlib.sha256((ROOT / "uv.lock").read_bytes() + (ROOT / "pyproject.toml").read_bytes())
    version = "{}.{}".format(*sys.version_info)  # another path to the same version is no reason to make it anew
    made_of = [str(ROOT), version, sorted(groups), pins.hexdigest(), UV_VERSION]
    return json.dumps(made_of)


def runs(program: Path, *arguments: str) -> str | None:
    """The program's output, or None where it cannot be started or fails."""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def is_current(groups: Sequence[str]) -> bool:
    """Whether `.venv` is what the lock file asks for and runs."""
    try:
        stamp = (VENV / ".deskbus-stamp").read_text()
    except OSError:
        return False
    return stamp == fingerprint(groups) and runs(VENV / "bin" / "python", "-ISc", "") is not None


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the environment alone: two makes may start at the same time."""
    try:
        TOOLS.mkdir(exist_ok=True)
        lock = (TOOLS / ".lock").open("w")
    except OSError as error:
        raise SetupError(
            f"cannot write in {ROOT} ({error.strerror}): work in a copy of the project that belongs to you"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is making the environment, waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def home_cache() -> Path | None:
    """The user's cache folder where it can be written, else None (HOME may not exist)."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        (cache / "uv").mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return cache if os.access(cache / "uv", os.W_OK | os.X_OK) else None


def surroundings() -> dict[str, str]:
    """The environment variables for pip and uv: the user's, without what would lead them elsewhere."""
    mine = {**os.environ}
    for name in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "UV_PYTHON", "UV_SYSTEM_PYTHON", "CONDA_PREFIX"):
        mine.pop(name, None)
    cache = home_cache()
    if cache is None:
        mine.setdefault("UV_CACHE_DIR", str(TOOLS / "cache" / "uv"))
        mine.setdefault("PIP_CACHE_DIR", str(TOOLS / "cache" / "pip"))
    uv_cache = Path(mine.get("UV_CACHE_DIR") or (cache or TOOLS) / "uv")
    uv_cache.mkdir(parents=True, exist_ok=True)
    same_disk = uv_cache.stat().st_dev == ROOT.stat().st_dev
    mine.setdefault("UV_LINK_MODE", "hardlink" if same_disk else "copy")  # else uv warns and then copies
    if sys.platform == "darwin" or any(Path(place).exists() for place in TRUST_STORES):
        mine.setdefault("UV_SYSTEM_CERTS", "1")  # as pip does: a company's proxy is known to the system, not to uv
    mine.update(
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_NO_INPUT="1",
        PIP_REQUIRE_VIRTUALENV="0",  # --target is no installation into a Python
        PIP_USER="0",  # --target excludes it
        UV_PROJECT_ENVIRONMENT=str(VENV),
        UV_PYTHON_DOWNLOADS="never",
    )
    return mine


def step(what: str, command: Sequence[str | Path], environment: dict[str, str]) -> None:
    """Run one slow command, with signs of life; raise SetupError with its reason where it fails."""
    say(f"{what} ...")
    begun = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        while True:
            try:
                output = process.communicate(timeout=HEARTBEAT)[0].decode(errors="replace")
                break
            except subprocess.TimeoutExpired:
                say(f"  still at it, {time.monotonic() - begun:.0f} s")
            except KeyboardInterrupt:
                process.terminate()
                raise
    if process.returncode:
        raise SetupError(reason(what, output))
    say(f"  done in {time.monotonic() - begun:.1f} s")


def reason(what: str, output: str) -> str:
    """One sentence on a failed command, with its own last words below."""
    told = output.lower()
    tail = "\n".join("    " + line for line in output.strip().splitlines()[-8:])
    if "no module named pip" in told:
        return f"{sys.executable} has no pip: install it (Debian and Ubuntu: `apt install python3-pip`)"
    if "no space left" in told:
        return f"{what} failed because the disk is full: make room (about 1 GB) and try again\n{tail}"
    if "permission denied" in told:
        return f"{what} failed because a folder cannot be written: work in a copy that belongs to you\n{tail}"
    if "certificate" in told:
        return f"{what} failed because the package index shows a certificate that is not trusted here\n{tail}"
    if any(sign in told for sign in UNREACHABLE):
        return f"{what} failed because the package index cannot be reached: check network or proxy, try again\n{tail}"
    return f"{what} failed\n{tail}"


def provide_uv(environment: dict[str, str]) -> None:
    """Put the pinned uv into `.tools`, by pip, unless it is there and runs."""
    if UV_VERSION in (runs(UV, "--version") or "").split():
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(TOOLS)]
    step(f"fetching the installer (uv {UV_VERSION}) into .tools", [*pip, f"uv=={UV_VERSION}"], environment)


def discard_venv() -> None:
    """Remove an environment that is another user's, of another place, or broken."""
    say("the environment in .venv does not run here, making it anew")
    try:
        shutil.rmtree(VENV)
    except OSError as error:
        raise SetupError(f"cannot remove {VENV} ({error.strerror}): remove it, or work in a copy of yours") from error


def fits_here() -> bool:
    """Whether an existing `.venv` can be kept: it runs, and its scripts name this very place."""
    stamp = VENV / ".deskbus-stamp"
    if runs(VENV / "bin" / "python", "-ISc", "") is None:
        return False
    try:
        return json.loads(stamp.read_text())[0] == str(ROOT)
    except (OSError, ValueError, LookupError):
        return f"{VENV}" in (VENV / "bin" / "activate").read_text(errors="replace")


def configured_index(environment: dict[str, str]) -> list[str]:
    """Options of uv for the index that pip was told to use instead of the public one, if it was."""
    options: list[str] = []
    for key, option in (("index-url", "--default-index"), ("extra-index-url", "--index"), ("find-links", "-f")):
        told = environment.get("PIP_" + key.upper().replace("-", "_"), "")
        for where in ("global", "install"):
            if not told:
                asked = [sys.executable, "-m", "pip", "config", "get", f"{where}.{key}"]
                found = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
                told = found.stdout if found.returncode == 0 else ""
        for place in told.split():
            options += [option, place]
    return options


def install(groups: Sequence[str], environment: dict[str, str]) -> None:
    """Install what the lock pins, by hash; from the user's own index where the public one is out of reach."""
    wanted = [word for group in groups for word in ("--group", group)]
    python = ["--python", base_python()]
    sync = [UV, "sync", "--frozen", "--no-progress", "--no-default-groups", *wanted, *python]
    try:
        step("installing the locked packages into .venv (about a minute the first time)", sync, environment)
    except SetupError as public:
        index = configured_index(environment)
        if not index:
            raise
        say("  the public index did not answer, trying the one that pip is configured for")
        pins = TOOLS / "requirements.txt"
        export = [UV, "export", "--frozen", "--no-emit-project", "--no-default-groups", *wanted, "-o", pins]
        try:
            step("reading the lock", export, environment)
            step("making .venv", [UV, "venv", "--allow-existing", *python, VENV], environment)
            into = ["--python", VENV / "bin" / "python", "--require-hashes"]
            step("installing", [UV, "pip", "sync", *into, *index, pins], environment)
        except SetupError:
            raise public from None


def prepare(groups: Sequence[str]) -> None:
    """Make `.venv` fit the lock file, doing nothing where it does."""
    if sys.version_info < OLDEST_PYTHON:
        need = ".".join(map(str, OLDEST_PYTHON))
        raise SetupError(f"Python {need} or newer is needed, this is {sys.version.split()[0]}: `make PYTHON=...`")
    if is_current(groups):
        return
    with only_one():
        if is_current(groups):
            return
        try:
            if VENV.exists() and not fits_here():
                discard_venv()
            environment = surroundings()
            provide_uv(environment)
            install(groups, environment)
            (VENV / ".deskbus-stamp").write_text(fingerprint(groups))
        except OSError as error:
            raise SetupError(f"{error.strerror}: {error.filename}") from error
    if not is_current(groups):
        raise SetupError(f"{VENV} was made but its Python does not run: remove the folder and try again")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; 0, or 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", action="append", help="dependency group to install (default: dev)")
    groups = parser.parse_args(arguments).group or ["dev"]
    try:
        prepare(groups)
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
