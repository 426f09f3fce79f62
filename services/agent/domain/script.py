"""Scripts: what the scripted model does, read from directives in the question's text.

| directive              | effect                                                                        |
|------------------------|-------------------------------------------------------------------------------|
| `[tokens=N]`           | stream N numbered tokens                                                      |
| `[interval=MS]`        | milliseconds between two tokens                                               |
| `[first=MS]`           | milliseconds before the first token                                           |
| `[say=TEXT]`           | stream TEXT word by word instead of numbered tokens                           |
| `[transcript]`         | stream the messages before the question, as models are shown them             |
| `[newlines]`           | end every fourth token with a blank line instead of a space                   |
| `[fail-before]`        | fail before the first token                                                   |
| `[fail-after=N]`       | fail after N tokens, on every attempt                                         |
| `[fail-once-after=N]`  | fail after N tokens on the first attempt only                                 |
| `[crash-after=N]`      | end the process after N tokens, as `kill -9` would, on every attempt          |
| `[crash-once-after=N]` | end the process after N tokens on the first attempt only                      |
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from libs.contracts.session import Message

from . import extract, history
from .draft import printable

_DIRECTIVE = re.compile(r"\[([a-z-]+)(?:=([^\]]*))?\]")
_MAX_TOKENS = 20_000


class Script(Struct, frozen=True, kw_only=True):
    """What the scripted model does in one attempt; times in seconds, None where it does not happen."""

    tokens: list[str]
    first_s: float
    interval_s: float
    fail_after: int | None = None
    crash_after: int | None = None


class Pace(Struct, frozen=True, kw_only=True):
    """What a script does where its question says nothing else; times in milliseconds."""

    tokens: int = 64
    first_ms: int = 200
    interval_ms: int = 15


def read(text: str, *, turn_id: str, attempt: int, pace: Pace, before: Sequence[Message] = ()) -> Script:
    """Read the script of an attempt from its question. A number that is none counts as not given.

    `before` are the messages before the question.
    """
    said = {match[1]: match[2] for match in _DIRECTIVE.finditer(text)}

    def number(name: str) -> int | None:
        value = said.get(name) or ""
        return int(value) if value.isdecimal() and len(value) <= 9 else None

    def setting(name: str, default: int) -> int:
        given = number(name)
        return default if given is None else given

    def once(name: str) -> int | None:
        always = number(f"{name}-after")
        return always if always is not None or attempt > 1 else number(f"{name}-once-after")

    return Script(
        tokens=_tokens(said, min(setting("tokens", pace.tokens), _MAX_TOKENS), turn_id, before),
        first_s=setting("first", pace.first_ms) / 1000,
        interval_s=setting("interval", pace.interval_ms) / 1000,
        fail_after=0 if "fail-before" in said else once("fail"),
        crash_after=once("crash"),
    )


def _tokens(said: dict[str, str], count: int, turn_id: str, before: Sequence[Message]) -> list[str]:
    """Give what is streamed: numbered tokens that no other turn has, so that a mix-up shows."""
    if "transcript" in said:
        return list(extract.pieces("\n".join(history.transcript(before))))
    if say := printable(said.get("say") or ""):
        return list(extract.pieces(say))
    gap = "\n\n" if "newlines" in said else " "
    return [f"{turn_id[-6:]}:{number}{gap if number % 4 == 3 else ' '}" for number in range(count)]
