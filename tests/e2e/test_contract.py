"""The client contract over the whole system, black box: R02, R09, R12, R14, R17, R26, R27, R29, R40, R41, R42."""

import asyncio
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.ports import free_port
from deploy.local.processes import spawn
from deploy.local.servers import Servers
from tests.support.client import Client
from tests.support.system import ROOT, System, clean_environment, real_servers, run_module

REFUND = "How long do I have to return something?"
SHOP = "https://shop.example"


@contextmanager
def another_gateway(system: System, **settings: object) -> Iterator[str]:
    """A further gateway of the same system, with settings of its own; gives its address."""
    port = free_port()
    environment = {
        **clean_environment(), **system.environment, "DESKBUS_PORT": str(port),
        **{f"DESKBUS_{name.upper()}": str(value) for name, value in settings.items()},
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with (system.folder / f"gateway-{port}.log").open("ab") as log:
        process = spawn([sys.executable, "-m", "services.gateway"], output=log, environment=environment, folder=ROOT)
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end and process.poll() is None:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(45)


@asynccontextmanager
async def database(system: System) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    try:
        yield connection
    finally:
        await connection.close()


# --- sessions


async def test_r02_two_mounts_of_one_page_make_one_session(client: Client) -> None:
    headers = {"Idempotency-Key": "r02"}

    async def create(after: float, **options: Any) -> str:
        await asyncio.sleep(after)
        status, body, _ = await client.request("POST", "/api/sessions", json={}, **options)
        assert status == 200
        return body["session_id"]

    assert len(set(await asyncio.gather(create(0, headers=headers), create(0.002, headers=headers)))) == 1
    plain = await asyncio.gather(create(0), create(0.002))
    assert len(set(plain)) == 2
    for session_id in plain:
        assert (await client.history(session_id))["total"] == 0


@pytest.mark.parametrize("how", ["query", "body"])
async def test_r09_a_session_is_ended_by_query_and_by_body(client: Client, how: str) -> None:
    session_id = await client.create()
    path = f"/api/sessions/{session_id}/status"
    options = {"params": {"status": "ended"}} if how == "query" else {"json": {"status": "ended"}}
    status, body, _ = await client.request("PATCH", path, **options)
    assert (status, body["status"]) == (200, "ended")
    status, body, _ = await client.send(session_id, "Hello?")
    assert (status, body["code"]) == (400, "session_ended")


async def test_r42_cleanup_removes_what_is_idle_and_not_active_and_nothing_else(client: Client, system: System) -> None:
    for days in ("0", "-1", "3651", "many"):
        status, body, _ = await client.request("POST", "/api/sessions/cleanup", params={"days": days})
        assert (status, body["code"]) == (422, "invalid_request")
    old, recent, active = [await client.create() for _ in range(3)]
    await client.send(old, REFUND)
    for session_id in (old, recent):
        await client.request("PATCH", f"/api/sessions/{session_id}/status", params={"status": "ended"})
    async with database(system) as connection:
        await connection.execute(
            "update session.sessions set last_activity = now() - interval '3 days' where id = any($1)", [old, active]
        )
        status, body, _ = await client.request("POST", "/api/sessions/cleanup", params={"days": 2})
        assert (status, body["sessions_deleted"]) == (200, 1)
        assert {"message", "cutoff_date"} <= set(body)
        left = await connection.fetchval("select count(*) from session.messages where session_id = $1", old)
    assert left == 0
    for session_id, expected in ((old, 404), (recent, 200), (active, 200)):
        assert (await client.request("GET", f"/api/sessions/{session_id}"))[0] == expected


async def test_r42_a_deleted_session_is_gone_and_its_socket_is_told(client: Client) -> None:
    session_id = await client.create()
    await client.send(session_id, REFUND)
    async with client.socket(session_id) as socket:
        status, body, _ = await client.request("DELETE", f"/api/sessions/{session_id}")
        assert (status, body["session_id"]) == (200, session_id)
        assert (await socket.until("error"))["code"] == "session_deleted"
        await socket.ws.receive(timeout=5)
        assert socket.ws.close_code == 4409
    for method, path in (
        ("GET", f"/api/sessions/{session_id}"), ("GET", f"/api/chat/sessions/{session_id}/messages"),
        ("DELETE", f"/api/sessions/{session_id}"),
    ):  # fmt: skip
        status, body, _ = await client.request(method, path)
        assert (status, body["code"]) == (404, "session_not_found")


# --- chat


async def test_r12_an_escalated_session_is_open_to_its_customer_on_both_transports(client: Client) -> None:
    session_id = await client.create()
    path = f"/api/sessions/{session_id}/status"
    status, body, _ = await client.request("PATCH", path, json={"status": "escalated"})
    ticket_id = body["escalation"]["ticket_id"]
    status, answer, _ = await client.send(session_id, "Is anybody there?")
    assert (status, answer["requires_escalation"], answer["metadata"]["ticket_id"]) == (200, True, ticket_id)
    async with client.socket(session_id) as socket:
        assert socket.connected["status"] == "escalated"
        await socket.send("Hello?")
        escalation = await socket.until("escalation")
        assert socket.kinds() == ["connected", "acknowledged", "escalation"]
        assert (escalation["required"], escalation["ticket_id"]) == (True, ticket_id)
        await client.request("PATCH", path, json={"status": "active"})
        assert (await socket.until("session_updated"))["controller"] == "agent"
        await socket.until("complete")  # the agent takes up what nobody has answered
        assert "30 days" in (await socket.ask(REFUND))["message"]["content"]
    roles = [message["role"] for message in (await client.history(session_id))["messages"]]
    assert roles == ["user", "user", "assistant", "user", "assistant"]


async def test_r14_a_socket_reaches_the_agent_and_what_is_said_is_kept(client: Client) -> None:
    session_id = await client.create()
    async with client.socket(session_id) as socket:
        complete = await socket.ask(REFUND)
        assert "30 days" in complete["message"]["content"]
        kinds = socket.kinds()
        assert [kinds.count(kind) for kind in ("connected", "acknowledged", "complete")] == [1, 1, 1]
        assert "text" in kinds
        history = (await client.history(session_id))["messages"]
        assert [message["content"] for message in history] == [REFUND, complete["message"]["content"]]
        handed_over = await socket.ask("I want to talk to a human")
        assert handed_over["requires_escalation"] is True
        assert socket.kinds().index("escalation") < len(socket.kinds()) - 1
        ticket_id = next(frame["ticket_id"] for frame in socket.frames if frame["type"] == "escalation")
        await socket.until("session_updated")
        await socket.send("I want to talk to a human, now!")
        assert (await socket.until("escalation"))["ticket_id"] == ticket_id
    session = (await client.request("GET", f"/api/sessions/{session_id}"))[1]
    assert (session["status"], session["escalation"]["ticket_id"]) == ("escalated", ticket_id)


async def test_feedback_is_kept_with_its_answer(client: Client) -> None:
    session_id = await client.create()
    _, answer, _ = await client.send(session_id, REFUND)
    path = f"/api/chat/messages/{answer['message_id']}/feedback"
    for rating in ("up", "down"):
        status, body, _ = await client.request("POST", path, json={"rating": rating})
        assert (status, body["message_id"], body["rating"]) == (200, answer["message_id"], rating)
    assert (await client.history(session_id))["messages"][1]["feedback"]["rating"] == "down"


async def test_r17_idle_sockets_block_nobody(client: Client) -> None:
    sessions = [await client.create() for _ in range(5)]
    async with AsyncExitStack() as stack:
        # A client of this kind holds at most 100 connections.
        others = [await stack.enter_async_context(Client.at(client.url)) for _ in range(4)]
        for number in range(200):
            await stack.enter_async_context(others[number % 4].socket(sessions[number % 5]))
        async with asyncio.timeout(5):
            assert await client.create()


async def test_r41_pages_of_a_long_history_are_disjoint_and_complete(client: Client, system: System) -> None:
    session_id = await client.create()
    await client.request("PATCH", f"/api/sessions/{session_id}/status", json={"status": "escalated"})
    for number in range(120):
        status, _, _ = await client.send(session_id, f"message {number}")
        assert status == 200
    async with database(system) as connection:
        await connection.execute("update session.messages set created_at = now() where session_id = $1", session_id)
    for order in ("asc", "desc"):
        pages = [await client.history(session_id, limit=50, offset=offset, order=order) for offset in (0, 50, 100, 150)]
        assert [len(page["messages"]) for page in pages] == [50, 50, 20, 0]
        assert {page["total"] for page in pages} == {120}
        seqs = [message["seq"] for page in pages for message in page["messages"]]
        assert seqs == sorted(range(1, 121), reverse=order == "desc")
    newest = await client.history(session_id, limit=1, order="desc")
    assert newest["messages"][0]["content"] == "message 119"
    assert (await client.history(session_id, after_seq=118))["messages"][0]["seq"] == 119


# --- search


async def search(client: Client, **body: Any) -> list[dict[str, Any]]:
    status, found, _ = await client.request("POST", "/api/chat/search", json={"query": "returns and refunds", **body})
    assert status == 200, found
    return found


async def test_r40_filters_and_thresholds_are_part_of_a_search(client: Client) -> None:
    everything = await search(client, limit=20, min_score=0.0)
    assert [source["rank"] for source in everything] == list(range(1, len(everything) + 1))
    orders = await search(client, limit=20, min_score=0.0, filters={"category": "orders"})
    assert orders
    assert {source["metadata"]["category"] for source in orders} == {"orders"}
    assert len(orders) < len(everything)
    assert await search(client, filters={"category": "no such"}) == []
    best = everything[0]["relevance_score"]
    near = await search(client, limit=20, min_score=best)
    assert 1 <= len(near) < len(everything)
    assert await search(client, limit=20, min_score=0.0) == everything


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[tuple[Servers, System]]:
    """A system whose parts may be taken away, with limits that nobody reaches."""
    folder = tmp_path_factory.mktemp("fragile")
    limits = {"rate_limit_enabled": True, "rate_limit_requests": 10_000}
    with real_servers(folder / "servers") as servers, System(servers, folder, model_folder, **limits) as system:
        yield servers, system


async def test_r40_a_lost_index_is_a_503(fragile: tuple[Servers, System]) -> None:
    _, system = fragile
    async with Client.at(system.url) as client:
        assert await search(client)
        system.kill("knowledge")
        status, body, headers = await client.request("POST", "/api/chat/search", json={"query": "returns"})
        assert (status, body["code"], body["retryable"]) == (503, "knowledge_unavailable", True)
        assert int(headers["Retry-After"]) >= 1
        system.start("knowledge")
        await asyncio.to_thread(system.wait_ready)
        assert await search(client)


async def test_limits_go_on_without_redis_and_readiness_says_so(fragile: tuple[Servers, System]) -> None:
    servers, system = fragile
    async with Client.at(system.url) as client:
        session_id = await client.create()
        await asyncio.to_thread(servers.kill, "valkey")
        try:
            status, answer, headers = await client.send(session_id, REFUND)
            assert (status, headers["X-RateLimit-Limit"]) == (200, "10000")
            assert "30 days" in answer["message"]
            async with asyncio.timeout(10):
                while (await asyncio.to_thread(system.readiness))[1].get("status") != "degraded":
                    await asyncio.sleep(0.2)
            status, body = await asyncio.to_thread(system.readiness)
            assert status == 200
            assert [check["ok"] for check in body["checks"] if check["name"] == "Redis Cache"] == [False]
        finally:
            await asyncio.to_thread(servers.start, "valkey")
        async with asyncio.timeout(20):
            while (await asyncio.to_thread(system.readiness))[1].get("status") != "healthy":
                await asyncio.sleep(0.2)


# --- settings, limits, platform


@pytest.mark.parametrize("origins", [f'["{SHOP}", "https://b.example"]', f"{SHOP}, https://b.example"])
async def test_r26_origins_may_be_json_or_separated_by_commas(system: System, origins: str) -> None:
    with another_gateway(system, cors_origins=origins) as url:
        async with Client.at(url) as client:
            for origin, allowed in ((SHOP, True), ("https://b.example", True), ("https://c.example", False)):
                _, _, headers = await client.request("GET", "/health", headers={"Origin": origin})
                assert (headers.get("Access-Control-Allow-Origin") == origin) is allowed


def test_r26_wrong_settings_are_told_together_and_clearly(system: System) -> None:
    wrong = {
        "DESKBUS_CORS_ORIGINS": "[broken", "DESKBUS_RATE_LIMIT_REQUESTS": "0", "DESKBUS_API_PREFIX": "api/",
        "DESKBUS_RATE_LIMIT_ENABLED": "perhaps",
    }  # fmt: skip
    ended = run_module("services.gateway", {**system.environment, **wrong})
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert all(name in ended.stderr for name in wrong)
    ended = run_module("services.gateway", {**system.environment, "DESKBUS_TRUSTED_PROXIES": "my proxy"})
    assert ended.returncode != 0
    assert "DESKBUS_TRUSTED_PROXIES" in ended.stdout + ended.stderr


async def test_r27_figures_are_there_from_the_start(client: Client) -> None:
    await client.send(await client.create(), REFUND)
    async with client.http.get(f"{client.url}/metrics") as answer:
        text = await answer.text()
        assert answer.status == 200
        assert answer.content_type == "text/plain"
    # what it is and is not stands on top, and no parser minds
    assert text.startswith("# Of each other service these are the figures of one process")
    assert "DESKBUS_OPERATIONS_PORT" in text.split("# HELP")[0]
    assert list(text_string_to_metric_families(text))
    assert "deskbus_http_seconds_count{" in text
    assert 'service="session"' in text


@pytest.mark.parametrize("enabled", [True, False])
async def test_r27_telemetry_is_switched_and_never_keeps_from_starting(system: System, enabled: bool) -> None:
    with another_gateway(system, telemetry_enabled=enabled) as url:
        async with Client.at(url) as client:
            assert (await client.request("GET", "/metrics"))[0] == (200 if enabled else 404)
            card = (await client.request("GET", "/"))[1]
            assert card["metrics"] == ("/metrics" if enabled else "disabled")


async def test_r29_every_answer_to_a_browser_can_be_read_by_it(system: System) -> None:
    with another_gateway(system, cors_origins=SHOP, rate_limit_enabled=True, rate_limit_requests=4) as url:
        async with Client.at(url) as client:

            async def ask(method: str, path: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
                status, body, told = await client.request(method, path, headers={"Origin": SHOP, **headers})
                assert told["Access-Control-Allow-Origin"] == SHOP
                return status, body, told

            assert (await ask("POST", "/api/sessions"))[0] == 200
            assert (await ask("GET", "/api/sessions/undefined"))[0] == 400
            assert (await ask("GET", "/nowhere"))[0] == 404
            assert (await ask("GET", "/api/chat/sessions/x/messages"))[0] == 404
            status, body, headers = await ask("POST", "/api/sessions")
            assert (status, body["code"]) == (429, "rate_limited")
            assert headers["Content-Type"].startswith("application/problem+json")
            assert int(headers["Retry-After"]) >= 1
            assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("4", "0")
            for _ in range(10):
                preflight = await ask("OPTIONS", "/api/sessions", **{"Access-Control-Request-Method": "POST"})
                assert preflight[0] == 204
                assert (await ask("GET", "/health"))[0] == 200
        async with asyncio.timeout(20):
            async with Client.at(url) as client:
                while (await client.request("POST", "/api/sessions"))[0] == 429:
                    await asyncio.sleep(1)
