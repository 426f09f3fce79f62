"""Spending: what a turn, a session and a tenant may spend on models, set aside before each call and settled after it.

A turn's budget is counted here, a session's and a tenant's (of a day, in UTC) by the ledger, which says, too, what earlier
attempts of the turn have taken. A ledger that is away never stops an answer: then only the turn's budget holds, for this
attempt alone, and what is settled waits here until it is back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from libs.contracts.agent import UsageRecorded
from libs.contracts.ids import USAGE
from services.agent.domain.chat import Usage
from services.agent.domain.spending import Budget, Entry, Exhausted, Scope, Spend, Totals, estimate
from services.agent.ports import ChatModel, Ledger, Log, Mint

from .ledger_queue import LedgerQueue
from .patience import Patience

CallOutcome = Literal["completed", "failed", "cut", "cancelled"]
Sweep = Callable[[], Awaitable[None]]


class BudgetExhausted(Exception):
    """A model or tool may not be called: a budget would be passed.

    Args:
        scope: whose budget it is.
        what: `tokens`, `money` or `tool_calls`; `tokens_or_money` where the ledger counts both and says only whose.
    """

    def __init__(self, scope: Scope, what: Exhausted) -> None:
        super().__init__(f"{scope}: {what}")
        self.scope: Scope = scope
        self.what: Exhausted = what


class Reserved(Struct, frozen=True, kw_only=True):
    """What is set aside for one call of a model.

    Attributes:
        call: the how-manieth of its attempt, from 1.
        prompt_tokens: of the prompt, by the model's own counter.
    """

    usage_id: str
    call: int
    model: ChatModel
    prompt_tokens: int
    spend: Spend


class Spending:
    """What this process spends; one for all turns.

    Args:
        budgets: those of a turn, a session and a tenant's day; a scope that is left out has no limit.
        tool_calls: that a turn may make.
        sweeps: what is to be tidied up every minute, in `run`.
    """

    def __init__(
        self,
        ledger: Ledger,
        log: Log,
        mint: Mint,
        *,
        budgets: Mapping[Scope, Budget],
        tool_calls: int = 8,
        sweeps: Sequence[Sweep] = (),
    ) -> None:
        self._ledger = ledger
        self._mint = mint
        self._patience = Patience(log)
        self._queue = LedgerQueue(ledger, log, self._patience, sweeps)
        self._shared = any(budgets.get(scope, Budget()).limited for scope in ("session", "tenant"))
        self.budgets = budgets
        self.tool_calls = tool_calls

    def turn(self, tenant: str, session_id: str, turn_id: str, attempt: int, purpose: str = "answer") -> "TurnSpending":
        """Give the purse of one attempt of a turn."""
        return TurnSpending(self, Whose(tenant, session_id, turn_id, attempt, purpose))

    async def run(self) -> None:
        """Write what was settled, and sweep, for ever."""
        await self._queue.run()

    async def drained(self) -> None:
        """Wait until all that was settled is written, for at most 5 s."""
        await self._queue.drained()

    # --- for `TurnSpending`

    async def reserve(self, tenant: str, session_id: str, spend: Spend) -> tuple[str, Scope | None]:
        """Set an amount aside; gives the call's id, and the scope whose budget it would pass."""
        usage_id = self._mint(USAGE)
        if not self._shared:
            return usage_id, None
        asking = self._ledger.reserve(tenant, session_id, usage_id, spend, self.budgets)
        return usage_id, await self._patience.ask(asking)

    async def earlier(self, tenant: str, session_id: str, turn_id: str) -> Spend:
        """Give what earlier attempts of a turn have taken; nothing where the ledger is away."""
        return await self._patience.ask(self._ledger.spent_in_turn(tenant, session_id, turn_id)) or Spend()

    def put(self, entry: Entry) -> None:
        """Have a settled call written soon."""
        self._queue.put(entry)


class Whose(Struct, frozen=True):
    """Whose calls they are, and what for."""

    tenant: str
    session_id: str
    turn_id: str
    attempt: int
    purpose: str


