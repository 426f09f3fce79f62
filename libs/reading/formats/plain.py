"""Text and Markdown: decoded, cleaned, its front matter taken off."""

import re
from typing import BinaryIO

from ..decoding import decode
from ..front_matter import split_front_matter
from ..manuscript import Found, Manuscript
from ..media_types import MARKDOWN

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_UNDERLINED = re.compile(r"^(?![ \t]*(?:[-*+>|#]|\d+[.)]))(\S[^\n]{0,200})\n(=+|-{3,})[ \t]*$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)


def read(file: BinaryIO, media_type: str, manuscript: Manuscript) -> Found:
    """Read a text; Markdown stays as it is, but for underlined headings, which get the usual marks."""
    found = Found()
    text = decode(file.read(), found.notes)
    if media_type == MARKDOWN:
        found.metadata, text = split_front_matter(text)
        found.title = next((found.metadata.pop(key) for key in list(found.metadata) if key.lower() == "title"), "")
        text = _UNDERLINED.sub(lambda match: f"{'#' if match[2][0] == '=' else '##'} {match[1]}", text)
        if "```" not in text and "~~~" not in text:
            text = _COMMENT.sub("", text)
    manuscript.markdown(_BLANK_LINES.sub("\n\n", _TRAILING.sub("", text)))
    return found
