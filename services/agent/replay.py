"""`python -m services.agent.replay`: answer stored conversations again by another model, prompt or knowledge, and compare.

A composition root like `main`: read it from top to bottom. It writes nothing: the bus is asked only what changes nothing,
Postgres is told to refuse every write, and nobody hears the new answers.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec
import structlog
from msgspec.structs import replace

from libs.contracts.errors import DeskError, Malformed, NotFound
from libs.runtime.clock import now
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from libs.runtime.service import NotReady, Scope
from libs.runtime.settings import TOOL_SECRETS, BadSettings, load, variables
from services.agent import wiring
from services.agent.adapters.http_tools import HttpTools
from services.agent.adapters.intent_weights import read_intents
from services.agent.adapters.postgres_approvals import PostgresApprovals
from services.agent.adapters.postgres_journal import PostgresJournal
from services.agent.adapters.postgres_memories import PostgresMemories
from services.agent.adapters.tool_file import read_tool_file
from services.agent.app import Limits, Memory
from services.agent.app.builtin_tools import built_in
from services.agent.app.recorded import ReadApprovals, ReadJournal, ReadOnly, RecordedTool, Till, TurnMemories
from services.agent.app.replay import Replay, Stand, Wanted, Workshop
from services.agent.app.set_answers import SetAnswers
from services.agent.app.steps import Steps
from services.agent.app.tools import Registry, UnknownTools
from services.agent.domain import replay_report as report
from services.agent.domain.replay import Comparison, Recording
from services.agent.domain.tool_declarations import ToolFileFault
from services.agent.ports import Model, Tool
from services.agent.settings import Settings

_SQL = Path(__file__).parent / "sql"
_POOL = 4
_PATIENCE_S = 5.0
_NAME = "agent-replay"


class Options(argparse.Namespace):
    """What was asked for on the command line."""

    session: list[str]
    last: int
    turns: int
    model: str | None
    fallback: list[str]
    prompt: str | None
    tenant: str
    at_once: int
    json: bool
    changed: bool


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.agent.replay",
        description="Answer stored conversations again and compare; nothing is written (docs/replay.md).",
    )
    add = parser.add_argument
    add("--session", nargs="+", action="extend", default=[], metavar="ID", help="these; by default the newest ones")
    add("--last", type=_count, default=20, metavar="N", help="how many of the newest sessions (20)")
    add("--turns", type=_count, default=100, metavar="N", help="how many turns at most (100)")
    add("--model", help="as DESKBUS_MODEL; then without fallback models that are not named here, too")
    add("--fallback", nargs="+", action="extend", default=[], metavar="MODEL", help="as DESKBUS_FALLBACK_MODELS")
    add("--prompt", metavar="FILE", help="as DESKBUS_SYSTEM_PROMPT: a file, or a version such as system.v1")
    add("--tenant", default="default")
    add("--at-once", type=_count, default=4, metavar="N", help="turns side by side (4)")
    add("--json", action="store_true", help="one JSON object a line, the sums last")
    add("--changed", action="store_true", help="only turns that changed, with what differs")
    return parser


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _settings(options: Options) -> Settings:
    """Give the agent's own settings with what the command line says otherwise."""
    settings = load(Settings)
    if options.model:
        settings = replace(settings, model=options.model, fallback_models=[])
    if options.fallback:
        settings = replace(settings, fallback_models=options.fallback)
    if options.prompt:
        file = Path(options.prompt)
        settings = replace(settings, system_prompt=str(file.resolve()) if file.is_file() else options.prompt)
    return settings


# --- what it is put together from


async def _replay(scope: Scope, settings: Settings) -> Replay:
    database = await scope.enter(
        "database", Database.connect(_read_only(settings.database_url), "agent", _SQL, pool_size=_POOL)
    )
    bus = await scope.enter("bus", NatsBus.connect(settings.nats_url, _NAME, patience=_PATIENCE_S))
    caller = ReadOnly(bus)
    till = Till(scope.log, mint, settings.budgets["turn"], settings.tool_calls_per_turn)
    return Replay(
        Workshop(
            caller=caller,
            journal=PostgresJournal(database),
            memories=PostgresMemories(database, tells_use=False),
            model=await _models(scope, settings, caller, database, till),
            till=till,
            log=scope.log,
            limits=_limits(settings),
            allowed_links=wiring.hosts(settings.allowed_links),
            intents=read_intents(),
            clock=time.monotonic,
            history=settings.agent_history,
        )
    )


def _read_only(url: str) -> str:
    """Have Postgres itself refuse to write."""
    return f"{url}{'&' if '?' in url else '?'}default_transaction_read_only=on"


