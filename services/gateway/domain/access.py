"""Who may ask what, and how: origins, the administrator's token, preferences, and names that a client gives its requests."""

import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

_LONGEST_REQUEST_ID = 128


def is_loopback(address: str) -> bool:
    """Say whether an address or host name means this machine only."""
    if address == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def may_administer(token: str | None, given: str | None, peer: str, *, forwarded: bool) -> bool:
    """Say whether a request may do what only administrators may.

    Without a token the routes are open to this machine alone; what a proxy forwards comes from elsewhere.
    """
    if token is None:
        return is_loopback(peer) and not forwarded
    return given is not None and hmac.compare_digest(token.encode(), given.encode("utf-8", "surrogatepass"))


def may_connect(origin: str | None, host: str, listed: list[str]) -> bool:
    """Say whether a page of this origin may open a WebSocket; what is no browser sends none."""
    if origin is None or origin in listed:
        return True
    try:
        return urlsplit(origin).netloc.casefold() == host.casefold() != ""
    except ValueError:
        return False


def prefers_async(prefer: Iterable[str]) -> bool:
    """Say whether a client would rather not wait for an answer, by its `Prefer` headers (RFC 7240)."""
    told = (preference for header in prefer for preference in header.split(","))
    return any(preference.partition(";")[0].strip().casefold() == "respond-async" for preference in told)


def is_request_id(text: str) -> bool:
    """Say whether a client's request id may be used: visible ASCII, and not too long."""
    return 0 < len(text) <= _LONGEST_REQUEST_ID and all("!" <= character <= "~" for character in text)
