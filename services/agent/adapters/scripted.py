"""The scripted model: numbered tokens at a steady pace, and faults on request. For tests and load only."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable

from services.agent.domain import script
from services.agent.domain.prompt import Outcome, Prompt
from services.agent.ports import Delta, ModelFault

_CRASHED = 137  # the status of a process that was killed by SIGKILL


def _end_process() -> None:
    os._exit(_CRASHED)


class ScriptedModel:
    """Does what the directives in the question say (`services.agent.domain.script`).

    Args:
        crash: ends the process without cleaning up.
    """

    name = "scripted"
    about = "scripted (for tests, answers nothing)"

    def __init__(self, pace: script.Pace, crash: Callable[[], None] = _end_process) -> None:
        self._pace = pace
        self._crash = crash

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream the script of this attempt."""
        text = "\n".join(message.content for message in prompt.questions)
        plan = script.read(text, turn_id=prompt.turn_id, attempt=prompt.attempt, pace=self._pace, before=prompt.history)
        clock = asyncio.get_running_loop().time
        started = clock()
        for number, token in enumerate(plan.tokens):
            self._fault(plan, number)
            # By the schedule, so that what a sleep takes too long is not added up.
            await asyncio.sleep(started + plan.first_s + number * plan.interval_s - clock())
            yield token
        self._fault(plan, len(plan.tokens))
        yield Outcome(confidence=0.0, metadata={"kind": "scripted"})

    def _fault(self, plan: script.Script, number: int) -> None:
        if plan.crash_after == number:
            self._crash()
        if plan.fail_after == number:
            raise ModelFault("model_unavailable")
