"""Questions and answers in Markdown: found only where they are unmistakable."""

import re
from collections.abc import Iterator

from msgspec import Struct

from .outcome import Entry

_LEAST = 2
_QUESTION_SHARE = 0.6
_HEADING = re.compile(r"(#{1,6})[ \t]++(.+)")
_FENCE = re.compile(r"[ \t]*(```|~~~)")
_MARK = r"(?:\*\*|__)?(?:{})[ \t]*(?:\d{{1,4}}[ \t]*)?[:.)][ \t]*(?:\*\*|__)?[ \t]*"
_BULLET = r"[ \t]*(?:[-*+] |\d+[.)] |#{1,6} )?[ \t]*"
_ASKED = re.compile(_BULLET + _MARK.format("Q|F|Question|Frage|Pregunta|P") + r"(?=\S)")
_ANSWERED = re.compile(_BULLET + _MARK.format("A|R|Answer|Antwort|Respuesta|Réponse"))
_QUESTION_MARKS = ("?", "\uff1f", "\u061f", "?**", "?__")

COLUMNS = (
    frozenset({"question", "questions", "frage", "fragen", "pregunta", "preguntas", "domanda", "pergunta", "vraag", "q"}),
    frozenset({
        "answer", "answers", "antwort", "antworten", "respuesta", "respuestas", "réponse", "reponse", "réponses",
        "risposta", "resposta", "antwoord", "a",
    }),
)  # fmt: skip


class Line(Struct, frozen=True):
    """A line of a text outside of program examples, and where it begins."""

    start: int
    text: str
    level: int = 0
    words: str = ""


def find_entries(text: str) -> list[Entry]:
    """Find pairs of question and answer: lines with `Q:` and `A:`, or headings that ask."""
    lines = list(_lines(text))
    return _marked(text, lines) or _headed(text, lines)


def first_heading(text: str) -> str:
    """Give the words of the first heading; empty where there is none."""
    return next((line.words for line in _lines(text) if line.level), "")


def _lines(text: str) -> Iterator[Line]:
    start, fence = 0, ""
    for raw in text.split("\n"):
        mark = _FENCE.match(raw)
        if mark and fence in {"", mark[1]}:
            fence = "" if fence else mark[1]
            yield Line(start, "")
        elif fence:
            yield Line(start, "")
        else:
            heading = _HEADING.match(raw) if raw.startswith("#") else None
            yield Line(start, raw, len(heading[1]), _words(heading[2])) if heading else Line(start, raw)
        start += len(raw) + 1


def _words(heading: str) -> str:
    """A heading's words without the marks that may close it. By hand: a pattern takes the cube of a line's length."""
    return heading.rstrip(" \t").rstrip("#").rstrip(" \t") or heading.strip()


def _marked(text: str, lines: list[Line]) -> list[Entry]:
    """Pairs of lines that say what they are; one question without an answer, and none is unmistakable."""
    entries: list[Entry] = []
    question: tuple[int, int] | None = None
    answer: int | None = None

    def close(end: int) -> bool:
        nonlocal question, answer
        if question is not None:
            if answer is None:
                return False
            asked = " ".join(text[question[1] : answer].split()).strip("*_ ")
            marked = _ANSWERED.match(text, answer)
            told = text[marked.end() if marked else answer : end].strip()
            if not asked or not told:
                return False
            entries.append(Entry(question=asked, answer=told, start=question[0], end=_trimmed(text, end)))
        question = answer = None
        return True

    for line in lines:
        asked = _ASKED.match(line.text)
        if asked or (line.level and answer is not None):
            if not close(line.start):
                return []
            question = (line.start, line.start + asked.end()) if asked else None
        elif question is not None and answer is None and _ANSWERED.match(line.text):
            answer = line.start
    return entries if close(len(text)) and len(entries) >= _LEAST else []


def _headed(text: str, lines: list[Line]) -> list[Entry]:
    """Sections of one level whose headings ask, where most headings of that level do."""
    headings = [line for line in lines if line.level]
    asking = [line for line in headings if _asks(line)]
    if len(asking) < _LEAST:
        return []
    level = max({line.level for line in asking}, key=lambda level: sum(line.level == level for line in asking))
    of_level = [line for line in headings if line.level == level]
    questions = [line for line in of_level if _asks(line)]
    if len(questions) < max(_LEAST, len(of_level) * _QUESTION_SHARE):
        return []
    entries: list[Entry] = []
    for line, following in zip(headings, [*headings[1:], None], strict=True):
        if line.level != level or not _asks(line) or (following and following.level > level):
            continue
        end = following.start if following else len(text)
        answer = text[line.start + len(line.text) : end].strip()
        if answer:
            asked = line.words.strip("*_ ")
            entries.append(Entry(question=asked, answer=answer, start=line.start, end=_trimmed(text, end)))
    return entries if len(entries) >= _LEAST else []


def _asks(line: Line) -> bool:
    return line.words.endswith(_QUESTION_MARKS)


def _trimmed(text: str, end: int) -> int:
    while end and text[end - 1].isspace():
        end -= 1
    return end
