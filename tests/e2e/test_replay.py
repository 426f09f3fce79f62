"""Replays of a running system: the same system changes nothing, another model is compared, and nothing is written."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import nats
import pytest

from libs.contracts import bus_map
from libs.contracts.context import Context
from libs.contracts.knowledge import Search, SearchResult, Source
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from services.agent.replay import _read_only
from tests.support.client import Client
from tests.support.openai_script import Reply
from tests.support.openai_server import OpenAIServer
from tests.support.system import ROOT, System, clean_environment, real_servers, run_module

RETURNS = "How long do I have to return something?"
A_PERSON = "I want to talk to a human"
_COUNTED = ("session", "agent")


async def replayed(system: System, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    more = {f"DESKBUS_{name.upper()}": value for name, value in settings.items()}
    return await asyncio.to_thread(
        run_module, "services.agent.replay", {**system.environment, **more}, *arguments
    )  # fmt: skip


async def compared(system: System, *arguments: str, **settings: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Replay, and give what is said of each turn, and the sums."""
    done = await replayed(system, "--json", *arguments, **settings)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    *turns, sums = [json.loads(line) for line in done.stdout.splitlines()]
    assert [turn["kind"] for turn in turns] == ["turn"] * len(turns)
    assert sums["kind"] == "sums"
    assert sums["turns"] == len(turns)
    return turns, sums


async def written(system: System) -> dict[str, Any]:
    """Count the rows of every table, what they have changed, and the published events."""
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    try:
        tables = await connection.fetch(
            "select schemaname, tablename from pg_tables where schemaname = any($1::text[])", list(_COUNTED)
        )
        assert {table["schemaname"] for table in tables} == set(_COUNTED)
        counts: dict[str, Any] = {}
        for schema, table in tables:
            # All of a row: what is changed counts, too.
            counts[f"{schema}.{table}"] = tuple(
                await connection.fetchrow(
                    f'select count(*), md5(coalesce(string_agg(r::text, chr(10) order by r::text), \'\')) from "{schema}"."{table}" r'
                )
            )
    finally:
        await connection.close()
    client = await nats.connect(system.environment["DESKBUS_NATS_URL"])
    try:
        counts["EVENTS"] = (await client.jetstream().stream_info("EVENTS")).state.last_seq
    finally:
        await client.close()
    return counts


async def still(system: System) -> dict[str, Any]:
    """The same, once nothing of the conversations before is on its way any more."""
    before = await written(system)
    async with asyncio.timeout(20):
        while True:
            await asyncio.sleep(1.5)
            if (now := await written(system)) == before:
                return now
            before = now


@pytest.fixture
async def talked(client: Client) -> list[str]:
    """Conversations: questions with and without an answer, facts, small talk, a hand-over; of a user who comes back."""
    user = mint("ann")
    first = await client.create(user_id=user)
    for said in (
        "Hello!",
        RETURNS,
        "My email is ann.lee@example.com",
        "What is my email?",
        "Do you sell live giraffes?",
    ):
        assert (await client.send(first, said))[0] == 200
    second = await client.create(user_id=user)
    for said in ("What is my email address?", RETURNS, A_PERSON):
        assert (await client.send(second, said))[0] == 200
    # To a person, whom no turn answers.
    assert (await client.send(second, "Are you there?"))[0] == 200
    return [first, second]


async def test_an_unchanged_system_gives_the_same_answers_and_nothing_is_written(
    system: System, talked: list[str]
) -> None:
    before = await still(system)
    turns, sums = await compared(system, "--session", *talked)
    assert [turn["session_id"] for turn in turns] == [talked[0]] * 5 + [talked[1]] * 3
    assert [turn["question"] for turn in turns][-1] == A_PERSON
    assert [(turn["question"], turn["changed"], turn["after"]["text"]) for turn in turns] == [
        (turn["question"], [], turn["before"]["text"]) for turn in turns
    ]
    assert turns[-1]["after"]["escalated"]
    assert "ann.lee@example.com" in turns[3]["after"]["text"]
    assert "ann.lee@example.com" in turns[5]["after"]["text"]
    assert turns[1]["after"]["sources"]
    assert turns[4]["after"]["abstained"]
    assert (sums["same"], sums["changed"], sums["failed"]) == (8, {}, 0)
    assert all(turn["after"]["confidence"] == turn["before"]["confidence"] for turn in turns)
    assert await written(system) == before


