"""The session service alone, over real servers, for the tests that ask it over the bus."""

from collections.abc import AsyncIterator, Iterator

import pytest

from libs.contracts import bus_map
from libs.contracts.health import AskHealth
from libs.runtime.nats import NatsBus
from tests.support.system import System, real_servers
from tests.support.talk import TENANT, Talk

LEASE_S = 0.6
ALONE = {"gateway": 0, "agent": 0, "knowledge": 0, "attachments": 0}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("session")
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, folder, ALONE, turn_lease_s=LEASE_S) as running,
    ):
        yield running


@pytest.fixture
async def bus(system: System) -> AsyncIterator[NatsBus]:
    async with NatsBus.connect(system.environment["DESKBUS_NATS_URL"], "test") as connected:
        await connected.call(bus_map.SESSION_HEALTH, AskHealth(), tenant=TENANT, timeout=20)
        yield connected


@pytest.fixture
async def talk(bus: NatsBus) -> Talk:
    opened = Talk(bus)
    await opened.open()
    return opened
