"""The NATS server of the embedded stack, with a JetStream that has synced what it acknowledges."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sysconfig
from pathlib import Path

from deploy.local.ports import Ports

CONFIGURATION = """\
# Written at every start.
listen: {address}
http: {monitor}
server_name: deskbus_local
max_payload: 1MB
jetstream {{
  store_dir: {store}
  # Without it an acknowledged publish may be lost for two minutes when the power goes.
  sync_interval: always
  max_memory_store: 256MB
  max_file_store: 4GB
}}
"""


class Nats:
    """How to run it: command, readiness, addresses."""

    name = "nats"
    variable = "DESKBUS_NATS_URL"
    ports = ("nats", "nats_monitor")
    stop_signal = signal.SIGTERM
    become = None

    def __init__(self, folder: Path, ports: Ports) -> None:
        self._folder = folder
        self._ports = ports

    def prepare(self) -> None:
        """Write the configuration; quoted as JSON, which NATS reads, because the path may hold anything."""
        text = CONFIGURATION.format(
            address=json.dumps(f"127.0.0.1:{self._ports['nats']}"),
            monitor=json.dumps(f"127.0.0.1:{self._ports['nats_monitor']}"),
            store=json.dumps(str(self._folder / "jetstream"), ensure_ascii=False),
        )
        (self._folder / "nats.conf").write_text(text)

    def command(self) -> list[str]:
        """The program and its arguments. Raises FileNotFoundError where it is not installed."""
        beside = Path(sysconfig.get_path("scripts")) / "nats-server"
        program = str(beside) if beside.exists() else shutil.which("nats-server")
        if program is None:
            raise FileNotFoundError("nats-server is not installed")
        return [program, "-c", str(self._folder / "nats.conf")]

    def is_ready(self) -> bool:
        """Whether it greets; JetStream is up before the server listens."""
        with socket.create_connection(("127.0.0.1", self._ports["nats"]), 0.5) as connection:
            return connection.recv(5) == b"INFO "

    def environment(self) -> dict[str, str]:
        """Where to find it; the monitor answers questions about its configuration (`/varz`, `/jsz`)."""
        return {
            self.variable: f"nats://127.0.0.1:{self._ports['nats']}",
            "DESKBUS_NATS_MONITOR_URL": f"http://127.0.0.1:{self._ports['nats_monitor']}",
        }
