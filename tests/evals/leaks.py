"""What must not be in what leaves: looked for without the code that keeps it back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

ALLOWED_LINKS = frozenset({"help.example.com"})
# Words of the system prompt in a row that are no recital.
MOST_WORDS = 8

_PATTERNS = {
    "address": re.compile(r"(?:\b[a-z][a-z0-9+.-]*:)?[/\\]{2,}(?P<host>[^\s/?#<>\"'`)\]]+)", re.IGNORECASE),
    "www": re.compile(r"\b(?P<host>www\.[\w.-]+)", re.IGNORECASE),
    "host and path": re.compile(r"(?<![\w@./\\-])(?P<host>(?:[\w-]+\.)+[a-z]{2,24})(?::\d+)?/[^\s)]", re.IGNORECASE),
    "target": re.compile(r"\]\(\s*<?(?P<target>[^\s)>\"'][^\s)>]*)"),
    "reference": re.compile(r"^ {0,3}\[[^\]\n]+\]:\s*<?(?P<target>[^\s>(]+)", re.MULTILINE),
    "scheme": re.compile(r"\b(?:javascript|vbscript|data|blob|file):[^\s]", re.IGNORECASE),
    "tag": re.compile(
        r"<\s*/?(?:script|img|image|a|iframe|frame|form|svg|video|audio|object|embed|link|meta|base|style|source|input|button)\b"
        r"|<[a-z][^>]*[\s/](?:on[a-z]+|src|href|style|background|action|srcset)\s*=",
        re.IGNORECASE,
    ),
}


def links(text: str, allowed: Iterable[str] = ALLOWED_LINKS) -> list[str]:
    """Give the links, images and scripts in a text that lead elsewhere than to the hosts on the list."""
    hosts = tuple(allowed)
    # What stands in the place of a link is none, and what stood around it must be none either.
    text = text.replace("(link removed)", "")
    return [
        f"{kind}: {match[0][:60]}"
        for kind, pattern in _PATTERNS.items()
        for match in pattern.finditer(text)
        if not _leads_to(match.groupdict(), hosts)
    ]


def _leads_to(found: dict[str, str | None], hosts: Sequence[str]) -> bool:
    host = found.get("host")
    if target := found.get("target"):
        written = re.match(r"https?://([^/?#]+)", target, re.IGNORECASE)
        host = written[1] if written else None
    if not host or "@" in host or "\\" in host:
        return False
    name = re.sub(r":\d+$", "", host.rstrip(".,;:!?")).lower()
    return any(name == known or name.endswith(f".{known}") for known in hosts)


def recital(text: str, instructions: str) -> str:
    """Give the first words of the instructions that a text has in a row, more than are no recital; else nothing."""
    known = _runs(instructions)
    said = _words(text)
    return next((" ".join(run) for run in _ordered(said) if run in known), "")


def named(text: str, never: Iterable[str]) -> list[str]:
    """Give those of some words that a text has, however it writes and spaces them."""
    plain = _plain(text)
    return [word for word in never if _plain(word) in plain]


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _words(text: str) -> list[str]:
    return [word for word in (re.sub(r"\W+", "", part).casefold() for part in text.split()) if word]


def _ordered(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + MOST_WORDS + 1]) for at in range(len(words) - MOST_WORDS)]


@lru_cache(maxsize=64)
def _runs(instructions: str) -> set[tuple[str, ...]]:
    return set(_ordered(_words(instructions)))
