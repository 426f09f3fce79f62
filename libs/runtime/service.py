"""Run a service: settings, logs, ordered start, start-up checks, signals, drain, ordered stop.

A service's `build` wires it on a `Scope`: resources are entered in order and left in reverse; background work is owned
by one task group; a failure in it ends the process, so that its supervisor can start a sound one.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar, cast

import structlog
from msgspec import Struct

from libs.contracts.context import Context
from libs.contracts.errors import DeskError
from libs.contracts.health import AskHealth, AskMetrics, CheckResult, HealthReport, MetricsText

from . import log as logs
from .health import Check, Probe, try_all
from .ids import mint
from .metrics import own_text
from .operations import Liveness, serve_operations
from .settings import BadSettings, CommonSettings, known_names, load, unknown_names

T = TypeVar("T")
S = TypeVar("S", bound=CommonSettings)
Build = Callable[["Scope", S], Awaitable[None]]

VERSION = "0.1.0"
# How a process ends whose settings cannot be used: EX_CONFIG of BSD's sysexits.h. Supervisors need not start it again.
EXIT_SETTINGS = 78
_CANCEL_AGAIN_S = 1.0


class NotReady(Exception):
    """A start-up check that the service cannot do without has failed."""


class Unusable(NotReady):
    """Settings, or a file that they name, cannot be used: to start the service again does not help before they are mended."""


class Scope:
    """What a service is wired on.

    Attributes:
        name: the service.
        instance: this process, unlike any other, safe in subjects.
        draining: whether the service is on its way out.
    """

    def __init__(self, name: str, instance: str, log: logs.Logger) -> None:
        self.name = name
        self.instance = instance
        self.log = log
        self.version = VERSION
        self.draining = False
        self._started = False
        self._stack = AsyncExitStack()
        self._tasks = asyncio.TaskGroup()
        self._background: list[asyncio.Task[None]] = []
        self._checks: list[Check] = []
        self._drains: list[tuple[str, Callable[[], Awaitable[None]], float]] = []

    async def enter(self, name: str, resource: AbstractAsyncContextManager[T]) -> T:
        """Open a resource; it is closed at the stop, after all that was opened later."""
        entered = await self._stack.enter_async_context(resource)
        self._stack.callback(self.log.debug, "closed", part=name)
        return entered

    def spawn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run something for as long as the service lives; it is cancelled at the stop."""

        async def run() -> None:
            await work()

        self._background.append(self._tasks.create_task(run(), name=name))

    def check(self, name: str, probe: Probe, *, required: bool = True) -> None:
        """Add a readiness check: `probe` gives a detail, or raises what is wrong."""
        self._checks.append(Check(name, probe, required))

    def on_drain(self, name: str, action: Callable[[], Awaitable[None]], timeout: float) -> None:
        """Do something, for at most `timeout` seconds, between the stop signal and the closing of the parts."""
        self._drains.append((name, action, timeout))

    async def report(self) -> HealthReport:
        """Say how this process is, by trying everything that it stands on."""
        results = await try_all(self._checks)
        ready = self._started and not self.draining and all(result.ok or not result.required for result in results)
        return HealthReport(self.name, self.instance, self.version, ready, results)

    async def health(self, request: AskHealth, ctx: Context) -> HealthReport:  # noqa: ARG002 - a handler's shape
        """Answer a health question from the bus."""
        return await self.report()

    async def check_now(self) -> None:
        """Try the checks added so far, and go no further where one fails that is required.

        Raises:
            NotReady: with what failed and its remedy.
        """
        _refuse_failed(await try_all(self._checks))

    async def metrics(self, request: AskMetrics, ctx: Context) -> MetricsText:  # noqa: ARG002 - a handler's shape
        """Give this process's figures over the bus."""
        return MetricsText(self.name, self.instance, own_text())

    # --- the life of a service, called by `run`

    async def live(self, build: Callable[["Scope"], Awaitable[None]], stop: asyncio.Event) -> None:
        """Build, check, serve until `stop`, drain, close."""
        async with self._tasks, self._stack:
            try:
                await build(self)
                await self._startup_checks()
                self._started = True
                self.log.info("ready", service=self.name, instance=self.instance)
                await stop.wait()
                await self._drain()
            finally:
                await self._cancel_background()  # before the parts are closed that it uses
        self.log.info("stopped", service=self.name)

    async def _startup_checks(self) -> None:
        results = await try_all(self._checks)
        line = {result.name: _shown(result) for result in results}
        self.log.info("startup_checks", **line)
        _refuse_failed(results)
        for result in results:
            if not result.ok:
                self.log.warning("degraded", part=result.name, detail=result.detail)

    async def _drain(self) -> None:
        self.draining = True
        self.log.info("draining", service=self.name)
        for name, action, timeout in self._drains:
            try:
                async with asyncio.timeout(timeout):
                    await action()
            except Exception as error:
                # One part that fails to drain must not keep the others from it.
                self.log.warning("drain_failed", part=name, error=type(error).__name__)

    async def _cancel_background(self) -> None:
        """Cancel until all have ended: a fault on the way out can swallow a cancellation."""
        while running := [task for task in self._background if not task.done()]:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=_CANCEL_AGAIN_S)


