"""What the scripted model does on request."""

import asyncio

import pytest

from services.agent.adapters.scripted import ScriptedModel
from services.agent.domain.prompt import Outcome, Prompt
from services.agent.domain.script import Pace, read
from services.agent.ports import ModelFault
from services.agent.settings import Settings
from services.agent.wiring import own_model

from .fakes import message

QUICK = Pace(tokens=4, first_ms=0, interval_ms=0)


class Crash(BaseException):
    """Stands for the end of the process."""


def crash() -> None:
    raise Crash


async def run(text: str, *, attempt: int = 1, turn_id: str = "turn_ABCDEF") -> tuple[str, object]:
    """Give the text that was streamed and how it ended."""
    said: list[str] = []
    try:
        prompt = Prompt(turn_id=turn_id, attempt=attempt, questions=[message(text)])
        async for delta in ScriptedModel(QUICK, crash).answer(prompt):
            if isinstance(delta, Outcome):
                return "".join(said), delta
            said.append(delta)
    except (ModelFault, Crash) as end:
        return "".join(said), type(end)
    raise AssertionError("the stream ended without an outcome")


async def test_tokens_are_numbered_and_no_other_turns() -> None:
    text, end = await run("hello")
    assert text == "ABCDEF:0 ABCDEF:1 ABCDEF:2 ABCDEF:3 "
    assert end == Outcome(confidence=0.0, metadata={"kind": "scripted"})
    assert (await run("hello", turn_id="turn_GHIJKL"))[0] != text


@pytest.mark.parametrize(
    ("text", "attempt", "tokens", "end"),
    [
        ("[tokens=7]", 1, 7, Outcome),
        ("[tokens=0]", 1, 0, Outcome),
        ("[tokens=many]", 1, 4, Outcome),
        ("[fail-before]", 1, 0, ModelFault),
        ("[fail-after=2]", 1, 2, ModelFault),
        ("[fail-after=2]", 2, 2, ModelFault),
        ("[fail-after=4]", 1, 4, ModelFault),
        ("[fail-once-after=2]", 1, 2, ModelFault),
        ("[fail-once-after=2]", 2, 4, Outcome),
        ("[crash-after=3]", 2, 3, Crash),
        ("[crash-once-after=3]", 1, 3, Crash),
        ("[crash-once-after=3]", 2, 4, Outcome),
    ],
)
async def test_directives(text: str, attempt: int, tokens: int, end: type) -> None:
    said, ended = await run(f"please {text} now", attempt=attempt)
    assert len(said.split()) == tokens
    assert ended is end or isinstance(ended, end)


async def test_say_streams_the_text_and_newlines_streams_newlines() -> None:
    assert (await run("[say=Hello  big world]"))[0] == "Hello  big world"
    assert (await run("[newlines]"))[0].endswith("ABCDEF:3\n\n")


async def test_the_pace_is_kept() -> None:
    script = read("[first=40][interval=20][tokens=3]", turn_id="turn_1", attempt=1, pace=QUICK)
    assert (script.first_s, script.interval_s) == (0.04, 0.02)
    started = asyncio.get_running_loop().time()
    await run("[first=40][interval=20][tokens=3]")
    assert 0.075 <= asyncio.get_running_loop().time() - started < 0.2


def test_it_is_refused_in_production() -> None:
    assert own_model(Settings(database_url="", model="scripted")).name == "scripted"
    assert (
        own_model(Settings(database_url="", environment="production")).about
        == "extractive (no language model configured)"
    )
    with pytest.raises(Exception, match="DESKBUS_MODEL=scripted"):
        own_model(Settings(database_url="", model="scripted", environment="production"))
