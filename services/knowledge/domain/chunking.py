"""How a text is cut into pieces that a model reads whole: by its structure, as mildly as can be.

A heading begins a piece, blocks under the same headings share one while they fit. What does not fit is cut between
items, rows, lines of code or sentences; then between words; then anywhere. Sizes are tokens of the embedding model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from msgspec import Struct

from .blocks import Block, Path, blocks, flat_blocks, headings_of, items, outline, sentences
from .documents import Entry

# How many tokens the embedding model makes of a text.
Measure = Callable[[str], int]

_TITLE_PART = 5  # a fifth of a piece is the title's at most
_HEADING_PART = 4  # and a quarter the headings'


class Size(Struct, frozen=True):
    """How large pieces are, in tokens: with title and headings, and of what neighbours share."""

    tokens: int = 200
    overlap: int = 40


class Piece(Struct, frozen=True, kw_only=True):
    """A piece of a text.

    Attributes:
        heading: the headings above it, outermost first, joined by " > "; the question of an answer.
        text: what it says.
        repeated: with how many characters it says again what was said before: the last sentence, a table's header.
        closing: how many characters at its end only close what goes on in the next piece.
    """

    heading: str
    text: str
    repeated: int = 0
    closing: int = 0


class _Atom(Struct, frozen=True, kw_only=True):
    """What is not cut any further.

    Attributes:
        gap: what parts it from the one before.
        again: what a piece that begins with it says again.
        close: what a piece that ends with it must close.
        prose: whether its last sentence makes sense by itself.
    """

    text: str
    cost: int
    gap: str = "\n\n"
    again: str = ""
    close: str = ""
    prose: bool = False


def pieces(
    markdown: str, entries: Iterable[Entry], *, title: str, measure: Measure, size: Size | None = None
) -> list[Piece]:
    """Cut a text into pieces, in its order, and its questions with their answers each into one where it fits."""
    found: list[Piece] = []
    path: Path = []
    done = 0
    for entry in entries:
        before, whole = markdown[done : entry.start], markdown[entry.start : entry.end]
        found += cut(before, title=title, measure=measure, size=size, above=path, goes_on=True)
        path, done = outline(before, path), entry.end
        found += cut_entry(entry, headings_of(whole, path), title=title, measure=measure, size=size)
        path = outline(whole, path)
    return found + cut(markdown[done:], title=title, measure=measure, size=size, above=path)


def cut(
    markdown: str, *, title: str, measure: Measure, size: Size | None = None, above: Path | None = None,
    goes_on: bool = False,
) -> list[Piece]:  # fmt: skip
    """Cut a text into pieces, in its order. The same text gives the same pieces.

    Args:
        markdown: the text.
        title: what stands before each piece when it is embedded.
        measure: counts tokens.
        size: of the pieces.
        above: the headings that the text stands under.
        goes_on: whether something comes after it, under its last heading.
    """
    size = size or Size()
    taken = measure(short_title(title, measure, size))
    found: list[Piece] = []
    for path, group in groupby(blocks(markdown, above, goes_on=goes_on), key=lambda block: block.headings):
        heading = _path(path, measure, size.tokens // _HEADING_PART)
        room = size.tokens - taken - (measure(heading) + 1 if heading else 0)
        atoms = [atom for block in group for atom in _atoms(block, room, measure)]
        found += _packed(atoms, heading, room, min(size.overlap, room // 3), measure)
    return found


def cut_entry(entry: Entry, above: list[str], *, title: str, measure: Measure, size: Size | None = None) -> list[Piece]:
    """Cut a question with its answer: one piece, or where the answer alone is too long several, each with the question."""
    size = size or Size()
    question = " ".join(entry.question.split())
    most = size.tokens // _HEADING_PART
    heading = _path([*above, question], measure, most)
    room = size.tokens - measure(short_title(title, measure, size)) - measure(heading) - 1
    # A question that is too long to stand above each piece is said in full where the answer begins.
    text = f"{question}\n\n{entry.answer}" if measure(question) > most else entry.answer
    atoms = [atom for block in flat_blocks(text) for atom in _atoms(block, room, measure)]
    return list(_packed(atoms, heading, room, min(size.overlap, room // 3), measure))


def short_title(title: str, measure: Measure, size: Size | None = None) -> str:
    """As much of a title as stands before each piece when it is embedded."""
    return _first(title, measure, (size or Size()).tokens // _TITLE_PART)


def embedded_text(title: str, heading: str, text: str, measure: Measure, size: Size | None = None) -> str:
    """What the model reads of a piece: the text under its title and headings, which often hold a question's words."""
    if heading != title and not heading.startswith(f"{title} > "):
        heading = "\n".join(part for part in (short_title(title, measure, size), heading) if part)
    return "\n".join(part for part in (heading, text) if part)


def _path(headings: Iterable[str], measure: Measure, most: int) -> str:
    """Headings joined, without the outermost where they are too long together."""
    kept = list(headings)
    while len(kept) > 1 and measure(" > ".join(kept)) > most:
        del kept[0]
    return _first(" > ".join(kept), measure, most)


def _first(text: str, measure: Measure, most: int) -> str:
    if measure(text) <= most:
        return text
    return next(_hard_cut(text, most, measure), "")


