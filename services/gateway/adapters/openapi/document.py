"""The OpenAPI document, put together."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from libs.contracts import frames

from ...domain.limits import USUAL, Limits, size
from ...routes import Route
from ..problem import Problem
from .operation import JSON, Answer, Operation
from .operations import operations
from .schemas import Schema, bounds, components, properties_of, schema_of

_PROBLEM = "application/problem+json"
_EVERY_ANSWER = ("X-Request-ID", "X-Process-Time")
_LIMITED = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_ON_FAULT = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_BODY_FAULTS = {
    400: ("invalid_json", "json_too_deep", "bad_body"), 408: ("body_timeout",), 413: ("body_too_large",),
    422: ("invalid_request",),
}  # fmt: skip
_PLACE = re.compile(r"\{(\w+)(?::[^}]*)?\}")

CLIENT_FRAMES: list[type[frames.ClientFrame]] = [
    frames.ClientMessage, frames.ClientCancel, frames.ClientTyping, frames.ClientFeedback, frames.ClientPing,
]  # fmt: skip
SERVER_FRAMES: list[type[frames.Frame]] = [
    frames.Connected, frames.Acknowledged, frames.Start, frames.Status, frames.Sources, frames.Escalation, frames.Text,
    frames.Complete, frames.Cancelled, frames.Error, frames.MessageAddedFrame, frames.SessionUpdated,
    frames.UserTyping, frames.PresenceFrame, frames.NoteAddedFrame, frames.Resync, frames.Pong, frames.Draining,
]  # fmt: skip

_HEADERS = {
    "X-Request-ID": ("The request's id: the client's own, where it sent a sane one", "string", True),
    "X-Process-Time": ("Seconds that the answer took", "number", True),
    "X-RateLimit-Limit": ("Requests that may come at once after a rest; where limits are on", "integer", False),
    "X-RateLimit-Remaining": ("How many of these are left", "integer", False),
    "X-RateLimit-Reset": ("Seconds until all of them are", "integer", False),
    "X-Total-Count": ("How many there are in all", "integer", True),
    "Link": ('Where the next page is, with rel="next"; not on the last one', "string", False),
    "Retry-After": ("Seconds to wait before the next try", "integer", True),
    "WWW-Authenticate": ("How to prove who asks", "string", True),
    "Location": ("Where the answer will be", "string", True),
    "Preference-Applied": ("`respond-async` where it was asked for", "string", False),
    "Content-Disposition": ("A download under its name", "string", True),
}


def document(routes: Iterable[Route], version: str, limits: Limits = USUAL) -> dict[str, Any]:
    """Give the OpenAPI document of these routes, with the limits that are in force."""
    known = operations(limits)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = known.get(route.operation)
        if operation is not None:
            path = _PLACE.sub(r"{\1}", route.path)
            paths.setdefault(path, {})[route.method.lower()] = _told(route, operation, path, limits)
    used = [known[route.operation] for route in routes if route.operation in known]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Deskbus", "version": version, "description": "Customer support: sessions, chat, search."},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(used, limits),
            "headers": {name: _header(*facts) for name, facts in _HEADERS.items()},
            "parameters": {"X-Request-ID": _request_id()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "token": {"type": "apiKey", "in": "header", "name": "X-Admin-Token"},
            },
        },
    }


def _schemas(used: list[Operation], limits: Limits) -> dict[str, Schema]:
    sent = [operation.body for operation in used if operation.body is not None]
    got = [answer.kind for operation in used for answer in operation.answers.values() if answer.kind is not None]
    return components([*sent, *CLIENT_FRAMES], [*got, Problem, *SERVER_FRAMES], bounds(limits))


def _header(description: str, kind: str, required: bool) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": {"type": kind}}


def _request_id() -> dict[str, Any]:
    return {
        "name": "X-Request-ID", "in": "header", "description": "At most 128 visible ASCII characters; given back",
        "schema": {"type": "string", "maxLength": 128},
    }  # fmt: skip


def _told(route: Route, operation: Operation, path: str, limits: Limits) -> dict[str, Any]:
    headers = (*_EVERY_ANSWER, *(() if route.unlimited else _LIMITED))
    answers = {str(status): _answer(answer, headers) for status, answer in operation.answers.items()}
    faults = {
        str(status): _fault(status, codes, headers)
        for status, codes in sorted(_faults(route, operation, path).items())
        if str(status) not in answers
    }
    told: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [operation.tag],
        "summary": operation.summary,
        **({"description": operation.description} if operation.description else {}),
        "parameters": _parameters(operation, path),
        "responses": {**answers, **faults},
    }
    if operation.body is not None or operation.forms:
        told["requestBody"] = _body(operation, limits)
    if route.admin:
        told["security"] = [{"bearer": []}, {"token": []}, {}]
    if route.operation == "converse":
        told["x-frames"] = {
            "client": _refs(CLIENT_FRAMES), "server": _refs(SERVER_FRAMES), "client_max_bytes": limits.frame_bytes,
        }  # fmt: skip
    return told


def operation_id(route: Route) -> str:
    """Name an operation; where several paths have the same one, by the path's end too."""
    return "alive_live" if route.path == "/health/live" else route.operation


