"""How fast one client may ask over HTTP, and the headers that tell it."""

import math
from collections.abc import MutableMapping

from aiohttp import web

from ..app.pace import Pace
from ..domain.rates import Network, client_of
from ..ports import Decision
from .problem import RATE

_SOCKETS = "/ws"


class Pacing:
    """Counts the requests of each client.

    Args:
        unlimited: the paths, as routes name them, that are never counted.
        trusted: proxies that may say whose request they pass on.
    """

    def __init__(self, pace: Pace, *, unlimited: frozenset[str], trusted: list[Network]) -> None:
        self._pace = pace
        self._unlimited = unlimited
        self._trusted = trusted

    async def check(self, request: web.Request) -> None:
        """Count a request. A handshake that comes too fast is let in, to be told on the socket.

        Raises:
            TooFast: it may not pass.
        """
        resource = request.match_info.route.resource
        path = resource.canonical if resource else ""
        if request.method == "OPTIONS" or path in self._unlimited or isinstance(resource, web.StaticResource):
            return
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
        decision = await self._pace.check(client_of(request.remote or "", forwarded, self._trusted))
        if decision is None:
            return
        request[RATE] = decision
        if not decision.allowed and path != _SOCKETS:
            raise self._pace.refusal(decision)


def tell(decision: Decision, headers: MutableMapping[str, str]) -> None:
    """Say how much is left; `X-RateLimit-Reset` is in seconds from now."""
    headers["X-RateLimit-Limit"] = str(decision.limit)
    headers["X-RateLimit-Remaining"] = str(decision.remaining)
    headers["X-RateLimit-Reset"] = str(math.ceil(decision.reset_s))
