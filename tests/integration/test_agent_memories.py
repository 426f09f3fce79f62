"""The agent's memory in a real Postgres: of sessions and of users, and that nothing stays of what is forgotten."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog
from msgspec.structs import replace

from deploy.local.servers import Servers
from libs.contracts import bus_map, ids
from libs.contracts.channels import Event, encode
from libs.contracts.errors import Unavailable
from libs.contracts.session import Message, Session, SessionDeleted, SessionOpened, SessionStatusChanged
from libs.runtime.consumer import EventConsumer
from libs.runtime.ids import mint
from libs.runtime.migrate import ROOT, find_migrations
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from services.agent.adapters.postgres_memories import (
    MOST_PER_SESSION,
    MOST_PER_USER,
    MOST_RECALLED,
    MOST_SWEPT,
    PostgresMemories,
)  # fmt: skip
from services.agent.app import Memory
from services.agent.app.builtin_tools import Remember
from services.agent.domain import facts
from services.agent.domain.facts import Fact
from services.agent.domain.steps import ToolContext
from tests.support.system import real_servers
from tests.unit.agent.fakes import Log, message

SQL = ROOT / "services/agent/sql"
# For a moment after a server was killed asyncpg takes a dead connection for a busy one, and calls that its own error.
LOST = (Unavailable, asyncpg.InternalClientError)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
async def memories(servers: Servers) -> AsyncIterator[PostgresMemories]:
    async with Database.connect(servers.environment["DESKBUS_DATABASE_URL"], "agent", SQL, pool_size=8) as database:
        yield PostgresMemories(database)


@pytest.fixture
async def tables(servers: Servers) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The same database, past all rules."""
    connection = await asyncpg.connect(servers.environment["DESKBUS_DATABASE_URL"])
    await connection.execute("set search_path to agent")
    yield connection
    await connection.close()


def email(number: int) -> Fact:
    return facts.fact("email", f"ann{number}@example.com", seq=number, told_at=NOON + timedelta(minutes=number))


def order(number: int) -> Fact:
    return facts.fact("order", f"A-{number}", seq=number, told_at=NOON + timedelta(minutes=number))


def said(known: list[Fact]) -> list[str]:
    return [fact.value for fact in known]


def values(*told: Fact) -> list[str]:
    return said(list(told))


async def holds(tables: "asyncpg.Connection[asyncpg.Record]", *words: str) -> list[str]:
    """Give the tables of the agent whose rows hold one of the words."""
    names = [name for (name,) in await tables.fetch("select tablename from pg_tables where schemaname = 'agent'")]
    assert {"memories", "contexts", "agent_events", "erased_users", "forgotten_sessions"} <= set(names)
    found = []
    for name in names:
        rows = await tables.fetch(f'select r::text from agent."{name}" r')
        found += [name for (row,) in rows if any(word in row for word in words)]
    return sorted(set(found))


async def events(tables: "asyncpg.Connection[asyncpg.Record]", tenant: str, session_id: str) -> list[dict[str, Any]]:
    rows = await tables.fetch(
        "select type, payload from agent_events where tenant = $1 and session_id = $2 and payload is not null order by id",
        tenant, session_id,
    )  # fmt: skip
    assert {row["type"] for row in rows} <= {"memory_changed"}
    return [json.loads(row["payload"]) for row in rows]


# --- of a session


async def test_facts_come_back_in_the_order_in_which_they_were_told(memories: PostgresMemories) -> None:
    session_id = mint("sess")
    await memories.learn("acme", session_id, [email(3), order(4)])
    await memories.learn("acme", session_id, [email(1)])
    known = await memories.recall("acme", session_id)
    assert said(known) == values(email(1), email(3), order(4))
    assert [(fact.kind, fact.label, fact.seq, fact.scope) for fact in known] == [
        ("user_info", "email", 1, "session"), ("user_info", "email", 3, "session"), ("context", "order", 4, "session"),
    ]  # fmt: skip
    assert known[0].told_at == email(1).told_at
    assert known[0].importance == pytest.approx(0.9, abs=0.001)
    assert all(ids.is_id(ids.MEMORY, fact.memory_id) for fact in known)
    assert await memories.recall("other", session_id) == []
    assert await memories.recall("acme", mint("sess")) == []


