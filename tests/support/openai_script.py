"""What the test server for chat completions says: its replies, and the directives that ask for them.

Directives stand in the last user message, between double brackets:

    [[tokens=64 first_ms=200 interval_ms=15]]   numbered tokens, at that pace
    [[say=any text]]                            this text, word by word
    [[tool=name {"a": 1}]]                      a tool call; several make several calls of one reply
    [[then]]                                    what follows is the reply after the results of these calls
    [[rounds=9]]                                the calls are asked for so many times in a row
    [[fail=429 retry_after=2]]                  an error instead of a reply
    [[cut_after=10]]                            the connection breaks after so many tokens; `end_after`: it ends politely
    [[malformed_after=3]]                       an event that is no JSON; `error_after`: an error object
    [[late_cut]]                                the connection breaks after the finish, before usage and end mark
    [[stall_after=5]]  [[hang]]                 nothing comes any more; nothing comes at all, not even a status
    [[html]]  [[bloat=2000000]]                 a page instead of events; one event of so many bytes
    [[usage=finish]]  [[finish=length]]         where usage stands (`last`, `finish`, `none`); another reason to finish
    [[tail_ms=100]]                             the body ends so long after `[DONE]`
    [[no_done]]  [[no_ids]]                     without `[DONE]`; tool calls without ids
    [[fail=500 times=1]]  [[hang model=first]]  a fault for the first tries of a request only; for one model only
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

Fault: TypeAlias = Literal[
    "",
    "fail",
    "cut_after",
    "end_after",
    "malformed_after",
    "error_after",
    "stall_after",
    "hang",
    "html",
    "bloat",
    "late_cut",
]
FAULTS = {
    "fail",
    "cut_after",
    "end_after",
    "malformed_after",
    "error_after",
    "stall_after",
    "hang",
    "html",
    "bloat",
    "late_cut",
}
NUMBERS = {"tokens", "first_ms", "interval_ms", "tail_ms"}
_DIRECTIVE = re.compile(r"\[\[(.+?)\]\]", re.DOTALL)
_TOOL = re.compile(r"\[\[tool=([A-Za-z0-9_-]+)\s*")
_WORDS = re.compile(r"\s*\S+\s*|\s+")


class Call(Struct, frozen=True):
    """A tool call; `arguments` is JSON, or is meant to be none."""

    name: str
    arguments: str = "{}"
    id: str | None = "call_test"


class Reply(Struct, frozen=True, kw_only=True):
    """One reply, or what goes wrong instead.

    Attributes:
        text: what is said, word by word; None says `tokens` numbered ones.
        first_ms, interval_ms: when the first token leaves after the request came, and how far the others are apart.
        tail_ms: how long after its last event the body ends.
        fault: what goes wrong; `at` is after how many tokens, the status, or the size, as the fault wants it.
        usage: where the tokens are told: in a chunk of its own, in the one with the finish reason, or nowhere.
    """

    text: str | None = None
    tokens: int = 8
    first_ms: float = 0
    interval_ms: float = 0
    tail_ms: float = 0
    calls: tuple[Call, ...] = ()
    finish: str = ""
    fault: Fault = ""
    at: int = 0
    retry_after: str = ""
    usage: Literal["last", "finish", "none"] = "last"
    done: bool = True

    @property
    def pieces(self) -> list[str] | None:
        """The text as it is streamed; None for numbered tokens."""
        return None if self.text is None else _WORDS.findall(self.text)

    @property
    def length(self) -> int:
        """How many tokens there are."""
        return self.tokens if self.text is None else len(self.pieces or ())

    @property
    def finish_reason(self) -> str:
        return self.finish or ("tool_calls" if self.calls else "stop")


Body: TypeAlias = Mapping[str, Any]
Script: TypeAlias = Callable[[Body], Reply | None]


class Rates(Struct, frozen=True, kw_only=True):
    """Which part of the replies fails before the first token, and which is cut in its middle: 0..1."""

    failing: float = 0.0
    cut: float = 0.0
    seed: int = 0


class Director:
    """Decides what each request gets. The same request gets the same again; its second try may fare otherwise."""

    def __init__(self, default: Reply, rates: Rates, *, obedient: bool = False) -> None:
        self._default = default
        self._rates = rates
        self._obedient = obedient
        self._tries: dict[bytes, int] = {}

    def reply(self, raw: bytes, body: Body) -> Reply:
        """Give the reply that directives ask for, else the default; and let it fail as the rates say."""
        digest = hashlib.blake2b(raw, digest_size=8, salt=self._rates.seed.to_bytes(8)).digest()
        tries = self._tries[digest] = self._tries.get(digest, 0) + 1
        reply = self._asked_for(body, tries)
        return reply if reply.fault else self._by_rates(reply, digest, tries)

    def _asked_for(self, body: Body, tries: int) -> Reply:
        messages = body["messages"]
        last = max((place for place, each in enumerate(messages) if each["role"] == "user"), default=-1)
        since = messages[last + 1 :]
        rounds = sum(1 for each in since if each.get("tool_calls"))
        results = [text_of(each) for each in since if each["role"] == "tool"]
        said = text_of(messages[last]) if last >= 0 else ""
        if self._obedient:
            # The worst model there is: it does what it is told by anybody.
            said = "\n".join(text_of(each) for each in messages if each["role"] != "assistant")
        default = replace(self._default, text=f"The tools said: {' | '.join(results)}") if results else self._default
        return parse(said, default, rounds=rounds, tries=tries, model=body.get("model", ""))

    def _by_rates(self, reply: Reply, digest: bytes, tries: int) -> Reply:
        rates = self._rates
        if not (rates.failing or rates.cut):
            return reply
        drawn = hashlib.blake2b(digest + tries.to_bytes(4), digest_size=8).digest()
        chance = int.from_bytes(drawn) / 2**64
        if chance < rates.failing:
            return replace(reply, fault="fail", at=503)
        if chance < rates.failing + rates.cut and reply.length > 1:
            return replace(reply, fault="cut_after", at=1 + drawn[0] * (reply.length - 1) // 256)
        return reply


def text_of(message: Body) -> str:
    """Give a message's text; content may be a list of parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def parse(said: str, default: Reply, *, rounds: int = 0, tries: int = 1, model: str = "") -> Reply:
    """Give the reply that a message's directives ask for after so many rounds of tool calls, on this try."""
    stages = said.split("[[then]]")
    again = re.search(r"\[\[rounds=(\d+)\]\]", stages[0])
    if again:
        stages = [stages[0]] * int(again[1]) + stages[1:]
    if rounds >= len(stages):
        return default
    calls, rest = _calls(stages[rounds])
    reply = replace(default, calls=calls, text="") if calls else default
    for directive in _DIRECTIVE.findall(rest):
        if directive.startswith("say="):
            reply = replace(reply, text=directive[4:])
        else:
            reply = _applied(reply, directive, tries, model)
    return reply


