"""One stage for all short trials: each leaves it whole for the next."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.stage import Stage
from tests.support.system import real_servers


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Stage]:
    """Two gateways, two agents, two session services."""
    folder = tmp_path_factory.mktemp("chaos")
    with real_servers(folder / "servers") as servers, Stage(servers, folder, model_folder) as running:
        yield running


@pytest.fixture
async def whole_again(stage: Stage) -> AsyncIterator[None]:
    """Wake and start again whatever a trial has left behind."""
    yield
    stage.resume_all()
    for (name, index), process in list(stage.processes.items()):
        if process.poll() is not None:
            stage.start(name, index)
    await asyncio.to_thread(stage.wait_ready)


@pytest.fixture
def seed() -> int:
    """What the dice of a trial begin with: another number each time, or CHAOS_SEED to see a run again."""
    return int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))


@pytest.fixture
def tell(capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Say something that is to be seen where all goes well, too."""

    def say(words: object) -> None:
        with capfd.disabled():
            print(f"\n  {request.node.name}: " + str(words).replace("\n", "\n    "), end="", flush=True)

    return say
