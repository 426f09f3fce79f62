"""Words: which of them carry what a text is about, and when two of them are the same."""

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Words that say how something is asked, not what about.
_STOP = frozenset(
    """
    a about after again all also am an and another any anyone anything are aren't as at be because been before being
    but by can can't cannot could couldn't did didn't do does doesn't doing don't done during each else etc ever every
    few for from get gets getting give go going got had has have haven't having he her here hers him his how how's i
    i'd i'll i'm i've if in into is isn't it it's its itself just kind know let let's like long look lot many may maybe
    me might more most much must my myself need needed needs no nor not now of off often on once one only or other our
    ours out over own please possible quite rather really same say says shall she should so some somebody someone
    something somewhere sort still such take takes tell than that that's the their theirs them then there there's
    these they they're thing things this those though through to too under until up upon us use using usually very want
    wanted wants was wasn't way we we'd we'll we're we've well were what what's when when's where where's whether which
    while who who's whom whose why why's will with within without won't would wouldn't yes yet you you'd you'll you're
    you've your yours yourself
    arent cant couldnt didnt doesnt dont havent hasnt im isnt ive lets pls please plz shouldnt thats u ur wasnt whats wheres wont wouldnt
    able anyway bit exactly maybe normal normally simply sometimes somehow
    """.split()  # noqa: SIM905 - a table of words reads best as text
)
_SMALL_TALK = frozenset(
    """
    hi hello hey hiya howdy greetings good morning afternoon evening day night thanks thank thx cheers ok okay great
    perfect awesome cool nice bye goodbye welcome sir madam team everyone
    hallo guten tag morgen abend danke vielen dank dankeschön tschüss hola gracias muchas buenos buenas dias días tardes noches adiós dankeschön moin wiedersehen adios
    bonjour bonsoir merci beaucoup salut ciao
    """.split()  # noqa: SIM905
)


# "That helped": says nothing that could be looked for. "That did not help" is no such thing.
_HELPED = re.compile(
    r"\b(?:(?:that|this|it)(?: really| has| just)? (?:help(?:ed|s)(?: me)?(?: a lot)?|worked|works now)|problem solved"
    r"|das hat (?:mir )?(?:sehr |echt |wirklich )?geholfen|(?:eso|esto) me (?:ha )?ayud(?:ó|o|a|ado)(?: mucho)?|[cç]a m['’]a (?:bien |beaucoup )?aidée?)"
    r"(?!\w)",
    re.IGNORECASE,
)


def tells_that_it_helped(text: str) -> bool:
    """Say whether a text says that an answer has helped."""
    return _HELPED.search(text) is not None


def words(text: str) -> list[str]:
    """Give the words of a text, in lower case."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def content(text: str) -> list[str]:
    """Give the stems of the words that carry what a text is about, each once, in their order."""
    kept = (word for word in words(_HELPED.sub(" ", text)) if word not in _STOP and word not in _SMALL_TALK)
    return list(dict.fromkeys(stem(word) for word in kept))


def stems(text: str) -> frozenset[str]:
    """Give the stems of all words of a text."""
    return frozenset(map(stem, set(words(text))))


def is_small_talk(text: str) -> bool:
    """Say whether a text only greets or thanks."""
    talks = any(word in _SMALL_TALK for word in words(text)) or tells_that_it_helped(text)
    return talks and not content(text)


def any_of(text: str, wanted: Iterable[str]) -> bool:
    """Say whether one of the words stands in a text."""
    return not set(words(text)).isdisjoint(wanted)


def stem(word: str) -> str:
    """Cut the common English endings off, so that "returned" is "return" and "shipping" is "ship".

    Light on purpose: a part of Porter's first step ("An algorithm for suffix stripping", 1980), -ment and
    -ification. Two words that should be one cost a little confidence; two that should not be cost the right answer.
    """
    if "'" in word:
        word = word.removesuffix("'s").replace("'", "")
    if len(word) < 4:
        return word
    if word[-1] == "s":
        word = _singular(word)
    # Most words end in none of these: this is done for every word of every passage.
    if word[-1] in "ntgd":
        for ending, least in (("ification", 11), ("ment", 7), ("ing", 6), ("ed", 5)):
            if word.endswith(ending) and len(word) >= least:
                word = word[: -len(ending)] + ("ify" if ending == "ification" else "")
                break
    if len(word) > 4 and word[-1] in "ey":
        word = word[:-1] + ("i" if word[-1] == "y" else "")
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou" else word


def _singular(word: str) -> str:
    """Cut a plural's ending off; the word has at least four letters and ends in s."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word if word.endswith(("ss", "us", "is")) else word[:-1]
