"""A conversation written out, piece by piece: as JSON for machines, as Markdown (CommonMark) for people.

In Markdown all that was said stands in block quotes with its markup escaped: whatever a customer wrote, it opens no
heading, list, link, image or HTML of its own, and nobody can make it look as if somebody else had said it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal, Protocol

from libs.contracts.channels import encode
from libs.contracts.knowledge import Source
from libs.contracts.session import Message, Session

ExportFormat = Literal["json", "markdown"]

_MARKUP = re.compile(r"[\\`*_\[\]<&|~$]")
# What would begin a list, a heading, a quote or a rule at the beginning of a line.
_LEADING = re.compile(r"[-+=#>:]|\d{1,9}(?=[.)])")
_NO_BREAK_SPACE = "\u00a0"
_TAB_WIDTH = 4
_ROLES = {"user": "Customer", "assistant": "Assistant", "operator": "Operator", "system": "System"}
_NOTICES = {
    "cancelled": "This answer was stopped before it was complete.",
    "failed": "No answer could be made here; this is what the customer was told instead.",
}


class Transcript(Protocol):
    """One way to write a conversation out.

    Attributes:
        content_type: of the file.
        extension: how its file's name ends.
    """

    content_type: str
    extension: str

    def opening(self, session: Session, exported_at: datetime) -> str:
        """Give what stands before the messages."""
        ...

    def more(self, messages: Iterable[Message]) -> str:
        """Give some messages, those after the ones given before."""
        ...

    def closing(self) -> str:
        """Give what stands behind the messages: without it the export is not whole."""
        ...


class JsonTranscript:
    """`{session, exported_at, messages}`, with the messages as the history gives them."""

    content_type = "application/json"
    extension = "json"

    def __init__(self) -> None:
        self._begun = False

    def opening(self, session: Session, exported_at: datetime) -> str:
        """Give the session, and the beginning of the list."""
        head = encode({"session": session, "exported_at": exported_at}).decode()
        return f'{head[:-1]},"messages":['

    def more(self, messages: Iterable[Message]) -> str:
        """Give some messages."""
        return "".join(self._next(message) for message in messages)

    def closing(self) -> str:
        """Give the end of the list."""
        return "\n]}\n"

    def _next(self, message: Message) -> str:
        comma = "," if self._begun else ""
        self._begun = True
        return f"{comma}\n{encode(message).decode()}"


class MarkdownTranscript:
    """A heading for each message, with who said it and when, and below it in a quote what they said."""

    content_type = "text/markdown; charset=utf-8"
    extension = "md"

    def __init__(self) -> None:
        self._count = 0

    def opening(self, session: Session, exported_at: datetime) -> str:
        """Give the title, and what is known of the session."""
        facts = [
            f"- Session: `{session.session_id}`",
            f"- Status: {session.status}",
            *([f"- Customer: {_inline(session.user_id)}"] if session.user_id else []),
            f"- Opened: {_time(session.created_at)}",
            f"- Exported: {_time(exported_at)}",
        ]
        return "# Conversation\n\n" + "\n".join(facts) + "\n"

    def more(self, messages: Iterable[Message]) -> str:
        """Give some messages."""
        return "".join(self._next(message) for message in messages)

    def closing(self) -> str:
        """Say that this was all."""
        return f"\n---\n\nEnd of the conversation; messages: {self._count}\n"

    def _next(self, message: Message) -> str:
        self._count += 1
        parts = [f"## {message.seq}. {_speaker(message)}, {_time(message.timestamp)}", _quoted(message.content)]
        if notice := _NOTICES.get(message.status):
            parts.append(f"*{notice}*")
        parts += _listed("Attachments", (_inline(each.filename) for each in message.attachments))
        parts += _listed("Sources", dict.fromkeys(map(_source, message.sources)))
        return "".join(f"\n{part}\n" for part in parts if part)


def transcript(kind: ExportFormat) -> Transcript:
    """Give the way to write a conversation out that was asked for."""
    return JsonTranscript() if kind == "json" else MarkdownTranscript()


def _speaker(message: Message) -> str:
    role = _ROLES[message.role]
    operator = message.metadata.get("operator") if message.role == "operator" else None
    return f"{role} {_inline(operator)}" if isinstance(operator, str) and operator else role


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _source(source: Source) -> str:
    """Name a source: its title and where it is, or at least which document it was."""
    facts = [source.metadata.get(name) for name in ("title", "source")]
    named = [fact for fact in facts if isinstance(fact, str) and fact] or [source.metadata.get("document_id")]
    return _inline(", ".join(dict.fromkeys(str(fact) for fact in named if fact)) or "unnamed")


def _listed(title: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"- {item}" for item in items]
    if lines:
        yield f"{title}:"
        yield "\n".join(lines)


def _quoted(text: str) -> str:
    """Quote a text line by line; what any reader may take for the end of a line is one."""
    # Two spaces before its end keep a line a line.
    return "\n".join(f"> {line}  " if line else ">" for line in map(_line, text.splitlines()))


def _line(line: str) -> str:
    text = line.lstrip(" \t").rstrip()
    indent = len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(_TAB_WIDTH))
    # Four spaces would make it code, in which escapes show.
    return _NO_BREAK_SPACE * indent * bool(text) + _escaped(text)


def _inline(text: str) -> str:
    """Give a text that stands within a line of ours."""
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    plain = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(each) == "Cc" else each for each in text)
    escaped = _MARKUP.sub(r"\\\g<0>", plain)
    leading = _LEADING.match(escaped)
    if leading is None:
        return escaped
    first, rest = leading[0], escaped[leading.end() :]
    return f"{first}\\{rest}" if first.isdecimal() else f"\\{first}{rest}"
