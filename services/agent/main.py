"""The composition root of the agent: read it from top to bottom."""

from pathlib import Path

from libs.contracts.bus_map import SESSION_DELETED, SESSION_OPENED, SESSION_STATUS_CHANGED
from libs.runtime import tracing
from libs.runtime.clock import now
from libs.runtime.consumer import EventConsumer
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from libs.runtime.relay import Relay
from libs.runtime.service import Scope, Unusable
from libs.runtime.settings import TOOL_SECRETS, variables
from services.agent import routes, wiring
from services.agent.adapters.http_tools import HttpTools
from services.agent.adapters.intent_weights import read_intents
from services.agent.adapters.nats_doorbell import NatsDoorbell
from services.agent.adapters.nats_revocations import hear_revocations
from services.agent.adapters.postgres_approvals import PostgresApprovals
from services.agent.adapters.postgres_journal import PostgresJournal
from services.agent.adapters.postgres_ledger import PostgresLedger
from services.agent.adapters.postgres_memories import PostgresMemories
from services.agent.adapters.tool_file import read_tool_file
from services.agent.app import Capacity, Claim, Claimer, Limits, Means, Memory, Turns
from services.agent.app.approvals import ApprovalDesk
from services.agent.app.builtin_tools import built_in
from services.agent.app.set_answers import SetAnswers
from services.agent.app.spending import Spending
from services.agent.app.steps import Steps
from services.agent.app.tools import Registry, UnknownTools
from services.agent.app.usage import UsageDesk
from services.agent.domain.tool_declarations import ToolFileFault
from services.agent.ports import Model
from services.agent.settings import Settings

# What a drain needs beyond its patience: to give turns back and to leave the doorbell.
_DRAIN_MARGIN_S = 5.0
_WRITE_DOWN_S = 6.0
# For actions that outlive their turns. Of one that takes longer nobody knows then whether it was done: a person takes over.
_ACTIONS_S = 15.0
_SQL = Path(__file__).parent / "sql"
# A look into memory takes a millisecond or two.
_DATABASE_POOL = 8


async def build(scope: Scope, settings: Settings) -> None:
    """Wire the agent."""
    database = await _database(scope, settings)
    bus = await scope.enter("bus", NatsBus.connect(settings.nats_url, scope.name))
    relay = Relay("agent", database, bus)
    memories = PostgresMemories(database)
    memory = Memory(memories, scope.log)
    approvals = PostgresApprovals(database, relay.wake, lasts_s=settings.approval_s)
    ledger = PostgresLedger(database, relay.wake)
    desks = routes.Desks(memory, ApprovalDesk(approvals), UsageDesk(ledger))
    spending = Spending(
        ledger, scope.log, mint, budgets=settings.budgets, tool_calls=settings.tool_calls_per_turn,
        sweeps=(desks.approvals.sweep, ledger.sweep, memories.sweep),
    )  # fmt: skip
    registry = await _registry(scope, settings, bus, memory)
    journal = PostgresJournal(database)
    steps = Steps(registry, journal, approvals, scope.log, mint, now, approval_s=settings.approval_s)
    means = Means(
        caller=bus, announcer=bus, model=SetAnswers(await _model(scope, settings, spending, steps)), log=scope.log, agent_id=scope.instance,
        limits=_limits(settings), memory=memory, allowed_links=wiring.hosts(settings.allowed_links), intents=read_intents(),
    )  # fmt: skip
    turns = Turns(means, mint, steps)
    claimer = _claimer(scope, settings, bus, turns)

    await hear_revocations(bus, scope.instance, turns.revoke)
    await routes.serve(bus, scope, turns, desks)
    _listen(scope, bus, memory)
    scope.spawn("ledger", spending.run)
    scope.spawn("relay", relay.run)
    scope.on_drain("turns", lambda: claimer.drain(settings.agent_drain_s), settings.agent_drain_s + _DRAIN_MARGIN_S)
    scope.on_drain("actions", steps.carrying.drained, _ACTIONS_S)
    scope.on_drain("ledger", spending.drained, _WRITE_DOWN_S)
    scope.on_drain("used memories", memory.settle, _WRITE_DOWN_S)
    scope.on_drain("relay", relay.drained, _WRITE_DOWN_S)
    scope.on_drain("tools", registry.close, _WRITE_DOWN_S)


