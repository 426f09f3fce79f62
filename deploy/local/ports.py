"""TCP ports on this machine: free ones, and the ones used the last time."""

from __future__ import annotations

import errno
import json
import random
import socket
from pathlib import Path

# Below what Linux and macOS hand out to outgoing connections: a client that keeps dialling a stopped server within that
# range sooner or later connects to itself and takes the server's port away.
LOWEST, HIGHEST = 20_000, 29_999


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now. Raises OSError where the address itself is not ours."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do not count
        try:
            probe.bind((host, port))
            probe.listen(1)  # binding alone succeeds beside another that has bound and not yet listens
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port() -> int:
    """A free port on 127.0.0.1, tried and found so a moment ago."""
    for _ in range(200):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311  (no secret)
        if is_free(port):
            return port
    with socket.socket() as probe:  # crowded: take whatever the system gives
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_free(start: int, host: str, tries: int = 100) -> int | None:
    """The first free port from `start` on."""
    return next((port for port in range(start, start + tries) if is_free(port, host)), None)


class Ports:
    """Ports by name, remembered in a file, so that a restart listens where clients expect it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._known = {str(name): int(port) for name, port in json.loads(path.read_text()).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self._known = {}

    def __getitem__(self, name: str) -> int:
        """The port of that name, chosen the first time it is asked for."""
        if name not in self._known:
            self._choose(name)
        return self._known[name]

    def settle(self, name: str) -> None:
        """Keep the remembered port where it is free, choose another where it is not."""
        if name not in self._known or not is_free(self._known[name]):
            self._choose(name)

    def _choose(self, name: str) -> None:
        others = {port for other, port in self._known.items() if other != name}
        port = free_port()
        while port in others:
            port = free_port()
        self._known[name] = port
        self._path.write_text(json.dumps(self._known, indent=1))
