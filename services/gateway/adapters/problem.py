"""Errors as HTTP tells them: RFC 9457 problem details, with a stable code."""

import math

from aiohttp import web
from aiohttp.helpers import RequestKey
from msgspec import Struct

from libs.contracts.channels import encode
from libs.contracts.errors import DeskError, FieldError, Internal, Malformed, NotFound, TooLarge

from ..domain.limits import size
from ..domain.rates import TooFast
from ..ports import Decision

REQUEST_ID = RequestKey("request_id", str)
RATE = RequestKey("rate", Decision)
TRACE_ID = RequestKey("trace_id", str)

RETRY_AFTER_S = 2
_SUPPORT = "Tell support the request_id of this answer"


class MethodNotAllowed(DeskError):
    """The path is there, the method is not."""

    status = 405
    title = "Method not allowed"


class TooSlow(DeskError):
    """The request did not arrive in time."""

    status = 408
    title = "Request timeout"
    retryable_by_default = True


class UnsupportedMedia(DeskError):
    """The body is of a kind that this path does not read."""

    status = 415
    title = "Unsupported media type"


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of an error; the last three are what the old clients expect of a 500."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    trace_id: str
    retryable: bool
    errors: list[FieldError] = []
    error: str = ""
    message: str = ""
    support: str = ""


def internal() -> Internal:
    """Give the error for a fault of ours: nothing of its cause is told."""
    return Internal("internal", "Something went wrong on our side; it has been logged under this request_id")


def from_http(error: web.HTTPException, most: int) -> DeskError:
    """Give aiohttp's own errors (no such path, no such method, body too large) the form of ours; a body may have `most` bytes."""
    if isinstance(error, web.HTTPNotFound):
        return NotFound("not_found", "There is nothing at this path")
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed("method_not_allowed", f"{error.method} is not possible at this path")
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TooLarge("body_too_large", f"The request's body passes the limit of {size(most)}")
    return Malformed("bad_request", "The request cannot be read")


def respond(request: web.Request, fault: DeskError, allow: set[str] | None = None) -> web.Response:
    """Give the answer for an error."""
    ours = fault.status >= 500 and not fault.retryable
    problem = Problem(
        type=f"urn:deskbus:problem:{fault.code}",
        title=fault.title,
        status=fault.status,
        detail=fault.detail,
        code=fault.code,
        request_id=request.get(REQUEST_ID, ""),
        trace_id=request.get(TRACE_ID, ""),
        retryable=fault.retryable,
        errors=fault.errors,
        error=fault.title if ours else "",
        message=fault.detail if ours else "",
        support=_SUPPORT if ours else "",
    )
    response = web.Response(status=fault.status, body=encode(problem), content_type="application/problem+json")
    if fault.status in {429, 503}:
        wait = fault.retry_after_s if isinstance(fault, TooFast) else RETRY_AFTER_S
        response.headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if fault.status == 408:
        response.force_close()
    if fault.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if allow:
        response.headers["Allow"] = ", ".join(sorted(allow))
    return response
