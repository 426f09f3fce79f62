"""What the agent needs from the outside. The bus's verbs (`Caller`, `Announcer`) are in `libs.contracts.channels`."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from libs.contracts.agent import Approval, MemoryItem
from services.agent.domain.chat import ChatDelta, ChatRequest, ToolCall
from services.agent.domain.facts import Fact
from services.agent.domain.prompt import Notice, Outcome, Prompt
from services.agent.domain.spending import Budget, Entry, Scope, Spend
from services.agent.domain.steps import Step, ToolContext, ToolKind, ToolResult

# A piece of the answer's text, word of what it is waiting for, or, as the stream's last, what the model says about it.
Delta: TypeAlias = str | Notice | Outcome
# Gives a new id with a prefix.
Mint: TypeAlias = Callable[[str], str]


class ModelFault(Exception):
    """A model cannot go on.

    Args:
        code: what went wrong, stable, told to clients: `model_unavailable` and the like.
        retryable: whether the same call may go well a moment later (not where a key is refused).
        retry_after_s: how long the provider asks to wait.
    """

    def __init__(self, code: str, *, retryable: bool = True, retry_after_s: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class ChatModel(Protocol):
    """One deployment of a language model: a provider, a model, a key. It makes one call for each `stream`, and never retries."""

    @property
    def name(self) -> str:
        """What it is called in settings, in the ledger and in an answer's metadata: `openai/gpt-5-mini`."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """Stream one completion: its text in pieces, then one `ChatEnd`. Closing the generator ends the call.

        Raises:
            ModelFault: `model_unreachable`, `model_timed_out` (no connection in time), `model_key_refused`,
                `model_rate_limited`, `model_request_refused` (it does not take what it was sent), `model_unavailable`
                (5xx), `model_cut` (the stream broke off), `model_malformed` (it sent what cannot be read).
        """
        ...

    def count(self, text: str) -> int:
        """Give the tokens of a text, by the model's own counter or the best estimate of it."""
        ...

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Give what so many tokens cost; 0 where no price is known."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


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
    """Keeps what users have told: across their sessions where the user is known, else within the session.

    Every method raises DeskError where it cannot do its work; all may be repeated.
    """

    async def learn(self, tenant: str, session_id: str, told: Sequence[Fact], user_id: str | None = None) -> None:
        """Keep facts, each once in its scope, the most important ones where there are too many, and tell of it.

        Nothing is kept of a session that was forgotten, nor what was told before the user's memories were erased.
        """
        ...

    async def recall(self, tenant: str, session_id: str, user_id: str | None = None) -> list[Fact]:
        """Give a session's facts and the user's most important ones, what was told last at the end."""
        ...

    async def known(self, tenant: str, session_id: str) -> list[Fact]:
        """Give the same where the caller does not know whose session it is."""
        ...

    async def touch(self, memory_ids: Sequence[str]) -> None:
        """Write down that these were used just now."""
        ...

    async def prepare(self, tenant: str, session_id: str, user_id: str) -> None:
        """Choose what a session's first answer needs of its user; a session that has ended is left as it is."""
        ...

    async def clear(self, tenant: str, session_id: str) -> None:
        """Remove what a session is about and what was prepared for it: it has ended."""
        ...

    async def forget(self, tenant: str, session_id: str) -> None:
        """Remove all that only this session told, and all else that the agent keeps of it; keep none of it from now on."""
        ...

    async def listed(self, tenant: str, user_id: str) -> list[MemoryItem]:
        """Give what is remembered of a user, the most important first."""
        ...

    async def erase(self, tenant: str, user_id: str, memory_id: str | None = None) -> int:
        """Remove one memory of a user, or all, and say how many; what was told until now is not learned again."""
        ...


class Tool(Protocol):
    """Something that a model may ask for."""

    @property
    def kind(self) -> ToolKind:
        """What it is."""
        ...

    async def call(self, arguments: dict[str, Any], ctx: ToolContext) -> ToolResult:
        """Do it. The arguments have been checked against its schema. A failure of the other side is a `failed` result."""
        ...

    async def probe(self) -> str:
        """Say in words how it is; raises what is wrong with it."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class Journal(Protocol):
    """Keeps the steps of turns, so that none has its effect twice. Every method raises DeskError where it cannot work."""

    async def steps(self, tenant: str, turn_id: str) -> list[Step]:
        """Give the steps of a turn, in their order."""
        ...

    async def begin(self, tenant: str, session_id: str, turn_id: str, step: Step) -> None:
        """Write down that a step is about to run.

        Raises:
            Conflict: `step_taken`: its number is there already, or a later attempt has begun one.
        """
        ...

    async def end(self, tenant: str, turn_id: str, number: int, result: ToolResult) -> None:
        """Write down how a step ended; the first word counts."""
        ...


class Approvals(Protocol):
    """Keeps actions that wait for a person's word. Every method raises DeskError where it cannot work."""

    async def request(self, tenant: str, approval: Approval, call: ToolCall) -> Approval:
        """Ask for a person's word, and tell of it; the same turn and call ask once, and get the first one's approval."""
        ...

    async def get(self, tenant: str, approval_id: str) -> tuple[Approval, ToolCall] | None:
        """Give an approval and the call that it is about; None where there is none."""
        ...


class Ledger(Protocol):
    """Keeps what models cost. Every method raises DeskError where it cannot work."""

    async def reserve(
        self, tenant: str, session_id: str, usage_id: str, spend: Spend, budgets: Mapping[Scope, Budget]
    ) -> Scope | None:
        """Set an amount aside under the call's id; gives the scope (`session`, `tenant`) whose budget it would pass, else None."""
        ...

    async def spent_in_turn(self, tenant: str, session_id: str, turn_id: str) -> Spend:
        """Give what a turn has taken, with what is set aside in its session and not settled: calls of attempts that died."""
        ...

    async def settle(self, entries: Sequence[Entry]) -> None:
        """Write calls down, tell of each, and put what they really took in the place of what was set aside."""
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
