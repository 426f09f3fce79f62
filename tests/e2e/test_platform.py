"""The platform's own routes: R24, and start-up without any network (R30)."""

from pathlib import Path

from tests.support.client import Client
from tests.support.system import System, real_servers


async def test_r24_health_answers(client: Client) -> None:
    for path in ("/health", "/health/live"):
        status, _, _ = await client.request("GET", path)
        assert status == 200
    status, body, _ = await client.request("GET", "/health/ready")
    assert (status, body["status"]) == (200, "healthy")
    names = {check["name"] for check in body["checks"]}
    assert {"session.Database", "session.Tables", "knowledge.Vector Index", "knowledge.Embedding Model"} <= names
    assert all(check["ok"] and check["latency_ms"] >= 0 for check in body["checks"])
    model = next(check for check in body["checks"] if check["name"] == "knowledge.Embedding Model")
    assert "384" in model["detail"]


async def test_the_root_tells_what_this_is(client: Client) -> None:
    status, body, _ = await client.request("GET", "/")
    assert (status, body["status"]) == (200, "operational")
    assert {"name", "version", "environment", "docs", "metrics", "health", "stats"} <= set(body)


async def test_faults_of_the_client_are_problems(client: Client) -> None:
    for method, path, data, expected in (
        ("GET", "/nowhere", None, 404), ("DELETE", "/health", None, 405), ("POST", "/api/sessions", "{", 400),
        ("POST", "/api/sessions", "[1]", 422), ("POST", "/api/sessions", '{"metadata": "x"}', 422),
        ("POST", "/api/sessions", "[" * 100, 400),
    ):  # fmt: skip
        status, body, headers = await client.request(
            method, path, data=data, headers={"X-Request-ID": "mine", "Content-Type": "application/json"}
        )
        assert (status, body["status"]) == (expected, expected), path
        assert headers["Content-Type"].startswith("application/problem+json")
        assert (headers["X-Request-ID"], body["request_id"]) == ("mine", "mine")
        assert {"type", "title", "detail", "code", "trace_id", "retryable"} <= set(body)


async def test_r24_ready_tells_the_truth_about_a_lost_service(tmp_path: Path, model_folder: Path) -> None:
    with real_servers(tmp_path / "servers") as servers, System(servers, tmp_path, model_folder) as system:
        system.kill("session")
        status, body = system.readiness()
        assert (status, body["status"]) == (503, "unhealthy")
        system.start("session")
        system.wait_ready()
        servers.kill("postgres")
        status, body = system.readiness()
        assert (status, body["status"]) == (503, "unhealthy")
        servers.start("postgres")
        system.wait_ready()


def test_r30_the_system_starts_without_a_model_hub(system: System) -> None:
    log = system.log("knowledge")
    assert "minilm-l6-v2-int8" in log
    assert "huggingface" not in log.lower()
