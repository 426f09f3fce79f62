"""What is told of an operation beside its method and path."""

from typing import Any

from msgspec import Struct

Schema = dict[str, Any]
JSON = "application/json"


class Answer(Struct, frozen=True, kw_only=True):
    """One way in which an operation succeeds.

    Attributes:
        kind: the type of its JSON; None where it is something else, which `content_type` says.
        others: media types that it may have instead.
        headers: names of headers that it has beside those of every answer.
        links: operations to go on with, and where in this answer their parameters are.
    """

    description: str
    kind: Any = None
    content_type: str = JSON
    others: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    links: dict[str, dict[str, str]] = {}


class Operation(Struct, frozen=True, kw_only=True):
    """What is told of an operation.

    Attributes:
        places: what is known of the parameters in its path, by their names.
        query: the struct that its query is read into.
        parameters: what else it takes, as OpenAPI writes it.
        body: the struct that its JSON is read into.
        forms: other bodies that it takes, by media type.
        body_required: whether there must be one.
        answers: how it succeeds, by status.
        faults: codes by status, beside those that its kind of route has anyhow.
    """

    tag: str
    summary: str
    description: str = ""
    places: dict[str, Schema] = {}
    query: type[Struct] | None = None
    parameters: tuple[Schema, ...] = ()
    body: type[Struct] | None = None
    forms: dict[str, Schema] = {}
    body_required: bool = False
    answers: dict[int, Answer] = {}
    faults: dict[int, tuple[str, ...]] = {}
    extra: dict[str, Any] = {}


def header_parameter(name: str, description: str, **schema: Any) -> Schema:
    """Give a header that an operation takes, as OpenAPI writes it."""
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


def query_parameter(name: str, description: str, *, required: bool = False, **schema: Any) -> Schema:
    """Give a parameter of the query that an operation takes, as OpenAPI writes it."""
    return {
        "name": name, "in": "query", "required": required, "description": description,
        "schema": {"type": "string", **schema},
    }  # fmt: skip
