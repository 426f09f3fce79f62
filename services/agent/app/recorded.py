"""What stands in for the world while a turn is answered again: it gives what was recorded, and writes nothing anywhere."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from libs.contracts.agent import Approval, MemoryItem
from libs.contracts.bus_map import ATTACHMENT_TEXTS, GET_SESSION, HISTORY, LIST_SESSIONS, SEARCH
from libs.contracts.channels import NO_KEY, Caller, Live, Payload, Req, Res, Rpc
from libs.contracts.errors import Forbidden
from services.agent.domain.chat import ToolCall
from services.agent.domain.facts import Fact
from services.agent.domain.replay import Recording
from services.agent.domain.spending import Budget, Entry, Scope, Spend
from services.agent.domain.steps import Step, ToolContext, ToolResult
from services.agent.ports import Approvals, Journal, Log, Mint, Tool

from .spending import Spending
from .tools import Refusing

# What changes nothing, whoever asks it.
READING: frozenset[Rpc[Any, Any]] = frozenset({SEARCH, ATTACHMENT_TEXTS, HISTORY, LIST_SESSIONS, GET_SESSION})


class ReadOnly:
    """Asks others only what changes nothing."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def call(
        self, channel: Rpc[Req, Res], request: Req, *, tenant: str, key: str = NO_KEY, timeout: float | None = None
    ) -> Res:
        """Ask, as `Caller` does.

        Raises:
            Forbidden: `replay_reads_only`: it is not in `READING`.
        """
        if channel not in READING:
            raise Forbidden("replay_reads_only", f"A replay does not ask {channel!r}")
        return await self._caller.call(channel, request, tenant=tenant, key=key, timeout=timeout)


class Silent:
    """Tells nobody."""

    async def announce(self, channel: Live[Payload], payload: Payload, *, tenant: str, key: str = NO_KEY) -> None:
        """Do nothing."""


class TurnMemories:
    """The memory of one turn: what was known before it and what it tells itself, gone when the turn has ended."""

    def __init__(self, known: Sequence[Fact]) -> None:
        self._known = list(known)

    async def learn(self, tenant: str, session_id: str, told: Sequence[Fact], user_id: str | None = None) -> None:  # noqa: ARG002
        """Know it for the rest of the turn."""
        self._known += told

    async def note(self, tenant: str, session_id: str, noted: Fact, user_id: str | None = None) -> bool:  # noqa: ARG002
        """Know it for the rest of the turn."""
        self._known.append(noted)
        return True

    async def recall(self, tenant: str, session_id: str, user_id: str | None = None) -> list[Fact]:  # noqa: ARG002
        """Give what is known."""
        return list(self._known)

    async def known(self, tenant: str, session_id: str) -> list[Fact]:  # noqa: ARG002
        """Give what is known."""
        return list(self._known)

    async def touch(self, memory_ids: Sequence[str]) -> None:
        """Do nothing."""

    async def prepare(self, tenant: str, session_id: str, user_id: str) -> None:
        """Do nothing."""

    async def clear(self, tenant: str, session_id: str) -> None:
        """Do nothing."""

    async def forget(self, tenant: str, session_id: str) -> None:
        """Do nothing."""

    async def listed(self, tenant: str, user_id: str) -> list[MemoryItem]:  # noqa: ARG002
        """Give nothing: nobody asks."""
        return []

    async def erase(self, tenant: str, user_id: str, memory_id: str | None = None) -> int:  # noqa: ARG002
        """Do nothing."""
        return 0


class RecordedTool:
    """A declared tool that gives what was recorded; it is never called."""

    def __init__(self, tool: Tool, recording: Recording) -> None:
        self.kind = tool.kind
        self._tool = tool
        self._recording = recording

    def refusal(self, arguments: dict[str, Any], ctx: ToolContext) -> str | None:
        """Say why it cannot do this, as the tool itself does."""
        return self._tool.refusal(arguments, ctx) if isinstance(self._tool, Refusing) else None

    async def call(self, arguments: dict[str, Any], ctx: ToolContext) -> ToolResult:
        """Give the recorded result."""
        return self._recording.result(self.kind.spec.name, arguments, ctx.next_rank)

    async def probe(self) -> str:
        """Say that nobody is asked."""
        return "recorded"

    async def close(self) -> None:
        """Do nothing."""


class ReadJournal:
    """The journal as it is; nothing is added to it.

    A turn is answered as by a first attempt, which asks only for what became of actions that people allowed.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def steps(self, tenant: str, turn_id: str) -> list[Step]:
        """Give the recorded steps."""
        return await self._journal.steps(tenant, turn_id)

    async def begin(self, tenant: str, session_id: str, turn_id: str, step: Step) -> None:
        """Do nothing."""

    async def end(self, tenant: str, turn_id: str, number: int, result: ToolResult) -> None:
        """Do nothing."""


class ReadApprovals:
    """Approvals as they are; nobody is asked for one."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    async def request(self, tenant: str, approval: Approval, call: ToolCall) -> Approval:  # noqa: ARG002
        """Give it as it would wait for a person's word."""
        return approval

    async def get(self, tenant: str, approval_id: str) -> tuple[Approval, ToolCall] | None:
        """Give what was decided."""
        return await self._approvals.get(tenant, approval_id)


class Till(Spending):
    """Adds up what each turn's calls cost, and writes none of it down. Only the budget of a turn holds."""

    def __init__(self, log: Log, mint: Mint, budget: Budget, tool_calls: int) -> None:
        super().__init__(_NoLedger(), log, mint, budgets={"turn": budget}, tool_calls=tool_calls)
        self._costs: dict[str, float] = defaultdict(float)

    def put(self, entry: Entry) -> None:
        """Add a settled call."""
        self._costs[entry.usage.turn_id or ""] += entry.usage.cost_usd

    def taken(self, turn_id: str) -> float:
        """Take out what a turn's calls cost, in US dollars."""
        return round(self._costs.pop(turn_id, 0.0), 9)


class _NoLedger:
    async def reserve(
        self,
        tenant: str,  # noqa: ARG002
        session_id: str,  # noqa: ARG002
        usage_id: str,  # noqa: ARG002
        spend: Spend,  # noqa: ARG002
        budgets: Mapping[Scope, Budget],  # noqa: ARG002
    ) -> Scope | None:
        return None

    async def spent_in_turn(self, tenant: str, session_id: str, turn_id: str) -> Spend:  # noqa: ARG002
        return Spend()

    async def settle(self, entries: Sequence[Entry]) -> None:
        pass
