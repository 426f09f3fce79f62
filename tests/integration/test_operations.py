"""The operations port of a service: probes for an orchestrator, figures for Prometheus."""

import json
import urllib.error
import urllib.request
from pathlib import Path

from deploy.local.ports import free_port
from tests.support.system import System, real_servers

ALONE = {"gateway": 0, "agent": 0, "knowledge": 0, "attachments": 0}


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_probes_and_figures(tmp_path: Path) -> None:
    port = free_port()
    with (
        real_servers(tmp_path / "servers") as servers,
        System(servers, tmp_path, tmp_path, ALONE, operations_port=port) as system,
    ):
        system.wait_for_log("session", '"ready"')
        status, body = get(port, "/health/ready")
        assert (status, json.loads(body)["ready"]) == (200, True)
        assert get(port, "/health/live")[0] == 200
        assert "deskbus_events_unpublished" in get(port, "/metrics")[1]
        servers.kill("postgres")
        status, body = get(port, "/health/ready")
        assert (status, json.loads(body)["ready"]) == (503, False)
        assert get(port, "/health/live")[0] == 200
