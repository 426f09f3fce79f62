"""What comes in and goes out as a whole: bodies within their time, answers as JSON."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from libs.contracts.channels import encode
from libs.contracts.errors import Malformed

from ..domain.reading import read_json
from .problem import TooSlow

# How long a body may take to arrive, where it is not 30 s.
BODY_S = web.AppKey("body_s", float)


async def read_body(request: web.Request, depth: int) -> Any:
    """Read a body of JSON that is nested no deeper than `depth`.

    Raises:
        TooSlow: `body_timeout`.
        Malformed: `bad_body`, `invalid_json` or `json_too_deep`.
    """
    try:
        async with _arriving(request):
            data = await request.read()
    except web.RequestPayloadError as fault:
        raise Malformed("bad_body", "The request's body broke off or cannot be read") from fault
    return read_json(data, depth)


async def form_fields(request: web.Request) -> dict[str, object]:
    """Read a form; an empty field of attachments counts as none.

    Raises:
        TooSlow: `body_timeout`.
        Malformed: `bad_form`.
    """
    try:
        async with _arriving(request):
            form = await request.post()
    except (ValueError, LookupError, AssertionError, HttpProcessingError, web.RequestPayloadError) as fault:
        raise Malformed("bad_form", "The form cannot be read") from fault
    fields: dict[str, object] = {name: value for name, value in form.items() if isinstance(value, str)}
    for name in ("attachments", "attachment_ids"):
        fields[name] = [str(value) for value in form.getall(name, []) if value != ""]
    return fields


def json_response(value: object, status: int = HTTPStatus.OK) -> web.Response:
    """Give an answer of JSON."""
    return web.Response(body=encode(value), status=status, content_type="application/json")


@asynccontextmanager
async def _arriving(request: web.Request) -> AsyncIterator[None]:
    """Wait for a body no longer than an honest client takes."""
    seconds = request.app.get(BODY_S, 30.0)
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as fault:
        raise TooSlow("body_timeout", f"The request's body did not arrive within {seconds:g} s") from fault