def _refs(kinds: Iterable[type]) -> list[dict[str, str]]:
    return [schema_of(kind) for kind in kinds]


def _parameters(operation: Operation, path: str) -> list[dict[str, Any]]:
    placed = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", **operation.places.get(name, {})}}
        for name in _PLACE.findall(path)
    ]
    asked = [
        {"name": name, "in": "query", "required": required, "schema": schema}
        for name, schema, required in (properties_of(operation.query) if operation.query else [])
    ]
    return [*placed, *asked, *operation.parameters, {"$ref": "#/components/parameters/X-Request-ID"}]


def _body(operation: Operation, limits: Limits) -> dict[str, Any]:
    content: dict[str, Any] = {} if operation.body is None else {JSON: {"schema": schema_of(operation.body)}}
    content |= {media: {"schema": schema} for media, schema in operation.forms.items()}
    told: dict[str, Any] = {"required": operation.body_required, "content": content}
    if operation.body is not None:
        told["description"] = (
            f"As JSON at most {size(limits.body_bytes)}, nested at most {limits.json_depth} levels deep"
        )
    return told


def _answer(answer: Answer, headers: tuple[str, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.description, "headers": _header_refs((*headers, *answer.headers))}
    if answer.content_type:
        schema = schema_of(answer.kind) if answer.kind is not None else {}
        told["content"] = {
            answer.content_type: {"schema": schema},
            **{other: {"schema": {}} for other in answer.others},
        }
    if answer.links:
        told["links"] = {
            name: {"operationId": name, "parameters": parameters} for name, parameters in answer.links.items()
        }
    return told


def _fault(status: int, codes: tuple[str, ...], headers: tuple[str, ...]) -> dict[str, Any]:
    return {
        "description": f"{HTTPStatus(status).phrase}: " + ", ".join(f"`{code}`" for code in codes),
        "headers": _header_refs((*headers, *_ON_FAULT.get(status, ()))),
        "content": {_PROBLEM: {"schema": schema_of(Problem)}},
    }


def _header_refs(names: Iterable[str]) -> dict[str, dict[str, str]]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _faults(route: Route, operation: Operation, path: str) -> dict[int, tuple[str, ...]]:
    """Give the codes by status: those of its kind of route, and its own."""
    faults: dict[int, tuple[str, ...]] = {500: ("internal", "database_not_initialised")}

    def add(more: dict[int, tuple[str, ...]]) -> None:
        for status, codes in more.items():
            faults[status] = tuple(dict.fromkeys((*faults.get(status, ()), *codes)))

    if not route.unlimited:
        add({429: ("rate_limited",)})
    if not route.always:
        add({503: ("draining", "session_unavailable", "broker_unavailable"), 504: ("timed_out",)})
    if route.admin:
        add({401: ("admin_required",)})
    if "/sessions/{id}" in path:
        add({400: ("invalid_session_id",), 404: ("session_not_found",)})
    if operation.body is not None or operation.forms:
        add(_BODY_FAULTS)
    if operation.query is not None or operation.parameters:
        add({422: ("invalid_request",)})
    add(operation.faults)
    return faults
