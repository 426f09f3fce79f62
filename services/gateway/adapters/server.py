"""The HTTP server: routes bound to their handlers, and the sockets that it listens on."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from libs.contracts.errors import Unavailable

from ..domain.limits import BODY_BYTES
from .http import Http, refuse_while, require_admin
from .middlewares import Edge
from .websocket import Sockets

_SHUTDOWN_S = 5.0


class Binding:
    """What stands between a route and its handler.

    Args:
        draining: whether new work is refused.
    """

    def __init__(self, http: Http, sockets: Sockets, *, admin_token: str | None, draining: Callable[[], bool]) -> None:
        self._parts = (http, sockets)
        self._admin_token = admin_token
        self._draining = draining

    def bind(self, operation: str, *, admin: bool, always: bool) -> Handler:
        """Give the handler of an operation, behind the checks that its route asks for."""
        part = next(part for part in self._parts if hasattr(part, operation))
        handler = cast(Handler, getattr(part, operation))
        if always:
            return handler

        async def guarded(request: web.Request) -> web.StreamResponse:
            refuse_while(self._draining)
            if admin:
                require_admin(request, self._admin_token)
            return await handler(request)

        return guarded


def application(routes: Sequence[tuple[str, str, str, bool, bool]], binding: Binding, edge: Edge) -> web.Application:
    """Put the application together."""
    app = web.Application(middlewares=[edge.middleware], client_max_size=BODY_BYTES)
    app.on_response_prepare.append(edge.prepare)
    for method, path, operation, admin, always in routes:
        app.router.add_route(method, path, binding.bind(operation, admin=admin, always=always))
    return app


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Listen; gives the address.

    Raises:
        Unavailable: the port is taken, or may not be used.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
        except OSError as error:
            raise Unavailable(
                "port_unavailable", f"Cannot listen on {host}:{port}; set DESKBUS_PORT to a free one"
            ) from error
        bound = runner.addresses[0]
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()
