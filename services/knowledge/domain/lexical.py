"""Words: what of a text can be found again by its words, as stems and as sparse weights for the index.

A stem is what Snowball makes of a word (Porter, "Snowball: a language for stemming algorithms", 2001), without accents.
A passage is read in the language that its small words show (English where they show none); a question shows too few, so
each of its words stands for what any of the languages may make of it. Scripts without spaces are cut into pairs of letters.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol, cast

import py_rust_stemmers

from .small_words import SMALL_WORDS
from .vectors import SparseVector

# BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009). The mean length is a constant, so
# that a weight, once written, holds whatever else is indexed; passages of 180 words have about this many content words.
K1 = 0.9
B = 0.4
MEAN_LENGTH = 80

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_ELISION = re.compile(r"\A(?:[cdjlmnst]|qu)'")  # "l'adresse"
_ACCENTS = dict.fromkeys(range(0x0300, 0x0370))
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
# A piece of fewer words is no sentence of its own: "No.", "e.g.", the number of a list.
_SHORTEST_SENTENCE = 5
_STEMMERS = {"en": "english", "de": "german", "es": "spanish", "fr": "french"}
_CACHED_WORDS = 65_536
# What a question asks is in fewer words; a pasted page must not hold the event loop.
MOST_TERMS = 64


class _Stemmer(Protocol):
    """What is used of a SnowballStemmer, which has no types of its own."""

    def stem_word(self, word: str, /) -> str: ...


class Term(NamedTuple):
    """A word of a question.

    Attributes:
        word: as it is written, in lower case and without accents.
        stems: what it may be in a passage, at least one.
    """

    word: str
    stems: tuple[str, ...]


def words(text: str) -> list[str]:
    """The words of a text in lower case, without 's, French elisions and apostrophes; accents stay."""
    written = _WORD.findall(text.lower())
    if text.isascii() and "'" not in text:
        return written
    found: list[str] = []
    for word in written:
        if "'" in word or "’" in word:
            plain = _ELISION.sub("", word.replace("’", "'").removesuffix("'s"))
            found.append(plain.replace("'", ""))
        elif word.isascii() or not _UNSPACED.search(word):
            found.append(word)
        else:
            found.extend(word[at : at + 2] for at in range(max(1, len(word) - 1)))
    return found


def language(of: Sequence[str]) -> str | None:
    """The language whose small words are most among these words: `en`, `de`, `es` or `fr`, the first of equals; None where none are."""
    counts = {name: sum(word in small for word in of) for name, small in SMALL_WORDS.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else None


def stems(text: str) -> list[str]:
    """The stems of a passage's content words, in their order, each as often as it stands there."""
    found = words(text)
    return stems_in(language(found) or "en", found)


def stems_in(name: str, of: Sequence[str]) -> list[str]:
    """The stems of the content words among these, read in one language."""
    small = SMALL_WORDS[name]
    return [stem(name, word) for word in of if word not in small]


def terms(question: str) -> list[Term]:
    """The first MOST_TERMS content words of a question, each once; all its words where it has only small ones."""
    found = list(dict.fromkeys(words(question)))
    known = language(found)
    small = SMALL_WORDS[known or "en"]
    names = dict.fromkeys((known, "en")) if known else _STEMMERS
    content = [word for word in found if word not in small] or found
    made = (
        Term(_folded(word), tuple(dict.fromkeys(stem(name, word) for name in names))) for word in content[:MOST_TERMS]
    )
    return list({term.stems[0]: term for term in made}.values())


@lru_cache(maxsize=_CACHED_WORDS)
def stem(name: str, word: str) -> str:
    """The stem of a word in one language, without accents."""
    if not word.isalpha():
        return _folded(word)
    return _folded(_stemmer(name).stem_word(word))


def sentences(text: str) -> Iterator[str]:
    """The sentences and lines of a text; one of a few words goes with the one before it."""
    kept = ""
    for part in _SENTENCE.split(text):
        if kept and len(part.split()) >= _SHORTEST_SENTENCE:
            yield kept
            kept = part
        else:
            kept = f"{kept} {part}" if kept else part
    if kept.strip():
        yield kept


def weights(title: str, heading: str, text: str) -> dict[int, float]:
    """What the index holds of a passage's words: 32-bit hash of the stem, and BM25's part for how often it stands there.

    The index multiplies with the rarity of the stem among its passages (Qdrant: the modifier `idf`).
    """
    counts = Counter(stems(f"{title}\n{heading}\n{text}"))
    length = counts.total()
    made: dict[int, float] = {}
    for one, count in counts.items():
        key = index_of(one)
        made[key] = made.get(key, 0.0) + saturated(count, length)
    return made


def query_weights(question: str) -> dict[int, float]:
    """What the index is asked for a question's words: 1 for each stem."""
    return {index_of(one): 1.0 for term in terms(question) for one in term.stems}


def passage_words(title: str, heading: str, text: str) -> SparseVector:
    """The words of a passage, for the index."""
    return _sparse(weights(title, heading, text))


def query_words(question: str) -> SparseVector:
    """The words of a question, for the index."""
    return _sparse(query_weights(question))


def _sparse(weighed: dict[int, float]) -> SparseVector:
    return SparseVector(list(weighed), list(weighed.values()))


def saturated(count: int, length: int) -> float:
    """BM25's part for a word that stands `count` times among `length` content words: below 1 + K1."""
    return count * (K1 + 1) / (count + K1 * (1 - B + B * length / MEAN_LENGTH))


def index_of(one: str) -> int:
    """The number by which the index knows a stem, 0..2^32-1: the same in every process."""
    return zlib.crc32(one.encode())


def _folded(word: str) -> str:
    if word.isascii():
        return word
    plain = unicodedata.normalize("NFKD", word.replace("ß", "ss")).translate(_ACCENTS)
    return unicodedata.normalize("NFC", plain)


@lru_cache(maxsize=len(_STEMMERS))
def _stemmer(name: str) -> _Stemmer:
    return cast("_Stemmer", py_rust_stemmers.SnowballStemmer(_STEMMERS[name]))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - see above
