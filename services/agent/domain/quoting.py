"""Quoting: other people's words in a prompt, so that they can be told from ours whatever they hold.

Outside the system message every `<` is ours: those of quoted texts are written `&lt;`. So no text can end its own block or
begin another. Characters that nobody sees are taken out, because words can be hidden in them.
"""

import re

# A title or a name is no place for a story.
_LONGEST_NAME = 120
# Control characters but tab and newline, marks of direction, zero-width characters but the joiners that scripts and emoji
# need, tags (U+E0000 ...), lone surrogates; and the signs that are or look like the beginning of a block.
_UNSAFE = re.compile(
    "[<\uff1c\ufe64\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_PUT = {"<": "&lt;", "\uff1c": "&lt;", "\ufe64": "&lt;", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"}


def safe(text: str, longest: int | None = None) -> str:
    """Give a text that can stand in a prompt outside the system message; cut at its end where it is too long."""
    if longest is not None and len(text) > longest:
        text = text[:longest] + " …"
    return _UNSAFE.sub(_instead, text)


def name(text: str) -> str:
    """Give a text that can stand between the quotation marks of a block's head: one line, no quotation marks, short."""
    return " ".join(safe(text[: 2 * _LONGEST_NAME]).replace('"', "'").split())[:_LONGEST_NAME]


def block(tag: str, text: str, **attributes: str | int) -> str:
    """Give a text as a block; `text` is safe already, or made of blocks."""
    head = "".join(f' {key}="{name(str(value))}"' for key, value in attributes.items())
    return f"<{tag}{head}>\n{text}\n</{tag}>"


def _instead(match: re.Match[str]) -> str:
    return _PUT.get(match[0], "")