async def _models(
    scope: Scope, settings: Settings, caller: ReadOnly, database: Database, till: Till
) -> Callable[[Stand], Model]:
    """Give what makes the model of one turn, with tools of its own that give what they gave then.

    Raises:
        NotReady: the model, the prompt or the tools cannot be used as settings name them.
    """
    if not wiring.is_language_model(settings):
        ours = SetAnswers(wiring.own_model(settings))
        return lambda _stand: ours
    completions = await wiring.deployments(scope, settings)
    journal = ReadJournal(PostgresJournal(database))
    approvals = ReadApprovals(PostgresApprovals(database, _nobody, lasts_s=settings.approval_hours * 3600))
    declared = _declared(scope, settings)

    def registry(stand: Stand) -> Registry:
        found = Registry(scope.log, settings.tools)
        kept = built_in(
            caller, stand.memory, passages=settings.knowledge_passages, search_s=settings.knowledge_timeout_s
        )
        for tool in [*kept, *(RecordedTool(each, stand.recording) for each in declared)]:
            found.register(tool)
        return found

    def model(stand: Stand) -> Model:
        steps = Steps(
            registry(stand), journal, approvals, scope.log, mint, now, approval_s=settings.approval_hours * 3600
        )
        return SetAnswers(wiring.chat_answers(settings, completions, till, steps, scope.log))

    empty = Stand(Memory(TurnMemories([]), scope.log), Recording([]))
    try:
        await registry(empty).initialise()
    except UnknownTools as fault:
        raise NotReady(str(fault)) from fault
    model(empty)  # so that a prompt that cannot be used is told of now, and once
    return model


def _declared(scope: Scope, settings: Settings) -> Sequence[Tool]:
    """Give the tools that a file declares; they are asked what they are, and never called."""
    if not settings.tools_file:
        return []
    try:
        return HttpTools(read_tool_file(Path(settings.tools_file), variables(TOOL_SECRETS)), scope.log).tools
    except ToolFileFault as fault:
        raise NotReady(str(fault)) from fault


def _nobody() -> None:
    """Wake no relay: nothing was logged."""


def _limits(settings: Settings) -> Limits:
    return Limits(
        turn_s=settings.turn_timeout_s,
        first_token_s=None if wiring.is_language_model(settings) else settings.first_token_timeout_s,
        knowledge_s=settings.knowledge_timeout_s,
        passages=settings.knowledge_passages,
    )


# --- how it runs


class Page:
    """Prints what comes of each turn as it comes, and the sums at the end."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._seen: list[Comparison] = []

    def tell(self, one: Comparison) -> None:
        """Print a turn."""
        if not (self._seen or self._options.json):
            print(report.HEADING)
        self._seen.append(one)
        if self._options.changed and not one.changed:
            return
        if self._options.json:
            print(msgspec.json.encode({"kind": "turn", **msgspec.structs.asdict(one)}).decode(), flush=True)
            return
        print("\n".join([report.line(one), *(report.difference(one) if self._options.changed else [])]), flush=True)

    def close(self) -> None:
        """Print the sums of what was seen."""
        sums = report.summed(self._seen)
        if self._options.json:
            print(msgspec.json.encode({"kind": "sums", **msgspec.structs.asdict(sums)}).decode())
        else:
            print("\n".join(["", *report.closing(sums)] if self._seen else ["There are no answered turns to replay."]))


async def _run(options: Options, settings: Settings, page: Page) -> None:
    # What is said here goes beside what is printed, and only what is wrong.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(30), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    scope = Scope(_NAME, mint(_NAME.replace("-", "_")), cast("structlog.stdlib.BoundLogger", structlog.get_logger()))
    stop = asyncio.Event()

    async def build(scope: Scope) -> None:
        """Do all of the work: there is nothing to serve, and what is opened is closed after it."""
        replay = await _replay(scope, settings)
        wanted = Wanted(tenant=options.tenant, sessions=options.session, last=options.last, turns=options.turns)
        await replay.run(await replay.stored(wanted), page.tell, at_once=options.at_once)
        stop.set()

    await scope.live(build, stop)


def main() -> int:
    """Entry point; 0, 2 where arguments or settings cannot be used, 1 where the system is away, 130 after Ctrl-C."""
    options = _parser().parse_args(namespace=Options())
    page = Page(options)
    try:
        settings = _settings(options)
        asyncio.run(_run(options, settings, page))
    except BadSettings as fault:
        print(fault, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        page.close()
        return 130
    except BaseExceptionGroup as faults:
        fault = _first(faults)
        if not isinstance(fault, NotReady | DeskError):
            raise
        print(fault.detail if isinstance(fault, DeskError) else fault, file=sys.stderr)
        return 2 if isinstance(fault, NotReady | NotFound | Malformed) else 1
    page.close()
    return 0


def _first(fault: BaseException) -> BaseException:
    while isinstance(fault, BaseExceptionGroup):
        fault = cast("BaseExceptionGroup[BaseException]", fault).exceptions[0]
    return fault


if __name__ == "__main__":
    sys.exit(main())
