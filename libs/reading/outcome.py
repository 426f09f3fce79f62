"""What becomes of a file that is read: its text, or the reason why there is none."""

from typing import Literal

from msgspec import Struct

Code = Literal[
    "unsupported_type", "empty", "broken", "encrypted", "too_large", "too_complex", "timed_out", "no_text"
]  # fmt: skip

REASONS: dict[Code, str] = {
    "unsupported_type": "Files of this type cannot be read",
    "empty": "The file is empty",
    "broken": "The file is damaged or is not what its name says; open it, save it again and send that",
    "encrypted": "The file is protected by a password; save it without one and send that",
    "too_large": "The file holds more text than can be read at once; divide it into several files",
    "too_complex": "The file takes too much memory or work to read; send a simpler or a shorter one",
    "timed_out": "Reading the file took too long; send a simpler or a shorter one",
    "no_text": "The file holds no text that can be read; scans and pictures do not",
}


class Limits(Struct, frozen=True, kw_only=True):
    """What one reading may take.

    Args:
        seconds: of waiting, from its start to its result; also of processor time.
        memory_mb: address space in MiB; a reading needs about 150 to begin with.
        output_characters: the longest text; more is refused, not cut. Files of text are refused beyond four times as
            many bytes.
    """

    seconds: float = 30
    memory_mb: int = 512
    output_characters: int = 5_000_000


class Entry(Struct, frozen=True, kw_only=True):
    """A question with its answer, which must stay whole; it stands at `text[start:end]`."""

    question: str
    answer: str
    start: int
    end: int


class Reading(Struct, kw_only=True):
    """What a file says.

    Args:
        text: Markdown, composed (NFC), without control characters; complete, also with what the entries say.
        title: as the file gives it; empty where it gives none.
        language: ISO 639-1; empty where unsure.
        media_type: what the file is by its content.
        pages: of a PDF file, or slides of a presentation.
        entries: pairs of question and answer, in the order of the text.
        notes: what was left out, for people.
        metadata: fields of the front matter other than the title.
    """

    text: str
    title: str = ""
    language: str = ""
    media_type: str = ""
    pages: int | None = None
    entries: list[Entry] = []
    notes: list[str] = []
    metadata: dict[str, str] = {}


class Unreadable(Exception):
    """A file that cannot be read.

    Args:
        code: stable, for programs.
        reason: for people: what is wrong and what to do.
    """

    def __init__(self, code: Code, reason: str = "") -> None:
        self.code: Code = code
        self.reason = reason or REASONS[code]
        super().__init__(f"{code}: {self.reason}")


def counted(count: int, one: str, more: str) -> str:
    """Give a number with its words, for notes: `counted(1, "page was", "pages were")`."""
    return f"{count} {one if count == 1 else more}"


class Refusal(Struct, frozen=True, tag=True):
    """An `Unreadable` on its way between processes."""

    code: Code
    reason: str


class Answer(Struct, frozen=True, tag=True):
    """A `Reading` on its way between processes."""

    reading: Reading


class Task(Struct, frozen=True, kw_only=True):
    """What the reading process is asked."""

    name: str
    declared: str | None
    limits: Limits