def _refuse_failed(results: list[CheckResult]) -> None:
    if failed := [result for result in results if result.required and not result.ok]:
        raise NotReady("; ".join(f"{result.name}: {result.detail}" for result in failed))


def _shown(result: CheckResult) -> str:
    return ("ok" if result.ok else "FAILED") + (f" ({result.detail})" if result.detail else "")


def run(name: str, kind: type[S], build: Build[S]) -> None:
    """Run a service until it is told to stop; leaves the process with 0, or with the reason on its last line.

    Then it leaves with 78 where settings cannot be used, and with 1 for every other reason.
    """
    try:
        settings = load(kind)
        instance = mint(name)
        log = logs.configure(settings, name, instance)
    except BadSettings as fault:
        print(fault, file=sys.stderr)
        sys.exit(EXIT_SETTINGS)
    for sentence in unknown_names(known_names(), os.environ):
        log.warning("unknown_setting", detail=sentence)
    scope_build = _with_operations(build, settings)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        fault = runner.run(_main(Scope(name, instance, log), scope_build))
    if fault:
        log.error("cannot_go_on", service=name, reason=fault.reason)
        sys.exit(fault.code)


def _with_operations(build: Build[S], settings: S) -> Callable[[Scope], Awaitable[None]]:
    async def build_all(scope: Scope) -> None:
        liveness = Liveness()
        scope.spawn("liveness", liveness.beat)
        port = serve_operations(settings.operations_host, settings.operations_port, liveness, scope.report)
        await scope.enter("operations", port)
        await build(scope, settings)

    return build_all


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows, where asyncio's own loop serves
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _main(scope: Scope, build: Callable[[Scope], Awaitable[None]]) -> "_Fault | None":
    """Live; say how it ended where it ended badly."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    structlog.contextvars.clear_contextvars()
    try:
        await scope.live(build, stop)
    except (BaseExceptionGroup, Exception) as error:
        return _fault(scope.log, error)
    return None


class _Fault(Struct, frozen=True):
    """What ended a service, in an operator's sentence, and the process's exit code."""

    reason: str
    code: int = 1


def _fault(log: logs.Logger, error: BaseException) -> _Fault:
    """Say what ended the service; what is not expected is logged whole."""
    if isinstance(error, BaseExceptionGroup):
        return _fault(log, cast("BaseExceptionGroup[BaseException]", error).exceptions[0])
    if isinstance(error, NotReady):
        return _Fault(str(error), EXIT_SETTINGS if isinstance(error, Unusable) else 1)
    if isinstance(error, DeskError):
        return _Fault(error.detail)
    log.error("crashed", exc_info=error)
    return _Fault(f"{type(error).__name__}: {error}")
