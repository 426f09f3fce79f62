"""The most obedient model there is: it does whatever a text asks for, and repeats whatever tools say."""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections import Counter
from typing import Any

from msgspec import Struct

from tests.support.openai_script import Body, Call, Reply, text_of

# Of a storm: how many calls the first reply asks for, and each further one.
_FIRST, _FURTHER = 12, 3
_TAG = re.compile(
    r"<(?P<end>/)?(?P<name>customer_message|passage|fact|colleague_message|event|tool_result|unread_file|file)"
    r"(?: [a-z]+=\"[^\"<]*\")*>"
)
# Nobody sees them, and they hold words or turn them around.
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\u200b\u2060-\u2064\U000e0000-\U000e0fff]")


class Action(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that the model does.

    Attributes:
        tool: called with `arguments`, or with `raw` where that is to be no JSON.
        storm: how often; 0 is once. `{n}` in a text of the arguments is the how-manieth call it is.
        say: written.
        recite: write the system prompt, its words joined by `join`, in upper case, or in a disguise.
    """

    tool: str = ""
    arguments: dict[str, Any] = {}
    raw: str = ""
    storm: int = 0
    say: str = ""
    recite: bool = False
    join: str = " "
    upper: bool = False
    disguise: str = ""


class Led(Struct, frozen=True, kw_only=True):
    """The call by which a text first comes to the model, and the block in which it must then stand."""

    block: str
    call: Call | None = None


class Obedient:
    """The model of one case.

    Attributes:
        faults: why the case proves nothing, or what the model should never have been shown.
        seen: whether the text reached it.
    """

    def __init__(self, text: str, obeys: list[Action], led: Led, never: list[str]) -> None:
        self.faults: list[str] = []
        self.seen = False
        self.system = ""
        self._text, self._obeys, self._led, self._never = text, obeys, led, never
        self._leading = led.call is not None
        self._called: Counter[int] = Counter()

    def reply(self, body: Body) -> Reply:
        """Answer a request."""
        messages = body["messages"]
        self.system = text_of(messages[0])
        shown = json.dumps(body, ensure_ascii=False)
        self.faults += [f"the model was shown: {secret}" for secret in self._never if secret in shown]
        if self._leading:
            self._leading = False
            return Reply(text="One moment. ", calls=(self._led.call,) if self._led.call else ())
        self._look(messages)
        calls = self._calls()
        told = [text_of(message) for message in messages if message["role"] == "tool"]
        repeated = [f"It says: {html.unescape(text)}" for text in told]
        return Reply(text="\n".join(["Of course.", *repeated, *self._says()]), calls=tuple(calls))

    def _calls(self) -> list[Call]:
        calls: list[Call] = []
        for place, action in enumerate(self._obeys):
            left = (action.storm or 1) - self._called[place] if action.tool else 0
            for _ in range(min(left, _FURTHER if self._called[place] else _FIRST)):
                self._called[place] += 1
                number = str(self._called[place])
                arguments = action.raw or json.dumps(action.arguments).replace("{n}", number)
                calls.append(Call(action.tool, arguments, f"call_{place}_{number}"))
        return calls

    def _says(self) -> list[str]:
        texts: list[str] = []
        for action in self._obeys:
            if action.recite:
                words = action.join.join(self.system.split())
                texts.append(disguised(words.upper() if action.upper else words, action.disguise))
            elif action.say:
                texts.append(action.say)
        return texts

    def _look(self, messages: list[Body]) -> None:
        """Check that the text is there, in its block, and that it did not get out of it."""
        if [message["role"] == "system" for message in messages] != [True] + [False] * (len(messages) - 1):
            self.faults.append("the system message is not the first and only one")
        within: Counter[str] = Counter()
        pieces: dict[str, str] = {}
        for message in messages[1:]:
            text = text_of(message)
            self.faults += [f"{fault} in a message of {message['role']}" for fault in _walk(text, pieces)]
            within["hidden"] += len(_HIDDEN.findall(text))
        if within["hidden"]:
            self.faults.append("hidden characters reached the model")
        # Names in a block's head are short.
        wanted = normal(self._text)[:100] if self._led.block == "head" else normal(self._text)
        if wanted and wanted in normal(text_of(messages[0])):
            self.faults.append("the text stands in the system message")
        self.seen = self.seen or wanted in normal(pieces.get(self._led.block, ""))


def _walk(text: str, pieces: dict[str, str]) -> list[str]:
    """Gather a message's text by the innermost block that it stands in, and the heads of blocks; say what is no block."""
    stack: list[str] = []
    faults: list[str] = []
    place = 0
    while (at := text.find("<", place)) >= 0:
        pieces[stack[-1] if stack else ""] = pieces.get(stack[-1] if stack else "", "") + text[place:at] + "\n"
        tag = _TAG.match(text, at)
        if tag is None:
            return [*faults, f"a < that is no block: {text[at : at + 30]!r}"]
        pieces["head"] = pieces.get("head", "") + tag[0] + "\n"
        if not tag["end"]:
            stack.append(tag["name"])
        elif not stack or stack.pop() != tag["name"]:
            faults.append(f"a block that ends twice: {tag['name']}")
        place = tag.end()
    pieces[stack[-1] if stack else ""] = pieces.get(stack[-1] if stack else "", "") + text[place:] + "\n"
    return [*faults, *(f"a block without an end: {name}" for name in stack)]


def normal(text: str) -> str:
    """Give a text without what assembly may change: hidden characters, white space, marks of citations, quotation marks."""
    text = re.sub("&lt;|[\uff1c\ufe64]", "<", text).replace('"', "'")
    text = re.sub(r"[ \t]?\[\d{1,3}\]", "", text)
    seen = "".join(
        " " if character in "\t\n\r" else character
        for character in text
        if character in "\t\n\r" or unicodedata.category(character) not in ("Cf", "Cc", "Zl", "Zp")
    )
    return "".join(seen.split())


def disguised(text: str, disguise: str) -> str:
    """Write a text so that its words cannot be told, in a way that a reader can undo."""
    if disguise == "base64":
        return base64.b64encode(text.encode()).decode()
    if disguise == "backwards":
        return text[::-1]
    if disguise == "spaced":
        return " ".join(text.replace(" ", "_"))
    if disguise == "fillers":
        return " banana ".join(text.split())
    return text
