"""Sentences: a passage taken apart into what can be quoted without losing its sense."""

import re

from .draft import printable

_ITEM = re.compile(r"\s*(?:[-*•]|\(?\d{1,2}[.)])\s+")
# Steps within running text stand after a stop ("Do this: 1. Open it. 2. Close it."), unlike "form number 1. Then".
_INLINE_FIRST = re.compile(r"(?:^|(?<=[:;,.!?])\s+)\(?1[.)]\s|\s\(?1\)\s")
_INLINE_SECOND = re.compile(r"(?<=[:;,.!?])\s+\(?2[.)]\s|\s\(?2\)\s")
# A sentence ends before white space and something that can begin one, but not after an abbreviation or an initial.
_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[^\W_a-z])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|approx|no|mr|mrs|ms|dr|st|inc|ltd|co|a\.m|p\.m)|\b[A-Z])\.$", re.IGNORECASE
)


def sentences(passage: str) -> list[str]:
    """Give a passage's sentences in their order, as they are written but for wrapped lines.

    A list is one sentence with the line that introduces it: steps stay whole, one a line.
    """
    found: list[str] = []
    for block in re.split(r"\n\s*\n", printable(passage)):
        _add_block(found, [line.strip() for line in block.splitlines() if line.strip()])
    return found


def _add_block(found: list[str], lines: list[str]) -> None:
    first = next((number for number, line in enumerate(lines) if _ITEM.match(line)), len(lines))
    prose, items = " ".join(lines[:first]), _items(lines[first:])
    if prose:
        found += _prose(prose)
    if items:
        introduced = bool(found) and found[-1].endswith(":")
        found.append("\n".join([found.pop(), *items] if introduced else items))


def _items(lines: list[str]) -> list[str]:
    """Join wrapped lines with the item that they belong to."""
    items: list[str] = []
    for line in lines:
        if items and not _ITEM.match(line):
            items[-1] += " " + line
        else:
            items.append(line)
    return items


def _prose(text: str) -> list[str]:
    """Cut running text at the ends of its sentences; steps that are numbered within it stay together."""
    if (steps := _INLINE_FIRST.search(text)) and _INLINE_SECOND.search(text, steps.end()):
        return (
            [*_prose(text[: steps.start()]), text[steps.start() :].strip()] if _ends(text[: steps.start()]) else [text]
        )
    parts: list[str] = []
    begin = 0
    for end in _END.finditer(text):
        if not _ABBREVIATION.search(text[begin : end.start()]):
            parts.append(text[begin : end.end()].strip())
            begin = end.end()
    rest = text[begin:].strip()
    return [*parts, rest] if rest else parts


def _ends(text: str) -> bool:
    return text.rstrip().endswith((".", "!", "?"))
