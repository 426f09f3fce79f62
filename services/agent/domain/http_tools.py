"""HTTP tools: other people's systems that a model may ask, as a file declares them; here only what is sent to them.

Whatever a model gives is percent-encoded, and stays within the one path segment or query value that it was declared for.
Scheme and host are the file's alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import quote, unquote

from msgspec import Struct

from .steps import ToolContext, ToolKind

Method: TypeAlias = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
# What these ask for changes nothing (RFC 9110, section 9.2.1).
SAFE = ("GET", "HEAD")
# Their arguments that are not in the address go into the body; the others have a body only where one is declared.
WITH_BODY = ("POST", "PUT", "PATCH")
# What the server fills in, and what no model may name.
OF_SERVER = ("user_id", "session_id", "tenant", "key")
# What servers take for the end of a segment, or of its name (`..;/` is a way up for some).
_SEPARATORS = re.compile(r"[/\\;]")
# Of an argument in a path, in characters.
MAX_SEGMENT = 500
# Of percent-decoding: more proxies are not in a row, and more is somebody hiding something.
_MOST_DECODINGS = 5
PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Unfillable(Exception):
    """An argument cannot stand in the address; the text says which and why, in words for the model."""


class Address(Struct, frozen=True, kw_only=True):
    """An address with placeholders.

    Attributes:
        origin: scheme, host and port; without placeholders.
        path: with placeholders, beginning with `/`.
        query: names and values in their order; values may have placeholders, and go where one has no argument.
    """

    origin: str
    path: str
    query: list[tuple[str, str]] = []

    def placeholders(self) -> list[str]:
        """Name what is filled in, each once."""
        texts = [self.path, *(value for _, value in self.query)]
        return list(dict.fromkeys(name for text in texts for name in PLACEHOLDER.findall(text)))

    def path_placeholders(self) -> list[str]:
        """Name what is filled into the path."""
        return PLACEHOLDER.findall(self.path)


class HttpTool(Struct, frozen=True, kw_only=True):
    """A declared tool, checked and ready.

    Attributes:
        headers: with their secrets filled in: never to be logged or shown.
        secrets: those in the headers: what a system says of its request holds them, and no model may see them.
        body: a JSON object with placeholders; None where the arguments that are not in the address are the body.
        timeout_s: for a whole call.
        requires_user: refused in sessions that have no user.
        result_characters: of an answer; what is over is cut.
        health_url: asked for readiness.
    """

    kind: ToolKind
    method: Method
    address: Address
    headers: dict[str, str] = {}
    secrets: list[str] = []
    body: dict[str, Any] | None = None
    timeout_s: float = 5.0
    requires_user: bool = False
    result_characters: int = 4_000
    health_url: str | None = None

    def __repr__(self) -> str:
        """Give its name alone: the rest holds secrets."""
        return f"HttpTool({self.kind.spec.name})"


class HttpRequest(Struct, frozen=True, kw_only=True):
    """What is sent; `body` is JSON to be, None for no body."""

    url: str
    body: dict[str, Any] | None = None


def refusal(tool: HttpTool, arguments: Mapping[str, Any], ctx: ToolContext) -> str | None:
    """Say why a tool cannot be called with this, in words for the model; None where it can."""
    if tool.requires_user and not ctx.user_id:
        return "This needs a customer who is signed in, and this one is not known. Tell the customer so."
    try:
        request_for(tool, arguments, ctx)
    except Unfillable as fault:
        return f"The arguments do not fit: {fault}."
    return None


def request_for(tool: HttpTool, arguments: Mapping[str, Any], ctx: ToolContext) -> HttpRequest:
    """Fill a tool's address and body.

    Raises:
        Unfillable: an argument cannot stand where it belongs.
    """
    values = {name: value for name, value in arguments.items() if name not in OF_SERVER}
    values |= {"session_id": ctx.session_id, "tenant": ctx.tenant, "key": ctx.key}
    if ctx.user_id is not None:
        values["user_id"] = ctx.user_id
    return HttpRequest(url=_filled(tool.address, values), body=_body(tool, arguments, values))


def body_placeholders(body: object) -> Iterator[str]:
    """Name what is filled into a declared body."""
    if isinstance(body, str):
        yield from PLACEHOLDER.findall(body)
    elif isinstance(body, dict):
        for value in cast(dict[str, object], body).values():
            yield from body_placeholders(value)
    elif isinstance(body, list):
        for value in cast(list[object], body):
            yield from body_placeholders(value)


def _filled(address: Address, values: Mapping[str, Any]) -> str:
    path = "/".join(_segment(segment, values) for segment in address.path.split("/"))
    pairs = [f"{name}={value}" for name, value in _query(address, values)]
    return f"{address.origin}{path}" + (f"?{'&'.join(pairs)}" if pairs else "")


def _segment(template: str, values: Mapping[str, Any]) -> str:
    """Fill one segment of a path, which stays one segment, for servers too that decode before they look for slashes."""
    names = PLACEHOLDER.findall(template)
    if not names:
        return template

    def word(name: str) -> str:
        text = _text(name, values)
        if not text:
            raise Unfillable(f"{name} must not be empty")
        if len(text) > MAX_SEGMENT:
            raise Unfillable(f"{name} must have at most {MAX_SEGMENT} characters")
        if not {".", ".."}.isdisjoint(_SEPARATORS.split(_decoded(text))):
            raise Unfillable(f"{name} must not have . or .. between slashes")
        return text

    if _decoded(PLACEHOLDER.sub(lambda match: word(match[1]), template)) in (".", ".."):
        raise Unfillable(f"{', '.join(names)} must not be made of dots alone")
    return _put(template, word)


def _decoded(text: str) -> str:
    """Decode a text until nothing is left to decode: proxy and server may each do it once.

    Raises:
        Unfillable: it is encoded too often.
    """
    for _ in range(_MOST_DECODINGS):
        text = unquote(text)
    if unquote(text) != text:
        raise Unfillable("what stands in the path must not be percent-encoded again and again")
    return text


def _query(address: Address, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, template in address.query:
        if all(values.get(wanted) is not None for wanted in PLACEHOLDER.findall(template)):
            yield name, _put(template, lambda wanted: _text(wanted, values))


def _put(template: str, word: Callable[[str], str]) -> str:
    """Fill a template's placeholders, every character encoded that is not unreserved (RFC 3986, section 2.3)."""
    return PLACEHOLDER.sub(lambda match: quote(word(match[1]), safe=""), template)


