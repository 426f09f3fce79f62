"""Lists over HTTP: how many there are in all, and where the next page is (RFC 8288)."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from .bodies import json_response


def list_response(
    request: web.Request, items: Sequence[object], total: int, following: Mapping[str, object] | None = None
) -> web.Response:
    """Give a page of a list as an array; `following` is what the next page's query has that this one's has not."""
    response = json_response(items)
    response.headers["X-Total-Count"] = str(total)
    link_next(request, response, following)
    return response


def link_next(request: web.Request, response: web.Response, following: Mapping[str, object] | None) -> None:
    """Say where the next page is; None where there is none."""
    if following is not None:
        where = request.rel_url.update_query({name: str(value) for name, value in following.items()})
        response.headers["Link"] = f'<{where}>; rel="next"'
