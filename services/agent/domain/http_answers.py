"""HTTP answers: what a model is told of what another system answered, or did not.

Of an action that may have been done although no word of it came back nobody knows whether it may be asked for again: a
person has to look. So such a result calls for one.
"""

import json
import re
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote, quote_plus

import msgspec
from msgspec import Struct

from libs.contracts.session import Escalation

from .http_tools import HttpTool
from .steps import ToolResult
from .tools import failed

# Read of an answer, in bytes.
MAX_BODY_BYTES = 256 * 1024
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json")
_TEXTS = ("text/plain", "text/csv", "text/markdown", "text/tab-separated-values")
_CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252"}
# What is shorter stands in any text, and is no secret.
_LEAST_SECRET = 4
# Where an answer is cut within a secret, so many of its first characters are told apart from other text.
_LEAST_BEGINNING = 8
_ENCODED = re.compile(r"%[0-9A-F]{2}")
_REMOVED = "(removed)"
_CUT = "\n(cut: the answer goes on)"


class HttpAnswer(Struct, frozen=True, kw_only=True):
    """What came back.

    Attributes:
        content_type: as the header has it, with its parameters; empty where there is none.
        encoded: whether it is compressed, which was not asked for.
        body: at most `MAX_BODY_BYTES`.
        more: whether there was more than that.
    """

    status: int
    content_type: str = ""
    encoded: bool = False
    body: bytes = b""
    more: bool = False


def told(tool: HttpTool, answer: HttpAnswer) -> ToolResult:
    """Tell a model of an answer."""
    status = answer.status
    if 200 <= status < 300:
        return _success(tool, answer)
    if status >= 500 or (status < 400 and _acts(tool)):
        return broken(tool, "unknown")
    if status < 400:
        return failed("The system points to another address, which is not followed.")
    words: dict[int, str] = {
        HTTPStatus.NOT_FOUND: "Not found: the system knows nothing of this.",
        HTTPStatus.TOO_MANY_REQUESTS: "The system is too busy right now; try later.",
    }
    return failed(words.get(status, f"The system refused this: {status} {_phrase(status)}."))


def broken(tool: HttpTool, how: Literal["not sent", "unknown"]) -> ToolResult:
    """Tell a model that no answer came.

    Args:
        tool: what was called.
        how: whether the other system surely did not get it.
    """
    if how == "not sent" or not _acts(tool):
        return failed("The system could not be reached; try later.")
    return ToolResult(
        text=(
            "It is not known whether this was done: no clear answer came back. Do not ask for it again. Tell the customer"
            " that a colleague will look at it."
        ),
        failed=True,
        escalation=Escalation(
            reasons=["action_unconfirmed"], priority="high", evidence=[f"{tool.kind.spec.name}: no clear answer"]
        ),
    )


def _acts(tool: HttpTool) -> bool:
    return tool.kind.access != "read_only"


def _success(tool: HttpTool, answer: HttpAnswer) -> ToolResult:
    if not answer.body.strip():
        return ToolResult(text="Done. The system gave no text.")
    text = _text(answer)
    if text is None:
        # An action that was done stays done, whatever the system says about it.
        words = "The system's answer is no text that can be read."
        return ToolResult(text=f"Done. {words}") if _acts(tool) else failed(words)
    text = _without_secrets(text, tool, cut=answer.more)
    cut = answer.more or len(text) > tool.result_characters
    return ToolResult(text=text[: tool.result_characters] + (_CUT if cut else ""))


def _without_secrets(text: str, tool: HttpTool, *, cut: bool) -> str:
    """Take the tool's own keys out of a text: error and debug pages show the request with its headers.

    Of a text that was cut its end goes too, where it is the beginning of a key.
    """
    forms = {form for secret in tool.secrets if len(secret) >= _LEAST_SECRET for form in _forms(secret)}
    # The longer first: one key may begin with another.
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        text = text.replace(form, _REMOVED)
    if not cut:
        return text
    beginnings = (form[:size] for form in forms for size in range(_LEAST_BEGINNING, len(form)))
    longest = max((len(beginning) for beginning in beginnings if text.endswith(beginning)), default=0)
    return text[: len(text) - longest] + _REMOVED if longest else text


def _forms(secret: str) -> set[str]:
    """Give how a key may be written: as it is, in JSON with `/` escaped or not, in an address or a form."""
    inside = (msgspec.json.encode(secret).decode()[1:-1], json.dumps(secret)[1:-1])
    encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lower = {_ENCODED.sub(lambda match: match[0].lower(), form) for form in encoded}
    return {secret, *inside, *(form.replace("/", r"\/") for form in inside), *encoded, *lower}


def _text(answer: HttpAnswer) -> str | None:
    """Read an answer's text, JSON without needless space; None where it is none."""
    kind, _, parameters = answer.content_type.lower().partition(";")
    is_json = _JSON.fullmatch(kind.strip()) is not None
    if answer.encoded or not (is_json or kind.strip() in _TEXTS):
        return None
    charset = re.search(r'charset="?([\w-]+)', parameters)
    encoding = charset[1] if charset else "utf-8"
    if encoding not in _CHARSETS:
        return None
    try:
        # What was cut in the middle of a character ends before it.
        text = answer.body.decode(encoding, errors="ignore" if answer.more else "strict")
        if is_json and not answer.more:
            return msgspec.json.encode(msgspec.json.decode(text)).decode()
    except (UnicodeError, msgspec.DecodeError, RecursionError):
        return None
    return None if "\0" in text else text.removeprefix("\ufeff").strip()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no known reason"