class TurnSpending:
    """The purse of one attempt of a turn. Made by `Spending.turn`."""

    @property
    def attempt(self) -> int:
        """Which attempt of its turn it is."""
        return self._whose.attempt

    def __init__(self, spending: Spending, whose: Whose) -> None:
        self._spending = spending
        self._whose = whose
        self._budget = spending.budgets.get("turn", Budget())
        self._open: dict[str, Reserved] = {}
        self._spent = Spend()
        self._looking = asyncio.Lock()
        # Whether what earlier attempts have taken is counted. Nothing comes before the first.
        self._whole = whose.attempt <= 1 or not self._budget.limited
        self._calls = 0
        self._tool_calls = 0
        self._totals = Totals()

    @property
    def totals(self) -> Totals:
        """What its settled calls took together."""
        return self._totals

    async def reserve(self, model: ChatModel, prompt_tokens: int, completion_tokens: int) -> Reserved:
        """Set aside the most that a call may take; whoever does so settles it, however it ends.

        Args:
            model: the deployment that is to be asked.
            prompt_tokens: of the prompt.
            completion_tokens: at most, of the answer.

        Raises:
            BudgetExhausted: the call would pass a budget. A ledger that is away forbids nothing.
        """
        await self._count_earlier()
        cost_usd = model.cost_usd(prompt_tokens, completion_tokens)
        spend = Spend(tokens=prompt_tokens + completion_tokens, cost_usd=cost_usd)
        if what := self._budget.passed_by(self._spent + spend):
            raise BudgetExhausted("turn", what)
        self._spent += spend  # now, so that a call that is made beside this one sees it
        kept = False
        try:
            usage_id, passed = await self._spending.reserve(self._whose.tenant, self._whose.session_id, spend)
            if passed:
                raise BudgetExhausted(passed, self._spending.budgets.get(passed, Budget()).limits)
            kept = True
        finally:
            if not kept:
                self._spent -= spend
        self._calls += 1
        reserved = Reserved(
            usage_id=usage_id, call=self._calls, model=model, prompt_tokens=prompt_tokens, spend=spend
        )  # fmt: skip
        self._open[usage_id] = reserved
        return reserved

    async def _count_earlier(self) -> None:
        """Count once what earlier attempts have taken: five attempts have one budget."""
        async with self._looking:
            if not self._whole:
                whose = self._whose
                self._spent += await self._spending.earlier(whose.tenant, whose.session_id, whose.turn_id)
                self._whole = True

    def settle(
        self,
        reserved: Reserved,
        outcome: CallOutcome,
        *,
        code: str = "",
        usage: Usage | None,
        text_tokens: int,
        first_token_ms: float | None,
        duration_ms: float,
    ) -> None:
        """Put what a call really took in the place of what was set aside, and have it written; never waits.

        Settling twice does nothing.

        Args:
            reserved: the call.
            outcome: how it ended.
            code: what went wrong, stable.
            usage: as the provider counted; None where it did not say, and it is estimated.
            text_tokens: of the text that was received, by the model's own counter.
            first_token_ms: to the first piece; None where none came.
            duration_ms: of the whole call.
        """
        if self._open.pop(reserved.usage_id, None) is None:
            return
        taken = usage or estimate(code, reserved.prompt_tokens, text_tokens)
        cost_usd = reserved.model.cost_usd(taken.prompt_tokens, taken.completion_tokens)
        tokens = taken.prompt_tokens + taken.completion_tokens
        self._spent += Spend(tokens=tokens, cost_usd=cost_usd) - reserved.spend
        self._totals = self._totals.with_call(taken, cost_usd)
        whose = self._whose
        record = UsageRecorded(
            usage_id=reserved.usage_id, session_id=whose.session_id, turn_id=whose.turn_id, attempt=whose.attempt,
            call=reserved.call, model=reserved.model.name, purpose=whose.purpose, outcome=outcome, code=code,
            prompt_tokens=taken.prompt_tokens, completion_tokens=taken.completion_tokens, estimated=usage is None,
            cost_usd=cost_usd, first_token_ms=first_token_ms, duration_ms=duration_ms,
        )  # fmt: skip
        self._spending.put(Entry(tenant=whose.tenant, usage=record, reserved=reserved.spend))

    def take_tool_call(self) -> None:
        """Count a tool call.

        Raises:
            BudgetExhausted: the turn has made as many as it may.
        """
        if self._tool_calls >= self._spending.tool_calls:
            raise BudgetExhausted("turn", "tool_calls")
        self._tool_calls += 1
