"""The life of a service, without servers."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from libs.runtime.service import Scope

ROOT = Path(__file__).parents[3]


async def test_a_service_stops_even_where_work_swallows_its_cancellation() -> None:
    cancelled = 0

    async def stubborn() -> None:
        nonlocal cancelled
        while cancelled < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled += 1

    async def build(scope: Scope) -> None:
        scope.spawn("stubborn", stubborn)

    stop = asyncio.Event()
    living = asyncio.create_task(Scope("test", "test_1", structlog.get_logger()).live(build, stop))
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(living, 10)
    assert cancelled == 2


SERVICE = """
import msgspec
from libs.contracts.errors import Unavailable
from libs.runtime import service
from libs.runtime.settings import CommonSettings

class Settings(CommonSettings, frozen=True, kw_only=True):
    wanted: int = 0

async def build(scope, settings):
    raise {fault}

service.run("test", Settings, build)
"""


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("service.Unusable('no such file: mend it')", 78),
        ("ExceptionGroup('', [service.Unusable('no such file: mend it')])", 78),
        ("service.NotReady('the database is away: mend it')", 1),
        ("Unavailable('database_unavailable', 'mend it')", 1),
        ("RuntimeError('mend it')", 1),
    ],
)
def test_how_a_service_ends_says_whether_settings_are_to_blame(fault: str, code: int) -> None:
    ended = run(SERVICE.replace("{fault}", fault))
    assert ended.returncode == code, ended
    assert "mend it" in ended.stdout.splitlines()[-1]


def test_settings_that_cannot_be_read_have_an_exit_code_of_their_own() -> None:
    ended = run(SERVICE, DESKBUS_WANTED="many")
    assert ended.returncode == 78, ended
    assert "DESKBUS_WANTED" in ended.stderr


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "", "DESKBUS_OPERATIONS_PORT": "0", "DESKBUS_NATS_URL": "nats://127.0.0.1:1", "DESKBUS_LOG_FORMAT": "console", **environment
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
