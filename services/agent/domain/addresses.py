"""Addresses: whether a declared URL can be filled safely, and its parts."""

import re
from urllib.parse import urlsplit

from .http_tools import PLACEHOLDER, Address

_FORM = re.compile(r"(?P<origin>(?P<scheme>https?)://(?P<host>[^/?#]*))(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?")
_HOST = re.compile(r"(?:[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
# What may stand in a path or a query as it is (RFC 3986, section 3.3), percent-encoded octets among it.
_LITERAL = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_DOTS = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


def address_faults(url: str) -> list[str]:
    """Say why a URL with placeholders cannot be used; none where it can."""
    form = _FORM.fullmatch(url)
    if form is None:
        return ["must be http:// or https:// with a host, without #fragment"]
    faults = _host_faults(form["host"])
    path, query = form["path"] or "/", form["query"] or ""
    if not _LITERAL.fullmatch(PLACEHOLDER.sub("", path + query)):
        faults.append("has characters that must be percent-encoded, or braces that are no {placeholder}")
    if any(_DOTS.fullmatch(segment) for segment in path.split("/")):
        faults.append("must not have the path segments . and ..")
    for pair in filter(None, query.split("&")):
        name, _, _ = pair.partition("=")
        if not name or PLACEHOLDER.search(name):
            faults.append("names in the query must be there, and be no placeholders: ?status={status}")
    return faults


def health_faults(url: str) -> list[str]:
    """Say why a URL cannot be asked for readiness; none where it can."""
    return address_faults(url) or (["must not have placeholders"] if PLACEHOLDER.search(url) else [])


def read_address(url: str) -> Address:
    """Take a URL apart that has no faults."""
    form = _FORM.fullmatch(url)
    assert form is not None  # noqa: S101 - it was checked
    pairs = [pair.partition("=") for pair in (form["query"] or "").split("&") if pair]
    return Address(
        origin=form["origin"], path=form["path"] or "/", query=[(name, value) for name, _, value in pairs]
    )  # fmt: skip


def _host_faults(host: str) -> list[str]:
    if "{" in host or "}" in host or "$" in host:
        return ["scheme and host must have no placeholders"]
    if "@" in host:
        return ["must not hold a user name or a password: use headers"]
    if not _HOST.fullmatch(host):
        return ["has no host that can be asked"]
    try:
        port = urlsplit(f"//{host}").port
    except ValueError:
        port = 0
    return ["has no port that can be asked"] if port == 0 else []
