"""How much one client may ask: whose requests count together, and when somebody has been refused too often."""

import ipaddress
from collections.abc import Iterable

from msgspec import Struct

from libs.contracts.errors import RateLimited

FRAMES_AT_ONCE = 100
FRAMES_A_SECOND = 50
_FRAME_UNIT_BYTES = 4096
_CALM_S = 30.0
_STRIKES = 5

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Rate(Struct, frozen=True):
    """So many in so many seconds, all of them at once where need be."""

    count: int
    period_s: float


class TooFast(RateLimited):
    """A rate is used up; `retry_after_s` says for how long."""

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__("rate_limited", detail)
        self.retry_after_s = retry_after_s


def networks(listed: Iterable[str]) -> list[Network]:
    """Read addresses and networks such as `10.0.0.0/8`.

    Raises:
        ValueError: one is neither.
    """
    return [ipaddress.ip_network(text, strict=False) for text in listed]


def client_of(peer: str, forwarded_for: str, trusted: list[Network]) -> str:
    """Say whose request it is: the peer's, or whoever a trusted proxy says that it asks for.

    `X-Forwarded-For` is read from its end, where the nearest proxy writes, and no further than the first address that
    is not a trusted proxy's: whatever stands before that its sender may have made up. One household's IPv6 addresses
    count together, by their /64.
    """
    address = _read(peer)
    for text in reversed(forwarded_for.split(",")):
        if address is None or not any(address in network for network in trusted):
            break
        address = _read(text.strip()) or address
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or peer)


def _read(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


class FramePace:
    """How fast frames are taken from one socket: so many at once, then so many a second; large ones count for several.

    A client that sends faster waits, and nobody else with it: what is not taken stays in its own connection.
    """

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = float("-inf")

    def wait(self, time: float, size: int) -> float:
        """Count a frame of so many bytes that is taken at this time; give the seconds until the next may be."""
        self._due = max(self._due, time) + (1 + size // _FRAME_UNIT_BYTES) / FRAMES_A_SECOND
        return max(0.0, self._due - time - FRAMES_AT_ONCE / FRAMES_A_SECOND)


class Patience:
    """How often one client has gone on after being refused: a burst counts once, however long it is.

    Lost after refusals in five different seconds, forgiven after 30 seconds without any.
    """

    __slots__ = ("_last", "_strikes")

    def __init__(self) -> None:
        self._strikes = 0
        self._last = float("-inf")

    def is_lost(self, time: float) -> bool:
        """Note a refusal at this time, in seconds, and say whether it was one too many."""
        if time - self._last > _CALM_S:
            self._strikes = 0
        if time - self._last >= 1 or not self._strikes:
            self._strikes += 1
            self._last = time
        return self._strikes >= _STRIKES