async def test_another_model_is_compared_and_nothing_is_written(system: System, talked: list[str]) -> None:
    before = await still(system)
    async with OpenAIServer(Reply(text="You have thirty days to return it [1]. Keep the box.")).running() as server:
        model = f"openai/test@{server.url}"
        prices = {"model_prices": "openai/test=1000/2000"}
        turns, sums = await compared(system, "--session", *talked, "--model", model, **prices)
        asked = len(server.received)
        found = await replayed(system, "--session", *talked, "--model", model, "--changed", **prices)
    assert asked > 3
    returns = turns[1]
    assert returns["question"] == RETURNS
    assert returns["after"]["text"] == "You have thirty days to return it [1]. Keep the box."
    assert (returns["before"]["model"], returns["after"]["model"]) == ("extractive", "openai/test")
    assert "answer" in returns["changed"]
    assert 0 < returns["similarity"] < 1
    assert returns["before"]["cost_usd"] == 0 < returns["after"]["cost_usd"]
    assert returns["after"]["seconds"] > 0
    # A person is called for before any model is asked.
    assert (turns[-1]["changed"], turns[-1]["after"]["cost_usd"]) == ([], 0)
    assert sums["changed"]["answer"] >= 3
    assert sums["cost_after_usd"] == pytest.approx(sum(turn["after"]["cost_usd"] for turn in turns))
    assert await written(system) == before
    assert found.returncode == 0, found.stderr
    assert "  + Keep the box." in found.stdout
    assert A_PERSON not in found.stdout
    assert f"? {RETURNS}" in found.stdout
    assert "turns    8: " in found.stdout
    assert "openai/test" in found.stdout


async def test_another_prompt_is_compared(system: System, talked: list[str], tmp_path: Path) -> None:
    ours = tmp_path / "ours.md"
    text = (ROOT / "services/agent/prompts/system.v1.md").read_text()
    ours.write_text(text.replace("{{company}}", "{{company}}, the lamp shop,"))
    async with OpenAIServer(Reply(text="Thirty days [1].")).running() as server:
        arguments = ["--session", talked[0], "--model", f"openai/test@{server.url}"]
        await compared(system, *arguments)
        usual = [each.body["messages"][0]["content"] for each in server.received]
        server.received.clear()
        await compared(system, *arguments, "--prompt", str(ours))
        other = [each.body["messages"][0]["content"] for each in server.received]
    assert len(usual) == len(other) > 0
    assert ["lamp shop" in each for each in usual + other] == [False] * len(usual) + [True] * len(other)


async def test_another_version_of_the_help_pages_is_compared(tmp_path: Path, model_folder: Path) -> None:
    """The pages of the live system are kept; here another service answers searches."""
    newer = Source(
        content="You can return an item within 60 days for a full refund if it is unused.", relevance_score=0.75, rank=1,
        metadata={"document_id": "doc_refunds", "title": "Refunds", "source": "help", "version": 2, "chunk": 0},
    )  # fmt: skip

    async def search(_request: Search, _ctx: Context) -> SearchResult:
        return SearchResult(sources=[newer], method="dense", model="test")

    with real_servers(tmp_path / "servers") as servers, System(servers, tmp_path, model_folder) as running:
        async with Client.at(running.url) as client:
            session_id = await client.create()
            assert "30 days" in (await client.send(session_id, RETURNS))[1]["message"]
        running.kill("knowledge")
        async with NatsBus.connect(running.environment["DESKBUS_NATS_URL"], "test") as bus:
            await bus.serve(bus_map.SEARCH, search)
            await bus.ping()
            [turn], _ = await compared(running, "--session", session_id)
    assert "60 days" in turn["after"]["text"]
    assert turn["changed"] == ["answer", "sources"]
    assert (turn["before"]["sources"], turn["after"]["sources"]) == (["doc_refunds@1#0"], ["doc_refunds@2#0"])


