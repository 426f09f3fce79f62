"""The composition root of the agent: read it from top to bottom."""

from pathlib import Path

from libs.contracts.bus_map import SESSION_DELETED
from libs.runtime import tracing
from libs.runtime.consumer import EventConsumer
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from libs.runtime.service import NotReady, Scope
from services.agent import routes
from services.agent.adapters.extractive import ExtractiveModel
from services.agent.adapters.nats_doorbell import NatsDoorbell
from services.agent.adapters.nats_revocations import hear_revocations
from services.agent.adapters.postgres_memories import PostgresMemories
from services.agent.adapters.scripted import ScriptedModel
from services.agent.app import Capacity, Claim, Claimer, Limits, Means, Memory, Turns
from services.agent.domain import tools
from services.agent.domain.script import Pace
from services.agent.ports import Model
from services.agent.settings import Settings

# What a drain needs beyond its patience: to give turns back and to leave the doorbell.
_DRAIN_MARGIN_S = 5.0
_SQL = Path(__file__).parent / "sql"
# A look into memory takes a millisecond or two.
_DATABASE_POOL = 4


async def build(scope: Scope, settings: Settings) -> None:
    """Wire the agent."""
    memory = await _memory(scope, settings)
    bus = await scope.enter("bus", NatsBus.connect(settings.nats_url, scope.name))
    model = choose_model(settings)
    means = Means(
        caller=bus, announcer=bus, model=model, log=scope.log, agent_id=scope.instance, limits=_limits(settings),
        memory=memory,
    )  # fmt: skip
    turns = Turns(means, mint)

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

    _checks(scope, bus, model, claimer, settings)
    await hear_revocations(bus, scope.instance, turns.revoke)
    await routes.serve(bus, scope, turns, memory)

    bus.on_reconnect(claimer.ring)
    scope.spawn("claims", claimer.run)
    scope.spawn("forgetting", EventConsumer(bus, "agent", SESSION_DELETED, memory.forget).run)
    scope.on_drain("turns", lambda: claimer.drain(settings.agent_drain_s), settings.agent_drain_s + _DRAIN_MARGIN_S)


def _checks(scope: Scope, bus: NatsBus, model: Model, claimer: Claimer, settings: Settings) -> None:
    """Say in readiness what answers are made with."""

    async def about_model() -> str:
        return model.about

    async def about_tools() -> str:
        return f"{len(tools.ALL)}: {', '.join(tools.ALL)}"

    async def about_slots() -> str:
        return f"{claimer.taken} of {settings.agent_slots} taken"

    scope.check("Message Bus", bus.ping)
    scope.check("Language Model", about_model)
    scope.check("Agent Tools", about_tools)
    scope.check("Agent Slots", about_slots)


async def _memory(scope: Scope, settings: Settings) -> Memory:
    """Open the database that memories are kept in."""
    connecting = Database.connect(settings.database_url, "agent", _SQL, pool_size=_DATABASE_POOL)
    database = await scope.enter("database", connecting)
    scope.check("Database", database.probe)
    scope.check("Tables", database.probe_tables)
    return Memory(PostgresMemories(database), scope.log)


def choose_model(settings: Settings) -> Model:
    """Give the model that settings name.

    Raises:
        NotReady: the scripted model in production, where customers could make the process crash with their words.
    """
    if settings.model == "scripted":
        if settings.environment == "production":
            raise NotReady("DESKBUS_MODEL=scripted is for tests and never for production; leave it out or name another")
        return ScriptedModel(
            Pace(
                tokens=settings.scripted_tokens,
                first_ms=settings.scripted_first_token_ms,
                interval_ms=settings.scripted_interval_ms,
            )
        )
    return ExtractiveModel()


def _limits(settings: Settings) -> Limits:
    return Limits(
        turn_s=settings.turn_timeout_s,
        first_token_s=settings.first_token_timeout_s,
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
