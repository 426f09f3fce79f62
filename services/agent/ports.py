"""What the agent needs from the outside. The bus's verbs (`Caller`, `Announcer`) are in `libs.contracts.channels`."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Protocol, TypeAlias

from services.agent.domain.facts import Fact
from services.agent.domain.prompt import Outcome, Prompt

# A piece of the answer's text, or, as the stream's last, what the model says about it.
Delta: TypeAlias = str | Outcome
# Gives a new id with a prefix.
Mint: TypeAlias = Callable[[str], str]


class ModelFault(Exception):
    """A model cannot go on.

    Args:
        code: what went wrong, stable, told to clients: `model_unavailable` and the like.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Model(Protocol):
    """Writes answers."""

    @property
    def name(self) -> str:
        """What it is called in an answer's metadata."""
        ...

    @property
    def about(self) -> str:
        """What it is, in words for an operator's readiness page."""
        ...

    def answer(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream an answer: its text in pieces, then one `Outcome`.

        Pieces are final: nothing is taken back. Its citations `[1]`, `[2]` ... count in the order of `Outcome.used`,
        so a model that cites by other numbers renumbers them before they leave it. The generator is closed when
        nobody wants the rest; it then lets go of what it holds.

        Raises:
            ModelFault: it cannot go on. Any other exception counts as `model_failed`.
        """
        ...


class Memories(Protocol):
    """Keeps the facts of sessions.

    Every method raises DeskError where it cannot do its work; all may be repeated.
    """

    async def learn(self, tenant: str, session_id: str, facts: Sequence[Fact]) -> None:
        """Keep facts, each value of a kind once, the ones told last where there are too many.

        Nothing is kept of a session that was forgotten.
        """
        ...

    async def recall(self, tenant: str, session_id: str) -> list[Fact]:
        """Give a session's facts, what was told last at the end."""
        ...

    async def forget(self, tenant: str, session_id: str) -> None:
        """Remove a session's facts, and keep none of it from now on."""
        ...


class Doorbell(Protocol):
    """Rings when there may be a turn to claim. Of all agents that have joined, one hears each ring."""

    async def join(self, ring: Callable[[], None]) -> None:
        """Hear it from now on."""
        ...

    async def leave(self) -> None:
        """Hear it no more; the others hear it instead. Leaving twice does nothing."""
        ...


class Log(Protocol):
    """Takes one line about what happened: a static event name and facts, never customer words."""

    def info(self, event: str, /, **facts: Any) -> Any:
        """Say what happened."""
        ...

    def warning(self, event: str, /, **facts: Any) -> Any:
        """Say what went wrong and was dealt with."""
        ...

    def exception(self, event: str, /, **facts: Any) -> Any:
        """Say what somebody must look into, with the exception that is being handled."""
        ...
