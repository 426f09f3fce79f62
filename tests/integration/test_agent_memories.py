"""The agent's memory in a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.servers import Servers
from libs.contracts.errors import Unavailable
from libs.runtime.ids import mint
from libs.runtime.migrate import ROOT
from libs.runtime.postgres import Database
from services.agent.adapters.postgres_memories import MOST_PER_SESSION, PostgresMemories
from services.agent.domain.facts import Fact
from tests.support.system import real_servers

SQL = ROOT / "services/agent/sql"
# For a moment after a server was killed asyncpg takes a dead connection for a busy one, and calls that its own error.
LOST = (Unavailable, asyncpg.InternalClientError)


@pytest.fixture
async def memories(servers: Servers) -> AsyncIterator[PostgresMemories]:
    async with Database.connect(servers.environment["DESKBUS_DATABASE_URL"], "agent", SQL, pool_size=8) as database:
        yield PostgresMemories(database)


def email(number: int) -> Fact:
    return Fact(kind="email", value=f"ann{number}@example.com", seq=number)


async def test_facts_come_back_in_the_order_in_which_they_were_told(memories: PostgresMemories) -> None:
    session_id = mint("sess")
    order = Fact(kind="order", value="A-1042", seq=3)
    await memories.learn("acme", session_id, [email(3), order])
    await memories.learn("acme", session_id, [email(1)])
    assert await memories.recall("acme", session_id) == [email(1), email(3), order]
    assert await memories.recall("other", session_id) == []
    assert await memories.recall("acme", mint("sess")) == []


async def test_learning_again_changes_nothing_but_when_it_was_told(memories: PostgresMemories) -> None:
    session_id = mint("sess")
    for _ in range(3):
        await memories.learn("acme", session_id, [email(1), email(2)])
    await asyncio.gather(*(memories.learn("acme", session_id, [email(1), email(2)]) for _ in range(8)))
    assert await memories.recall("acme", session_id) == [email(1), email(2)]
    told_again = Fact(kind="email", value=email(1).value, seq=9)
    await memories.learn("acme", session_id, [told_again])
    await memories.learn("acme", session_id, [email(1)])  # an attempt that comes late
    assert await memories.recall("acme", session_id) == [email(2), told_again]


async def test_a_session_keeps_only_so_much_and_the_newest(memories: PostgresMemories) -> None:
    session_id = mint("sess")
    for start in range(1, 71, 10):
        await memories.learn("acme", session_id, [email(number) for number in range(start, start + 10)])
    kept = await memories.recall("acme", session_id)
    assert kept == [email(number) for number in range(71 - MOST_PER_SESSION, 71)]


async def test_r42_a_session_that_was_forgotten_is_not_remembered_again(memories: PostgresMemories) -> None:
    session_id, other = mint("sess"), mint("sess")
    await memories.learn("acme", session_id, [email(1)])
    await memories.learn("acme", other, [email(1)])
    await asyncio.gather(
        *(memories.learn("acme", session_id, [email(number)]) for number in range(2, 12)),
        memories.forget("acme", session_id),
        memories.forget("acme", session_id),
        *(memories.learn("acme", session_id, [email(number)]) for number in range(12, 22)),
    )
    assert await memories.recall("acme", session_id) == []
    assert await memories.recall("acme", other) == [email(1)]


async def test_a_lost_database_is_told_and_found_again(tmp_path: Path) -> None:
    with real_servers(tmp_path) as servers:
        if "postgres" not in servers.names:
            pytest.skip("the database is not ours to kill")
        url = servers.environment["DESKBUS_DATABASE_URL"]
        async with Database.connect(url, "agent", SQL, pool_size=4) as database:
            memories = PostgresMemories(database)
            await memories.learn("acme", "sess_1", [email(1)])
            servers.kill("postgres")
            with pytest.raises(LOST):
                await memories.recall("acme", "sess_1")
            servers.start("postgres")
            assert await recalled_again(memories) == [email(1)]


async def recalled_again(memories: PostgresMemories) -> list[Fact]:
    """Recall once the pool has dropped the connections that died."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await memories.recall("acme", "sess_1")
            except LOST:
                await asyncio.sleep(0.1)
