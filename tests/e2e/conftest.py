"""The system as processes, once for all tests that do not harm it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.system import System, real_servers


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    """The system as `make run` makes it: the extractive model over the example documents."""
    folder = tmp_path_factory.mktemp("system")
    with real_servers(folder / "servers") as servers, System(servers, folder, model_folder) as running:
        yield running


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    async with Client.at(system.url) as opened:
        yield opened
