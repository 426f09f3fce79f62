"""Instructions: the system message, from a versioned text with named parts and named places.

A part begins at a line `=== name`; a place is written `{{name}}`. What fills the places is ours (settings and other parts of
the same text), never what a customer, a page or a tool says.
"""

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from .languages import NAMES, Spoken

# What the model is to do in a turn: `approval` tells of a colleague's decision, the others are `sufficiency`'s.
Task = Literal["answer", "clarify", "abstain", "approval"]

_HEAD = re.compile(r"^=== (\w+)\n", re.MULTILINE)
# Where a place is left empty.
_GAP = re.compile(r"\n{3,}")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
# Part -> the places that it may have. `example` shows what a placeholder looks like (`filters.Redaction`).
_PARTS = {
    "system": {"company", "assistant", "tone", "tools", "task", "writing", "placeholders"},
    "placeholders": {"example"},
    "tools": {"company", "assistant"},
    "answer": {"company", "assistant"},
    "clarify": {"company", "assistant"},
    "abstain": {"company", "assistant"},
    "approval": {"company", "assistant"},
    "language": {"language"},
    "language_unsure": {"language"},
    "language_unknown": set[str](),
}
_NEEDED = {"tools", "task", "writing", "placeholders"}


class Persona(Struct, frozen=True, kw_only=True):
    """Who speaks.

    Attributes:
        company: for whom.
        assistant: its name.
        tone: how it speaks, in sentences to the model.
    """

    company: str = "our company"
    assistant: str = "the assistant"
    tone: str = "Be friendly, calm and brief."


class Instructions:
    """The system messages of one version of the text, for one persona.

    Args:
        text: the whole text, all parts.
        name: what it is called in an answer's metadata: `system.v1`.

    Raises:
        ValueError: a part is missing or unknown, or has a place that nothing fills.
    """

    def __init__(self, text: str, persona: Persona, name: str = "") -> None:
        self.name = name
        self._values = {"company": persona.company, "assistant": persona.assistant, "tone": persona.tone}
        self._parts = _parts(text)

    def system(self, tasks: Sequence[Task], spoken: Spoken, *, tools: bool, redacted: bool = False) -> str:
        """Write the system message of a turn.

        Args:
            tasks: what the model is to do.
            spoken: which language the customer writes.
            tools: whether the model may call any.
            redacted: whether personal data is hidden from it by placeholders.
        """
        filled = self._filled(
            "system",
            tools=self._filled("tools") if tools else "",
            placeholders=self._filled("placeholders", example="{{EMAIL_1}}") if redacted else "",
            task="\n".join(map(self._filled, tasks)),
            writing=self._writing(spoken),
        )
        return _GAP.sub("\n\n", filled)

    def _writing(self, spoken: Spoken) -> str:
        if spoken.latest in NAMES:
            return self._filled("language", language=NAMES[spoken.latest])
        if spoken.latest is None and spoken.before in NAMES:
            return self._filled("language_unsure", language=NAMES[spoken.before])
        return self._filled("language_unknown")

    def _filled(self, part: str, **values: str) -> str:
        known = {**self._values, **values}
        return _PLACE.sub(lambda place: known[place[1]], self._parts[part])


def _parts(text: str) -> dict[str, str]:
    """Take the text apart, and check it: a fault in it shows at the start and not in an answer."""
    cut = _HEAD.split(text)
    parts = {name: content.strip("\n") for name, content in zip(cut[1::2], cut[2::2], strict=True)}
    if cut[0].strip() or len(parts) != len(cut) // 2 or parts.keys() != _PARTS.keys():
        raise ValueError(f"a prompt has the parts {', '.join(_PARTS)}, each once, and nothing before them")
    places = {name: set(_PLACE.findall(content)) for name, content in parts.items()}
    for name, found in places.items():
        if unknown := found - _PARTS[name]:
            raise ValueError(f"the prompt's part {name} has places that nothing fills: {', '.join(sorted(unknown))}")
    if missing := _NEEDED - places["system"]:
        raise ValueError(f"the prompt's part system has no place for: {', '.join(sorted(missing))}")
    return parts
