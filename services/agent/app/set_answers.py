"""Set answers before any model is asked (`domain.set_answers`)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from services.agent.domain import extract, set_answers
from services.agent.domain.prompt import Prompt
from services.agent.ports import Delta, Model

from .writing import Resuming


class SetAnswers:
    """Answers in set words where there are some, and else as the model does: a `ports.Model`."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """What the model is called."""
        return self._model.name

    @property
    def about(self) -> str:
        """Which model it is, for readiness."""
        return self._model.about

    async def has_begun(self, tenant: str, turn_id: str) -> bool:
        """Say whether earlier attempts of a turn called tools; False of a model that calls none."""
        return isinstance(self._model, Resuming) and await self._model.has_begun(tenant, turn_id)

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream an answer."""
        if set_words := set_answers.reply(prompt):
            for piece in extract.pieces(set_words.text):
                yield piece
            yield set_words.outcome
            return
        async with aclosing(self._model.answer(prompt)) as deltas:
            async for delta in deltas:
                yield delta
