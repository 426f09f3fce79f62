"""The guard of our own instructions: an answer does not recite them, whatever talked the model into it.

It knows words that follow each other as they do in the instructions, also with one other word (a number, a filler) between
each two; a translation, a cipher or a paraphrase it does not know. What must stay secret is therefore never in a prompt: keys
and headers stay in the adapters.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

# So many words in a row are no accident.
MOST_IN_A_ROW = 8
REMOVED = "(removed)"
_WORD = re.compile(r"\s*\S+\s*|\s+")
_LETTERS = re.compile(r"[^\w]+")


class PromptGuard:
    """A filter that lets at most `MOST_IN_A_ROW` words of a text of ours pass in a row; the rest of the recital is removed.

    Args:
        instructions: what is not to be recited.
    """

    def __init__(self, instructions: str) -> None:
        self._places = _places(instructions)
        self._runs: dict[int, int] = {}
        # Those that the last word did not go on with; they end with the next one that does not.
        self._waiting: dict[int, int] = {}
        self._held = ""
        self._reciting = False

    def feed(self, text: str) -> str:
        """Take a further piece; give what can leave now. The last word waits for its end."""
        text = self._held + text
        end = _end_of_words(text)
        self._held = text[end:]
        return "".join(map(self._passed, _WORD.findall(text[:end])))

    def finish(self) -> str:
        """Give the rest."""
        rest, self._held = self._held, ""
        return "".join(map(self._passed, _WORD.findall(rest)))

    def _passed(self, piece: str) -> str:
        word = _bare(piece)
        if not word:  # a dash or a star neither ends nor lengthens a recital
            return "" if self._reciting else piece
        before = self._waiting | self._runs
        runs = {place: before.get(place - 1, 0) + 1 for place in self._places.get(word, ())}
        self._waiting = {place: length for place, length in self._runs.items() if place + 1 not in runs}
        self._runs = runs
        longest = max(runs.values(), default=0)
        self._reciting = longest > MOST_IN_A_ROW
        if not self._reciting:
            return piece
        return f"{REMOVED} " if longest == MOST_IN_A_ROW + 1 else ""


@lru_cache(maxsize=64)
def _places(instructions: str) -> Mapping[str, list[int]]:
    """Give where each word stands; the instructions of many turns are the same."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(word for word in map(_bare, instructions.split()) if word):
        places[word].append(place)
    return dict(places)


def _bare(word: str) -> str:
    return _LETTERS.sub("", word).casefold()


def _end_of_words(text: str) -> int:
    """Give the end of the white space behind the last word that has ended; 0 where none has."""
    end = len(text)
    while end and not text[end - 1].isspace():
        end -= 1
    return end