def _calls(stage: str) -> tuple[tuple[Call, ...], str]:
    """Give the tool calls of a stage, and its text without them. JSON may hold brackets, so it is read as JSON."""
    calls: list[Call] = []
    while found := _TOOL.search(stage):
        start, arguments = found.end(), "{}"
        try:
            _value, end = json.JSONDecoder().raw_decode(stage, start)
            arguments = stage[start:end]
        except ValueError:
            end = stage.find("]]", start)
            arguments = stage[start:end].strip() or "{}"
        calls.append(Call(found[1], arguments, f"call_{len(calls)}"))
        stage = stage[: found.start()] + stage[stage.find("]]", end) + 2 :]
    return tuple(calls), stage


def _applied(reply: Reply, directive: str, tries: int, model: str) -> Reply:
    """Give the reply with one directive of the form `key=value key=value flag` applied."""
    pairs = dict(part.partition("=")[::2] for part in directive.split())
    meant = tries <= int(pairs.get("times") or 1_000_000) and pairs.get("model", model) == model
    for key, value in pairs.items():
        if key in FAULTS and meant:
            reply = replace(reply, fault=key, at=int(value or 0))
        elif key in NUMBERS:
            reply = replace(reply, **{key: int(value)}, text=None if key == "tokens" else reply.text)
        elif key in {"retry_after", "usage", "finish"}:
            reply = replace(reply, **{key: value})
        elif key == "no_done":
            reply = replace(reply, done=False)
        elif key == "no_ids":
            reply = replace(reply, calls=tuple(replace(call, id=None) for call in reply.calls))
    return reply