def _text(name: str, values: Mapping[str, Any]) -> str:
    """Write one argument as text."""
    value = values.get(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        # JSON knows no difference between 7 and 7.0.
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    raise Unfillable(f"{name} is missing" if value is None else f"{name} must be a text or a number")


_GONE = object()


def _body(tool: HttpTool, arguments: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any] | None:
    if tool.body is not None:
        return cast(dict[str, Any], _made(tool.body, values))
    if tool.method not in WITH_BODY:
        return None
    in_address = tool.address.placeholders()
    return {name: value for name, value in arguments.items() if name not in in_address}


def _made(template: object, values: Mapping[str, Any]) -> object:
    """Fill a declared body: an argument alone keeps its type, within a text it is text; without one its place goes."""
    if isinstance(template, str):
        names = PLACEHOLDER.findall(template)
        if any(name not in values for name in names):
            return _GONE
        if names and template == f"{{{names[0]}}}":
            return values[names[0]]
        return PLACEHOLDER.sub(lambda match: _text(match[1], values), template)
    if isinstance(template, dict):
        made = {key: _made(value, values) for key, value in cast(dict[str, object], template).items()}
        return {key: value for key, value in made.items() if value is not _GONE}
    if isinstance(template, list):
        items = [_made(item, values) for item in cast(list[object], template)]
        return [item for item in items if item is not _GONE]
    return template
