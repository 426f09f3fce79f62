"""The extractive model: quotes the help pages. It is no language model, and says so."""

import asyncio
from collections.abc import AsyncGenerator

from msgspec.structs import replace

from services.agent.domain import extract
from services.agent.domain.prompt import Prompt
from services.agent.ports import Delta


class ExtractiveModel:
    """Answers with sentences of the passages (`services.agent.domain.extract`)."""

    name = "extractive"
    about = "extractive (no language model configured)"

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream the extract word by word, letting others run in between."""
        found = extract.compose(prompt)
        for piece in extract.pieces(found.text):
            yield piece
            await asyncio.sleep(0)
        yield replace(found.outcome, metadata={**found.outcome.metadata, "kind": "extractive"})
