"""Speech: what a model writes, on its way out. What has left is heard by what judges its support, and is never taken back."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol, TypeAlias

from services.agent.domain.chat import ChatDelta, ChatRequest
from services.agent.domain.citations import Citations
from services.agent.domain.draft import printable
from services.agent.domain.filters import Chain, Filter
from services.agent.domain.grounding import Grounding, Support
from services.agent.domain.steps import ToolResult

from .spending import TurnSpending

_BREAK = "\n\n"

# Takes the text of a call piece by piece; says whether any of it so far can leave.
Trial: TypeAlias = Callable[[str], bool]


class TryingCompletions(Protocol):
    """Streams completions, and tries again while nothing of a call's text can leave (`deployments.Deployments`)."""

    @property
    def name(self) -> str:
        """What the first deployment is called."""
        ...

    def stream(
        self, request: ChatRequest, spending: TurnSpending, trial: Callable[[], Trial] = ...
    ) -> AsyncGenerator[ChatDelta, None]:
        """Stream one completion, as `dialogue.Completions` does; `trial` makes what judges each call."""
        ...


class HeldCompletions:
    """Completions whose calls are tried again until some of their text can leave to the customer.

    Args:
        filters: makes all that holds words back on their way out, for one call.
    """

    def __init__(self, completions: TryingCompletions, filters: Callable[[], Sequence[Filter]]) -> None:
        self._completions = completions
        self._filters = filters

    @property
    def name(self) -> str:
        """What the first deployment is called."""
        return self._completions.name

    def stream(self, request: ChatRequest, spending: TurnSpending) -> AsyncGenerator[ChatDelta, None]:
        """Stream one completion, as `dialogue.Completions` does."""
        return self._completions.stream(request, spending, self._trial)

    def _trial(self) -> Trial:
        chain = Chain(self._filters())
        return lambda piece: bool(chain.feed(printable(piece)).strip())


class Speech:
    """The text of one answer.

    Args:
        citations: the first filter.
        filters: those after it, in their order.
        grounding: makes what hears the text; that takes a millisecond or two, so it is done while the model is waited for.

    Attributes:
        left: whether any of it has left.
    """

    def __init__(self, citations: Citations, filters: Sequence[Filter], grounding: Callable[[], Grounding]) -> None:
        self.left = False
        self._citations = citations
        self._chain = Chain([citations, *filters])
        self._make_grounding = grounding
        self._grounding: Grounding | None = None
        self._begun = False
        self._before = ""
        self._end = ""

    def warm(self) -> None:
        """Get ready to hear."""
        self._ears()

    def say(self, piece: str) -> str:
        """Take a further piece; give what may leave now, perhaps nothing."""
        if not self._begun:
            piece = piece.lstrip()
            if not piece:
                return ""
            piece, self._begun, self._before = self._before + piece, True, _BREAK
        return self._out(self._chain.feed(piece))

    def pause(self) -> None:
        """Note that what follows is a paragraph of its own."""
        self._begun = False

    def finish(self) -> str:
        """Give the rest."""
        return self._out(self._chain.finish())

    def know(self, result: ToolResult) -> None:
        """Let what a tool gave support what follows; its passages may be cited."""
        self._citations.know(passage.rank for passage in result.passages)
        self._ears().add(result.passages)
        if not result.failed:
            self._ears().told(result.text)

    @property
    def cited(self) -> list[int]:
        """The ranks that the text cites, in the order of their numbers in it."""
        return list(self._citations.used)

    def ends_with(self, marks: tuple[str, ...]) -> bool:
        """Say whether what has left ends with one of these, but for white space."""
        return self._end.rstrip().endswith(marks)

    def support(self) -> Support:
        """Say how well the passages support what has left; ask once, at the end."""
        return self._ears().finish()

    def _out(self, text: str) -> str:
        if text:
            self.left, self._end = True, text if text.strip() else self._end
            self._ears().hear(text)
        return text

    def _ears(self) -> Grounding:
        if self._grounding is None:
            self._grounding = self._make_grounding()
        return self._grounding
