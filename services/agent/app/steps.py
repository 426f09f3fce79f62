"""Steps: the tool calls of a turn, checked, journaled before and after, so that an effect happens at most once.

A call of an approved action is journaled under the approval's id in the place of the turn's, as step 1. The journal
holds each number of a turn once, so there is one such call, whatever turns and attempts name the approval.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts.agent import Approval
from libs.contracts.errors import Conflict, DeskError
from libs.contracts.ids import APPROVAL
from services.agent.domain import actions, tools
from services.agent.domain.chat import ToolCall
from services.agent.domain.prompt import Prompt
from services.agent.domain.steps import Step, ToolResult, step_key
from services.agent.domain.tools import failed
from services.agent.ports import Approvals, Journal, Log, Mint

from .calling import Calling
from .carrying import Carrying
from .journaling import Journaling
from .tools import Registered, Registry

_NOT_NOW = "This cannot be done right now. Do not ask for it again; tell the customer so."
_SUPERSEDED = "This cannot be done: the answer is being written anew elsewhere."
_BROKE = "This failed for a reason that is not known. Do not ask for it again; go on without it."
_UNKNOWN_APPROVAL = "There is no such approval in this conversation. Nothing was done."
_APPROVED_NUMBER = 1


class Unconfirmed(Exception):
    """It is not known whether a step had its effect, and it must not be repeated: the turn has to end with a person."""

    def __init__(self, step: Step) -> None:
        super().__init__(step.call.name)
        self.step = step


class DecidedCall(Struct, frozen=True):
    """What came of an approval: the call that it is about (None where there is no such approval), and its result."""

    call: ToolCall | None
    result: ToolResult


class Steps:
    """Runs the tool calls of turns. `carrying` has the allowed actions that run here.

    Args:
        patience_s: how long journal and approvals may take, each time.
        approval_s: how long a person has to decide about an action.
        call_s: how long any tool may take; HTTP tools end sooner, by their own limits.
    """

    def __init__(  # noqa: PLR0917 - one argument for each thing that steps are made with
        self, registry: Registry, journal: Journal, approvals: Approvals, log: Log, mint: Mint,
        now: Callable[[], datetime], *, patience_s: float = 1.0, approval_s: float = 86_400.0, call_s: float = 35.0,
    ) -> None:  # fmt: skip
        self.registry = registry
        self.journal = Journaling(journal, approvals, log, patience_s)
        self.carrying = Carrying(log)
        self.log = log
        self.mint = mint
        self.now = now
        self.approval_time = timedelta(seconds=approval_s)
        self.call_s = call_s

    def of(self, prompt: Prompt) -> "TurnSteps":
        """Give the steps of one attempt of a turn."""
        return TurnSteps(self, prompt)

    async def outcome(self, tenant: str, approval_id: str) -> Step | None:
        """Give an allowed action with its result, once it is not under way here any more; None where nobody knows."""
        await self.carrying.ended(tenant, approval_id)
        try:
            there = await self.journal.steps(tenant, approval_id)
        except DeskError:
            return None
        return there[0] if there and there[0].result is not None else None


class TurnSteps:
    """The steps of one attempt."""

    def __init__(self, steps: Steps, prompt: Prompt) -> None:
        self._steps = steps
        self._prompt = prompt
        self._calling = Calling(prompt, steps.registry, steps.log, steps.call_s)
        # The highest number that is taken; None where that must be looked up. Nothing comes before the first attempt.
        self._last: int | None = 0 if prompt.attempt == 1 else None
        self._looking = asyncio.Lock()

    async def done_before(self) -> list[Step]:
        """Give the steps of earlier attempts with their results, in their order; their passages have free ranks.

        What was begun and can be repeated is done again, with the same key. Where the journal is away, none are given:
        nothing that changes anything can then be done, and what is only looked up is looked up again.

        Raises:
            Unconfirmed: a step was begun, did not end, and must not be repeated.
        """
        if self._last is not None:
            return []
        try:
            earlier = await self._look_up()
        except DeskError:
            return []
        done: list[Step] = []
        rank = max((passage.rank for passage in self._prompt.passages), default=0) + 1
        for step in earlier:
            result = step.result or await self._again(step, rank)
            done.append(replace(step, result=tools.reranked(result, rank)))
            rank += len(result.passages)
        return done

    async def run(self, call: ToolCall, next_rank: int) -> ToolResult:
        """Do what a model asks for, or say in words for the model why not; an action is put before a person instead.

        Cancelled in the middle, the step stays begun: nobody knows what it did.
        """
        tool = self._steps.registry.find(call.name)
        if tool is None:
            return failed(f"There is no such tool. There are: {', '.join(self._steps.registry.names) or 'none'}.")
        try:
            arguments = tools.read_arguments(call.arguments)
        except tools.BadArguments as fault:
            return failed(str(fault))
        if words := tool.refusal(arguments, self._calling.context(self._prompt.turn_id, next_rank)):
            return failed(words)
        call = replace(call, arguments=tools.canonical(arguments))
        if tool.kind.access == "approval":
            return await self._ask(tool, call, arguments)
        return await self._take(tool, call, arguments, next_rank)

    async def approved(self, approval_id: str, next_rank: int) -> DecidedCall:
        """Do what a person allowed, once and for all; say what became of it where nobody allowed it.

        Raises:
            Unconfirmed: it was begun and must not be repeated, or may have been begun: the journal is away.
            DeskError: approvals are away; nothing was done.
        """
        found = await self._steps.journal.approval(self._prompt.tenant, approval_id)
        if found is None or found[0].session_id != self._prompt.session_id:
            return DecidedCall(None, failed(_UNKNOWN_APPROVAL))
        approval, call = found
        if words := actions.standing(approval, self._steps.now()):
            return DecidedCall(call, failed(words))
        return DecidedCall(call, await self._carry_out(approval, call, next_rank))

    # --- what a model asks for

    async def _ask(self, tool: Registered, call: ToolCall, arguments: dict[str, Any]) -> ToolResult:
        """Ask for a person's word."""
        prompt, now = self._prompt, self._steps.now()
        wanted = Approval(
            approval_id=self._steps.mint(APPROVAL),
            session_id=prompt.session_id,
            turn_id=prompt.turn_id,
            tool=call.name,
            description=tool.kind.spec.description,
            arguments=arguments,
            requested_at=now,
            expires_at=now + self._steps.approval_time,
        )
        try:
            kept = await self._steps.journal.request(prompt.tenant, wanted, call)
        except DeskError as error:
            self._steps.log.warning("approval_not_asked", turn=prompt.turn_id, tool=call.name, code=error.code)
            return failed(_NOT_NOW)
        return ToolResult(text=actions.ASKED[kept.status], failed=kept.status in ("refused", "expired"))

    async def _take(self, tool: Registered, call: ToolCall, arguments: dict[str, Any], next_rank: int) -> ToolResult:
        """Journal a step and run it."""
        prompt = self._prompt
        try:
            step = await self._begin(tool, call)
        except Conflict:
            self._steps.log.warning("step_refused", turn=prompt.turn_id, tool=call.name, attempt=prompt.attempt)
            return failed(_SUPERSEDED)
        except DeskError:
            if not tool.kind.idempotent:
                return failed(_NOT_NOW)
            # Unlike any key that a journaled step has: this call may be another one.
            key = f"{prompt.turn_id}-{prompt.attempt}-{self._steps.mint('step')}"
            return await self._calling.call(tool, arguments, self._calling.context(key, next_rank)) or failed(_BROKE)
        key = step_key(prompt.turn_id, step.number)
        result = await self._calling.call(tool, arguments, self._calling.context(key, next_rank)) or failed(_BROKE)
        await self._end(prompt.turn_id, step, result)
        return result

    async def _begin(self, tool: Registered, call: ToolCall) -> Step:
        """Journal a step under the next number, also where an earlier attempt that still runs took that."""
        prompt, journal = self._prompt, self._steps.journal
        step = await self._numbered(tool, call)
        try:
            await journal.begin(prompt.tenant, prompt.session_id, prompt.turn_id, step)
        except Conflict:
            # Refused again where a later attempt has begun anything.
            await self._look_up()
            step = await self._numbered(tool, call)
            await journal.begin(prompt.tenant, prompt.session_id, prompt.turn_id, step)
        return step

    async def _numbered(self, tool: Registered, call: ToolCall) -> Step:
        if self._last is None:
            async with self._looking:
                if self._last is None:
                    await self._look_up()
        self._last = (self._last or 0) + 1
        return Step(number=self._last, attempt=self._prompt.attempt, call=call, idempotent=tool.kind.idempotent)

    async def _look_up(self) -> list[Step]:
        earlier = await self._steps.journal.steps(self._prompt.tenant, self._prompt.turn_id)
        self._last = max(self._last or 0, *(step.number for step in earlier), 0)
        return earlier

    # --- what earlier attempts, or people, left to do

    async def _again(self, step: Step, next_rank: int) -> ToolResult:
        """Do a step again that an earlier attempt began, with its own key."""
        tool = self._steps.registry.find(step.call.name)
        if not step.idempotent or (tool is not None and not _is_repeatable(tool)):
            raise self._unconfirmed(step)
        key = step_key(self._prompt.turn_id, step.number)
        result = await self._calling.checked(step.call, self._calling.context(key, next_rank)) or failed(_BROKE)
        await self._end(self._prompt.turn_id, step, result)
        return result

    async def _carry_out(self, approval: Approval, call: ToolCall, next_rank: int) -> ToolResult:
        """Run an allowed call as the only step under the approval's id."""
        prompt, journal, key = self._prompt, self._steps.journal, approval.approval_id
        tool = self._steps.registry.find(call.name)
        idempotent = tool is not None and tool.kind.idempotent
        step = Step(number=_APPROVED_NUMBER, attempt=prompt.attempt, call=call, idempotent=idempotent)
        # What ends while the journal is read would be taken for something that nobody knows of.
        await self._steps.carrying.ended(prompt.tenant, key)
        try:
            there = await journal.steps(prompt.tenant, key)
            if not there:
                try:
                    await journal.begin(prompt.tenant, prompt.session_id, key, step)
                except Conflict:
                    there = await journal.steps(prompt.tenant, key)
                    if not there:
                        raise
        except DeskError as error:
            raise self._unconfirmed(step) from error
        if there:
            step = there[0]
            if step.result is not None:
                return tools.reranked(step.result, next_rank)
            if not (step.idempotent and idempotent) and not self._steps.carrying.runs(prompt.tenant, key):
                raise self._unconfirmed(step)
        result = await self._steps.carrying.through(prompt.tenant, key, lambda: self._do(key, step, next_rank))
        if result is None:
            raise self._unconfirmed(step)
        return tools.reranked(result, next_rank)

    async def _do(self, approval_id: str, step: Step, next_rank: int) -> ToolResult | None:
        """Call what was allowed, and journal how it ended; None where nobody knows that."""
        result = await self._calling.checked(step.call, self._calling.context(approval_id, next_rank))
        if result is not None:
            await self._end(approval_id, step, result)
        return result

    async def _end(self, turn_id: str, step: Step, result: ToolResult) -> None:
        try:
            await self._steps.journal.end(self._prompt.tenant, turn_id, step.number, result)
        except DeskError as error:
            facts = {"turn": self._prompt.turn_id, "tool": step.call.name, "number": step.number, "code": error.code}
            self._steps.log.warning("step_not_ended", **facts)

    def _unconfirmed(self, step: Step) -> Unconfirmed:
        facts = {"turn": self._prompt.turn_id, "tool": step.call.name, "number": step.number, "attempt": step.attempt}
        self._steps.log.warning("step_unconfirmed", **facts)
        return Unconfirmed(step)


def _is_repeatable(tool: Registered) -> bool:
    return tool.kind.idempotent and tool.kind.access == "read_only"
