"""The system that is put to the test: two of everything that a conversation needs, short leases, a scripted model."""

import json
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.local.servers import Servers
from tests.support.system import System

LEASE_S = 2.0
REPLICAS = {"gateway": 2, "agent": 2, "session": 2}
_SETTINGS: dict[str, object] = {
    "model": "scripted", "turn_lease_s": LEASE_S, "scripted_tokens": 30, "scripted_first_token_ms": 30,
    "scripted_interval_ms": 15, "agent_drain_s": 5, "drain_s": 2,
    # Nearly everybody comes from one address; sessions are held to five times what they may usually say.
    "rate_limit_enabled": "true", "rate_limit_requests": 10_000_000, "message_limit": 100,
}  # fmt: skip


class Stage(System):
    """The system under test.

    Args:
        modules: what is started in place of a service: a broken twin, or a stand-in.
    """

    def __init__(
        self, servers: Servers, folder: Path, model_folder: Path, replicas: Mapping[str, int] | None = None,
        modules: Mapping[str, str] | None = None, **settings: object,
    ) -> None:  # fmt: skip
        self._modules = dict(modules or {})
        self._servers = servers
        super().__init__(
            servers, folder, model_folder, REPLICAS if replicas is None else replicas, **{**_SETTINGS, **settings}
        )

    def module(self, name: str) -> str:
        """Give the module that a service's process runs."""
        return self._modules.get(name) or super().module(name)

    def cast(self, **modules: str) -> None:
        """Let these modules stand for services of one process each, and every other service for itself."""
        for name in ("session", "gateway"):
            wanted = modules.get(name) or super().module(name)
            if self.module(name) != wanted:
                self._modules[name] = wanted
                self.kill(name)
                self.start(name)
        self.wait_ready()

    def start(self, name: str, index: int = 0) -> None:
        """Start a service's process, or a server of those that it stands on."""
        if name in self._servers.names:
            self._servers.start(name)
        else:
            super().start(name, index)

    def kill(self, name: str, index: int = 0) -> None:
        """End one of either as a crash would."""
        if name in self._servers.names:
            self._servers.kill(name)
        else:
            super().kill(name, index)

    @property
    def doors(self) -> list[str]:
        """The addresses of all gateways."""
        return [self.gateway(index) for index in range(len(self.ports))]

    @property
    def nats_url(self) -> str:
        """The address of the broker."""
        return str(self.environment["DESKBUS_NATS_URL"])

    def instance(self, name: str, index: int) -> str | None:
        """Give the name that a process has among the others; None while it is not ready."""
        named = [line["instance"] for line in self.lines(name, index) if line.get("event") == "ready"]
        return named[-1] if named else None

    def lines(self, name: str, index: int = 0) -> Iterator[dict[str, object]]:
        """Read the lines that a process has logged; what libraries and Python itself write is no JSON."""
        for line in self.log(name, index).splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                yield {"event": line, "level": line.partition(" ")[0].lower()}

    def complaints(self, *names: str) -> list[dict[str, object]]:
        """Give what services have logged as errors: faults of ours, with a stack trace as a rule."""
        return [
            {"process": f"{name}-{index}", **line}
            for name, index in self.processes
            if name in (names or self.replicas)
            for line in self.lines(name, index)
            if line.get("level") in ("error", "critical") or "exception" in line
        ]

    def resume_all(self) -> None:
        """Wake whoever was stopped."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
