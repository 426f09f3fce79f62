"""Fixtures that more than one folder uses: real servers once for the whole run, the model once for the machine."""

from collections.abc import Iterator

import pytest

from deploy.local.servers import Servers
from tests.support.system import real_servers

pytest_plugins = ["tests.support.embedding"]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Migrated and provisioned servers that tests share; each test keeps to sessions of its own."""
    with real_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running
