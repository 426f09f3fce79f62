"""Tokens estimated from text, for models whose own counter is not at hand; corrected by what their provider reports."""

import re
from collections.abc import Iterator
from math import ceil

import msgspec

from .chat import ChatRequest, ToolSpec

# Characters in a token, by script: between what OpenAI's vocabularies cl100k and o200k take for letters of customers
# (Latin 4.1 to 5.1, Russian 2.3 and 4.3, Arabic 1.4 and 2.7, Chinese and Japanese 1.1 to 1.5, Korean 1.0 and 1.8).
_LATIN, _OTHER, _WIDE = 3.8, 2.5, 1.2
_NOT_LATIN = re.compile(r"[^\u0000-\u024f]+")
_IDEOGRAPHIC = re.compile(r"[\u2e80-\U0010ffff]+")
# What a message costs beside its text: its role and its delimiters.
_MESSAGE_TOKENS = 4
# How much one report moves the correction, and how far it may go: a report that is far off is not believed.
_WEIGHT = 0.1
_LOWEST, _HIGHEST = 0.5, 2.0


def texts(request: ChatRequest) -> Iterator[str]:
    """Give everything of a request that a model reads and is counted for."""
    for message in request.messages:
        yield message.content
        for call in message.tool_calls:
            yield call.name
            yield call.arguments
    if request.tools:
        yield _tools_text(request.tools)


def overhead(request: ChatRequest) -> int:
    """Give the tokens of a request that are in none of its texts."""
    return _MESSAGE_TOKENS * len(request.messages)


def _tools_text(tools: list[ToolSpec]) -> str:
    return msgspec.json.encode(tools).decode()


class TokenEstimate:
    """Counts tokens roughly: a token is 3.8 Latin characters, 2.5 of other alphabets, 1.2 of East Asia's.

    It is an estimate: single texts, code and rare languages can be off by half. What the provider reports corrects it by
    a running factor between 0.5 and 2.
    """

    def __init__(self) -> None:
        self._factor = 1.0

    def count(self, text: str) -> int:
        """Give the tokens of a text; 0 for none."""
        return ceil(_raw(text) * self._factor)

    def learn(self, request: ChatRequest, prompt_tokens: int) -> None:
        """Take in how many tokens the provider counted for a request; nothing is learned from a 0."""
        raw = sum(_raw(text) for text in texts(request))
        told = prompt_tokens - overhead(request)
        if raw >= 1 and told > 0:
            ratio = min(max(told / raw, _LOWEST), _HIGHEST)
            self._factor += _WEIGHT * (ratio - self._factor)


def _raw(text: str) -> float:
    if text.isascii():
        return len(text) / _LATIN
    foreign = "".join(_NOT_LATIN.findall(text))
    wide = sum(map(len, _IDEOGRAPHIC.findall(foreign)))
    return (len(text) - len(foreign)) / _LATIN + (len(foreign) - wide) / _OTHER + wide / _WIDE
