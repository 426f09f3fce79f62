"""Grievances: what only the course of a conversation says - unhappiness that comes back, and an offered person accepted.

Read from the customer's own words; an apology or an abstention of ours is no reason, it only makes a second complaint count.
After a person has given the conversation back, what was before no longer counts.
"""

import re
from collections.abc import Sequence

from libs.contracts.session import Message

from . import asides, set_phrases, signals, words
from .intents import Intents

# An answer's metadata says with this key that it replied to a customer whom the one before had not helped.
UNHELPFUL = "unhelpful"
# How many unhappy messages are enough; and where an answer between them had failed.
_ENOUGH, _ENOUGH_AFTER_FAILURE = 3, 2
# From here on a message is unhappy, and an angry one adds to what was before.
_UNHAPPY_FROM, _ANGRY_FROM = 0.5, 0.35
# So much of two questions' words are the same where the question is.
_SAME = 0.6
# Whoever accepts an offer does so in few words.
_LONGEST_YES = 8

_UNHAPPY = [re.compile(pattern) for pattern in asides.UNHAPPY]
_SOMEBODY = (
    r"(?:person|human|colleague|team|agent|advis[eo]r|specialist|mensch|mitarbeiter|kolleg|persona|humano|companer|agente|asesor"
    r"|personne|humain|conseiller|collegue|medewerker|collega|mens\b|operatore|pessoa|atendente)"
)
_OFFER = re.compile(
    rf"(?:would you like|do you want|shall i|should i|can i|i can|if you like|you can|ask for|mochten sie|soll ich|wenn sie mochten|ich kann"
    rf"|si lo desea|quiere que|desea|puedo|souhaitez|voulez-vous|puis-je|wilt u|zal ik|vuole|desidera|gostaria|quer que)[^.!?]{{0,90}}{_SOMEBODY}"
)
_YES = re.compile(
    r"(?:(?:oh|well|ok|okay|hm+|thanks|danke|merci|gracias|grazie)[ ,.!]+)?(?:yes|yeah|yep|yup|sure|please do|go ahead|do that|do it|i would"
    r"|ja|jawohl|gerne?|bitte|mach\w* das|si|claro|vale|por favor|oui|volontiers|d'accord|avec plaisir|sim|pode|quero|va bene"
    r"|volentieri|certo|graag|doe maar|please|absolutely|definitely|unbedingt)\b"
)
_NO = re.compile(
    r"\b(?:no|not|don't|nope|nein|nicht|kein\w*|non|pas|nao|niet|geen|nee|thanks anyway|but|aber|pero|mais|maar|ma)\b|\?"
)


def since_a_person(history: Sequence[Message]) -> list[Message]:
    """Give what was said since a person last had the conversation."""
    said: list[Message] = []
    for message in history:
        if "ticket_id" in message.metadata or message.role == "operator":
            said.clear()
        else:
            said.append(message)
    return said


def accepted(texts: Sequence[str], history: Sequence[Message]) -> bool:
    """Say whether the last answer offered a person and the folded open messages take the offer."""
    said = since_a_person(history)
    if not said or said[-1].role != "assistant" or not _OFFER.search(signals.fold(said[-1].content)):
        return False
    return any(len(text.split()) <= _LONGEST_YES and _YES.match(text) and not _NO.search(text) for text in texts)


def unhappy_again(questions: Sequence[Message], history: Sequence[Message], intents: Intents | None) -> bool:
    """Say whether the customer is unhappy now and was before: often enough, angrier, or about the same question."""
    now = sum(unhappy(message.content, intents) for message in questions)
    if not now:
        return False
    said = since_a_person(history)
    theirs = [message for message in said if message.role == "user"]
    before = [message for message in theirs if unhappy(message.content, intents)]
    enough = _ENOUGH_AFTER_FAILURE if before and _failed_since(said, before[0]) else _ENOUGH
    if now + len(before) >= enough:
        return True
    if intents and before and any(_angry(message.content, intents) for message in questions):
        return True
    return _asked_again(questions, theirs)


def unhappy(text: str, intents: Intents | None = None) -> bool:
    """Say whether a message is unhappy, mildly or more."""
    folded = signals.fold(text)
    if any(pattern.search(folded) for pattern in _UNHAPPY) or set_phrases.says_that_it_did_not_help(text):
        return True
    if intents is None:
        return False
    scores = intents.scores(text)
    return scores["unhappy"] + scores["anger"] >= _UNHAPPY_FROM


def _angry(text: str, intents: Intents) -> bool:
    return intents.scores(text)["anger"] >= _ANGRY_FROM


def _failed_since(said: Sequence[Message], first: Message) -> bool:
    """Say whether an answer after a message was an apology, or said that nothing was found or that it had not helped."""
    after = (message for message in said if message.seq > first.seq and message.role == "assistant")
    return any(
        message.metadata.get("abstained") or message.metadata.get(UNHELPFUL) or "error" in message.metadata
        for message in after
    )


def _asked_again(questions: Sequence[Message], before: Sequence[Message]) -> bool:
    """Say whether one of the open messages has been asked twice already, in nearly the same words."""
    return any(sum(_alike(message.content, other.content) for other in before) + 1 >= _ENOUGH for message in questions)


def _alike(one: str, other: str) -> bool:
    first, second = words.stems(one), words.stems(other)
    return bool(first and second) and len(first & second) >= _SAME * len(first | second)
