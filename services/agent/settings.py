"""What an operator may set about the agent, as `DESKBUS_<NAME>`."""

from typing import Annotated, Literal

from msgspec import Meta, field

from libs.runtime.settings import CommonSettings
from services.agent.domain.spending import Budget, Scope

Count = Annotated[int, Meta(ge=1)]
Limit = Annotated[int, Meta(ge=0)]
Money = Annotated[float, Meta(ge=0)]
Milliseconds = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]


class ModelSettings(CommonSettings, frozen=True, kw_only=True):
    """Who writes the answers.

    Attributes:
        model: `extractive` quotes the help pages; `scripted` is for tests and load; anything else is a language model as
            litellm names it, `openai/gpt-5-mini` or `anthropic/claude-sonnet-4-5`, with `@` and an address behind it where
            it is not at its provider's: `openai/llama3@http://127.0.0.1:8080/v1`.
        fallback_models: language models that are asked in this order where the first fails.
        model_adapter: `direct` speaks OpenAI's protocol itself, `litellm` any provider's, at more CPU time and memory; `auto`
            takes `direct` for `openai/...`.
        model_api_key: for models with an address of their own, and for OpenAI, where OPENAI_API_KEY serves as well. litellm
            reads each provider's own variable.
        model_prices: US dollars a million tokens, `openai/gpt-5-mini=0.25/2.00` (prompt/completion); litellm knows many.
        model_temperature: as the provider takes it; by default the provider's own.
        model_max_tokens: of one completion.
        model_context_tokens: of a whole prompt; what does not fit is left out, the oldest history first.
        first_token_timeout_s: for a model's first piece of text.
        between_tokens_timeout_s: between two pieces.
        text_interval_ms: between two `text` frames of an answer, for which a model's words are gathered.
        company_name, assistant_name, assistant_tone: who a language model says that it is, and how it speaks.
        system_prompt: the instructions: a version of ours (`services/agent/prompts`), or the path of a file of your own.
        redact_pii: whether e-mail addresses, telephone, card and account numbers are kept from language models.
        scripted_tokens, scripted_first_token_ms, scripted_interval_ms: what the scripted model does where the
            question has no directives.
    """

    model: str = "extractive"
    fallback_models: list[str] = field(default_factory=list)
    model_adapter: Literal["auto", "direct", "litellm"] = "auto"
    model_api_key: str = ""
    model_prices: list[str] = field(default_factory=list)
    model_temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    model_max_tokens: Count = 800
    model_context_tokens: Annotated[int, Meta(ge=2000)] = 16_000
    first_token_timeout_s: Seconds = 15.0
    between_tokens_timeout_s: Seconds = 20.0
    text_interval_ms: Milliseconds = 35
    company_name: str = "our company"
    assistant_name: str = "the support assistant"
    assistant_tone: str = "Be friendly, calm and brief."
    system_prompt: str = "system.v1"
    redact_pii: bool = False
    scripted_tokens: Annotated[int, Meta(ge=0)] = 64
    scripted_first_token_ms: Milliseconds = 200
    scripted_interval_ms: Milliseconds = 15

    @property
    def limits_money(self) -> bool:
        """Whether there is a budget in money."""
        return False


class Settings(ModelSettings, frozen=True, kw_only=True):
    """The agent's settings.

    Attributes:
        database_url: where memories, steps, approvals and the ledger are kept.
        agent_slots: turns at once in this process.
        agent_claims: claims in flight at once.
        agent_poll_ms: how often an idle agent asks for work that no bell announced.
        agent_history: messages before the questions that a turn is given.
        agent_drain_s: how long a stopping agent lets its turns finish before it gives them back.
        turn_timeout_s: for a whole turn.
        knowledge_timeout_s: for a search.
        knowledge_passages: passages that a search asks for.
        allowed_links: hosts, with their subdomains, to which answers may hold links and images.
        tools: those that language models may ask for; by default all, built in and declared.
        tools_file: declares tools over HTTP (docs/tools.md).
        approval_hours: how long an action waits for a person's word.
        tool_calls_per_turn: the most that a turn may make.
        turn_tokens, turn_cost_usd: the most that one turn may take; 0 is no limit.
        session_tokens, session_cost_usd: that one session may take.
        tenant_daily_tokens, tenant_daily_cost_usd: that a tenant may take on one day (UTC).
    """

    database_url: str
    agent_slots: Count = 256
    agent_claims: Count = 8
    agent_poll_ms: Annotated[int, Meta(ge=10)] = 500
    agent_history: Annotated[int, Meta(ge=0, le=100)] = 10
    agent_drain_s: Seconds = 45.0
    turn_timeout_s: Seconds = 120.0
    knowledge_timeout_s: Seconds = 3.0
    knowledge_passages: Annotated[int, Meta(ge=1, le=20)] = 5
    allowed_links: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    tools_file: str = ""
    approval_hours: Annotated[float, Meta(gt=0, le=720)] = 24.0
    tool_calls_per_turn: Annotated[int, Meta(ge=0, le=50)] = 8
    turn_tokens: Limit = 100_000
    turn_cost_usd: Money = 0.0
    session_tokens: Limit = 1_000_000
    session_cost_usd: Money = 0.0
    tenant_daily_tokens: Limit = 0
    tenant_daily_cost_usd: Money = 0.0

    @property
    def limits_money(self) -> bool:
        """Whether there is a budget in money."""
        return any(budget.cost_usd for budget in self.budgets.values())

    @property
    def approval_s(self) -> float:
        """How long an action waits for a person's word, in seconds."""
        return self.approval_hours * 3600

    @property
    def budgets(self) -> dict[Scope, Budget]:
        """What a turn, a session, and a tenant on one day may take."""
        return {
            "turn": Budget(tokens=self.turn_tokens, cost_usd=self.turn_cost_usd),
            "session": Budget(tokens=self.session_tokens, cost_usd=self.session_cost_usd),
            "tenant": Budget(tokens=self.tenant_daily_tokens, cost_usd=self.tenant_daily_cost_usd),
        }