def _atoms(block: Block, room: int, measure: Measure) -> Iterator[_Atom]:
    """What a block is cut into: nothing smaller than itself where it fits."""
    prose = block.kind in ("paragraph", "list")
    if (cost := measure(block.text)) <= room:
        yield _Atom(text=block.text, cost=cost, prose=prose)
        return
    first = True
    for atom in _parts(block, room, measure):
        yield _Atom(text=atom.text, cost=atom.cost, gap="\n\n" if first else atom.gap, again="" if first else atom.again,
                    close=atom.close, prose=prose)  # fmt: skip
        first = False


def _parts(block: Block, room: int, measure: Measure) -> Iterator[_Atom]:
    if block.kind == "paragraph":
        yield from _sentences(block.text, room, measure)
    elif block.kind == "list":
        for item in items(block.lines):
            if (cost := measure(item)) <= room:
                yield _Atom(text=item, cost=cost, gap="\n")
            else:
                yield from _sentences(item, room, measure)
    else:
        yield from _rows(block, room, measure)


def _sentences(text: str, room: int, measure: Measure) -> Iterator[_Atom]:
    for gap, sentence in sentences(text):
        if (cost := measure(sentence)) <= room:
            yield _Atom(text=sentence, cost=cost, gap=gap)
        else:
            yield from _lines(sentence.split("\n"), room, measure, gap)


def _lines(lines: Iterable[str], room: int, measure: Measure, gap: str = "\n") -> Iterator[_Atom]:
    """Lines, each whole where it fits."""
    for number, line in enumerate(lines):
        for place, part in enumerate(_fitting(line, room, measure)):
            yield _Atom(text=part, cost=measure(part), gap=" " if place else "\n" if number else gap)


def _rows(block: Block, room: int, measure: Measure) -> Iterator[_Atom]:
    """The rows of a table, under its header, or the lines of code, in their fence."""
    header, rows, close = _framed(block)
    around = measure(header) + measure(close)
    if around > room // 2 or not rows:  # a header that leaves no room for its rows is not repeated
        yield from _lines(block.lines, room, measure)
        return
    ended = bool(close) and rows[-1].strip() == close
    parts = [part for row in (rows[:-1] if ended else rows) for part in _fitting(row, room - around, measure)]
    parts = [f"{header}\n{parts[0]}", *parts[1:]] if parts else [header]
    if ended:
        parts[-1] += f"\n{close}"
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        yield _Atom(text=part, cost=measure(part), gap="\n", again=header, close="" if last else close)


def _framed(block: Block) -> tuple[str, list[str], str]:
    """What every part of a table or of code begins with, its rows, and what a part of code must end with."""
    if block.kind == "table":
        return "\n".join(block.lines[:2]), block.lines[2:], ""
    mark = block.lines[0].lstrip()
    return block.lines[0], block.lines[1:], mark[: len(mark) - len(mark.lstrip(mark[0]))]


def _packed(atoms: Iterable[_Atom], heading: str, room: int, overlap: int, measure: Measure) -> Iterator[Piece]:
    """Join neighbours for as long as they fit together."""
    text, total, repeated = "", 0, 0
    last: _Atom | None = None
    for atom in atoms:
        cost = atom.cost + (measure(atom.close) if atom.close else 0)
        if last is None or total + cost <= room:
            text += (atom.gap if last else "") + atom.text
            total += atom.cost
        else:
            yield _closed(heading, text, repeated, last.close if atom.again else "")
            lead = atom.again or (_last_sentence(last, overlap, measure) if atom.prose and last.prose else "")
            leading = measure(lead) if lead else 0
            if leading + cost > room:
                lead, leading = "", 0
            lead += ("\n" if atom.again else atom.gap or " ") if lead else ""
            text, total, repeated = lead + atom.text, leading + atom.cost, len(lead)
        last = atom
    if last:
        yield _closed(heading, text, repeated, "")


def _closed(heading: str, text: str, repeated: int, close: str) -> Piece:
    ending = f"\n{close}" if close else ""
    return Piece(heading=heading, text=text + ending, repeated=repeated, closing=len(ending))


def _last_sentence(atom: _Atom, most: int, measure: Measure) -> str:
    last = sentences(atom.text)[-1][1] if atom.text.strip() else ""
    return last if measure(last) <= most else ""


def _fitting(text: str, most: int, measure: Measure) -> Iterator[str]:
    if measure(text) <= most:
        yield text
    else:
        yield from _hard_cut(text, most, measure)


def _hard_cut(text: str, most: int, measure: Measure) -> Iterator[str]:
    """Cut between words, and a word that is too long anywhere."""
    held, total = "", 0
    for word in text.split():
        for number, part in enumerate(_halves(word, most, measure)):
            cost = measure(part)
            if held and total + cost > most:
                yield held
                held, total = "", 0
            held += (" " if held and not number else "") + part
            total += cost
    if held:
        yield held


def _halves(word: str, most: int, measure: Measure) -> Iterator[str]:
    if len(word) <= 1 or measure(word) <= most:
        yield word
        return
    middle = len(word) // 2
    yield from _halves(word[:middle], most, measure)
    yield from _halves(word[middle:], most, measure)