async def test_learning_again_changes_nothing_but_when_it_was_told(memories: PostgresMemories) -> None:
    session_id = mint("sess")
    for _ in range(3):
        await memories.learn("acme", session_id, [email(1), email(2)])
    await asyncio.gather(*(memories.learn("acme", session_id, [email(1), email(2)]) for _ in range(8)))
    assert said(await memories.recall("acme", session_id)) == values(email(1), email(2))
    told_again = replace(email(9), value=email(1).value.upper())
    await memories.learn("acme", session_id, [told_again])
    await memories.learn("acme", session_id, [email(1)])  # an attempt that comes late
    known = await memories.recall("acme", session_id)
    assert [(fact.value, fact.seq) for fact in known] == [(email(2).value, 2), (email(1).value, 9)]


async def test_a_message_may_tell_the_same_in_other_letters(memories: PostgresMemories) -> None:
    session_id = mint("sess")
    await memories.learn("acme", session_id, [facts.fact("name", "Ana Ruiz"), facts.fact("name", "ANA  RUIZ")])
    assert len(await memories.recall("acme", session_id)) == 1


async def test_a_session_keeps_only_so_much_and_the_newest(memories: PostgresMemories) -> None:
    session_id = mint("sess")
    for start in range(1, 71, 10):
        await memories.learn("acme", session_id, [email(number) for number in range(start, start + 10)])
        if start == MOST_PER_SESSION - 9:
            assert len(await memories.recall("acme", session_id)) == MOST_PER_SESSION
    kept = said(await memories.recall("acme", session_id))
    assert kept == values(*(email(number) for number in range(71 - MOST_PER_SESSION, 71)))


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
    assert said(await memories.recall("acme", other)) == values(email(1))


async def test_sessions_of_nobody_never_see_each_others_memories(memories: PostgresMemories) -> None:
    one, two = mint("sess"), mint("sess")
    await memories.learn("acme", one, [email(1)])
    await memories.learn("acme", two, [email(2)])
    assert said(await memories.recall("acme", one)) == values(email(1))
    assert said(await memories.recall("acme", two)) == values(email(2))
    assert said(await memories.recall("acme", two, "ann")) == values(email(2))
    assert said(await memories.known("acme", two)) == values(email(2))


# --- of a user


async def test_a_user_is_known_across_sessions_and_what_one_is_about_is_not(memories: PostgresMemories) -> None:
    user, one, two = mint("user"), mint("sess"), mint("sess")
    await memories.learn("acme", one, [email(1), order(2), facts.fact("plan", "pro", told_at=NOON)], user)
    assert said(await memories.recall("acme", one, user)) == ["pro", email(1).value, "A-2"]
    known = await memories.recall("acme", two, user)
    assert [(fact.label, fact.scope) for fact in known] == [("plan", "user"), ("email", "user")]
    for tenant, session_id, user_id in (
        ("acme", two, None),
        ("acme", two, mint("user")),
        ("other", two, user),
        ("other", one, user),
    ):
        assert await memories.recall(tenant, session_id, user_id) == []
    assert [item.label for item in await memories.listed("acme", user)] == ["email", "order", "plan"]
    assert await memories.listed("other", user) == []


async def test_a_tenants_user_of_the_same_id_is_another(memories: PostgresMemories) -> None:
    user, session_id = mint("user"), mint("sess")
    await memories.learn("acme", session_id, [email(1)], user)
    await memories.learn("other", session_id, [email(2)], user)
    assert await memories.erase("acme", user) == 1
    assert said(await memories.recall("other", mint("sess"), user)) == values(email(2))


