"""What proves that whoever opens a socket is an operator, where it may stand, and whether it holds."""

import base64
import binascii
import hmac
from collections.abc import Sequence

from libs.contracts.errors import Unauthenticated

# A browser's WebSocket can send no header of its own, but it can name sub-protocols.
_PREFIX = "deskbus.token."
_LONGEST = 4096


def is_secret(protocol: str) -> bool:
    """Say whether a sub-protocol stands for a credential, which no log and no answer may repeat."""
    return protocol.startswith(_PREFIX)


def find_credential(bearer: str | None, admin_token: str | None, protocols: Sequence[str]) -> str | None:
    """Give the credential that a handshake brings: `Authorization`, `X-Admin-Token` or a sub-protocol; None without one.

    One that cannot be read is empty, and proves nothing.
    """
    if admin_token is not None:
        return admin_token
    scheme, _, token = (bearer or "").partition(" ")
    if scheme.casefold() == "bearer":
        return token.strip()
    told = next((protocol for protocol in protocols if is_secret(protocol)), None)
    return None if told is None else _decoded(told.removeprefix(_PREFIX))


def check_credential(given: str | None, token: str | None) -> None:
    """Check a credential against the admin token.

    Raises:
        Unauthenticated: `not_authenticated`; it is missing or wrong, or there is no token that it could be.
    """
    # Without a token the comparison is made all the same: how long a refusal takes tells nothing.
    wanted, got = (token or "").encode(), (given or "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(wanted, got) or not token:
        raise not_authenticated("This credential is not valid here; operators connect with the admin token")


def not_authenticated(detail: str) -> Unauthenticated:
    """Give the error for somebody who has not proven to be an operator."""
    return Unauthenticated("not_authenticated", detail)


def _decoded(text: str) -> str:
    """Read base64url (RFC 4648, section 5) without its padding."""
    try:
        padded = text[:_LONGEST].encode("ascii") + b"=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
