"""The HTTP server: routes bound to their handlers, and the sockets that it listens on."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from libs.contracts.errors import Unavailable

from ..domain.limits import Limits
from ..routes import Route
from .http import refuse_while, require_admin
from .middlewares import Edge

_SHUTDOWN_S = 5.0
# Longer than proxies keep a connection that is idle, shorter than anybody needs for the head of a request.
_IDLE_S = 75.0


class Binding:
    """What stands between a route and its handler.

    Args:
        parts: what has the handlers as methods, by the names of their operations.
        draining: whether new work is refused.
    """

    def __init__(self, *parts: object, admin_token: str | None, draining: Callable[[], bool]) -> None:
        self._parts = parts
        self._admin_token = admin_token
        self._draining = draining

    def bind(self, route: Route) -> Handler:
        """Give the handler of a route's operation, behind the checks that the route asks for."""
        (part,) = (part for part in self._parts if hasattr(part, route.operation))
        handler = cast(Handler, getattr(part, route.operation))
        if route.always:
            return handler

        async def guarded(request: web.Request) -> web.StreamResponse:
            refuse_while(self._draining)
            if route.admin:
                require_admin(request, self._admin_token)
            return await handler(request)

        return guarded


def application(routes: Iterable[Route], binding: Binding, edge: Edge, limits: Limits) -> web.Application:
    """Put the application together."""
    app = web.Application(middlewares=[edge.middleware], client_max_size=limits.body_bytes)
    app.on_response_prepare.append(edge.prepare)
    for route in routes:
        app.router.add_route(route.method, route.path, binding.bind(route))
    return app


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Listen; gives the address.

    Raises:
        Unavailable: the port is taken, or may not be used.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S, keepalive_timeout=_IDLE_S)
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