async def test_a_model_that_is_away_is_told_of(system: System, talked: list[str]) -> None:
    turns, sums = await compared_with_warnings(
        system, "--session", talked[0], "--model", "openai/test@http://127.0.0.1:9/v1"
    )
    assert turns[1]["after"]["degraded"] == "models_unavailable"
    assert sums["degraded"] >= 2


async def compared_with_warnings(system: System, *arguments: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    done = await replayed(system, "--json", *arguments)
    assert (done.returncode, "model_call_failed" in done.stderr) == (0, True), done.stderr
    *turns, sums = [json.loads(line) for line in done.stdout.splitlines()]
    return turns, sums


async def test_the_newest_conversations_are_taken_up_to_as_many_turns(system: System, talked: list[str]) -> None:
    turns, _ = await compared(system, "--last", "1")
    assert [turn["session_id"] for turn in turns] == [talked[1]] * 3
    turns, _ = await compared(system, "--last", "2", "--turns", "4")
    assert [turn["session_id"] for turn in turns] == [talked[1]] * 3 + [talked[0]]
    assert turns[-1]["question"] == "Do you sell live giraffes?"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--session", "sess_none"], 2, "session"),
        (["--model", "openai/x@ftp://nowhere"], 2, "DESKBUS_MODEL"),
        (["--model", "openai/x", "--prompt", "system.none"], 2, "system.none"),
        (["--turns", "0"], 2, "no number from 1 on"),
    ],
    ids=["session", "model", "prompt", "number"],
)
async def test_what_cannot_be_used_is_told_in_a_sentence(
    system: System, arguments: list[str], code: int, said: str
) -> None:
    done = await replayed(system, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_system_that_is_away_is_told_of(system: System) -> None:
    done = await replayed(system, nats_url="nats://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


async def test_make_replay_finds_the_system_and_passes_options_on(
    system: System, talked: list[str], tmp_path: Path
) -> None:
    surroundings = {**system.environment, "DESKBUS_DATA_DIR": str(tmp_path)}
    options = f"--json --session '{talked[1]}' --turns 2"
    done = await asyncio.to_thread(run_module, "deploy.local", {**surroundings, "ARGS": options}, "replay")
    assert done.returncode == 0, done.stderr
    assert [json.loads(row)["kind"] for row in done.stdout.splitlines()] == ["turn", "turn", "sums"]
    done = await asyncio.to_thread(run_module, "deploy.local", {**surroundings, "ARGS": "--model 'a"}, "replay")
    assert (done.returncode, "quotation" in done.stderr) == (1, True)
    done = await asyncio.to_thread(run_module, "deploy.local", {"DESKBUS_DATA_DIR": str(tmp_path)}, "replay")
    assert (done.returncode, done.stderr) == (1, "Deskbus is not running: start it with `make run`.\n")


async def test_a_replay_that_is_stopped_sums_up_what_it_has(system: System, talked: list[str]) -> None:
    async with OpenAIServer().running() as server:
        server.script = lambda body: Reply(fault="hang") if RETURNS in json.dumps(body["messages"][-1]) else None
        arguments = ["--session", talked[0], "--model", f"openai/test@{server.url}", "--at-once", "1"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.agent.replay", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env={**clean_environment(), **system.environment},
        )  # fmt: skip
        async with asyncio.timeout(30):
            while not any(RETURNS in json.dumps(each.body["messages"][-1]) for each in server.received):
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    assert (process.returncode, err.decode()) == (130, "")
    assert "turns    1: 0 the same, 1 changed" in out.decode()


async def test_a_tenant_without_conversations_has_nothing_to_replay(system: System) -> None:
    done = await replayed(system, "--tenant", "nobody")
    assert (done.returncode, done.stdout) == (0, "There are no answered turns to replay.\n")


async def test_postgres_itself_refuses_what_a_replay_would_write(system: System) -> None:
    url = _read_only(system.environment["DESKBUS_DATABASE_URL"])
    sql = ROOT / "services/agent/sql"
    async with Database.connect(url, "agent", sql) as database, database.connection() as work:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await work.do("mark_forgotten", "default", "sess_1")
