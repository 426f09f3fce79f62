"""Shortcut: when to say that there is no answer without asking a model, which could only guess."""

import re

from . import languages, words
from .prompt import Prompt
from .sufficiency import Verdict
from .tools import BUILT_IN, SEARCH_KNOWLEDGE

# What a customer asks about the conversation itself; its answer stands in no help page.
_ABOUT_THE_TALK = re.compile(
    r"\b(?:you (?:said|mean|meant|wrote|told)|your (?:last|first|previous) (?:answer|message|point)|(?:i|we) (?:said|told|asked|wrote|talked)"
    r"|repeat|again|step \d|summar\w+|translate|rephrase|explain (?:that|this|it)|what does (?:that|this|it) mean|in (?:english|german|spanish|french)"
    r"|so far|above|earlier|first one|second one|last one|tell me more|more details?|go on|continue"
    r"|noch ?mal|zusammenfass\w*|ubersetz\w*|gesagt|meinst|meinen sie|genauer|repit\w+|resum\w+|traduc\w+|dijiste|dijo|explica\w*"
    r"|repet\w+|répét\w+|résum\w+|tradui\w+|avez dit|as dit|expliqu\w+)\b",
    re.IGNORECASE,
)


def abstains(verdict: Verdict, prompt: Prompt, tools: list[str]) -> bool:
    """Say whether nothing that an answer could be made from is there, nor anything that could find it.

    Args:
        verdict: about what was found.
        prompt: of the turn.
        tools: names of those that a model could call.
    """
    if verdict.decision != "abstain" or any(name not in BUILT_IN for name in tools):
        return False
    # Whoever can put it into English can search again.
    if verdict.foreign and SEARCH_KNOWLEDGE in tools:
        return False
    texts = [message.content for message in prompt.questions if message.role == "user"]
    return bool(texts) and not (_is_talk(texts) or _is_about_the_talk(texts, prompt) or _is_remembered(texts, prompt))


def _is_talk(texts: list[str]) -> bool:
    return all(words.is_small_talk(text) or languages.only_greets(text) for text in texts)


def _is_about_the_talk(texts: list[str], prompt: Prompt) -> bool:
    spoken = any(message.role in ("assistant", "operator") for message in prompt.history)
    return spoken and any(map(_ABOUT_THE_TALK.search, texts))


def _is_remembered(texts: list[str], prompt: Prompt) -> bool:
    asked = words.stems(" ".join(texts))
    return any(asked & words.stems(fact.label.replace("_", " ")) for fact in prompt.facts)
