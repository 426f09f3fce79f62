"""Spending: tokens and money, reserved before a model is called and settled after."""

from typing import Literal

from msgspec import Struct

from libs.contracts.agent import UsageRecorded

from .chat import Usage

Scope = Literal["turn", "session", "tenant"]
# What of a budget is used up.
Exhausted = Literal["tokens", "money", "tokens_or_money", "tool_calls"]

# Faults with which a provider has not begun to read the prompt: nothing is charged for it.
NOT_CHARGED = frozenset(
    {"model_unreachable", "model_key_refused", "model_rate_limited", "model_request_refused", "model_unavailable"}
)
# Sums of money are compared to the billionth of a dollar: binary fractions do not add up (0.1 + 0.2 > 0.3).
_PLACES = 9


class Spend(Struct, frozen=True, kw_only=True):
    """An amount of tokens and money."""

    tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: "Spend") -> "Spend":
        return Spend(tokens=self.tokens + other.tokens, cost_usd=self.cost_usd + other.cost_usd)

    def __sub__(self, other: "Spend") -> "Spend":
        return Spend(tokens=self.tokens - other.tokens, cost_usd=self.cost_usd - other.cost_usd)


class Budget(Struct, frozen=True, kw_only=True):
    """The most that may be spent; 0 is no limit."""

    tokens: int = 0
    cost_usd: float = 0.0

    @property
    def limited(self) -> bool:
        """Whether there is anything that it forbids."""
        return self.tokens > 0 or self.cost_usd > 0

    @property
    def limits(self) -> Exhausted:
        """What it limits, for whoever is only told that it was passed."""
        if self.tokens and self.cost_usd:
            return "tokens_or_money"
        return "tokens" if self.tokens else "money"

    def passed_by(self, spend: Spend) -> Exhausted | None:
        """Say what of it an amount would pass; None where all of it is within."""
        if self.tokens and spend.tokens > self.tokens:
            return "tokens"
        if self.cost_usd and round(spend.cost_usd, _PLACES) > self.cost_usd:
            return "money"
        return None


class Entry(Struct, frozen=True, kw_only=True):
    """One settled call and whose it is; `reserved` is what was set aside for it."""

    tenant: str
    usage: UsageRecorded
    reserved: Spend = Spend()


class Totals(Struct, frozen=True, kw_only=True):
    """What a turn's settled calls took together, for its answer's metadata."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def with_call(self, taken: Usage, cost_usd: float) -> "Totals":
        """Give the totals with one call more."""
        return Totals(
            calls=self.calls + 1,
            prompt_tokens=self.prompt_tokens + taken.prompt_tokens,
            completion_tokens=self.completion_tokens + taken.completion_tokens,
            cost_usd=round(self.cost_usd + cost_usd, _PLACES),
        )


def estimate(code: str, prompt_tokens: int, text_tokens: int) -> Usage:
    """Give what a call took whose provider did not say: the prompt as it was counted, and the text that came.

    Args:
        code: what went wrong, empty where nothing did. A provider that refused the call has charged nothing; one that
            was slow, broke off or was left may have read the prompt, and a budget must not count too little.
        prompt_tokens: of the prompt, by the model's counter.
        text_tokens: of the text that was received.
    """
    if code in NOT_CHARGED and not text_tokens:
        return Usage(prompt_tokens=0, completion_tokens=0)
    return Usage(prompt_tokens=prompt_tokens, completion_tokens=text_tokens)