async def test_importance_halves_in_thirty_days_and_orders_what_is_recalled(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, session_id = mint("user"), mint("sess")
    told = [facts.fact(label, label, told_at=NOON) for label in ("name", "called", "device")]
    await memories.learn("acme", session_id, told, user)
    for label, days in (("name", 60), ("called", 30), ("device", -1)):
        await tables.execute(
            "update memories set last_used_at = now() - make_interval(days => $3) where owner = $1 and label = $2", user, label, days
        )  # fmt: skip
    listed = await memories.listed("acme", user)
    assert [item.label for item in listed] == ["device", "called", "name"]
    assert [item.importance for item in listed] == pytest.approx([0.5, 0.4, 0.225], abs=0.001)


async def test_an_answer_is_given_only_the_most_important(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, session_id = mint("user"), mint("sess")
    await memories.learn("acme", session_id, [email(number) for number in range(MOST_RECALLED)], user)
    assert len(await memories.recall("acme", mint("sess"), user)) == MOST_RECALLED
    await memories.learn("acme", session_id, [email(MOST_RECALLED)], user)
    await tables.execute(
        "update memories set last_used_at = now() - interval '1 hour' where owner = $1 and value = $2", user, email(7).value
    )  # fmt: skip
    known = said(await memories.recall("acme", mint("sess"), user))
    assert len(known) == MOST_RECALLED
    assert email(7).value not in known
    assert known == sorted(known, key=lambda value: int("".join(filter(str.isdigit, value))))


async def test_what_was_told_in_this_session_is_recalled_though_more_important_things_are_many(
    memories: PostgresMemories,
) -> None:
    user, session_id = mint("user"), mint("sess")
    await memories.learn("acme", mint("sess"), [email(number) for number in range(MOST_RECALLED)], user)
    await memories.learn("acme", session_id, [facts.noted("hobby", "tea") or email(0)], user)
    assert "tea" in said(await memories.recall("acme", session_id, user))
    assert "tea" not in said(await memories.recall("acme", mint("sess"), user))


async def test_two_who_learn_of_one_user_at_once_keep_its_cap_and_the_important(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user = mint("user")

    async def learner(number: int) -> None:
        for start in range(0, 120, 10):
            told = [facts.noted("note", f"thing {number}-{start + n}") for n in range(10)]
            await memories.learn("acme", mint("sess"), [fact for fact in told if fact], user)

    await memories.learn("acme", mint("sess"), [email(1)], user)
    await asyncio.gather(learner(1), learner(2))
    assert await tables.fetchval("select count(*) from memories where owner = $1", user) == MOST_PER_USER
    assert email(1).value in [item.value for item in await memories.listed("acme", user)]


async def test_what_nobody_used_for_long_goes_first(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, session_id = mint("user"), mint("sess")
    for start in range(0, MOST_PER_USER, 10):
        await memories.learn("acme", session_id, [email(start + number) for number in range(10)], user)
    await tables.execute(
        "update memories set last_used_at = now() - interval '90 days' where owner = $1 and value = $2", user, email(199).value
    )  # fmt: skip
    await memories.learn("acme", session_id, [facts.fact("device", "iPhone 14")], user)
    kept = [item.value for item in await memories.listed("acme", user)]
    assert len(kept) == MOST_PER_USER
    assert "iPhone 14" in kept
    assert email(199).value not in kept


async def test_what_answers_use_stays_important(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user = mint("user")
    await memories.learn("acme", mint("sess"), [email(1), email(2)], user)
    await tables.execute("update memories set last_used_at = now() - interval '60 days' where owner = $1", user)
    known = await memories.recall("acme", mint("sess"), user)
    await memories.touch([known[0].memory_id, mint(ids.MEMORY)])
    importances = [item.importance for item in await memories.listed("acme", user)]
    assert importances == pytest.approx([0.9, 0.225], abs=0.001)
    await memories.touch([])


@pytest.mark.parametrize(("seconds", "written"), [(50, False), (70, True)])
async def test_use_is_written_down_once_a_minute_at_most(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]", seconds: int, *, written: bool
) -> None:
    session_id = mint("sess")
    await memories.learn("acme", session_id, [email(1)])
    await tables.execute(
        "update memories set last_used_at = now() - make_interval(secs => $2) where owner = $1", session_id, seconds
    )
    await memories.touch([fact.memory_id for fact in await memories.recall("acme", session_id)])
    idle = "select extract(epoch from now() - last_used_at) from memories where owner = $1"
    assert (await tables.fetchval(idle, session_id) < 10) == written


async def test_a_memory_knows_the_last_ten_sessions_that_told_it(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, sessions = mint("user"), [mint("sess") for _ in range(12)]
    told_in = "select told_in from memories where owner = $1"
    for number, session_id in enumerate(sessions[:10]):
        await memories.learn("acme", session_id, [replace(email(number), value="a@example.com")], user)
    assert await tables.fetchval(told_in, user) == sessions[:10]
    await memories.learn("acme", sessions[10], [replace(email(10), value="a@example.com")], user)
    assert await tables.fetchval(told_in, user) == sessions[1:11]
    await memories.forget("acme", sessions[10])
    await memories.learn("acme", sessions[11], [replace(email(0), value="a@example.com")], user)  # an old telling
    assert await tables.fetchval(told_in, user) == [sessions[11], *sessions[1:10]]
    assert [item.session_id for item in await memories.listed("acme", user)] == [sessions[9]]


async def test_a_list_has_500_memories_at_most(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user = mint("user")
    insert = """
        insert into memories (memory_id, tenant, scope, owner, user_id, told_in, kind, label, value, content_hash, importance, seq, told_at)
        select $1 || n, 'acme', 'session', $1 || n, $1, array['s' || n], 'context', 'order', 'A-' || n, 'x'::bytea, 0.7, 1, now()
        from generate_series($2::int, $3::int) n
    """
    for start, end, listed in ((1, 500, 500), (501, 501, 500)):
        await tables.execute(insert, user, start, end)
        assert len(await memories.listed("acme", user)) == listed


async def test_marks_are_kept_as_long_as_they_are_needed(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = {
        "forgotten_sessions": ("insert into forgotten_sessions values ('acme', $1, now() - make_interval(days => $2))", 7),
        "contexts": ("insert into contexts (tenant, session_id, ended_at) values ('acme', $1, now() - make_interval(days => $2))", 7),
        "erased_users": ("insert into erased_users values ('acme', $1, now() - make_interval(days => $2))", 30),
    }  # fmt: skip
    young, old, open_one = mint("young"), mint("old"), mint("open")
    for sql, days in made.values():
        await tables.execute(sql, young, days - 1)
        await tables.execute(sql, old, days + 1)
    await tables.execute(
        "insert into contexts (tenant, session_id, prepared_at) values ('acme', $1, now() - interval '1 year')",
        open_one,
    )
    await memories.sweep()
    assert await holds(tables, young) == sorted(made)
    assert await holds(tables, old) == []
    assert await holds(tables, open_one) == ["contexts"]


@pytest.mark.parametrize(("hours", "kept"), [(23, True), (25, False)])
async def test_what_was_prepared_for_a_session_that_never_ends_is_kept_for_a_day_after_its_last_use(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]", hours: int, kept: bool
) -> None:
    session_id, user = mint("sess"), mint("user")
    await memories.learn("acme", mint("sess"), [facts.fact("name", "Ana")], user)
    await memories.prepare("acme", session_id, user)
    unused = "update contexts set used_at = now() - make_interval(hours => $2) where session_id = $1"
    await tables.execute(unused, session_id, hours)
    await memories.sweep()
    assert await holds(tables, session_id) == ["contexts"] * kept
    # Who comes back is known as before.
    assert [fact.value for fact in await memories.recall("acme", session_id, user)] == ["Ana"]


@pytest.mark.parametrize(("minutes", "written"), [(59, False), (61, True)])
async def test_that_a_context_is_used_is_written_down_once_in_an_hour(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]", minutes: int, written: bool
) -> None:
    session_id, user = mint("sess"), mint("user")
    await memories.prepare("acme", session_id, user)
    before = await tables.fetchval(
        "update contexts set used_at = now() - make_interval(mins => $2) where session_id = $1 returning used_at",
        session_id, minutes,
    )  # fmt: skip
    await memories.recall("acme", session_id, user)
    used = await tables.fetchval("select used_at from contexts where session_id = $1", session_id)
    assert (used > before) == written


@pytest.mark.parametrize("over", [0, 1])
async def test_a_sweep_is_bounded_and_takes_the_oldest(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]", over: int
) -> None:
    await memories.sweep()  # what other tests left
    tenant = mint("tenant")
    made = {
        "forgotten_sessions": "insert into forgotten_sessions select $1, 's' || i, now() - make_interval(days => 90 + i)",
        "contexts": (
            "insert into contexts (tenant, session_id, ended_at) select $1, 's' || i, now() - make_interval(days => 90 + i)"
        ),
        "erased_users": "insert into erased_users select $1, 's' || i, now() - make_interval(days => 90 + i)",
    }
    for sql in made.values():
        await tables.execute(f"{sql} from generate_series(1, $2::int) i", tenant, MOST_SWEPT + over)
    await memories.sweep()
    for name in made:
        left = await tables.fetch(f"select r::text from {name} r where tenant = $1", tenant)
        assert [",s1," in row[0] for row in left] == [True] * over
    await memories.sweep()
    assert await holds(tables, tenant) == []


async def test_every_statement_fits_the_tables(servers: Servers) -> None:
    async with Database.connect(servers.environment["DESKBUS_DATABASE_URL"], "agent", SQL) as database:
        assert "statements prepared" in await database.probe_tables()


# --- contexts


async def test_a_context_names_what_mattered_when_the_session_was_opened(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, session_id, elsewhere = mint("user"), mint("sess"), mint("sess")
    await memories.learn("acme", elsewhere, [email(1), facts.fact("name", "Ana Ruiz", told_at=NOON)], user)
    for _ in range(2):
        await memories.prepare("acme", session_id, user)
    context = await tables.fetchrow("select * from contexts where session_id = $1", session_id)
    assert context is not None
    assert len(context["memory_ids"]) == 2
    assert "Ana" not in repr(context)
    assert said(await memories.known("acme", session_id)) == ["Ana Ruiz", email(1).value]
    assert await memories.known("other", session_id) == []
    await memories.learn("acme", elsewhere, [email(2)], user)  # told elsewhere since then
    assert said(await memories.recall("acme", session_id, user)) == ["Ana Ruiz", email(1).value, email(2).value]
    [name] = [item for item in await memories.listed("acme", user) if item.label == "name"]
    assert await memories.erase("acme", user, name.memory_id) == 1
    assert said(await memories.recall("acme", session_id, user)) == values(email(1), email(2))
    assert await holds(tables, name.memory_id, "Ana Ruiz") == []


async def test_what_a_session_is_about_and_its_context_go_when_it_ends(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, session_id = mint("user"), mint("sess")
    await memories.prepare("acme", session_id, user)
    await memories.learn("acme", session_id, [email(1), order(2)], user)
    for _ in range(2):
        await memories.clear("acme", session_id)
    assert said(await memories.recall("acme", session_id, user)) == values(email(1))
    assert (await events(tables, "acme", session_id))[1:] == [
        {"change": "cleared", "count": 1, "labels": ["order"], "user_id": user}
    ]
    await memories.learn("acme", session_id, [order(3), email(2)], user)  # an answer that was under way
    await memories.prepare("acme", session_id, user)  # seen to be opened only now
    assert said(await memories.recall("acme", session_id, user)) == values(email(1), email(2))
    assert await tables.fetchval("select memory_ids from contexts where session_id = $1", session_id) == []


async def test_a_session_that_is_gone_is_not_prepared(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    session_id = mint("sess")
    await memories.forget("acme", session_id)
    await memories.prepare("acme", session_id, mint("user"))
    await memories.clear("acme", session_id)
    assert await holds(tables, session_id) == ["agent_events", "forgotten_sessions"]


# --- what is told of it


async def test_what_was_learned_is_told_without_its_words(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, session_id = mint("user"), mint("sess")
    await memories.learn("acme", session_id, [email(1), email(2), order(3)], user)
    await memories.learn("acme", session_id, [email(1), email(2)], user)
    learned = {"change": "learned", "count": 3, "labels": ["email", "order"], "user_id": user}
    assert await events(tables, "acme", session_id) == [learned]
    payloads = await tables.fetch("select payload from agent_events where session_id = $1", session_id)
    assert not any(word in str(payloads) for word in (email(1).value, email(2).value, order(3).value))


# --- forgotten and erased


async def test_r42_a_deleted_session_leaves_nothing_that_only_it_told(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, session_id, other = mint("user"), mint("sess"), mint("sess")
    only_here, everywhere = facts.fact("name", f"Ana {mint('n')}"), facts.fact("called", f"Jo {mint('n')}")
    await memories.prepare("acme", session_id, user)
    await memories.learn("acme", session_id, [only_here, everywhere, order(77)], user)
    await memories.learn("acme", other, [everywhere], user)
    await memories.learn("acme", session_id, [everywhere], user)
    await memories.forget("acme", session_id)
    await memories.forget("acme", session_id)
    assert await holds(tables, only_here.value) == []
    # that it was forgotten, and the word to the relay to take its events out
    assert await holds(tables, session_id) == ["agent_events", "forgotten_sessions"]
    assert await events(tables, "acme", session_id) == []
    assert said(await memories.recall("acme", mint("sess"), user)) == values(everywhere)
    [item] = await memories.listed("acme", user)
    assert item.session_id == other
    await memories.forget("acme", other)
    assert await memories.listed("acme", user) == []
    assert await holds(tables, everywhere.value) == []
    assert await holds(tables, user) == []


async def test_an_erased_user_leaves_nothing_and_is_not_learned_again_by_an_answer_under_way(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, session_id = mint("user"), mint("sess")
    name = replace(facts.fact("name", f"Ana {mint('n')}"), told_at=datetime.now(UTC) - timedelta(seconds=1))
    about = replace(facts.fact("order", mint("o")), told_at=name.told_at)
    await memories.learn("acme", session_id, [name, about], user)
    await memories.prepare("acme", session_id, user)
    assert await memories.erase("acme", user) == 2
    assert await memories.erase("acme", user) == 0
    await memories.learn("acme", session_id, [name, about], user)  # the next attempt
    tool = facts.noted("name", name.value)
    assert tool is not None
    await memories.learn("acme", session_id, [tool], user)  # its tool
    assert await holds(tables, name.value, about.value) == []
    assert await memories.recall("acme", session_id, user) == []
    assert await memories.listed("acme", user) == []
    [told] = await tables.fetch(
        "select session_id, payload from agent_events where payload like '%erased%' and payload like $1", f"%{user}%"
    )
    assert (told["session_id"], json.loads(told["payload"])["count"]) == ("_", 2)
    again = replace(name, told_at=datetime.now(UTC) + timedelta(seconds=1))
    await memories.learn("acme", session_id, [again], user)
    assert said(await memories.recall("acme", session_id, user)) == [name.value]


async def test_a_tool_remembers_only_what_was_told_after_the_erasure(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, session_id, now = mint("user"), mint("sess"), datetime.now(UTC)
    old = replace(message("I live in Bremen."), timestamp=now - timedelta(minutes=10))
    new = replace(message("Where is my order?", seq=2), timestamp=now)
    await memories.erase("acme", user)
    await tables.execute("update erased_users set erased_at = $2 where user_id = $1", user, now - timedelta(minutes=3))
    tool = Remember(Memory(memories, Log(), patience_s=5.0))

    async def remembered(question: Message) -> bool:
        ctx = ToolContext(
            tenant="acme", session_id=session_id, turn_id="turn_1", user_id=user, key="k", history=[old],
            questions=[question],
        )  # fmt: skip
        return not (await tool.call({"label": "city", "value": "Bremen"}, ctx)).failed

    assert not await remembered(new)
    assert await memories.recall("acme", mint("sess"), user) == []
    assert await remembered(replace(new, content="In Bremen, as I said"))
    [known] = await memories.recall("acme", mint("sess"), user)
    assert (known.value, known.told_at, known.seq) == ("Bremen", now, 2)


async def test_what_no_message_told_is_not_learned_of_a_user_that_was_erased(memories: PostgresMemories) -> None:
    erased, other = mint("user"), mint("user")
    await memories.erase("acme", erased)
    for user, known in ((erased, []), (other, ["tea"])):
        assert await memories.note("acme", mint("sess"), facts.fact("hobby", "tea"), user) is bool(known)
        assert said(await memories.recall("acme", mint("sess"), user)) == known


async def test_a_tool_is_told_where_nothing_may_be_kept_of_a_session(memories: PostgresMemories) -> None:
    gone, ended = mint("sess"), mint("sess")
    await memories.forget("acme", gone)
    await memories.clear("acme", ended)
    assert not await memories.note("acme", gone, email(1))
    assert not await memories.note("acme", ended, order(1))
    assert await memories.note("acme", ended, email(1))


async def test_a_list_shows_importance_in_thousandths(memories: PostgresMemories) -> None:
    user = mint("user")
    await memories.learn("acme", mint("sess"), [email(1)], user)
    [item] = await memories.listed("acme", user)
    assert item.importance == 0.9  # as it is shown: not 0.8999998975670525


async def test_one_memory_is_erased_by_its_user_only(memories: PostgresMemories) -> None:
    user, other = mint("user"), mint("user")
    await memories.learn("acme", mint("sess"), [email(1), email(2)], user)
    memory_id = next(item.memory_id for item in await memories.listed("acme", user) if item.value == email(1).value)
    assert await memories.erase("acme", other, memory_id) == 0
    assert await memories.erase("other", user, memory_id) == 0
    assert await memories.erase("acme", user, memory_id) == 1
    assert [item.value for item in await memories.listed("acme", user)] == values(email(2))


async def test_learning_forgetting_and_erasing_at_once_never_lock_each_other_out(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user, sessions = mint("user"), [mint("sess") for _ in range(6)]
    told = [email(number) for number in range(10)]
    async with asyncio.timeout(20):
        for _ in range(5):
            await asyncio.gather(
                *(
                    memories.learn("acme", session_id, [*told, order(number)], user)
                    for number, session_id in enumerate(sessions)
                ),
                *(memories.prepare("acme", session_id, user) for session_id in sessions),
                *(memories.clear("acme", session_id) for session_id in sessions[:3]),
                memories.touch([item.memory_id for item in await memories.listed("acme", user)]),
                memories.erase("acme", user),
            )
        await asyncio.gather(
            *(memories.forget("acme", session_id) for session_id in sessions), memories.erase("acme", user)
        )
    assert await tables.fetchval("select count(*) from memories where user_id = $1", user) == 0


# --- over the bus


@pytest.fixture
async def listening(servers: Servers, memories: PostgresMemories) -> AsyncIterator[NatsBus]:
    """A bus on which sessions' events reach memory."""
    memory = Memory(memories, structlog.get_logger())
    async with NatsBus.connect(servers.environment["DESKBUS_NATS_URL"], "test") as bus:
        consumers = [
            EventConsumer(bus, "agent", bus_map.SESSION_OPENED, memory.prepare),
            EventConsumer(bus, "agent", bus_map.SESSION_STATUS_CHANGED, memory.clear),
            EventConsumer(bus, "agent", bus_map.SESSION_DELETED, memory.forget),
        ]
        running = [asyncio.create_task(consumer.run()) for consumer in consumers]
        yield bus
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_sessions_events_prepare_clear_and_forget(
    memories: PostgresMemories, tables: "asyncpg.Connection[asyncpg.Record]", listening: NatsBus
) -> None:
    user, session_id = mint("user"), mint("sess")

    async def publish(event: Event[Any], payload: object) -> None:
        await listening.jetstream.publish(event.subject("acme", session_id), encode(payload))

    async def until(sql: str, wanted: object) -> None:
        async with asyncio.timeout(20):
            while await tables.fetchval(sql, session_id) != wanted:
                await asyncio.sleep(0.05)

    await memories.learn("acme", mint("sess"), [email(1)], user)
    opened = Session(
        session_id=session_id, thread_id="t", status="active", created_at=NOON, updated_at=NOON, last_activity=NOON,
        user_id=user,
    )  # fmt: skip
    await publish(bus_map.SESSION_OPENED, SessionOpened(opened))
    await until("select cardinality(memory_ids) from contexts where session_id = $1", 1)
    await memories.learn("acme", session_id, [email(2), order(3)], user)
    await publish(bus_map.SESSION_STATUS_CHANGED, SessionStatusChanged(status="ended", previous="active", epoch=1))
    await until("select cardinality(memory_ids) from contexts where session_id = $1 and ended_at is not null", 0)
    assert said(await memories.known("acme", session_id)) == values(email(1), email(2))
    await publish(bus_map.SESSION_DELETED, SessionDeleted(session_id))
    await until("select count(*) from contexts where session_id = $1", 0)
    assert [item.value for item in await memories.listed("acme", user)] == values(email(1))


# --- what was there before


async def test_memories_from_before_users_belong_to_their_sessions(servers: Servers) -> None:
    connection = await asyncpg.connect(servers.environment["DESKBUS_DATABASE_URL"])
    schema = f"old_{mint('x').lower()}"
    steps = {migration.number: migration.sql for migration in find_migrations("agent")}
    try:
        async with connection.transaction():
            await connection.execute(f"create schema {schema}; set local search_path to {schema}")
            await connection.execute(steps[1])
            for kind, value in (("email", "ann@example.com"), ("phone", "+4915112345678"), ("order", "A-1042")):
                await connection.execute(
                    "insert into memories (tenant, session_id, kind, value, seq) values ('acme', 'sess_1', $1, $2, 3)", kind, value
                )  # fmt: skip
            await connection.execute(steps[3])
            rows = await connection.fetch("select * from memories order by importance desc")
    finally:
        await connection.execute(f"drop schema if exists {schema} cascade")
        await connection.close()
    assert [(row["kind"], row["label"], row["value"], row["scope"], row["owner"], row["told_in"]) for row in rows] == [
        ("user_info", "email", "ann@example.com", "session", "sess_1", ["sess_1"]),
        ("user_info", "phone", "+4915112345678", "session", "sess_1", ["sess_1"]),
        ("context", "order", "A-1042", "session", "sess_1", ["sess_1"]),
    ]
    for row in rows:
        fact = facts.fact(row["label"], row["value"])
        assert (row["importance"], row["content_hash"], row["seq"]) == (fact.importance, facts.digest(fact), 3)
        assert ids.is_id(ids.MEMORY, row["memory_id"])


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
            assert said(await recalled_again(memories)) == values(email(1))


async def recalled_again(memories: PostgresMemories) -> list[Fact]:
    """Recall once the pool has dropped the connections that died."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await memories.recall("acme", "sess_1")
            except LOST:
                await asyncio.sleep(0.1)
