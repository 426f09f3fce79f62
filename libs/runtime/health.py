"""Checks: what a service stands on, tried by real round trips."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

from msgspec import Struct

from libs.contracts.errors import DeskError
from libs.contracts.health import CheckResult

Probe = Callable[[], Awaitable[str]]
_PROBE_S = 2.0


class Check(Struct, frozen=True):
    """A named probe, which gives a detail or raises what is wrong."""

    name: str
    probe: Probe
    required: bool = True


async def try_all(checks: list[Check]) -> list[CheckResult]:
    """Try all checks side by side."""
    return await asyncio.gather(*map(try_one, checks))


async def try_one(check: Check) -> CheckResult:
    """Try one check; whatever it raises, within 2 s, becomes its result."""
    started = perf_counter()
    try:
        async with asyncio.timeout(_PROBE_S):
            detail, ok = await check.probe(), True
    except DeskError as error:
        detail, ok = error.detail, False
    except TimeoutError:
        detail, ok = f"no answer within {_PROBE_S:g} s", False
    except Exception as error:
        # A driver's own words may hold addresses and passwords: its kind must do.
        detail, ok = f"failed ({type(error).__name__})", False
    return CheckResult(check.name, ok, check.required, round((perf_counter() - started) * 1000, 1), detail)
