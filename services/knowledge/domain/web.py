"""Pages of the web: which addresses may be fetched, and what the documents made of them are called."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Collection
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from msgspec import Struct

MAX_URL = 2_000  # characters
_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*\.?|\[[0-9a-f:.]{2,45}\]")
_SAFE = "/:@!$&'()*+,;=~-._%"  # what may stand in a path as it is (RFC 3986, section 3.3), encoded octets among it
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits


class WebRefused(Exception):
    """A page that is not fetched, or cannot be.

    Args:
        code: stable: `url_invalid`, `url_private`, `url_forbidden`, `url_too_large`, `url_timed_out`, `url_unreachable`,
            `url_status`.
        reason: for people: what is wrong, and what to do.
        retryable: whether the same may succeed later.
    """

    def __init__(self, code: str, reason: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.retryable = retryable


class WebAddress(Struct, frozen=True):
    """An https address that has been checked, in its normal form.

    Attributes:
        host: in lower case, as it is resolved; of an IP literal without brackets.
    """

    url: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a robots.txt holds for."""
        return self.url.split("/", 3)[0] + "//" + self.url.split("/", 3)[2]

    @property
    def name(self) -> str:
        """The last part of its path, as a file's name."""
        return unquote(urlsplit(self.url).path.rsplit("/", 1)[-1])[:300]

    @property
    def document_id(self) -> str:
        """The id of the document that the page becomes: the same for the same address."""
        return "web-" + hashlib.sha256(self.url.encode()).hexdigest()[:24]


def web_address(url: str) -> WebAddress:
    """Read an address.

    Raises:
        WebRefused: `url_invalid`, with what is wrong; `url_private` for a literal address that is not public.
    """
    if len(url) > MAX_URL:
        raise _invalid(f"is longer than {MAX_URL} characters")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise _invalid("holds white space or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if "[" not in parts.netloc else parts.hostname or ""
    except ValueError as fault:
        raise _invalid("has no host or port that can be asked") from fault
    if parts.scheme != "https":
        raise _invalid("must begin with https://")
    if "@" in parts.netloc:
        raise _invalid("must not hold a user name or a password")
    shown = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(shown) or port == 0:
        raise _invalid("has no host or port that can be asked")
    where = shown if port in (None, 443) else f"{shown}:{port}"
    path = quote(parts.path or "/", safe=_SAFE)
    normal = urlunsplit(("https", where, path, quote(parts.query, safe=_SAFE + "?"), ""))
    return WebAddress(normal, host.rstrip("."), port or 443)


def check_addresses(host: str, addresses: Collection[str], private_hosts: Collection[str] = ()) -> None:
    """Refuse a host that resolves to an address of a machine or network of our own.

    One address that is not public refuses them all: which of them is connected to is nobody's choice.

    Args:
        host: its name.
        addresses: what the name resolves to.
        private_hosts: names of hosts that may be asked although they are not public.

    Raises:
        WebRefused: `url_private`.
    """
    if host in private_hosts or all(is_public(address) for address in addresses):
        return
    raise WebRefused(
        "url_private",
        f"{host} is in a private network. If its pages are for customers, name it in DESKBUS_FETCH_PRIVATE_HOSTS.",
    )


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet, also when it is wrapped into an IPv6 address."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(given, ipaddress.IPv6Address):
        inner = given.ipv4_mapped or given.sixtofour or (given.teredo[1] if given.teredo else None)
        if inner is None and given in _NAT64:
            inner = ipaddress.IPv4Address(int(given) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return given.is_global and not given.is_multicast and not given.is_reserved and not given.is_unspecified


def _invalid(why: str) -> WebRefused:
    return WebRefused("url_invalid", f"The address {why}.")
