"""How a conversation is shown in the terminal: stages dimly, the answer as it comes, then what it stands on."""

from __future__ import annotations

import os
import sys
from typing import Any


class Paper:
    """Where the conversation is printed: stages dimly, the answer as it comes, then what it stands on."""

    def __init__(self) -> None:
        self._dims = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._attempt: object = None
        self._shown = ""  # of the answer
        self._open = False  # whether the last line has no end yet

    def dim(self, text: str) -> None:
        """A line about the conversation."""
        if self._open:
            print()
            self._open = False
        print(f"\x1b[2m{text}\x1b[0m" if self._dims else text, flush=True)

    def fault(self, text: str) -> None:
        """Why there is no answer; on stderr, for whoever reads the answer from a pipe."""
        if self._open:
            print(flush=True)
            self._open = False
        print(f"error: {text}", file=sys.stderr, flush=True)

    def text(self, content: str, offset: int | None, attempt: object) -> None:
        """A piece of the answer; pieces that were shown already are not shown again."""
        if attempt != self._attempt:
            if self._shown:
                self.dim("(the answer begins anew)")
            self._attempt, self._shown = attempt, ""
        new = content if offset is None else content[max(0, len(self._shown) - offset) :]
        if offset is not None and offset > len(self._shown):
            return  # something is missing before it: the stored answer will show it all
        print(new, end="", flush=True)
        self._shown += new
        self._open = not self._shown.endswith("\n")

    def answer(self, message: dict[str, Any], confidence: Any, seconds: Any) -> None:
        """The stored answer is what counts: complete or correct what was shown, then the sources."""
        content = str(message.get("content", ""))
        if content.startswith(self._shown) and (self._open or not self._shown):
            print(content[len(self._shown) :], flush=True)
        else:
            self.dim("(the whole answer)")
            print(content, flush=True)
        self._shown, self._open = "", False
        for number, source in enumerate(message.get("sources") or [], 1):
            self.dim(f"  [{number}] {source_line(source)}")
        facts = [f"confidence {confidence:.2f}"] if isinstance(confidence, (int, float)) else []
        facts += [f"{seconds:.2f} s"] if isinstance(seconds, (int, float)) else []
        if degraded := (message.get("metadata") or {}).get("degraded"):
            facts.append(f"quoted from the help pages: {degraded.get('reason', 'no language model answered')}")
        if facts:
            self.dim("  " + ", ".join(facts))


def source_line(source: dict[str, Any]) -> str:
    """One source in one line: title, where it is from, how relevant."""
    about: dict[str, Any] = source.get("metadata") or {}
    title = about.get("title") or about.get("document_id") or "untitled"
    score = source.get("relevance_score")
    parts = [str(title), str(about.get("source") or ""), f"{score:.2f}" if isinstance(score, (int, float)) else ""]
    return "  ".join(part for part in parts if part)


def show(paper: Paper, frame: dict[str, Any]) -> None:
    """A frame that neither ends nor confirms anything."""
    match frame.get("type"):
        case "status":
            paper.dim(f"  {frame.get('message') or frame.get('stage')}")
        case "text":
            offset = frame.get("offset")
            paper.text(str(frame.get("content", "")), offset if isinstance(offset, int) else None, frame.get("attempt"))
        case "message_added":
            said = frame.get("message") or frame
            if said.get("role") in ("operator", "system"):
                paper.dim(f"[{said['role']}]")
                print(said.get("content", ""), flush=True)
        case "escalation":
            paper.dim(f"handed over to a person, ticket {frame.get('ticket_id') or '?'}")
        case "draining":
            paper.dim("(the server restarts, connecting again)")
        case _:
            pass
