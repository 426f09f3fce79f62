"""Settings: frozen structs, read from `DESKBUS_*` in the environment and from nowhere else.

All faults are reported together and by name, so that an operator mends a configuration in one go.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

PREFIX = "DESKBUS_"
# What is named by whoever declares tools, and read by the agent alone.
TOOL_SECRETS = "DESKBUS_TOOL_SECRET_"
Environment = Literal["development", "testing", "staging", "production"]
LogLevel = Literal["debug", "info", "warning", "error"]
S = TypeVar("S", bound="CommonSettings")


class CommonSettings(Struct, frozen=True, kw_only=True):
    """What every service may be told.

    Attributes:
        debug: documentation pages and the like; on by default in development.
        telemetry_enabled: whether `/metrics` is served.
        log_file: a file that gets the log as well.
        operations_port: where a service other than the gateway answers probes and gives its figures; 0: nowhere.
        operations_host: the address for it.
        log_format: `console` for people, `json` for machines; by default json unless on a terminal.
    """

    app_name: str = "Deskbus"
    environment: Environment = "development"
    debug: bool | None = None
    telemetry_enabled: bool = True
    log_level: LogLevel = "info"
    log_file: str | None = None
    log_format: Literal["console", "json", "auto"] = "auto"
    nats_url: str = "nats://127.0.0.1:4222"
    operations_host: str = "127.0.0.1"
    operations_port: int = 0


class RedisSettings(CommonSettings, frozen=True, kw_only=True):
    """Where Redis is, for the services that use it."""

    redis_url: str = "redis://127.0.0.1:6379/0"


class CacheSettings(RedisSettings, frozen=True, kw_only=True):
    """How results are cached, for the services that do it.

    Attributes:
        cache_enabled: where not, nothing is kept and every result is found anew.
        cache_prefix: before every key, so that uses of one database keep apart.
        cache_ttl_s: seconds that a value is kept at most.
    """

    cache_enabled: bool = True
    cache_prefix: str = "cs_agent:"
    cache_ttl_s: Annotated[float, Meta(gt=0)] = 3600.0


class BadSettings(Exception):
    """One or more settings cannot be used; the message names each, and what it may be."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(
            "\n".join(["Deskbus cannot start with these settings:", *(f"  - {fault}" for fault in faults)])
        )
        self.faults = faults


def load(kind: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read settings from the environment.

    Lists may be JSON or separated by commas; truth is true/false, 1/0, yes/no or on/off.

    Raises:
        BadSettings: with every fault found.
    """
    source = os.environ if environ is None else environ
    values: dict[str, object] = {}
    faults: list[str] = []
    for field in msgspec.structs.fields(kind):
        name = PREFIX + field.name.upper()
        text = source.get(name, "").strip()
        if text:
            try:
                values[field.name] = _convert(text, field.type)
            except (ValueError, msgspec.ValidationError) as fault:
                faults.append(f"{name}={_shown(name, text)}: {_reason(fault)}")
        elif field.required:
            faults.append(f"{name} is not set, and there is no default for it")
    if faults:
        raise BadSettings(faults)
    return msgspec.convert(values, kind)


def variable_names(kind: type[CommonSettings]) -> set[str]:
    """Give the names of the variables that settings of this kind are read from."""
    return {PREFIX + field.name.upper() for field in msgspec.structs.fields(kind)}


def variables(prefix: str) -> dict[str, str]:
    """Give the variables of the environment that begin so: secrets whose names an operator chose, or another program's own."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefix)}


def known_names() -> set[str]:
    """Give all names that some process of Deskbus reads; a test keeps the list true."""
    return set((Path(__file__).parent / "known_settings.txt").read_text().split())


def unknown_names(known: set[str], environ: Mapping[str, str]) -> list[str]:
    """Give a sentence for each `DESKBUS_*` variable that nobody reads, with the nearest one that somebody does."""
    sentences: list[str] = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(TOOL_SECRETS):
            near = difflib.get_close_matches(name, known, n=1)
            sentences.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return sentences


_TRUTH = {"1": True, "yes": True, "on": True, "0": False, "no": False, "off": False}


def _convert(text: str, kind: object) -> object:
    """Turn a variable's text into a field's type."""
    if kind == list[str]:
        items = msgspec.json.decode(text) if text.startswith("[") else [part.strip() for part in text.split(",")]
        return msgspec.convert([item for item in items if item != ""], kind)
    if kind in (bool, bool | None) and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    return msgspec.convert(text, kind, strict=False)


def _shown(name: str, text: str) -> str:
    """Give a value as a message may show it: secrets and addresses with passwords are not shown."""
    secret = any(word in name for word in ("TOKEN", "PASSWORD", "SECRET", "KEY")) or "@" in text
    return "(hidden)" if secret else repr(text)


def _reason(fault: Exception) -> str:
    """Give a parser's complaint as the end of a sentence."""
    return str(fault).removeprefix("Expected ").join(("expected ", "")) if "Expected" in str(fault) else str(fault)
