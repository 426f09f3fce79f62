"""Logs: one line an event on standard output, for people on a terminal and as JSON elsewhere.

Event names are static. Customer words may stand only under keys that begin with `pii.`, which production drops.
"""

import logging
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

from .settings import BadSettings, CommonSettings

Logger = structlog.stdlib.BoundLogger


def configure(settings: CommonSettings, service: str, instance: str) -> Logger:
    """Set up logging for this process and give its logger."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stdout.isatty())
    level = getattr(logging, settings.log_level.upper())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if not console else "%H:%M:%S", utc=not console),
    ]
    if settings.environment == "production":
        processors.append(_drop_pii)
    if console:
        processors += [
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=24),
        ]
    else:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(_output(settings.log_file)),
        cache_logger_on_first_use=True,
    )
    _quiet_libraries(level)
    log: Logger = structlog.get_logger()
    return log if console else log.bind(service=service, instance=instance)


class _Both:
    """Writes what is written to standard output to a file as well."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write to both."""
        self._file.write(text)
        return sys.stdout.write(text)

    def flush(self) -> None:
        """Flush both."""
        self._file.flush()
        sys.stdout.flush()


def _output(log_file: str | None) -> TextIO:
    """Give where log lines go; a file that cannot be opened is a fault of the settings, told at the start."""
    if not log_file:
        return sys.stdout
    try:
        # Open for as long as the process lives; rotating it is the business of logrotate (copytruncate) and the like.
        return cast(TextIO, _Both(Path(log_file).open("a", encoding="utf-8")))
    except OSError as fault:
        raise BadSettings([f"DESKBUS_LOG_FILE={log_file!r}: {fault.strerror}"]) from fault


def _drop_pii(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if not key.startswith("pii.")}


def _quiet_libraries(level: int) -> None:
    """Let other people's libraries speak only when something is wrong; two tell their callers, and need not tell us."""
    logging.basicConfig(
        stream=sys.stdout, level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s"
    )
    for name in ("nats", "asyncpg"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
