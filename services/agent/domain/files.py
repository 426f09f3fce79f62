"""Files: what a session's uploads say, cut into passages that compete with those of the help pages.

A passage of a file has the relevance score of a related text (0.65, see `extract`) where the file came with the
question, less where it came earlier, and up to 1 the more of the question's content words it has. The words of a file
are the customer's: quoted, never obeyed.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts.attachments import AttachmentText
from libs.contracts.knowledge import Source
from libs.contracts.session import Message

from . import excerpt, words

# Passages of files in one answer's candidates, the nearest ones.
MAX_PASSAGES = 3
MAX_CHARACTERS = 600
_WITH_THE_QUESTION = 0.65
_EARLIER = 0.3


class Reading(Struct, frozen=True, kw_only=True):
    """What was read for a turn: passages, nearest first, and the names of files that say nothing (yet)."""

    passages: list[Source] = []
    unread: list[str] = []


def named(messages: Sequence[Message]) -> list[str]:
    """Give the ids of the uploads that messages name, each once, the latest first."""
    found = [ref.attachment_id for message in reversed(messages) for ref in message.attachments]
    return list(dict.fromkeys(found))


def read(texts: Sequence[AttachmentText], questions: Sequence[Message]) -> Reading:
    """Find what files say about the questions; `unread` has only files that came with these."""
    asked = words.content(" ".join(message.content for message in questions))
    fresh = set(named(questions))
    candidates = [(text, number, piece) for text in texts for number, piece in enumerate(_pieces(text.text))]
    stems = [words.stems(piece) for _, _, piece in candidates]
    weight = excerpt.weights(stems, asked)
    sources = [
        _source(text, number, piece, excerpt.coverage(has, weight), with_question=text.attachment_id in fresh)
        for (text, number, piece), has in zip(candidates, stems, strict=True)
    ]
    nearest = sorted(sources, key=lambda source: -source.relevance_score)[:MAX_PASSAGES]
    unread = [text.filename for text in texts if not text.text and text.attachment_id in fresh]
    return Reading(passages=nearest, unread=unread)


def merged(files: Sequence[Source], help_pages: Sequence[Source]) -> list[Source]:
    """Rank the passages of files and of the help pages together; a file's wins where they are as near."""
    ranked = sorted([*files, *help_pages], key=lambda source: -source.relevance_score)
    return [replace(source, rank=rank) for rank, source in enumerate(ranked, start=1)]


def _source(text: AttachmentText, number: int, piece: str, share: float, *, with_question: bool) -> Source:
    least = _WITH_THE_QUESTION if with_question else _EARLIER
    return Source(
        content=piece,
        metadata={
            "document_id": text.attachment_id,
            "title": text.filename,
            "source": "attachment",
            "version": 1,
            "chunk": number,
        },
        relevance_score=round(least + (1 - least) * share, 4),
        rank=0,
    )


def _pieces(text: str) -> list[str]:
    """Cut a text at its lines into pieces that can be quoted; a longer line is a piece of its own, cut short."""
    pieces: list[str] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if pieces and len(pieces[-1]) + 1 + len(line) <= MAX_CHARACTERS:
            pieces[-1] += f"\n{line}"
        else:
            pieces.append(line[:MAX_CHARACTERS])
    return pieces