def _claimer(scope: Scope, settings: Settings, bus: NatsBus, turns: Turns) -> Claimer:
    """Claim turns and answer them for as long as the service lives."""

    async def in_its_trace(claim: Claim) -> None:
        tracing.follow(claim.turn.traceparent)
        await turns.answer(claim)

    claimer = Claimer(
        caller=bus,
        doorbell=NatsDoorbell(bus),
        answer=in_its_trace,
        log=scope.log,
        mint=mint,
        agent_id=scope.instance,
        capacity=_capacity(settings),
    )

    async def about_slots() -> str:
        return f"{claimer.taken} of {settings.agent_slots} taken"

    scope.check("Message Bus", bus.ping)
    scope.check("Agent Slots", about_slots)
    bus.on_reconnect(claimer.ring)
    scope.spawn("claims", claimer.run)
    return claimer


def _listen(scope: Scope, bus: NatsBus, memory: Memory) -> None:
    """Hear what becomes of sessions, and write down which memories were used."""
    scope.spawn("preparing", EventConsumer(bus, "agent", SESSION_OPENED, memory.prepare).run)
    scope.spawn("clearing", EventConsumer(bus, "agent", SESSION_STATUS_CHANGED, memory.clear).run)
    scope.spawn("forgetting", EventConsumer(bus, "agent", SESSION_DELETED, memory.forget).run)
    scope.spawn("used memories", memory.run)


async def _database(scope: Scope, settings: Settings) -> Database:
    connecting = Database.connect(settings.database_url, "agent", _SQL, pool_size=_DATABASE_POOL)
    database = await scope.enter("database", connecting)
    scope.check("Database", database.probe)
    scope.check("Tables", database.probe_tables)
    return database


async def _registry(scope: Scope, settings: Settings, bus: NatsBus, memory: Memory) -> Registry:
    """Register the tools: ours, and those that a file declares.

    Raises:
        Unusable: the file has faults, or settings enable a tool that there is not.
    """
    registry = Registry(scope.log, settings.tools)
    for tool in built_in(bus, memory, passages=settings.knowledge_passages, search_s=settings.knowledge_timeout_s):
        registry.register(tool)
    try:
        if settings.tools_file:
            declared = read_tool_file(Path(settings.tools_file), variables(TOOL_SECRETS))
            for tool in HttpTools(declared, scope.log).tools:
                registry.register(tool)
        await registry.initialise()
    except (ToolFileFault, UnknownTools) as fault:
        raise Unusable(str(fault)) from fault
    scope.check("Agent Tools", registry.probe)
    return registry


async def _model(scope: Scope, settings: Settings, spending: Spending, steps: Steps) -> Model:
    """Give the model that settings name, and say in readiness which it is."""
    if not wiring.is_language_model(settings):
        model = wiring.own_model(settings)

        async def about() -> str:
            return model.about

        scope.check("Language Model", about)
        return model
    completions = await wiring.deployments(scope, settings)
    scope.check("Language Model", completions.probe, required=False)
    return wiring.chat_answers(settings, completions, spending, steps, scope.log)


def _limits(settings: Settings) -> Limits:
    return Limits(
        turn_s=settings.turn_timeout_s,
        first_token_s=None if wiring.is_language_model(settings) else settings.first_token_timeout_s,
        knowledge_s=settings.knowledge_timeout_s,
        text_interval_s=settings.text_interval_ms / 1000,
        passages=settings.knowledge_passages,
    )


def _capacity(settings: Settings) -> Capacity:
    return Capacity(
        slots=settings.agent_slots,
        in_flight=settings.agent_claims,
        poll_s=settings.agent_poll_ms / 1000,
        history=settings.agent_history,
    )
