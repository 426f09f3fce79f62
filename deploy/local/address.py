"""Where the gateway listens: what the user said exactly, else the first free port from 8000 on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.ports import first_free, is_free
from deploy.local.state import Refusal

DEFAULT_PORT = 8000
# What listens everywhere is reached here.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104


@dataclass(frozen=True)
class Address:
    """A place to listen. `instead_of`: the usual port, where that was taken."""

    host: str = "127.0.0.1"
    port: int = 0
    instead_of: int = 0

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = EVERYWHERE.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{host}:{self.port}"

    @property
    def is_free(self) -> bool:
        """Whether one could listen there now."""
        return is_free(self.port, self.host)


def choose(environ: Mapping[str, str]) -> Address:
    """From DESKBUS_HOST and DESKBUS_PORT. Raises Refusal with the remedy."""
    host, told = environ.get("DESKBUS_HOST") or "127.0.0.1", environ.get("DESKBUS_PORT", "")
    try:
        if told:
            return _exactly(host, told)
        port = first_free(DEFAULT_PORT, host)
    except OSError as error:
        raise Refusal(f"DESKBUS_HOST={host} cannot be listened on: {error.strerror}") from error
    if port is None:
        raise Refusal(f"no free port from {DEFAULT_PORT} on: set DESKBUS_PORT")
    return Address(host, port, 0 if port == DEFAULT_PORT else DEFAULT_PORT)


def _exactly(host: str, told: str) -> Address:
    if not (told.isdecimal() and 0 < int(told) < 65_536):
        raise Refusal(f"DESKBUS_PORT={told} is no port: give a number from 1 to 65535, or leave it out")
    if not is_free(int(told), host):
        raise Refusal(f"port {told} is taken: set DESKBUS_PORT to another, or leave it out for the next free one")
    return Address(host, int(told))
