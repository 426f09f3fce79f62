"""Questions: what a customer asked, apart, and what to look for."""

import re

from libs.contracts.session import Message

from . import words

# Longer ones hold a story around the question, which the embedding model would not read to its end.
MAX_QUERY = 500

_SENTENCE_END = re.compile(r"(?<=[.!?\n])\s+")
# "... and how long does shipping take?" is a question of its own.
_SECOND = re.compile(
    r"(?:,\s*|\s+)(?:and|also|plus)\s+(?=(?:how|what|when|where|who|why|which|do|does|can|could|is|are|will)\b)",
    re.IGNORECASE,
)


def asked(questions: list[Message], history: list[Message]) -> list[str]:
    """Give the questions of a turn one by one; empty where the customer only greets or thanks.

    What ends in a question mark is a question; a message without one is one question as a whole. A follow-up that
    has no content words of its own ("and how long?") is read together with the customer's question before it.
    """
    texts = [message.content for message in questions]
    found = [question for text in texts for question in _questions(text)]
    if not found:
        return []
    if any(map(words.content, found)):
        return list(dict.fromkeys(question for question in found if words.content(question)))
    topic = next((message.content for message in reversed(history) if _has_topic(message)), "")
    return [" ".join([topic, *found]).strip()]


def query(questions: list[Message], history: list[Message]) -> str:
    """Give the text to search for: all that is asked, and for a follow-up what it follows.

    A text that is too long gives its questions, and of these their end.
    """
    whole = " ".join(message.content.strip() for message in questions)
    if not words.content(whole) and not words.is_small_talk(whole):
        whole = " ".join(asked(questions, history)) or whole
    if len(whole) > MAX_QUERY:
        whole = " ".join(asked(questions, history)) or whole
    return whole if len(whole) <= MAX_QUERY else whole[-MAX_QUERY:].partition(" ")[2] or whole[-MAX_QUERY:]


def _has_topic(message: Message) -> bool:
    return message.role == "user" and bool(words.content(message.content))


def _questions(text: str) -> list[str]:
    """Take one message apart."""
    if words.is_small_talk(text):
        return []
    sentences = [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]
    marked = [sentence for sentence in sentences if sentence.endswith("?")]
    if not marked:
        return [text.strip()] if text.strip() else []
    return [part.strip() for sentence in marked for part in _SECOND.split(sentence) if part.strip()]
