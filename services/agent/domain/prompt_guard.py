"""The guard of our own instructions: an answer does not recite them, whatever talked the model into it.

It knows words that follow each other as they do in the instructions, also with one other word (a number, a filler) between
each two; a translation, a cipher or a paraphrase it does not know. What must stay secret is therefore never in a prompt: keys
and headers stay in the adapters.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from .links import PUNCTUATION, UNSPACED

# So many words in a row are no accident.
MOST_IN_A_ROW = 8
REMOVED = "(removed)"
# What is longer is no word of ours, and must not be held back.
_LONGEST_WORD = 200
# Languages without spaces: each letter is a word, but weighs less: about so many make one.
_SIGNS = UNSPACED + PUNCTUATION
_WEIGHTS = ((re.compile(r"[\u0e00-\u17ff]"), 0.25), (re.compile(rf"[{UNSPACED}]"), 0.5))
# Words that have ended, and what stands between them.
_ENDED = re.compile(
    rf"[\s{_SIGNS}]|[^\s{_SIGNS}]{{1,{_LONGEST_WORD - 1}}}+(?=[\s{_SIGNS}])|[^\s{_SIGNS}]{{{_LONGEST_WORD}}}"
)
_WORD = re.compile(rf"[{_SIGNS}]|[^\s{_SIGNS}]+")
_LETTERS = re.compile(r"[^\w]+")


class PromptGuard:
    """A filter that lets at most `MOST_IN_A_ROW` words of a text of ours pass in a row; the rest of the recital is removed.

    Args:
        instructions: what is not to be recited.
    """

    def __init__(self, instructions: str) -> None:
        self._places = _places(instructions)
        self._runs: dict[int, float] = {}
        # Those that the last word did not go on with; they end with the next one that does not.
        self._waiting: dict[int, float] = {}
        self._held = ""
        self._reciting = False

    def feed(self, text: str) -> str:
        """Take a further piece; give what can leave now. The last word waits for its end."""
        text, place, left = self._held + text, 0, list[str]()
        while ended := _ENDED.match(text, place):
            place = ended.end()
            piece = ended[0]
            left.append(piece if piece == " " and not self._reciting else self._passed(piece))
        self._held = text[place:]
        return "".join(left)

    def finish(self) -> str:
        """Give the rest."""
        rest, self._held = self._held, ""
        return self._passed(rest) if rest else ""

    def _passed(self, piece: str) -> str:
        word = _bare(piece)
        if not word:  # a dash or a star neither ends nor lengthens a recital
            return "" if self._reciting else piece
        if word not in self._places:
            self._waiting, self._runs, self._reciting = self._runs, {}, False
            return piece
        before, weight = self._waiting | self._runs, _weight(word)
        runs = {place: before.get(place - 1, 0) + weight for place in self._places[word]}
        self._waiting = {place: length for place, length in self._runs.items() if place + 1 not in runs}
        self._runs = runs
        longest = max(runs.values(), default=0)
        self._reciting = longest > MOST_IN_A_ROW
        if not self._reciting:
            return piece
        return f"{REMOVED} " if longest - weight <= MOST_IN_A_ROW else ""


@lru_cache(maxsize=64)
def _places(instructions: str) -> Mapping[str, list[int]]:
    """Give where each word stands; the instructions of many turns are the same."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(word for word in map(_bare, _WORD.findall(instructions)) if word):
        places[word].append(place)
    return dict(places)


def _bare(word: str) -> str:
    return (word if word.isalnum() else _LETTERS.sub("", word)).casefold()


def _weight(word: str) -> float:
    if word.isascii():
        return 1
    return next((weight for letters, weight in _WEIGHTS if letters.fullmatch(word)), 1)
